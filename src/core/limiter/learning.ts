// What a target lets through, learned from its refusals: down at once, then up again, slowly at first.

/** What was learned of a target that refuses calls. Rates in calls a second, times in ms. */
export interface Learned {
    /** The rate after the last step, when that was, and from when on it rises. */
    base: number;
    at: number;
    risesFrom: number;
    /** The last refusal. */
    throttledAt: number;
}

/** After a refusal the rate is so much of what the target had accepted lately. */
const STEP_DOWN = 0.9;
/** Behind a gate that is obeyed: so much of what it has let through from one opening to the next, for so long (ms), so that it need not close again. */
const STAYS_BELOW = 0.97;
const STAYS_MS = 45_000;
/** Less than one call in two seconds finds nothing out. */
export const LEAST_RATE = 0.5;
/** Refusals that come within this time of a step down are of the same burst, in ms. */
export const SAME_BURST_MS = 1_000;
/** How fast the rate rises again: base × exp(RISE × t²), t in seconds: a tenth in 7 s, fourfold in 26 s. */
const RISE = 0.002;
/** Without a refusal for so long nothing is limited any more, in ms. */
const FORGOTTEN_MS = 600_000;
const MOST_RATE = 1e9;

/** The rate that is tried now. */
export function rateOf({ base, risesFrom }: Learned, now: number): number {
    const t = Math.max(0, now - risesFrom) / 1_000;
    return Math.min(MOST_RATE, base * Math.exp(Math.min(40, RISE * t * t)));
}

/** After a refusal at `refusedAt`; `accepted`: calls a second that the target has answered otherwise in the last seconds. */
export function afterRefusal(learned: Learned | null, accepted: number, refusedAt: number, now: number): Learned {
    // Also one that is told late: the step was taken because of it, or of another of its time.
    if (learned && refusedAt - learned.at < SAME_BURST_MS) return { ...learned, throttledAt: now };
    const tried = learned ? rateOf(learned, now) : Infinity;
    return { base: Math.max(LEAST_RATE, STEP_DOWN * Math.min(accepted, tried)), at: now, risesFrom: now, throttledAt: now };
}

/** Accepted since then, by whoever has told. */
export interface Cycle {
    since: number;
    accepted: number;
}

/** Between openings a cycle forgets the half of what is older than this (ms): the rate was another then. */
const CYCLE_MS = 60_000;

/** With so many calls more, while the gate is open. */
export function wentOn({ since, accepted }: Cycle, more: number, now: number): Cycle {
    const isLong = now - since > 2 * CYCLE_MS;
    return isLong ? { since: (since + now) / 2, accepted: accepted / 2 + more } : { since, accepted: accepted + more };
}

/** After a gate has opened that was obeyed: so many calls were accepted since it had opened before. */
export const afterCycle = ({ accepted, since }: Cycle, now: number): Learned => ({
    base: Math.max(LEAST_RATE, (STAYS_BELOW * accepted) / Math.max(1, (now - since) / 1_000)),
    at: now,
    risesFrom: now + STAYS_MS,
    throttledAt: now,
});

/** What is still known of it. */
export const remembered = (learned: Learned | null, now: number): Learned | null =>
    learned && now - learned.throttledAt < FORGOTTEN_MS ? learned : null;
