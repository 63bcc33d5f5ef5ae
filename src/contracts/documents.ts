// Every document that is stored for a job. Callers see objects; what is a tuple in storage is so for its size alone.
import { z } from 'zod';
import { controlMoves, newControl, type Control } from '../core/control';
import type { StoredSpec } from './jobSpec';
import { contract, type Contract } from './contract';
import { count, counts, desired, endState, failureGroup, jobFailure, limits } from './parts';

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
    spec: StoredSpec;
}

// A spec was checked when the job was posted, perhaps by an earlier version with other bounds: only its outline is looked at again.
const storedSpec = z.looseObject({
    name: z.string(),
    source: z.looseObject({}),
    process: z.looseObject({}),
    ...limits.shape,
    partition: z.object({ items: z.int() }),
    results: z.looseObject({ keep: z.string(), maxOutputBytes: z.int() }),
    tags: z.record(z.string(), z.string()),
});
export const jobDocument = contract(
    'job spec',
    z.object({ id: z.string(), createdAt: z.string(), spec: storedSpec }),
) as Contract<object> as Contract<StoredJob>;

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

const control = z.object({
    generation: count,
    desired,
    ending: z.enum(['cancelled']).nullable(),
    moves: z.array(z.object({ move: z.enum(controlMoves), by: z.string(), reason: z.string().exactOptional(), at: z.string() })),
    limits: z.object({ concurrency: limits.shape.concurrency.exactOptional(), retry: limits.shape.retry.exactOptional() }),
    /** For instances of version 1, which know no other move. */
    cancelled: z.boolean().exactOptional(),
});
const CANCELLED = { desired: 'cancel', ending: 'cancelled' } as const;
/** Version 1 knew only whether the job is cancelled. */
const controlContract = contract('control document', control, [
    (older) => ({
        ...newControl(),
        generation: older.generation,
        ...(older.cancelled === true ? { cancelled: true } : {}),
    }),
]);
/** An instance of version 1 that cancels a job leaves alone what it does not know: its `cancelled` is the later word. */
export const controlDocument: Contract<Control> = {
    ...controlContract,
    read: (stored) => {
        const { cancelled, ...read } = controlContract.read(stored);
        return cancelled ? { ...read, ...CANCELLED } : read;
    },
    write: (value) => controlContract.write({ ...value, ...(value.desired === 'cancel' ? { cancelled: true } : {}) }),
};

/** What one slice has recorded since it began, so that counts move before the slice reports. */
const progress = z.object({
    worker: z.string(),
    epoch: count,
    /** Of the partitions that it has opened. */
    counts,
    /** How many those are, those to be resumed first. */
    opened: count.exactOptional(),
    inFlight: count,
    rate: z.number(),
    at: z.string(),
});
export type Progress = z.output<typeof progress>;
export const progressDocument = contract('progress', progress);

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
export const manifestDocument = contract('manifest', manifest);

/** The end of a job, written once. */
const summary = z.object({
    jobId: z.string(),
    state: endState,
    outcome: z.enum(['succeeded', 'partial']).exactOptional(),
    total: count.nullable(),
    /** `unrecorded`: items of a cancelled job of which storage let nothing be recorded. */
    counts: z.object({ ...counts.shape, unrecorded: count.exactOptional() }),
    invalid: count,
    failures: z.array(failureGroup),
    error: jobFailure.exactOptional(),
    startedAt: z.string().exactOptional(),
    endedAt: z.string(),
});
export type Summary = z.output<typeof summary>;
export const summaryDocument = contract('summary', summary);

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
