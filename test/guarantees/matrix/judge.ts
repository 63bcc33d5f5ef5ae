// What is wrong with a job that a fault has struck, by what its user can see, what its target has seen, and what storage holds.
import type { Item, Job, Outcome, Timeline, Verdict } from '../../../src/client';
import { breaches } from '../support';
import { isForGood, statusOf, type Cell } from './faults';
import { Callee, type Call } from './target';
import type { Ask, Variant } from './variants';

/** A job that one fault has struck has ended so long after it was accepted; one that a fault strikes for good. In ms. */
export const ONCE_MS = 60_000;
export const FOR_GOOD_MS = 300_000;
/** No call is against what was asked for later than so long after that was accepted, in ms. Two seconds without a fault; one look that fails costs three more. */
const BITES_MS = { never: 3_500, once: 8_000, forGood: 30_000 };
export const bitesMs = (cell: Cell | null): number => BITES_MS[cell === null ? 'never' : isForGood(cell.fault) ? 'forGood' : 'once'];
/** A cancelled job has ended so long after that was accepted, in ms. */
export const CANCEL_ENDS_MS = { once: 60_000, forGood: 120_000 };

/** Something that was asked for; times in ms. */
export interface Asked {
    ask: Ask;
    /** When it was asked for first. From then on it may be done, although it was not answered with success: the answer reads what storage refuses. */
    askedAt: number;
    acceptedAt: number | null;
}

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
    /** In their order. */
    asked: Asked[];
    /** The HTTP status where it was no 200. */
    timeline: Timeline['events'] | number;
    listed: boolean;
}

export function judge(p: Played): string[] {
    const { status, cell, variant } = p;
    const forGood = cell !== null && isForGood(cell.fault);
    // What storage has never let be listed is listed by the sweeper, which has not come yet.
    const listedLater = forGood && cell.request === 'PUT index';
    const wrong = [
        ...(p.listed || listedLater ? [] : ['it is not in the list of jobs']),
        ...controlWrongs(p),
        ...cancelWrongs(p, forGood),
        ...timelineWrongs(p),
    ];
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
    if (!error?.code || error.code === 'UNEXPECTED' || !error.message) return [`failed without a code and a message: ${told}`];
    // That there is no such blob is what a 404 says.
    // Of a request that has its time, only that is known which has come until then.
    const isOverdue = (status ?? 0) >= 500 && error.message.includes('in time');
    const says = isOverdue || error.message.includes(String(status)) || (status === 404 && error.code === 'SOURCE_NOT_FOUND');
    return says ? [] : [`does not say what storage answered: ${told}`];
}

function wholeWrongs({ status, outcomes, verified, firstItem, variant, asked }: Played, forGood: boolean): string[] {
    const wrong: string[] = [];
    const { state, counts } = status;
    const { succeeded, failed, skipped, cancelled, unrecorded = 0, invalid } = counts;
    const allowed = asked.some(({ ask }) => ask === 'cancel') ? ['cancelled', 'completed'] : ['completed'];
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

/** Calls that the last thing that was accepted does not allow: none of a job that is paused or cancelled, and no more at once than are to be. */
function controlWrongs({ asked, calls, cell }: Played): string[] {
    return asked.flatMap(({ ask, acceptedAt }, i) => {
        if (acceptedAt === null || ask === 'resume') return [];
        const most = typeof ask === 'object' ? ask.concurrency : 0;
        const until = asked[i + 1]?.askedAt ?? Infinity;
        const late = calls.filter(({ at, open }) => at > acceptedAt + bitesMs(cell) && at < until && open > most).at(-1);
        return late ? [`a call began ${seconds(late.at - acceptedAt)} s after ${nameOf(ask)} was accepted, ${late.open} are open`] : [];
    });
}

const nameOf = (ask: Ask): string => (typeof ask === 'object' ? `a concurrency of ${ask.concurrency}` : `the ${ask}`);

function cancelWrongs({ asked, endedAt }: Played, forGood: boolean): string[] {
    const acceptedAt = asked.find(({ ask }) => ask === 'cancel')?.acceptedAt ?? endedAt;
    const took = endedAt - acceptedAt;
    return took > CANCEL_ENDS_MS[forGood ? 'forGood' : 'once'] ? [`it ended ${seconds(took)} s after the cancel was accepted`] : [];
}

/** What was accepted stands there once each, in its order; what was not accepted may. */
function timelineWrongs({ asked, timeline, status, variant }: Played): string[] {
    if (typeof timeline === 'number') return [`its timeline answered ${timeline}`];
    const judged = variant.spec && 'canary' in variant.spec ? 1 : 0;
    const said = timeline.filter(({ kind, by }) => kind === 'move' && by === 'canary').length;
    const told = timeline.flatMap(({ kind, move, changes, by }) => {
        // The canary's own word.
        if (by === 'canary') return [];
        if (kind === 'move') return [nameOf(move as Ask)];
        if (kind !== 'retune') return [];
        return (changes as { field: string; to: unknown }[]).map(({ field, to }) =>
            field === '/concurrency/max' ? nameOf({ concurrency: to as number }) : field,
        );
    });
    const order = asked.filter(({ ask, acceptedAt }) => acceptedAt !== null || told.includes(nameOf(ask))).map(({ ask }) => nameOf(ask));
    if (status.state === 'completed' && said !== judged) return [`its canary was judged ${said} times, not ${judged}`];
    const wrong = told.join() === order.join() ? [] : [`its timeline tells of ${told.join() || 'nothing'}, not of ${order.join()}`];
    const states = timeline.filter(({ kind }) => kind === 'state').map(({ state }) => state);
    const isWhole = states[0] === 'planning' && states.at(-1) === status.state;
    return isWhole ? wrong : [...wrong, `its states were ${states.join()}`];
}

export const seconds = (ms: number): number => Math.round(ms / 100) / 10;
