import { durationMs } from './duration';

export interface RetryPolicy {
    /** Tries at one item in all, the first included. */
    attempts: number;
    initialDelayMs: number;
    maxDelayMs: number;
    factor: number;
}

export const retryPolicy = (spec: { attempts: number; initialDelay: string; maxDelay: string; factor: number }): RetryPolicy => ({
    attempts: spec.attempts,
    initialDelayMs: durationMs(spec.initialDelay),
    maxDelayMs: durationMs(spec.maxDelay),
    factor: spec.factor,
});

/** What a processor or a target may ask for at most: seven days. */
const LONGEST_MS = 7 * 86_400_000;

/**
 * The delay before the attempt after `attempt` (1-based), in ms: exponential with full jitter, uniform in [0, min(maxDelay, initial × factor^(attempt−1))]
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). What the target asked for with `Retry-After` wins over it, with a tenth of
 * jitter on top so that a crowd does not come back at once; it is a lower bound: a target that asks for no time at all is not asked at once. `chance` is
 * uniform in [0, 1). Whatever comes in, the delay is a whole number from 0 to thirty days, the longest `maxDelay`.
 */
export function retryDelay(policy: RetryPolicy, attempt: number, retryAfterMs: number | undefined, chance: number): number {
    const ceiling = Math.min(policy.maxDelayMs, policy.initialDelayMs * policy.factor ** (attempt - 1));
    const asked = retryAfterMs !== undefined && retryAfterMs > 0 ? Math.min(retryAfterMs, LONGEST_MS) * (1 + 0.1 * chance) : 0;
    return Math.ceil(Math.max(asked, ceiling * chance));
}

/** An item whose target asks for less waits no longer than this of its own accord, in ms: how fast calls go is not its own affair. */
const LONGEST_HELD_MS = 30_000;

/** The delay, in ms, whatever the policy says, before the next call of an item that was refused without using up an attempt, for the `times`-th time in a row. */
export function heldDelay(times: number, retryAfterMs: number | undefined, chance: number): number {
    const ceiling = Math.min(LONGEST_HELD_MS, FIRST_HELD_MS * 2 ** Math.min(times - 1, 10));
    const asked = Math.min(retryAfterMs ?? 0, LONGEST_MS) * (1 + 0.1 * chance);
    return Math.ceil(Math.max(asked, ceiling * (0.5 + 0.5 * chance)));
}

const FIRST_HELD_MS = 1_000;

/** An attempt that failed: which one it was (1-based), whether another may help, and what the target asked for. */
export interface FailedAttempt {
    attempt: number;
    retryable: boolean;
    retryAfterMs?: number | undefined;
}

/** What becomes of its item: another attempt, not before `due` (ms), or nothing more. */
export type AfterFailure = { kind: 'retry'; due: number } | { kind: 'fail' };

export function afterFailure(policy: RetryPolicy, failed: FailedAttempt, now: number, chance: number): AfterFailure {
    if (!failed.retryable || failed.attempt >= policy.attempts) return { kind: 'fail' };
    return { kind: 'retry', due: now + retryDelay(policy, failed.attempt, failed.retryAfterMs, chance) };
}
