// The end of a job: every part is read once more, digested and counted, and only what is found there goes into manifest and summary.
import { createHash } from 'node:crypto';
import { failure, type Failure } from '../core/errors';
import { mergeFailures, type FailureGroup } from '../core/failures';
import { parkedAs, type Parked } from '../core/ledger';
import { addCounts, noCounts, settled, type Counts, type Outcome } from '../core/outcome';
import { linesOf, outcomeHead } from '../storage/results';
import { names, type JobStore, type ManifestPart, type Plan, type Summary } from '../storage/jobStore';

export interface FoldInput {
    jobId: string;
    as: 'completed' | 'failed' | 'cancelled';
    startedAt: string | null;
    error?: Failure & { invalid?: number };
    /** How often the job was opened again because outcomes were missing. */
    mends?: number;
}

/** The job's end; or the partitions that lack outcomes, with what the others count, when they are to be worked again. */
export type FoldReply = { state: 'completed' | 'failed' | 'cancelled' } | { lacking: Parked[]; counts: Counts; closed: number };

/** Storage that loses what it acknowledged may do so once or twice; a job that never gets whole ends. */
const MAX_MENDS = 5;
/** Partitions that are opened again at a time: an orchestration carries them. */
const MENDED_AT_ONCE = 100;

const PARTS_AT_ONCE = 4;

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

export async function foldJob(input: FoldInput, store: JobStore): Promise<FoldReply> {
    const earlier = await store.readSummary(input.jobId);
    if (earlier) return { state: earlier.state };
    const plan = await store.readPlan(input.jobId);
    const endedAt = new Date().toISOString();
    const times = { ...(input.startedAt ? { startedAt: input.startedAt } : {}), endedAt };
    if (!plan || input.as === 'failed')
        return end(store, {
            jobId: input.jobId,
            state: input.as === 'completed' ? 'failed' : input.as,
            total: plan?.total ?? null,
            counts: noCounts(),
            invalid: plan?.invalid ?? invalidOf(input),
            failures: [],
            ...(input.error ? { error: input.error } : {}),
            ...times,
        });

    const parts: ManifestPart[] = [];
    const lacking: Parked[] = [];
    let repeated = false;
    let failures: FailureGroup[] = [];
    const broken: string[] = [];
    for (let at = 0; at < plan.partitions.length; at += PARTS_AT_ONCE) {
        const group = plan.partitions.slice(at, at + PARTS_AT_ONCE).map(async (_, i) => readPart(store, plan, at + i));
        for (const [i, reading] of (await Promise.all(group)).entries()) {
            const part = at + i;
            const { bytes, sha256, counts } = reading;
            parts.push({ part, name: names.outcomes(input.jobId, part), bytes, items: plan.partitions[part]![2], sha256, counts });
            failures = mergeFailures(failures, reading.failures);
            broken.push(...defects(part, reading));
            if (reading.missing.length > 0) lacking.push(parkedAs(part, Date.parse(endedAt), counts));
            repeated ||= reading.repeated.length > 0;
        }
    }
    if (lacking.length > 0 && !repeated && (input.mends ?? 0) < MAX_MENDS) {
        const again = lacking.slice(0, MENDED_AT_ONCE);
        const reopened = new Set(again.map(([part]) => part));
        const whole = parts.filter((p) => !reopened.has(p.part));
        return { lacking: again, counts: together(whole), closed: whole.length };
    }
    const counts = together(parts);
    await store.writeJson(names.manifest(input.jobId), { jobId: input.jobId, total: plan.total, counts, parts, createdAt: endedAt });
    const summary = { jobId: input.jobId, total: plan.total, counts, invalid: plan.invalid, failures, ...times };
    if (broken.length > 0)
        return end(store, {
            ...summary,
            state: 'failed',
            error: failure('NOT_CONSERVED', `Not every item has exactly one outcome: ${broken.slice(0, 5).join('; ')}`),
        });
    if (input.as === 'cancelled') return end(store, { ...summary, state: 'cancelled' });
    return end(store, {
        ...summary,
        state: 'completed',
        outcome: counts.succeeded + counts.skipped === plan.total ? 'succeeded' : 'partial',
    });
}

const together = (parts: ManifestPart[]): Counts => parts.reduce((sum, p) => addCounts(sum, p.counts), noCounts());

const invalidOf = (input: FoldInput): number => input.error?.invalid ?? 0;

async function end(store: JobStore, summary: Summary): Promise<{ state: Summary['state'] }> {
    // Written once: a second run of this activity must not change what a user has already seen.
    if (await store.createJson(names.summary(summary.jobId), summary)) return { state: summary.state };
    return { state: (await store.readSummary(summary.jobId))?.state ?? summary.state };
}

/** What is wrong with a part, in words; empty when every item stands in it exactly once. */
export const defects = (part: number, reading: PartReading): string[] => [
    ...(reading.missing.length > 0 ? [`part ${part} lacks items ${reading.missing.join(', ')}`] : []),
    ...(reading.repeated.length > 0 ? [`part ${part} repeats items ${reading.repeated.join(', ')}`] : []),
];

/** Reads a whole part, as a stream: 20,000 items with their outputs can be a gigabyte. */
export async function readPart(store: JobStore, plan: Plan, part: number): Promise<PartReading> {
    const [, , items, firstIndex] = plan.partitions[part]!;
    const digest = createHash('sha256');
    let bytes = 0;
    async function* digested(): AsyncGenerator<Buffer> {
        for await (const chunk of store.readOutcomes(plan.jobId, part)) {
            digest.update(chunk);
            bytes += chunk.length;
            yield chunk;
        }
    }
    const seen = new Uint8Array(items);
    const counts = noCounts();
    let failures: FailureGroup[] = [];
    const repeated: number[] = [];
    const take = (line: Buffer) => {
        // The head tells index and outcome; a line is parsed only when it failed.
        const head = outcomeHead(line);
        if (!head) return;
        const local = head.index - firstIndex;
        if (local < 0 || local >= items || seen[local]) repeated.push(head.index);
        seen[local] = 1;
        counts[head.outcome]++;
        counts.retries += Math.max(0, head.attempts - 1);
        if (head.outcome === 'failed') {
            const { index, key, error } = JSON.parse(line.toString('utf8')) as Outcome;
            failures = mergeFailures(failures, [
                { code: error?.code ?? 'UNKNOWN', count: 1, sample: { index, key, message: error?.message ?? '' } },
            ]);
        }
    };
    for await (const { lines } of linesOf(digested())) lines.forEach(take);
    const missing: number[] = [];
    if (settled(counts) !== items || repeated.length > 0)
        for (let i = 0; i < items && missing.length < 5; i++) if (!seen[i]) missing.push(firstIndex + i);
    return {
        bytes,
        sha256: digest.digest('hex'),
        counts,
        failures,
        repeated: repeated.slice(0, 5),
        missing,
    };
}
