// What there is to do, as far as nobody holds it, and how much of it a worker takes.
import { allowanceOf, isSameBudget, leftOf, workersWithin } from '../budget';
import type { WaitCode } from '../codes';
import { isCalling } from '../states';
import type { Trouble } from '../trouble';
import type { Canary, Delayed, HeldLease, Hold, LeasedBudget, LedgerState, OverBudget, Range } from './state';

/** A slice runs about this long; a lease holds what the measured rate finishes in that time. */
export const SLICE_MS = 15_000;
/** Delayed partitions that one lease takes up at most. */
const MAX_RESUMED = 16;
const MAX_FRESH = 64;
/** Fresh partitions of a lease before any rate is known: what a slice does not reach in its time, it gives back. */
const FIRST_FRESH = 4;
/** A slice waits for a retry that is due within this time, so its partition counts as due. */
export const DUE_SOON_MS = 5_000;
/** This many crashes of one partition, and it is worked in isolation until the item that kills is found. */
export const CRASHES_BEFORE_ISOLATION = 2;
/** Activities that an instance runs at once: `maxConcurrentActivityFunctions` in host.json. */
export const INSTANCE_PLACES = 8;
/** Slices that one job has on an instance at once, at most: others find a place beside it. */
export const SLICES_PER_INSTANCE = INSTANCE_PLACES / 2;
/** A process that no slice has reported from for so long is not counted, in ms. */
const PROCESS_MS = 60_000;
/** A worker has this many calls in flight, before there is another. */
const WORKER_CONCURRENCY = 32;
const MAX_WORKERS = 8;

/** Workers for so many calls in flight. */
export const workersFor = (concurrency: number): number => Math.min(Math.ceil(concurrency / WORKER_CONCURRENCY), MAX_WORKERS);

/** Holds that one call at a time finds the end of: until it has, there is nothing to do for a second worker. */
const PROBED = new Set<WaitCode>(['BREAKER_OPEN', 'GATE_CLOSED']);

/** Workers that there is something for, as far as limits go: those of the job, of its target, of its budget, and of the instances that it was seen on. */
export function wantedWorkers({ maxConcurrency, useful, processes, hold, state, budget, spent }: LedgerState, now: number): number {
    if (hold && PROBED.has(hold.code) && state !== 'cancelling') return 1;
    const calls = state === 'cancelling' || useful === null ? maxConcurrency : Math.min(maxConcurrency, Math.max(1, useful));
    const instances = Object.values(processes).filter((at) => now - at < PROCESS_MS).length;
    const within = budget && state !== 'cancelling' ? workersWithin(leftOf(budget, spent)) : Infinity;
    return Math.min(workersFor(calls), SLICES_PER_INSTANCE * Math.max(1, instances), within);
}

/** A slice has reported from this process. */
export function seenIn(processes: LedgerState['processes'], process: string, now: number): LedgerState['processes'] {
    const recent = Object.entries(processes).filter(([, at]) => now - at < PROCESS_MS);
    return { ...Object.fromEntries(recent.slice(-MAX_PROCESSES)), [process]: now };
}

const MAX_PROCESSES = 20;

/** The canary of which there is no word: its items run alone, once the job runs. Null: there is none. */
export const openCanary = ({ canary }: Pick<LedgerState, 'canary'>): Canary | null => (canary?.verdict === null ? canary : null);

/** Partitions that may be worked on: until there is a word on the canary, those of the canary. */
export const given = (state: LedgerState): number =>
    state.state === 'cancelling' ? state.partitions : Math.min(openCanary(state)?.partitions ?? Infinity, state.partitions);

/**
 * The part of the budget that one more worker may have; null: others have all that is left of it, undefined: there is no budget. Nor is there a part of it
 * while a lease of another budget, or of before the last resume, is out: how much fails in that, nobody has reckoned with.
 */
export function budgetFor(state: LedgerState): LeasedBudget | null | undefined {
    const { budget, spent, resumed, leases, orphans, width } = state;
    if (!budget || state.state === 'cancelling') return undefined;
    const held = [...Object.values(leases), ...Object.values(orphans)];
    const isOfNow = (lease: HeldLease): boolean => isSameBudget(lease.budget?.of, budget) && lease.budget?.resumed === resumed;
    if (!held.every(isOfNow)) return null;
    const others = held.flatMap((lease) => lease.budget?.allowance ?? []);
    const allowance = allowanceOf(leftOf(budget, spent), others, Math.max(1, width - held.length));
    return allowance && { of: budget, resumed, allowance };
}

