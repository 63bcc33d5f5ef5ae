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
    /** When the next probe may go, and how long after the one before it that is. */
    probeAt: number;
    everyMs: number;
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
    everyMs: FIRST_MS,
    probe: null,
});

/** After a probe that has failed. */
export function afterProbe(breaker: Breaker, why: string, now: number): Breaker {
    const longest = now - breaker.since < HOUR_MS ? LONGEST_MS : LONGEST_LATER_MS;
    const everyMs = Math.min(longest, breaker.everyMs * 2);
    return { ...breaker, why, failed: breaker.failed + 1, probe: null, everyMs, probeAt: now + everyMs };
}

/** A probe that nobody reports on has failed. */
export function agedBreaker(breaker: Breaker, now: number): Breaker | null {
    const next = breaker.probe && now >= breaker.probe.until ? afterProbe(breaker, breaker.why, breaker.probe.until) : breaker;
    // Nobody has asked for long, and so nobody knows.
    return now > next.probeAt + FORGOTTEN_MS + next.everyMs ? null : next;
}

/** A probe that nobody has made for so long after it was due, nobody waits for any more. In ms. */
const FORGOTTEN_MS = 120_000;

/** When the next probe may go; while one is out: when it is not waited for any more. */
export const probeAt = ({ probe, probeAt }: Breaker): number => probe?.until ?? probeAt;

/** The breaker with this holder as its probe, if one may go now; else null. */
export function probing(breaker: Breaker, by: string, now: number): Breaker | null {
    return now < probeAt(breaker) ? null : { ...breaker, probe: { by, until: now + ERRAND_MS } };
}
