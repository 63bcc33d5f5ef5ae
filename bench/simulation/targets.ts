// Targets: what they accept, and what they say when they do not.

export interface Answer {
    kind: 'accepted' | 'throttled' | 'unreachable' | 'failed';
    retryAfterMs?: number;
    hint?: { remaining: number; resetMs: number };
}

export interface Target {
    /** A call arrives at this time, in ms. */
    answer(now: number): Answer;
    /** What it would have accepted at most in so much time from 0 on. */
    most(ms: number): number;
}

/** Calls a second from a time (ms) on. */
export type Steps = readonly (readonly [fromMs: number, perSecond: number])[];

/** A token bucket. */
export function tokenBucket(steps: Steps, burst: number, retryAfterMs?: number): Target {
    let tokens = burst;
    let at = 0;
    const earned = (from: number, to: number): number =>
        steps.reduce((sum, [start, rate], i) => {
            const end = steps[i + 1]?.[0] ?? Infinity;
            return sum + (rate * Math.max(0, Math.min(to, end) - Math.max(from, start))) / 1_000;
        }, 0);
    return {
        answer: (now) => {
            tokens = Math.min(burst, tokens + earned(at, now));
            at = now;
            if (tokens < 1) return { kind: 'throttled', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
            tokens--;
            return { kind: 'accepted' };
        },
        most: (ms) => burst + earned(0, ms),
    };
}

export interface WindowTarget {
    n: number;
    windowMs: number;
    /** When the first window ends, in ms. */
    firstEndsMs: number;
    /** Whether it says `Retry-After`, in whole seconds, and on every answer what is left. */
    saysRetryAfter: boolean;
    saysLeft: boolean;
}

/** So many calls in each window, which begin by the target's own clock. */
export function fixedWindow({ n, windowMs, firstEndsMs, saysRetryAfter, saysLeft }: WindowTarget): Target {
    let window = 0;
    let used = 0;
    const windowAt = (now: number): number => Math.max(0, Math.ceil((now - firstEndsMs + 1e-9) / windowMs));
    return {
        answer: (now) => {
            if (windowAt(now) !== window) used = 0;
            window = windowAt(now);
            const isAccepted = used < n;
            if (isAccepted) used++;
            const resetMs = Math.ceil((firstEndsMs + window * windowMs - now) / 1_000) * 1_000;
            return {
                kind: isAccepted ? 'accepted' : 'throttled',
                ...(saysRetryAfter && !isAccepted ? { retryAfterMs: resetMs } : {}),
                ...(saysLeft ? { hint: { remaining: n - used, resetMs } } : {}),
            };
        },
        most: (ms) => n * (1 + windowAt(ms - 1)),
    };
}

/** Accepts everything, but for a time in which it does not answer. */
export function away(from: number, to: number, kind: 'unreachable' | 'failed' = 'unreachable'): Target {
    return { answer: (now) => ({ kind: now >= from && now < to ? kind : 'accepted' }), most: () => Infinity };
}

export const unlimited: Target = { answer: () => ({ kind: 'accepted' }), most: () => Infinity };
