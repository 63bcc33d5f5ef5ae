// Targets that refuse calls: how much of what they bear is used, and how many calls they refuse.
import { Site, type SimulatedJob } from './processes';
import { fixedWindow, tokenBucket, type Steps, type Target } from './targets';

export interface Outcome {
    /** Accepted ÷ what the target would have accepted at most. */
    used: number;
    /** The share of all calls that were refused. */
    refused: number;
}

export interface Setting {
    name: string;
    /** A target for these dice, and how long the run is, in ms. */
    target: (chance: () => number) => { target: Target; ms: number };
    processes?: number;
    /** At least so much is to be used, and at most so much refused; absent: whatever comes. */
    bounds?: { used: number; refused: number };
}

const MINUTES = 60_000;
const LONG_MS = 10 * MINUTES;

export const unending = (id: string, places = 16): SimulatedJob => ({ id, rates: [], items: Infinity, places });

export async function run(setting: Setting, seed: number): Promise<Outcome> {
    const dice = new Site(tokenBucket([], 1), seed * 7_919 + 1).world;
    const { target, ms } = setting.target(dice.chance);
    const site = new Site(target, seed);
    const processes = setting.processes ?? 4;
    // Slices of one job, 64 calls in flight at most.
    for (let i = 0; i < processes; i++) site.start([unending('job', 64 / processes)], site.world.between(0, 300));
    await site.world.runUntil(ms);
    const accepted = site.count(0, ms, 'accepted');
    return { used: accepted / target.most(ms), refused: site.count(0, ms, 'throttled') / site.count(0, ms) };
}

const STEPS: Steps = [
    [0, 50],
    [200_000, 20],
    [400_000, 80],
];

export const bucket = (retryAfterMs?: number, ms = LONG_MS, steps = STEPS): Setting['target'] => {
    return () => ({ target: tokenBucket(steps, 20, retryAfterMs), ms });
};

/** Fixed windows whose first is a part of one only; the run ends with a window. */
export const windows = (
    n: number,
    windowMs: number,
    says: { saysRetryAfter: boolean; saysLeft: boolean },
    ms = LONG_MS,
): Setting['target'] => {
    return (chance) => {
        const firstEndsMs = windowMs * (0.1 + 0.9 * chance());
        return { target: fixedWindow({ n, windowMs, firstEndsMs, ...says }), ms: ms - windowMs + firstEndsMs };
    };
};

const KINDS = [
    ['3,000 a minute', 3_000, 60_000],
    ['600 a minute', 600, 60_000],
    ['100 in 10 s', 100, 10_000],
] as const;
const OF_BUCKETS = { used: 0.8, refused: 0.06 };
const OF_WINDOWS = { used: 0.9, refused: 0.03 };

const ofWindows = (what: string, says: { saysRetryAfter: boolean; saysLeft: boolean }, bounds?: Setting['bounds']): Setting[] =>
    KINDS.map(([name, n, windowMs]) => ({
        name: `${name}, ${what}`,
        target: windows(n, windowMs, says),
        ...(bounds ? { bounds } : {}),
    }));

export const SETTINGS: Setting[] = [
    { name: 'token bucket, Retry-After: 5', target: bucket(5_000), bounds: OF_BUCKETS },
    { name: 'token bucket, Retry-After: 30', target: bucket(30_000), bounds: OF_BUCKETS },
    { name: 'token bucket, no header', target: bucket(), bounds: OF_BUCKETS },
    ...ofWindows('Retry-After', { saysRetryAfter: true, saysLeft: false }, OF_WINDOWS),
    ...ofWindows('what is left', { saysRetryAfter: false, saysLeft: true }, OF_WINDOWS),
    ...ofWindows('what is left, Retry-After', { saysRetryAfter: true, saysLeft: true }, OF_WINDOWS),
    ...ofWindows('no header', { saysRetryAfter: false, saysLeft: false }),
];
