// GET /jobs/{id}/items/{index}: one item, its outcome and every attempt.
import { problem } from '../core/errors';
import type { AttemptLine, Outcome } from '../core/outcome';
import { names, type JobStore, type Plan } from '../storage/jobStore';
import { lineBatches } from '../storage/results';
import { idOf, json, type Handler } from './handle';
import { isOutcome } from './results';
import { requireJob } from './status';

export interface AttemptView {
    attempt: number;
    at: string;
    ms: number;
    status?: number;
    error?: unknown;
    retryAt?: string;
}

export const getItem: Handler = async (request, { store: open }) => {
    const id = idOf(request);
    const text = request.params.index ?? '';
    const store = await open();
    await requireJob(store, id);
    const plan = await store.readPlan(id);
    if (!plan) throw problem('NOT_READY', { detail: 'The source is still being read; items are there when the job runs.' });
    const index = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (!(index < plan.total))
        throw problem('ITEM_NOT_FOUND', { detail: `There is no item "${text}"; the items are numbered from 0 to ${plan.total - 1}.` });

    const part = partitionOf(plan, index);
    const [item, record] = await Promise.all([readItem(store, plan, part, index), readRecord(store, id, part, index)]);
    const { outcome, attempts } = record;
    const state = outcome ? outcome.outcome : attempts.length > 0 ? 'waiting' : 'pending';
    return json(200, { index, ...(outcome ? { key: outcome.key } : {}), item, state, ...(outcome ? { outcome } : {}), attempts });
};

/** The partition that holds the index: the last whose first index is not beyond it. */
export function partitionOf(plan: Pick<Plan, 'partitions'>, index: number): number {
    let low = 0;
    let high = plan.partitions.length - 1;
    while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        if (plan.partitions[middle]![3] <= index) low = middle;
        else high = middle - 1;
    }
    return low;
}

async function readItem(store: JobStore, plan: Plan, part: number, index: number): Promise<unknown> {
    const data = await store.readPartition(plan, part);
    let start = 0;
    for (let i = plan.partitions[part]![3]; i < index; i++) start = data.indexOf(10, start) + 1;
    const end = data.indexOf(10, start);
    return JSON.parse(data.toString('utf8', start, end < 0 ? data.length : end));
}

async function readRecord(
    store: JobStore,
    jobId: string,
    part: number,
    index: number,
): Promise<{ outcome: Outcome | null; attempts: AttemptView[] }> {
    const name = names.outcomes(jobId, part);
    const found = (await store.listOutcomes(jobId)).find((o) => o.name === name);
    const outcomeStart = `{"index":${index},`;
    const attemptMark = `"index":${index},`;
    const attempts: AttemptView[] = [];
    let outcome: Outcome | null = null;
    for await (const { lines } of found ? lineBatches(store, { name, from: 0, to: found.bytes }) : []) {
        for (const line of lines) {
            const head = line.toString('latin1', 0, 60);
            if (isOutcome(line)) {
                if (head.startsWith(outcomeStart)) outcome = JSON.parse(line.toString('utf8')) as Outcome;
            } else if (head.startsWith('{"attempt":') && head.includes(attemptMark)) {
                const { attempt, at, ms, status, error, retryAt } = JSON.parse(line.toString('utf8')) as AttemptLine;
                attempts.push({ attempt, at, ms, ...(status === undefined ? {} : { status }), error, retryAt });
            }
        }
    }
    // A cancelled item's last attempt, if it had one, stands among the lines above.
    if (outcome && (outcome.outcome === 'succeeded' || outcome.outcome === 'failed')) {
        const { attempts: attempt, at, ms, status, error } = outcome;
        attempts.push({ attempt, at, ms, ...(status === undefined ? {} : { status }), ...(error ? { error } : {}) });
    }
    return { outcome, attempts };
}
