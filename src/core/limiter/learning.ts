// What a target lets through, learned from its refusals: down at once, then up again, slowly at first.

/** What was learned of a target that refuses calls. Rates in calls a second, times in ms. */
export interface Learned {
    /** The rate after the last step, when that was, and whether it is a gate's: then it rises slowly. */
    base: number;
    at: number;
    isSlow: boolean;
    /** The last refusal. */
    throttledAt: number;
}

/** After a refusal the rate is so much of what the target had accepted lately; and where most calls are refused, so that this was of another time. */
const STEP_DOWN = 0.9;
const STEP_FAR_DOWN = 0.6;
/** Behind a gate that is obeyed: a rate at which it was closed for no more than this part of the time was a little too high, and no more. */
const LITTLE_CLOSED = 0.2;
const LITTLE_DOWN = 0.93;
/** One at which it was closed for longer tells how much is let through in all. Of that so much is tried: a gate that need not close costs no refusal. */
const STAYS_BELOW = 0.97;
/** A gate is soon open again within this time, in ms. */
const SOON_OPEN_MS = 2_000;
/** Less than one call in two seconds finds nothing out, nor does less than this part of what is accepted in all: windows end. */
export const LEAST_RATE = 0.5;
const LEAST_OF_ALL = 0.1;
/** Refusals that come within this time of a step down are of the same burst, in ms. */
export const SAME_BURST_MS = 1_000;
/** How fast the rate rises again: base × exp(RISE × t²), t in seconds: a tenth in 7 s, fourfold in 26 s. Behind a gate a tenth in a minute, fourfold in 4. */
const RISE = 0.002;
const SLOW_RISE = 0.00003;
/** Without a refusal for so long nothing is limited any more, in ms. */
const FORGOTTEN_MS = 600_000;
const MOST_RATE = 1e9;

/** The rate that is tried now. */
export function rateOf({ base, at, isSlow }: Learned, now: number): number {
    const t = Math.max(0, now - at) / 1_000;
    return Math.min(MOST_RATE, base * Math.exp(Math.min(40, (isSlow ? SLOW_RISE : RISE) * t * t)));
}

/** What is known when calls were refused; rates in calls a second. */
export interface Refusal {
    at: number;
    /** Accepted in the last seconds, and in the last minute or two. */
    lately: number;
    inAll: number;
    /** More were refused than accepted since it was last told. */
    isMost: boolean;
}

export function afterRefusal(learned: Learned | null, { at, lately, inAll, isMost }: Refusal, now: number): Learned {
    // Also one that is told late: the step was taken because of it, or of another of its time.
    if (learned && at - learned.at < SAME_BURST_MS) return { ...learned, throttledAt: now };
    const tried = learned ? rateOf(learned, now) : Infinity;
    const base = Math.max(LEAST_RATE, LEAST_OF_ALL * inAll, (isMost ? STEP_FAR_DOWN : STEP_DOWN) * Math.min(lately, tried));
    return { base, at: now, isSlow: false, throttledAt: now };
}

/** Accepted since then, by whoever has told. */
export interface Cycle {
    since: number;
    accepted: number;
}

/** Between openings a cycle forgets the half of what is older than this (ms): the rate was another then. */
const CYCLE_MS = 60_000;

export const rateOfCycle = ({ since, accepted }: Cycle, now: number): number => (accepted * 1_000) / Math.max(1_000, now - since);

/** With so many calls more, while the gate is open. */
export function wentOn({ since, accepted }: Cycle, more: number, now: number): Cycle {
    const isLong = now - since > 2 * CYCLE_MS;
    return isLong ? { since: (since + now) / 2, accepted: accepted / 2 + more } : { since, accepted: accepted + more };
}

/**
 * After a gate has opened that was obeyed: what was accepted since it had opened before is what the target bears. Unless it was closed for a short time only:
 * the most of the cycle the rate was lower than that, on its way up to where it closed.
 */
export function afterCycle(
    learned: Learned | null,
    { accepted, since }: Cycle,
    { since: closedAt, accepted: lately }: { since: number; accepted: number },
    now: number,
): Learned {
    // A first gate that is soon open again has closed upon a burst, and tells of the target no more than a refusal does.
    if (learned === null && now - closedAt <= SOON_OPEN_MS)
        return afterRefusal(null, { at: closedAt, lately, inAll: 0, isMost: false }, now);
    // Nothing at all came through: one call at a time finds out when something does, soon more.
    if (accepted === 0) return { base: LEAST_RATE, at: now, isSlow: false, throttledAt: now };
    const ms = Math.max(1, now - since);
    const passed = (accepted * 1_000) / ms;
    const tried = learned ? rateOf(learned, closedAt) : Infinity;
    const isLittle = learned !== null && now - closedAt < LITTLE_CLOSED * ms;
    const base = isLittle ? Math.max(passed, LITTLE_DOWN * tried) : STAYS_BELOW * passed;
    return { base: Math.max(LEAST_RATE, base), at: now, isSlow: true, throttledAt: now };
}

/** What is still known of it. */
export const remembered = (learned: Learned | null, now: number): Learned | null =>
    learned && now - learned.throttledAt < FORGOTTEN_MS ? learned : null;
