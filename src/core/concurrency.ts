// Adaptive concurrency: additive increase, multiplicative decrease (Chiu and Jain, 1989), on what the target says of itself.
import type { ItemCode } from './codes';

export interface Concurrency {
    /** Calls in flight at most, now. */
    readonly limit: number;
    readonly max: number;
    readonly adaptive: boolean;
    /** Successes since the last step up. */
    readonly credit: number;
    /** No further step down before this time (ms): one burst of refusals is one signal. */
    readonly holdUntil: number;
}

const DECREASE = 0.7;

export const newConcurrency = (max: number, adaptive: boolean, startAt: number | null): Concurrency => ({
    limit: adaptive && startAt !== null ? Math.max(Math.min(1, max), Math.min(max, startAt)) : max,
    max,
    adaptive,
    credit: 0,
    holdUntil: 0,
});

/** The same with another maximum: a limit that stood at the old one goes with it, one that was learned stays, as far as it may. */
export function withMax(c: Concurrency, max: number, adaptive: boolean): Concurrency {
    if (max === c.max && adaptive === c.adaptive) return c;
    const follows = !adaptive || c.limit >= c.max;
    return { ...c, limit: follows ? max : Math.max(Math.min(1, max), Math.min(c.limit, max)), max, adaptive };
}

/** How many calls in flight are the share of one of several workers: whole numbers that differ by one at most and add up to all; 0 where there are too few. */
export const shareOf = (max: number, { slot, of }: { slot: number; of: number }): number =>
    Math.floor(max / of) + (slot < max % of ? 1 : 0);

/** After a call that went well: after as many successes as the limit, one more may be in flight. */
export function afterSuccess(c: Concurrency): Concurrency {
    if (c.limit >= c.max) return c;
    return c.credit + 1 < c.limit ? { ...c, credit: c.credit + 1 } : { ...c, limit: c.limit + 1, credit: 0 };
}

/** After the target throttled, or did not answer in time. `ms` is how long the call took: calls begun before the step down say nothing new. */
export function afterThrottle(c: Concurrency, now: number, ms: number): Concurrency {
    if (!c.adaptive || now < c.holdUntil) return c;
    return { ...c, limit: Math.max(Math.min(1, c.max), Math.floor(c.limit * DECREASE)), credit: 0, holdUntil: now + Math.max(100, ms) };
}

/** Statuses by which a target says that it is asked too much: 429 Too Many Requests, 503 Service Unavailable (RFC 6585, RFC 9110). */
const THROTTLES = new Set([429, 503]);

/** Whether a failed call says that fewer calls should be in flight: by its status, or because the target did not answer in time. */
export const throttles = (code: ItemCode, status: number | undefined): boolean =>
    code === 'TIMEOUT' || (status !== undefined && THROTTLES.has(status));
