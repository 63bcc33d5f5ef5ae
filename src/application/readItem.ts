// One item of a job, its outcome and every attempt at it.
import type { OutcomeKind } from '../core/counts';
import { problem, type Failure } from '../core/errors';
import { RawJson } from '../json/exactNumber';
import type { ItemKey } from '../items/itemKey';
import { readOutcome, type AttemptLine, type HeldLine, type Outcome } from '../items/outcomeLines';
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
    /** Calls before it that used up no attempt, and for how long the item waited for that: the target asked for less, or was away. */
    throttled?: number;
    waitedMs?: number;
    /** When it is tried again; absent of the attempt that decided. */
    retryAt?: string;
}

/** Calls since the last attempt that used up none: the item waits since then, and is called again at `retryAt` at the earliest. */
export interface HeldView {
    throttled: number;
    waitedMs: number;
    since: string;
    retryAt: string;
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
    /** Of an item that waits because its target asked for less, or is away. */
    held?: HeldView;
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
    const { outcome, line, attempts, held } = record;
    const state = outcome ? outcome.outcome : attempts.length > 0 || held ? 'waiting' : 'pending';
    return {
        index,
        ...(outcome ? { key: outcome.key } : {}),
        ...{ item, state },
        ...(line ? { outcome: line } : {}),
        attempts,
        ...(held ? { held } : {}),
    };
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

/** What the lines of an item say; `held` is what the last of them says, where that is of a wait. */
interface ItemRecord {
    outcome: Outcome | null;
    line: RawJson | null;
    attempts: AttemptView[];
    held: HeldView | null;
}

async function readRecord(store: JobStore, jobId: string, part: number, index: number): Promise<ItemRecord> {
    const found = (await store.listOutcomes(jobId)).find((o) => o.part === part);
    const outcomeStart = `{"index":${index},`;
    const attemptMark = `"index":${index},`;
    const heldStart = `{"held":${index},`;
    const attempts: AttemptView[] = [];
    let outcome: Outcome | null = null;
    let line: RawJson | null = null;
    let held: HeldView | null = null;
    for await (const { lines } of found ? lineBatches(store, { segments: found.segments, from: 0, to: found.bytes }) : []) {
        for (const bytes of lines) {
            const head = bytes.toString('latin1', 0, 60);
            if (isOutcome(bytes)) {
                if (!head.startsWith(outcomeStart)) continue;
                line = new RawJson(bytes.toString('utf8'));
                outcome = readOutcome(line.text);
                held = null;
            } else if (head.startsWith('{"attempt":') && head.includes(attemptMark)) {
                const told = JSON.parse(bytes.toString('utf8')) as AttemptLine;
                attempts.push({ ...attemptView(told.attempt, told), retryAt: told.retryAt });
                held = null;
            } else if (head.startsWith(heldStart)) {
                const { throttled, waitedMs, since, retryAt } = JSON.parse(bytes.toString('utf8')) as HeldLine;
                held = { throttled, waitedMs, since, retryAt };
            }
        }
    }
    // A cancelled item's last attempt, if it had one, stands among the lines above.
    if (outcome && (outcome.outcome === 'succeeded' || outcome.outcome === 'failed')) attempts.push(attemptView(outcome.attempts, outcome));
    return { outcome, line, attempts, held };
}

/** An attempt as its line tells it; a line may hold more than is shown. */
const attemptView = (
    attempt: number,
    { at, ms, status, error, throttled, waitedMs }: Pick<Outcome, 'at' | 'ms' | 'status' | 'error' | 'throttled' | 'waitedMs'>,
): AttemptView => ({
    ...{ attempt, at, ms },
    ...(status === undefined ? {} : { status }),
    ...(error ? { error } : {}),
    ...(throttled ? { throttled, waitedMs: waitedMs ?? 0 } : {}),
});
