// One item of a job, its outcome and every attempt at it.
import type { OutcomeKind } from '../core/counts';
import { problem, type Failure } from '../core/errors';
import { RawJson } from '../json/exactNumber';
import type { ItemKey } from '../items/itemKey';
import { readOutcome, type AttemptLine, type Outcome } from '../items/outcomeLines';
import type { Plan } from '../contracts/documents';
import type { JobStore } from '../storage/jobStore';
import { isOutcome, lineBatches } from '../storage/lineReader';
import { requireJob } from './readJob';

export interface AttemptView {
    attempt: number;
    at: string;
    ms: number;
    status?: number;
    error?: Failure;
    /** When it is tried again; absent of the attempt that decided. */
    retryAt?: string;
}

export interface ItemView {
    index: number;
    /** Absent until the item has ended. */
    key?: ItemKey | null;
    /** As it stands in the source. */
    item: RawJson;
    state: OutcomeKind | 'waiting' | 'pending';
    /** Its line in the results. */
    outcome?: RawJson;
    attempts: AttemptView[];
}

/** `name` is the item's index as the caller writes it. @throws Problem JOB_NOT_FOUND, NOT_READY or ITEM_NOT_FOUND */
export async function readItem(store: JobStore, jobId: string, name: string): Promise<ItemView> {
    await requireJob(store, jobId);
    const plan = await store.readPlan(jobId);
    if (!plan) throw problem('NOT_READY', { detail: 'The source is still being read; items are there when the job runs.' });
    const index = /^\d{1,15}$/.test(name) ? Number(name) : NaN;
    if (!(index < plan.total))
        throw problem('ITEM_NOT_FOUND', { detail: `There is no item "${name}"; the items are numbered from 0 to ${plan.total - 1}.` });

    const part = partitionOf(plan, index);
    const [item, record] = await Promise.all([readText(store, plan, part, index), readRecord(store, jobId, part, index)]);
    const { outcome, line, attempts } = record;
    const state = outcome ? outcome.outcome : attempts.length > 0 ? 'waiting' : 'pending';
    return { index, ...(outcome ? { key: outcome.key } : {}), item, state, ...(line ? { outcome: line } : {}), attempts };
}

/** The partition that holds the index: the last whose first index is not beyond it. */
export function partitionOf(plan: Pick<Plan, 'partitions'>, index: number): number {
    let low = 0;
    let high = plan.partitions.length - 1;
    while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        if (plan.partitions[middle]!.firstIndex <= index) low = middle;
        else high = middle - 1;
    }
    return low;
}

async function readText(store: JobStore, plan: Plan, part: number, index: number): Promise<RawJson> {
    const data = await store.readPartition(plan, part);
    let start = 0;
    for (let i = plan.partitions[part]!.firstIndex; i < index; i++) start = data.indexOf(10, start) + 1;
    const end = data.indexOf(10, start);
    return new RawJson(data.toString('utf8', start, end < 0 ? data.length : end));
}

async function readRecord(
    store: JobStore,
    jobId: string,
    part: number,
    index: number,
): Promise<{ outcome: Outcome | null; line: RawJson | null; attempts: AttemptView[] }> {
    const found = (await store.listOutcomes(jobId)).find((o) => o.part === part);
    const outcomeStart = `{"index":${index},`;
    const attemptMark = `"index":${index},`;
    const attempts: AttemptView[] = [];
    let outcome: Outcome | null = null;
    let line: RawJson | null = null;
    for await (const { lines } of found ? lineBatches(store, { segments: found.segments, from: 0, to: found.bytes }) : []) {
        for (const bytes of lines) {
            const head = bytes.toString('latin1', 0, 60);
            if (isOutcome(bytes)) {
                if (!head.startsWith(outcomeStart)) continue;
                line = new RawJson(bytes.toString('utf8'));
                outcome = readOutcome(line.text);
            } else if (head.startsWith('{"attempt":') && head.includes(attemptMark)) {
                const { attempt, at, ms, status, error, retryAt } = JSON.parse(bytes.toString('utf8')) as AttemptLine;
                attempts.push({ attempt, at, ms, ...(status === undefined ? {} : { status }), error, retryAt });
            }
        }
    }
    // A cancelled item's last attempt, if it had one, stands among the lines above.
    if (outcome && (outcome.outcome === 'succeeded' || outcome.outcome === 'failed')) {
        const { attempts: attempt, at, ms, status, error } = outcome;
        attempts.push({ attempt, at, ms, ...(status === undefined ? {} : { status }), ...(error ? { error } : {}) });
    }
    return { outcome, line, attempts };
}
