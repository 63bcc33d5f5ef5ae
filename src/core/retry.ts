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

/**
 * The delay before the attempt after `attempt` (1-based), in ms: exponential with full jitter, uniform in [0, min(maxDelay, initial × factor^(attempt−1))]
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). What the target asked for with `Retry-After` wins over it, with a tenth of
 * jitter on top so that a crowd does not come back at once. `chance` is uniform in [0, 1).
 */
export function retryDelay(policy: RetryPolicy, attempt: number, retryAfterMs: number | undefined, chance: number): number {
    if (retryAfterMs !== undefined) return Math.ceil(retryAfterMs * (1 + 0.1 * chance));
    const ceiling = Math.min(policy.maxDelayMs, policy.initialDelayMs * policy.factor ** (attempt - 1));
    return Math.ceil(ceiling * chance);
}
