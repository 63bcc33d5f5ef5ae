// The end of a job: every part is read once more, digested and counted, and only what is found there goes into manifest and summary.
import { consoleLog, type Log } from '../log';
import type { ManifestPart, Plan, Summary } from '../contracts/documents';
import { blobs } from '../contracts/names';
import type { FoldInput, FoldReply } from '../contracts/payloads';
import { finished, sumOf, type Counts } from '../core/counts';
import { endWithoutPlan, verdictOn, type FoundPart } from '../core/endings';
import { mergeFailures, mostFrequent, SHOWN_GROUPS, type FailureGroup } from '../core/failures';
import { FailureTally } from '../items/failureTally';
import { readFailedOutcome } from '../items/outcomeLines';
import type { JobStore, PartOutcomes } from '../storage/jobStore';
import { OutcomesTally, type OutcomeHead } from '../storage/outcomesTally';
import { missing } from '../storage/trouble';
import { writeStepProgress } from './processSlice/progress';

const PARTS_AT_ONCE = 4;
/** Kinds of failure that are counted exactly: so many samples of at most 2 KB are in memory for each part that is read. */
const FOLDED_KINDS = 5_000;

/** What one outcomes blob holds, found by reading all of it. */
export interface PartReading {
    bytes: number;
    sha256: string;
    counts: Counts;
    failures: FailureGroup[];
    /** Items recorded more than once, and items not recorded, the first few by index. */
    repeated: number[];
    missing: number[];
}

export async function foldJob(input: FoldInput, store: JobStore, log = consoleLog): Promise<FoldReply> {
    const own = log.about({ job: input.jobId });
    const began = Date.now();
    own.info('fold began', { as: input.as, repairs: input.repairs });
    const reply = await fold(input, store, own).catch(async (error: unknown): Promise<FoldReply> => {
        return { kind: 'trouble', trouble: await store.diagnose(error) };
    });
    const ms = Date.now() - began;
    if (reply.kind === 'ended') own.info('fold ended', { state: reply.state, ms });
    else if (reply.kind === 'lacking') own.warn('fold ended', { why: 'lacking', ranges: reply.ranges.length, ms });
    else own.warn('fold ended', { why: reply.trouble.code, message: reply.trouble.message, ms });
    return reply;
}

async function fold(input: FoldInput, store: JobStore, log: Log): Promise<FoldReply> {
    let read = 0;
    let of: number | null = null;
    const endProgress = writeStepProgress(store, input.jobId, log, () => ({ step: 'fold', done: read, of }));
    try {
        return await foldWith(input, store, log, (done, all) => ([read, of] = [done, all]));
    } finally {
        endProgress();
    }
}

/** `tell` is told how many partitions have been read, of how many. */
async function foldWith(input: FoldInput, store: JobStore, log: Log, tell: (done: number, of: number) => void): Promise<FoldReply> {
    const earlier = await store.readSummary(input.jobId);
    if (earlier) return { kind: 'ended', state: earlier.state };
    // A job that ends because storage refuses something is told of as far as storage lets it be.
    const lenient = Boolean(input.error);
    const plan = await orNull(store.readPlan(input.jobId), lenient);
    const endedAt = new Date().toISOString();
    const { entered, calls, repairs = 0, crashes = 0, ending } = input;
    const times = {
        ...(input.startedAt ? { startedAt: input.startedAt } : {}),
        endedAt,
        ...(entered ? { entered } : {}),
        ...(calls ? { calls } : {}),
        ...(repairs > 0 ? { repairs } : {}),
        ...(crashes > 0 ? { crashes } : {}),
        ...(ending ? { ending } : {}),
    };
    const error = input.error ? { error: input.error } : {};
    if (!plan) {
        if (!input.error) throw missing(blobs.plan(input.jobId));
        const { state, counts } = endWithoutPlan(input.as, input.total ?? null);
        const invalid = input.invalid ?? input.error.invalid ?? 0;
        return ended(store, log, {
            jobId: input.jobId,
            state,
            total: input.total ?? null,
            counts,
            invalid,
            failures: [],
            ...error,
            ...times,
        });
    }

    const found = await readParts(store, plan, lenient, tell);
    const verdict = verdictOn(input, { parts: found.parts, total: plan.total });
    if (verdict.kind === 'repair') return { ...verdict, kind: 'lacking' };
    const manifest = { jobId: input.jobId, total: plan.total, counts: sumOf(found.parts), parts: found.manifest, createdAt: endedAt };
    await orNull(store.writeManifest(manifest), lenient);
    const { state, outcome, counts, error: why } = verdict;
    const failures = mostFrequent(found.failures, SHOWN_GROUPS);
    const rest = { total: plan.total, invalid: plan.invalid, failures, ...times };
    return ended(store, log, {
        jobId: input.jobId,
        state,
        ...(outcome ? { outcome } : {}),
        counts,
        ...rest,
        ...(why ? { error: why } : {}),
    });
}

