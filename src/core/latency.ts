// What calls that went well tell of the target: how long they took, of some that were begun within one span of time.

/** Calls as sums. Latencies are taken as logarithms: a few calls that take ten times as long move a mean of these little. */
export interface Sample {
    readonly n: number;
    /** Of `logOf` the latencies, and of its squares. */
    readonly sum: number;
    readonly squares: number;
    /** Of the calls in flight when each ended. */
    readonly inFlight: number;
    /** Of how busy the process was when each ended, 0 to 1. */
    readonly busy: number;
}

export const NO_SAMPLE: Sample = { n: 0, sum: 0, squares: 0, inFlight: 0, busy: 0 };

/** Milliseconds that a busy process and a clock of whole milliseconds add at random: a call of 1 ms that takes 3 has not become three times as slow. */
const GRAIN_MS = 2;

const logOf = (ms: number): number => Math.log(Math.max(0, ms) + GRAIN_MS);

export function withCall({ n, sum, squares, inFlight, busy }: Sample, ms: number, calls: number, load: number): Sample {
    const log = logOf(ms);
    return { n: n + 1, sum: sum + log, squares: squares + log * log, inFlight: inFlight + calls, busy: busy + load };
}

/** How long a call took, in ms: the geometric mean. */
export const typicalMs = ({ n, sum }: Sample): number => Math.max(1, Math.exp(sum / n) - GRAIN_MS);

/** A mean that is smaller where calls took less. */
export const latencyOf = ({ n, sum }: Sample): number => sum / n;

export const meanInFlight = ({ n, inFlight }: Sample): number => inFlight / n;

export const meanBusy = ({ n, busy }: Sample): number => busy / n;

/** The same with calls that have not ended after so long. At most as many as have: what is not known must not outweigh what is. */
export function withMissing(sample: Sample, missing: number, ms: number): Sample {
    const calls = Math.max(0, Math.min(missing, sample.n));
    const log = logOf(ms);
    return { ...sample, n: sample.n + calls, sum: sample.sum + calls * log, squares: sample.squares + calls * log * log };
}

/** By how much latency differs, as a logarithm of the ratio, and how uncertain that is (the square of its standard error). */
export interface Rise {
    readonly log: number;
    readonly variance: number;
}

export const riseOf = (from: Sample, to: Sample): Rise => ({
    log: to.sum / to.n - from.sum / from.n,
    variance: errorOf(from) + errorOf(to),
});

/** Few calls can be alike by chance: none is taken to vary by less than this. */
const LEAST_VARIANCE = 0.002;

const errorOf = ({ n, sum, squares }: Sample): number => Math.max(LEAST_VARIANCE, squares / n - (sum / n) ** 2) / n;

/** What was measured before counts less the older it is and the more the level has changed since. */
export function together(before: (Rise & { readonly level: number }) | null, now: Rise, level: number): Rise {
    if (!before) return now;
    const old = 1.25 * before.variance + 0.002 + Math.log(level / before.level) ** 2;
    const weight = old / (old + now.variance);
    return { log: weight * now.log + (1 - weight) * before.log, variance: weight * now.variance };
}
