// Adaptive concurrency, on what the target says of itself: additive increase and multiplicative decrease (Chiu and Jain, 1989) on its refusals, and by
// latency within what these allow (dips.ts).
import { ANEW, at, within, type Concurrency } from './concurrencyState';
import { afterAnswer, PACE } from './dips';

export type { Concurrency } from './concurrencyState';

const DECREASE = 0.7;
/**
 * So many calls are in flight where nothing was learned, and twice as many after each round, which is two round trips. A slice that began with all of them
 * would lose nothing at a target that has a queue of its own. But where latency rises with the square or the cube of what is in flight, so many calls at once
 * take longer than a slice, in which nothing is learned: in the simulation (`npm run bench:adaptive`) such a job stayed at a tenth of what it could do,
 * also when each of four slices began with 32. At a target that bears all of them the start is over after some ten round trips, once in a job.
 */
export const START = 8;

export function newConcurrency(max: number, adaptive: boolean, startAt: number | null): Concurrency {
    const level = adaptive ? within(startAt ?? START, max) : max;
    return {
        ...ANEW,
        limit: level,
        level,
        // Of a limit that was learned one step is taken without a dip.
        ceiling: startAt === null ? max : Math.min(max, level + 1),
        max,
        adaptive,
        credit: 0,
        holdUntil: 0,
        phase: adaptive && startAt === null && level < max ? 'starting' : 'full',
        factor: 2,
        seen: null,
        healthy: false,
        fell: false,
        pace: startAt === null ? PACE : PACE / 3,
    };
}

/** The same with another maximum: a limit that stood at the old one goes with it, one that was learned stays, as far as it may. */
export function withMax(c: Concurrency, max: number, adaptive: boolean): Concurrency {
    if (max === c.max && adaptive === c.adaptive) return c;
    const follows = !adaptive || c.level >= c.max;
    const level = follows ? max : within(c.level, max);
    const ceiling = c.ceiling >= c.max ? max : Math.max(level, Math.min(c.ceiling, max));
    const isStarting = adaptive && level < max && (c.phase === 'starting' || c.phase === 'doubting');
    return { ...at(c, level, -Infinity), ceiling, max, adaptive, phase: isStarting ? 'starting' : 'full' };
}

/** How many calls in flight are the share of one of several workers: whole numbers that differ by one at most and add up to all; 0 where there are too few. */
export const shareOf = (max: number, { slot, of }: { slot: number; of: number }): number =>
    Math.floor(max / of) + (slot < max % of ? 1 : 0);

/** Where the next slice is to begin: the limit that holds when it does not dip; null where nothing is learned. */
export const learnedOf = ({ level, adaptive }: Concurrency): number | null => (adaptive ? Math.floor(level) : null);

/** What dips have shown the target to bear, of this slice: the limit that they have led to; null where there was none. `isMost`: it would bear more, maybe. */
export const settledOf = ({ level, max, adaptive, seen }: Concurrency): { limit: number; isMost: boolean } | null =>
    adaptive && seen !== null ? { limit: Math.floor(level), isMost: level >= max } : null;

/**
 * After a call that went well. `ms` is how long it took, `inFlight` how many calls were in flight when it ended, itself included, and `busy` how busy this
 * process is, 0 to 1: what waits for the process does not wait for the target.
 */
export const afterSuccess = (c: Concurrency, now: number, ms: number, inFlight: number, busy = 0): Concurrency =>
    c.adaptive && c.max > 1 ? afterAnswer(c, now, ms, inFlight, busy) : c;

/**
 * After the target throttled, or did not answer in time. `ms` is how long the call took: calls begun before the step down say nothing new. What was
 * measured is of another limit; up to where it stood it goes up again by one after as many successes as the limit, and beyond by dips.
 */
export function afterThrottle(c: Concurrency, now: number, ms: number): Concurrency {
    if (!c.adaptive || now < c.holdUntil) return c;
    const lower = at(c, within(Math.floor(c.level * DECREASE), c.max), now);
    return { ...lower, ceiling: Math.max(lower.level, c.ceiling), credit: 0, holdUntil: now + Math.max(100, ms) };
}
