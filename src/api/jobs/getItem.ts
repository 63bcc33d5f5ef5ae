// GET /jobs/{id}/items/{index}: one item, its outcome and every attempt.
import { requireJob } from '../../application/readJob';
import type { OutcomeKind } from '../../core/counts';
import { problem, type Failure } from '../../core/errors';
import type { ItemKey } from '../../items/itemKey';
import { RawJson } from '../../json/exactNumber';
import { readOutcome, type AttemptLine, type Outcome } from '../../items/outcomeLines';
import type { Plan } from '../../contracts/documents';
import type { JobStore } from '../../storage/jobStore';
import { lineBatches } from '../../storage/lineReader';
import { idOf, json, type Handler } from '../http/frame';
import { isOutcome } from '../results/getResults';

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
    state: OutcomeKind | 'pending' | 'waiting';
    /** Its line in the results. */
    outcome?: RawJson;
    attempts: AttemptView[];
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
    const { outcome, line, attempts } = record;
    const state = outcome ? outcome.outcome : attempts.length > 0 ? 'waiting' : 'pending';
    const view: ItemView = { index, ...(outcome ? { key: outcome.key } : {}), item, state, ...(line ? { outcome: line } : {}), attempts };
    return json(200, view);
};

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

async function readItem(store: JobStore, plan: Plan, part: number, index: number): Promise<RawJson> {
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
