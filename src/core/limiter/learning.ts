// What a target lets through, learned from its refusals: down at once, then up again, slowly at first.

/** What was learned of a target that refuses calls. Rates in calls a second. */
export interface Learned {
    /** The rate after the last step down, and when that was (ms). */
    base: number;
    since: number;
    /** The last refusal, in ms. */
    throttledAt: number;
}

/** After a refusal the rate is so much of what the target had accepted lately. */
const STEP_DOWN = 0.9;
/** Less than one call in two seconds finds nothing out. */
const LEAST_RATE = 0.5;
/** Refusals that come within this time of a step down are of the same burst, in ms. */
const SAME_BURST_MS = 1_000;
/** How fast the rate rises again: base × exp(RISE × t²), t in seconds: a tenth in 7 s, fourfold in 26 s. */
const RISE = 0.002;
/** Without a refusal for so long nothing is limited any more, in ms. */
const FORGOTTEN_MS = 600_000;
const MOST_RATE = 1e9;

/** The rate that is tried now. */
export function rateOf({ base, since }: Learned, now: number): number {
    const t = Math.max(0, now - since) / 1_000;
    return Math.min(MOST_RATE, base * Math.exp(Math.min(40, RISE * t * t)));
}

/** After a refusal; `accepted`: calls a second that the target has answered otherwise in the last seconds. */
export function afterRefusal(learned: Learned | null, accepted: number, now: number): Learned {
    if (learned && now - learned.since < SAME_BURST_MS) return { ...learned, throttledAt: now };
    const tried = learned ? rateOf(learned, now) : Infinity;
    return { base: Math.max(LEAST_RATE, STEP_DOWN * Math.min(accepted, tried)), since: now, throttledAt: now };
}

/** After a time that a target has closed was over: so many calls were accepted in the whole of it and the time before it. */
export const afterCycle = (accepted: number, ms: number, now: number): Learned => ({
    base: Math.max(LEAST_RATE, accepted / Math.max(1, ms / 1_000)),
    since: now,
    throttledAt: now,
});

/** What is still known of it. */
export const remembered = (learned: Learned | null, now: number): Learned | null =>
    learned && now - learned.throttledAt < FORGOTTEN_MS ? learned : null;