async function orNull<T>(reading: Promise<T>, lenient: boolean): Promise<T | null> {
    try {
        return await reading;
    } catch (error) {
        if (!lenient) throw error;
        return null;
    }
}

/** Is shown each outcome of a part, in the order in which they stand there, those of several parts at once. */
export type Look = (part: number, head: OutcomeHead, line: Buffer) => void;

interface ReadParts {
    parts: FoundPart[];
    manifest: ManifestPart[];
    failures: FailureGroup[];
}

/** Reads every part of the plan; of one that cannot be read nothing is counted when that is allowed. */
export async function readParts(
    store: JobStore,
    plan: Plan,
    lenient: boolean,
    tell: (done: number, of: number) => void,
    look?: Look,
): Promise<ReadParts> {
    const outcomes = new Map((await orNull(store.listOutcomes(plan.jobId), lenient))?.map((o) => [o.part, o]));
    const found: ReadParts = { parts: [], manifest: [], failures: [] };
    for (let at = 0; at < plan.partitions.length; at += PARTS_AT_ONCE) {
        const group = plan.partitions.slice(at, at + PARTS_AT_ONCE).map((_, i) => {
            const part = at + i;
            const segments = outcomes.get(part)?.segments ?? [{ name: blobs.outcomes(plan.jobId, part), bytes: 0 }];
            return orNull(readPart(store, plan, { part, segments }, look), lenient).then((reading) => ({ part, segments, reading }));
        });
        tell(at, plan.partitions.length);
        for (const { part, segments, reading } of await Promise.all(group)) {
            if (!reading) continue;
            const { failures, ...rest } = reading;
            const { bytes, sha256, counts } = rest;
            const name = blobs.outcomes(plan.jobId, part);
            const further = segments.length > 1 ? { segments: segments.map((s) => s.name) } : {};
            found.parts.push({ part, ...rest });
            found.manifest.push({ part, name, ...further, bytes, items: plan.partitions[part]!.items, sha256, counts });
            found.failures = mergeFailures(found.failures, failures, FOLDED_KINDS);
        }
    }
    return found;
}

async function ended(store: JobStore, log: Log, summary: Summary): Promise<FoldReply> {
    // Created, not written: a second run of this activity must not change what a user has already seen.
    const { state, outcome, total, counts, invalid, error } = await store.createSummary(summary);
    log.info('job ended', { state, outcome, total, ...counts, invalid, code: error?.code });
    return { kind: 'ended', state };
}

/** Reads a whole part, as a stream: 20,000 items with their outputs can be a gigabyte. */
export async function readPart(
    store: JobStore,
    plan: Plan,
    outcomes: Pick<PartOutcomes, 'part' | 'segments'>,
    look?: Look,
): Promise<PartReading> {
    const { items, firstIndex } = plan.partitions[outcomes.part]!;
    const seen = new Uint8Array(items);
    const failures = new FailureTally(FOLDED_KINDS);
    const repeated: number[] = [];
    const tally = new OutcomesTally(true);
    await tally.read(store.readOutcomes(outcomes), (head, line) => {
        const local = head.index - firstIndex;
        if (local < 0 || local >= items || seen[local]) repeated.push(head.index);
        seen[local] = 1;
        look?.(outcomes.part, head, line);
        if (head.outcome === 'failed') failures.add(readFailedOutcome(line));
    });
    const { bytes, counts } = tally;
    const missing: number[] = [];
    if (finished(counts) !== items || repeated.length > 0)
        for (let i = 0; i < items && missing.length < 5; i++) if (!seen[i]) missing.push(firstIndex + i);
    return { bytes, sha256: tally.sha256(), counts, failures: failures.groups(), repeated: repeated.slice(0, 5), missing };
}
