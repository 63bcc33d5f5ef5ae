// What is wrong with a job that a fault has struck, by what its user can see, what its target has seen, and what storage holds.
import type { Item, Job, Outcome, Verdict } from '../../../src/client';
import { breaches } from '../support';
import { isForGood, statusOf, type Cell } from './faults';
import { Callee, type Call } from './target';
import type { Variant } from './variants';

/** A job that one fault has struck has ended so long after it was accepted; one that a fault strikes for good. In ms. */
export const ONCE_MS = 60_000;
export const FOR_GOOD_MS = 300_000;
/** A cancelled job begins no call later than so long after the cancel was accepted, in ms. Two seconds without a fault; one look that fails costs three more. */
export const CANCEL_BITES_MS = { once: 8_000, forGood: 30_000 };
/** And it has ended so long after, in ms. */
export const CANCEL_ENDS_MS = { once: 60_000, forGood: 120_000 };

export interface Played {
    variant: Variant;
    cell: Cell | null;
    status: Job;
    /** Null where they could not be read. */
    outcomes: Outcome[] | null;
    calls: Call[];
    /** Answer of /verify, and of /items/0; the HTTP status where it was no 200. */
    verified: Verdict | number;
    firstItem: Item | number;
    /** Times in ms. */
    endedAt: number;
    /** It may be done although it was not answered with success: the answer reads what storage refuses. */
    isCancelAsked: boolean;
    /** When a cancel was accepted. */
    cancelledAt: number | null;
    listed: boolean;
}

export function judge(p: Played): string[] {
    const { status, cell, variant } = p;
    const forGood = cell !== null && isForGood(cell.fault);
    // What storage has never let be listed is listed by the sweeper, which has not come yet.
    const listedLater = forGood && cell.request === 'PUT index';
    const wrong = [...(p.listed || listedLater ? [] : ['it is not in the list of jobs']), ...cancelWrongs(p, forGood)];
    if (status.state === 'failed' && status.error?.code !== variant.failsAs) return [...wrong, ...failedWrongs(p, forGood)];
    if (variant.failsAs) return status.state === 'failed' ? wrong : [...wrong, `ended ${status.state}, not failed`];
    return [...wrong, ...wholeWrongs(p, forGood), ...callWrongs(p, forGood)];
}

/** A job may fail where storage refuses for good, or where the source itself was refused; then it says so. */
function failedWrongs({ status: { error }, cell }: Played, forGood: boolean): string[] {
    const told = JSON.stringify(error);
    if (!cell) return [`failed, and nothing has struck: ${told}`];
    const status = statusOf(cell.fault);
    const isSource = / (source|uploads)$/.test(cell.request);
    if (!forGood && !(isSource && (status === 403 || status === 404))) return [`failed: ${told}`];
    if (!error?.code || !error.message) return [`failed without a code and a message: ${told}`];
    // That there is no such blob is what a 404 says.
    const says = error.message.includes(String(status)) || (status === 404 && error.code === 'SOURCE_NOT_FOUND');
    return says ? [] : [`does not say what storage answered: ${told}`];
}

function wholeWrongs({ status, outcomes, verified, firstItem, variant, isCancelAsked }: Played, forGood: boolean): string[] {
    const wrong: string[] = [];
    const { state, counts } = status;
    const { succeeded, failed, skipped, cancelled, unrecorded = 0, invalid } = counts;
    const allowed = isCancelAsked ? ['cancelled', 'completed'] : ['completed'];
    if (!allowed.includes(state)) wrong.push(`ended ${state}: ${JSON.stringify(status.error)}`);
    // Cancelled before its source was read: nobody knows how many there would have been.
    if (state === 'cancelled' && counts.total === null) return wrong;
    if (counts.total !== variant.items || succeeded + failed + skipped + cancelled + unrecorded !== variant.items)
        wrong.push(`its counts are not whole: ${JSON.stringify(counts)}`);
    if (invalid !== (variant.invalid ?? 0)) wrong.push(`its bad rows are ${invalid}, not ${variant.invalid ?? 0}`);
    if (failed + skipped > 0 || (state === 'completed' && succeeded !== variant.items))
        wrong.push(`its items did not succeed: ${JSON.stringify(counts)}`);
    if (unrecorded > 0) return forGood ? wrong : [...wrong, `${unrecorded} items are not recorded`];
    if (outcomes === null) return [...wrong, 'its results cannot be read when the fault is over'];
    wrong.push(...breaches(outcomes, variant.items));
    // Where storage refused even what the end is written with, the ledger alone tells of it, and the manifest comes when the sweeper has the job folded.
    const isFoldedLater = forGood && status.error !== undefined && verified === 409;
    if (typeof verified === 'number' && !isFoldedLater) wrong.push(`verify answered ${verified}`);
    else if (typeof verified !== 'number' && !verified.ok) wrong.push(`verify found ${JSON.stringify(verified.problems).slice(0, 200)}`);
    if (typeof firstItem === 'number') wrong.push(`items/0 answered ${firstItem}`);
    else if (firstItem.state !== outcomes.find((o) => o.index === 0)?.outcome) wrong.push(`items/0 says ${firstItem.state}`);
    return wrong;
}

/** Beyond its attempts an item is called again only when a process has died, and none has. */
function callWrongs({ calls }: Played, forGood: boolean): string[] {
    if (forGood) return [];
    const times = new Map<number, number>();
    for (const { item } of calls) times.set(item, (times.get(item) ?? 0) + 1);
    const often = [...times].filter(([item, n]) => n > Callee.attemptsOf(item));
    return often.length === 0
        ? []
        : [`${often.length} items were called again without need, such as item ${often[0]![0]}, ${often[0]![1]} times`];
}

function cancelWrongs({ cancelledAt, endedAt, calls }: Played, forGood: boolean): string[] {
    if (cancelledAt === null) return [];
    const kind = forGood ? 'forGood' : 'once';
    const last = Math.max(...calls.map((c) => c.at)) - cancelledAt;
    const wrong: string[] = [];
    if (last > CANCEL_BITES_MS[kind]) wrong.push(`a call began ${seconds(last)} s after the cancel was accepted`);
    if (endedAt - cancelledAt > CANCEL_ENDS_MS[kind])
        wrong.push(`it ended ${seconds(endedAt - cancelledAt)} s after the cancel was accepted`);
    return wrong;
}

export const seconds = (ms: number): number => Math.round(ms / 100) / 10;
