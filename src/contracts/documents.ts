// Every document that is stored for a job. Callers see objects; what is a tuple in storage is so for its size alone.
import { z } from 'zod';
import { noCalls } from '../core/callStats';
import type { CanaryFindings } from '../core/canary';
import type { Control } from '../core/control';
import { controlMoves, verdicts } from '../core/states';
import type { SliceProgress, StepProgress } from '../core/status';
import type { StoredSpec } from './jobSpec';
import { contract, type Contract } from './contract';
import {
    budget,
    callStats,
    count,
    counts,
    desired,
    endState,
    ending,
    entered,
    eventLog,
    failureGroup,
    jobFailure,
    limits,
    outage,
    partCounts,
    time,
    waitCode,
} from './parts';

/** Where one partition's items stand in the blob of items, which they are, and how many. */
export interface PartitionEntry {
    /** In bytes. */
    offset: number;
    bytes: number;
    items: number;
    firstIndex: number;
}

export interface StoredJob {
    id: string;
    /** ISO. */
    createdAt: string;
    /** Who has posted it; absent of a job of an older version. */
    by?: string;
    spec: StoredSpec;
}

// A spec was checked when the job was posted, perhaps by an earlier version with other bounds: only its outline is looked at again.
const storedSpec = z.looseObject({
    name: z.string(),
    source: z.looseObject({}),
    process: z.looseObject({}),
    ...limits.shape,
    limiter: z.string().optional(),
    partition: z.object({ items: z.int() }),
    results: z.looseObject({ keep: z.string(), maxOutputBytes: z.int() }),
    tags: z.record(z.string(), z.string()),
    startAt: z.string().optional(),
    canary: z.object({ items: count, approval: z.string(), maxPercent: z.number(), timeout: z.string() }).optional(),
});
const jobContract = contract(
    'job spec',
    z.object({ id: z.string(), createdAt: z.string(), by: z.string().exactOptional(), spec: storedSpec }),
    [(older) => older],
) as Contract<object> as Contract<StoredJob>;
/**
 * An instance of version 1 would leave out a canary or a budget that it does not know, and call everything: it must not read such a job. All others it may go
 * on with.
 */
export const jobDocument: Contract<StoredJob> = {
    ...jobContract,
    write: (job) => ({ ...jobContract.write(job), v: job.spec.canary || job.spec.budget ? jobContract.version : 1 }),
};

type EntryTuple = [offset: number, bytes: number, items: number, firstIndex: number];
const isEntry = (entry: unknown): entry is EntryTuple =>
    Array.isArray(entry) && entry.length === 4 && entry.every((n) => Number.isSafeInteger(n) && n >= 0);
/** `[offset, bytes, items, firstIndex]` each. A plan may have hundreds of thousands of them: checked in one go, for a schema of each takes a second. */
const partitions = z.codec(
    z.custom<EntryTuple[]>((list) => Array.isArray(list) && list.every(isEntry), 'not a list of partitions'),
    z.custom<PartitionEntry[]>(),
    {
        decode: (list) => list.map(([offset, bytes, items, firstIndex]) => ({ offset, bytes, items, firstIndex })),
        encode: (list) => list.map((p): EntryTuple => [p.offset, p.bytes, p.items, p.firstIndex]),
    },
);

const plan = z.object({
    jobId: z.string(),
    /** Name of the blob that holds the items, one a line. */
    items: z.string(),
    total: count,
    /** Rows of the source that are no items. */
    invalid: count,
    partitions,
    createdAt: z.string(),
});
export type Plan = z.output<typeof plan>;
export const planDocument = contract('plan', plan);

const who = { generation: count, by: z.string(), reason: z.string().exactOptional(), id: z.string().exactOptional(), at: time };
const controlEvent = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('move'), move: z.enum(controlMoves), ...who }),
    z.object({
        kind: z.literal('retune'),
        changes: z.array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })),
        ...who,
    }),
]);
const control = z.object({
    generation: count,
    desired,
    ending: ending.nullable(),
    approval: z
        .object({ is: z.enum(verdicts), by: z.string(), at: time, reason: z.string().exactOptional() })
        .nullable()
        .default(null),
    resumed: count.default(0),
    limits: z.object({
        concurrency: limits.shape.concurrency.nullish(),
        retry: limits.shape.retry.nullish(),
        deadline: z.string().nullish(),
        calling: limits.shape.calling.nullish(),
        rate: limits.shape.rate.nullish(),
        outage: outage.nullish(),
        budget: budget.nullish(),
    }),
    changes: eventLog(controlEvent),
    /** For instances of version 1, which know no other move. */
    cancelled: z.boolean().exactOptional(),
});
const CANCELLED = { desired: 'cancel', ending: 'cancelled' } as const;
const controlContract = contract('control document', control, [
    // Version 1 knew only whether the job is cancelled.
    (older) => ({
        generation: older.generation,
        desired: 'run',
        ending: null,
        moves: [],
        limits: {},
        ...(older.cancelled === true ? { cancelled: true } : {}),
    }),
    // Version 2 had a list of moves, each with its time as a text.
    ({ moves, ...older }) => ({
        ...older,
        changes: {
            first: (moves as { at: string }[]).map((made, i) => ({
                ...made,
                kind: 'move',
                generation: i + 1,
                at: Date.parse(made.at) || 0,
            })),
            omitted: null,
            last: [],
        },
    }),
    // Version 3 knew neither approval nor budget.
    (older) => older,
]);
/** An instance of version 1 that cancels a job leaves alone what it does not know: its `cancelled` is the later word. */
export const controlDocument: Contract<Control> = {
    ...controlContract,
    read: (stored) => {
        const { cancelled, ...read } = controlContract.read(stored);
        return cancelled && read.desired !== 'cancel' ? { ...read, ...CANCELLED } : read;
    },
    write: (value) => controlContract.write({ ...value, ...(value.desired === 'cancel' ? { cancelled: true } : {}) }),
};