/** The limit of the budget that keeps anything more from being called; null where none does. */
export function overBudget({ state, reached, budget, generation, desired }: LedgerState): OverBudget | null {
    if (!reached || !budget || !isCalling(state) || desired !== 'run') return null;
    return { generation, then: budget.then, why: reached.why };
}

export const NOTHING: Range = { from: 0, to: 0 };

export const itemsOfPartition = (state: LedgerState): number => Math.max(1, (state.total ?? 0) / state.partitions);

/**
 * When there is something to do, as far as nobody holds it: now, later, or never (Infinity). What a worker that is gone has left is for the worker in its
 * place, or, where that is gone too, for the next round: whoever works elsewhere must not wait for it.
 */
export function earliest(state: LedgerState, now: number, forWhom: 'worker' | 'round'): number {
    const blocked = (part: number) => state.troubles[part]?.until ?? 0;
    const times = state.delayed.map(({ part, wakeAt }) => Math.max(state.state === 'cancelling' ? now : wakeAt, blocked(part)));
    for (const { from } of state.returned) times.push(Math.max(now, blocked(from)));
    if (state.next < given(state)) times.push(now);
    if (forWhom === 'round' && Object.keys(state.orphans).length > 0) times.push(now);
    // Nothing is delayed and nothing fresh: what is left is in workers' hands.
    const first = times.reduce((a, b) => Math.min(a, b), Infinity);
    return first === Infinity ? first : Math.max(first, state.troubles.job?.until ?? 0);
}

/** Partitions that are due, a fair share of them; one that crashed again and again comes alone. */
export function takeDue(state: LedgerState, cancelling: boolean, now: number): Delayed[] {
    const blocked = (part: number) => (state.troubles[part]?.until ?? 0) > now;
    const due = state.delayed
        .filter((p) => !blocked(p.part) && (cancelling || p.wakeAt <= now + DUE_SOON_MS))
        .sort((a, b) => a.wakeAt - b.wakeAt || a.part - b.part);
    const suspect = due.find((p) => (state.crashed[p.part] ?? 0) >= CRASHES_BEFORE_ISOLATION);
    const taken = suspect ? [suspect] : due.slice(0, Math.min(MAX_RESUMED, Math.ceil(due.length / state.width)));
    state.delayed = state.delayed.filter((p) => !taken.includes(p));
    return taken;
}

export const freshLeft = (state: LedgerState): number =>
    Math.max(0, given(state) - state.next) + state.returned.reduce((n, { from, to }) => n + to - from, 0);

export function takeFresh(state: LedgerState, now: number): Range {
    const left = freshLeft(state);
    if (left === 0) return NOTHING;
    const byRate = state.rate > 0 ? Math.floor((state.rate * SLICE_MS) / 1000 / itemsOfPartition(state)) : FIRST_FRESH;
    // Guided self-scheduling (Polychronopoulos and Kuck, 1987): a share of what is left, so that leases get smaller and workers end together.
    const fair = Math.ceil(left / state.width);
    const wanted = Math.max(1, Math.min(byRate, fair, MAX_FRESH));
    // A range whose first partition storage refuses waits; the others go first.
    const free = state.returned.findIndex(({ from }) => (state.troubles[from]?.until ?? 0) <= now);
    if (free < 0 && state.next >= given(state)) return NOTHING;
    const range = free < 0 ? { from: state.next, to: given(state) } : state.returned.splice(free, 1)[0]!;
    const to = Math.min(range.to, range.from + wanted);
    if (free < 0) state.next = to;
    else if (to < range.to) state.returned.unshift({ from: to, to: range.to });
    return { from: range.from, to };
}

/** What holds all calls off now; null when nothing does. */
export const holdNow = ({ hold, state }: LedgerState, now: number): Hold | null =>
    hold !== null && hold.until > now && state !== 'cancelling' ? hold : null;

/** What a wait until then is for. */
export function waitFor(state: LedgerState, until: number): { code: WaitCode; why: string } {
    const trouble = Object.values(state.troubles).find((t) => t.until === until);
    return trouble ? waitOut(trouble) : { code: 'RETRY_DUE', why: 'the next retry is due then' };
}

/** What a wait is for that trouble makes necessary. */
export const waitOut = ({ code, message }: Trouble): { code: WaitCode; why: string } => ({
    code: code === 'NEWER_VERSION' ? 'VERSION' : 'STORAGE',
    why: message,
});
