// Adaptive concurrency: additive increase, multiplicative decrease (Chiu and Jain, 1989), on what the target says of itself.

export interface Concurrency {
    /** Calls in flight at most, now. */
    limit: number;
    readonly max: number;
    readonly adaptive: boolean;
    /** Successes since the last step up. */
    credit: number;
    /** No further step down before this time (ms): one burst of refusals is one signal. */
    holdUntil: number;
}

const DECREASE = 0.7;

export const newConcurrency = (max: number, adaptive: boolean, startAt: number | null): Concurrency => ({
    limit: adaptive && startAt !== null ? Math.max(1, Math.min(max, startAt)) : max,
    max,
    adaptive,
    credit: 0,
    holdUntil: 0,
});

/** A call went well: after as many successes as the limit, one more may be in flight. */
export function succeeded(c: Concurrency): void {
    if (c.limit >= c.max || ++c.credit < c.limit) return;
    c.limit++;
    c.credit = 0;
}

/** The target throttled, or did not answer in time. `ms` is how long the call took: calls begun before the step down say nothing new. */
export function throttled(c: Concurrency, now: number, ms: number): void {
    if (!c.adaptive || now < c.holdUntil) return;
    c.limit = Math.max(1, Math.floor(c.limit * DECREASE));
    c.credit = 0;
    c.holdUntil = now + Math.max(100, ms);
}
