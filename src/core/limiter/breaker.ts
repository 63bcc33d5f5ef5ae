// The breaker: a target at which nothing succeeds any more is left alone, but for a probe now and then.
import { ERRAND_MS, type Errand } from './gate';

/** Open; all times in ms, by the register's clock. */
export interface Breaker {
    /** Since when it is open, and since when nothing has succeeded. */
    since: number;
    failingSince: number;
    /** What was last heard of the target. */
    why: string;
    /** How many probes have failed. */
    failed: number;
    /** When the next probe may go. */
    probeAt: number;
    probe: Errand | null;
}

/** Between two probes: a second at first, doubling up to a minute, and after an hour on up to ten. In ms. */
const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
const HOUR_MS = 3_600_000;
const LONGEST_LATER_MS = 600_000;

export const opened = (failingSince: number, why: string, now: number): Breaker => ({
    since: now,
    failingSince,
    why,
    failed: 0,
    probeAt: now + FIRST_MS,
    probe: null,
});

/** After a probe that has failed. */
export function afterProbe(breaker: Breaker, why: string, now: number): Breaker {
    const failed = breaker.failed + 1;
    const longest = now - breaker.since < HOUR_MS ? LONGEST_MS : LONGEST_LATER_MS;
    return { ...breaker, why, failed, probe: null, probeAt: now + Math.min(longest, FIRST_MS * 2 ** Math.min(failed, 30)) };
}

/** The breaker with this holder as its probe, if one may go now; else null. */
export function probing(breaker: Breaker, by: string, now: number): Breaker | null {
    if (now < breaker.probeAt || (breaker.probe && now < breaker.probe.until)) return null;
    return { ...breaker, probe: { by, until: now + ERRAND_MS } };
}
