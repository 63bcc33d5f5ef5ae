// How often a target may be called, as users write it: "50/s", "1000/min", "100/10s".

/** At most `n` calls in each stretch of `perMs`, wherever that begins. */
export interface Rate {
    n: number;
    perMs: number;
}

export const RATE_FORM = 'calls per time, such as "50/s", "1000/min", "600/h", "10000/day" or "100/10s"';
/** Windows of one limiter. */
export const MAX_RATES = 5;
const MAX_CALLS = 1_000_000_000;
/** The longest window: 31 days. */
const MAX_PER_MS = 31 * 86_400_000;

const UNITS = { s: 1_000, min: 60_000, h: 3_600_000, day: 86_400_000 } as const;
type Unit = keyof typeof UNITS;
const RATE = /^(\d{1,10})\/(\d{1,5})?(s|min|h|day)$/;

/** Reads a rate; null where it is none: from 1 to a thousand million calls, in windows from a second to 31 days. */
export function parseRate(text: string): Rate | null {
    const found = RATE.exec(text);
    if (!found) return null;
    const [, calls, times = '1', unit] = found;
    const rate = { n: Number(calls), perMs: Number(times) * UNITS[unit as Unit] };
    const isInBounds = rate.n >= 1 && rate.n <= MAX_CALLS && rate.perMs >= 1_000 && rate.perMs <= MAX_PER_MS;
    return isInBounds ? rate : null;
}

/** The rate as users write it. */
export function rateText({ n, perMs }: Rate): string {
    const [unit, ms] = (Object.entries(UNITS) as [Unit, number][]).reverse().find(([, ms]) => perMs % ms === 0) ?? ['s', 1_000];
    const times = perMs / ms;
    return `${n}/${times === 1 ? '' : times}${unit}`;
}

/** Of all windows of one length the strictest, the shortest first. */
export function strictest(rates: readonly Rate[]): Rate[] {
    const byLength = new Map<number, number>();
    for (const { n, perMs } of rates) byLength.set(perMs, Math.min(n, byLength.get(perMs) ?? Infinity));
    return [...byLength].map(([perMs, n]) => ({ n, perMs })).sort((a, b) => a.perMs - b.perMs);
}