const waitingNow = z.object({ code: waitCode, why: z.string(), until: time });
/** What one slice has recorded, so that counts move before it reports. */
const progress = z.object({
    worker: z.string(),
    epoch: count,
    first: count,
    parts: z.array(partCounts),
    inFlight: count,
    rate: z.number(),
    calls: callStats,
    before: z.object({ first: count, counts }).nullable(),
    waits: waitingNow.nullable().exactOptional(),
    at: z.string(),
});
export type Progress = SliceProgress;
/** Version 1 had the counts of all partitions together, which nobody can tell apart. */
export const progressDocument: Contract<Progress> = contract('progress', progress, [
    (older) => ({ ...older, first: older.epoch, parts: [], calls: noCalls(), before: null }),
]);

const stepProgress = z.object({ step: z.enum(['plan', 'fold']), done: count, of: count.nullable() });
export const stepDocument: Contract<StepProgress> = contract('progress of a step', stepProgress);

const manifestPart = z.object({
    part: count,
    name: z.string(),
    /** All blobs that it lies in, when there are several; bytes and digest are of all of them, one after the other. */
    segments: z.array(z.string()).exactOptional(),
    bytes: count,
    items: count,
    sha256: z.string(),
    counts,
});
export type ManifestPart = z.output<typeof manifestPart>;
const manifest = z.object({ jobId: z.string(), total: count, counts, parts: z.array(manifestPart), createdAt: z.string() });
export type Manifest = z.output<typeof manifest>;
/** From version 2 on items may have expired. */
export const manifestDocument = contract('manifest', manifest, [(older) => older]);

/** The end of a job, written once. */
const summary = z.object({
    jobId: z.string(),
    state: endState,
    outcome: z.enum(['succeeded', 'partial']).exactOptional(),
    total: count.nullable(),
    /** `unrecorded`: items of which storage let nothing be recorded. */
    counts: z.object({ ...counts.shape, unrecorded: count.exactOptional() }),
    invalid: count,
    failures: z.array(failureGroup),
    error: jobFailure.exactOptional(),
    startedAt: z.string().exactOptional(),
    endedAt: z.string(),
    entered: entered.exactOptional(),
    calls: callStats.exactOptional(),
    repairs: count.exactOptional(),
    crashes: count.exactOptional(),
    /** Why it was not run to its end. */
    ending: ending.exactOptional(),
});
export type Summary = z.output<typeof summary>;
/** From version 2 on a job may have expired. */
export const summaryDocument = contract('summary', summary, [(older) => older]);

/** What a canary came to, written once when it has settled. */
const canary = z.object({
    items: count,
    counts,
    failures: z.array(failureGroup),
    calls: callStats,
    samples: z.array(z.string()),
    seconds: z.number().min(0),
    settledAt: z.string(),
});
export const canaryDocument: Contract<CanaryFindings> = contract('findings of a canary', canary);

/** What an idempotency key stands for: written before anything else of the job, so that a start that broke off is finished as the same job. */
const keyRecord = z.object({
    jobId: z.string(),
    bodyHash: z.string(),
    createdAt: z.string(),
    /** The request that claimed the key has failed: whoever comes next stores the job. */
    released: z.boolean().exactOptional(),
});
export type KeyRecord = z.output<typeof keyRecord>;
export const keyDocument = contract('idempotency key', keyRecord);

const indexEntry = z.object({
    id: z.string(),
    name: z.string(),
    createdAt: z.string(),
    tags: z.record(z.string(), z.string()),
});
export type IndexEntry = z.output<typeof indexEntry>;
export const indexDocument = contract('list entry', indexEntry);
