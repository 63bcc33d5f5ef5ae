// What has been used of long windows, over sliding buckets: a day has no boundary at which twice its calls could be made.
import type { Rate } from './rate';

/** A window is cut into so many pieces. */
const PIECES = 60;
/** Every window is taken for so much longer (ms): two processes read storage's clock up to a second and a half apart. */
const SLACK_MS = 2_000;

/** Calls counted in one window length: `used` of the last pieces, the oldest first; the last of them is number `at` since 1970. */
export interface UsedWindow {
    perMs: number;
    at: number;
    used: number[];
}

const pieceMs = (perMs: number): number => (perMs + SLACK_MS) / PIECES;

/** The window as it is at `now`: what is over is forgotten. One piece more than the window has is kept: it may be over by a part only. */
export function slid(window: UsedWindow, now: number): UsedWindow {
    // A clock that is a moment behind takes nothing back.
    const at = Math.max(window.at, Math.floor(now / pieceMs(window.perMs)));
    const by = Math.min(at - window.at, PIECES + 1);
    if (by === 0) return window;
    return { ...window, at, used: [...window.used.slice(by), ...new Array<number>(by).fill(0)] };
}

const newWindow = (perMs: number, now: number): UsedWindow => ({
    perMs,
    at: Math.floor(now / pieceMs(perMs)),
    used: new Array<number>(PIECES + 1).fill(0),
});

/** Windows for these rates, with what is known to be used of them; one that no rate has is kept while anything is used of it. */
export function windowsFor(known: readonly UsedWindow[], rates: readonly Rate[], now: number): UsedWindow[] {
    const present = known.map((window) => slid(window, now)).filter((w) => rates.some(({ perMs }) => perMs === w.perMs) || usedOf(w) > 0);
    const fresh = rates.filter(({ perMs }) => !present.some((w) => w.perMs === perMs)).map(({ perMs }) => newWindow(perMs, now));
    return [...present, ...fresh].sort((a, b) => a.perMs - b.perMs);
}

/** The same windows as they are at `now`. */
export const slidAll = (windows: readonly UsedWindow[], now: number): UsedWindow[] => windows.map((window) => slid(window, now));

/** Calls counted in the window. */
export const usedOf = ({ used }: UsedWindow): number => used.reduce((sum, n) => sum + n, 0);

/** The windows, as they are now, with so many more calls counted at a time before. */
export const counted = (windows: readonly UsedWindow[], calls: number, at: number): UsedWindow[] =>
    calls === 0 ? [...windows] : windows.map((w) => countedIn(w, calls, at));

function countedIn(window: UsedWindow, calls: number, at: number): UsedWindow {
    const last = window.used.length - 1;
    const i = last - Math.max(0, window.at - Math.floor(at / pieceMs(window.perMs)));
    return i < 0 ? window : { ...window, used: window.used.with(Math.min(i, last), window.used[Math.min(i, last)]! + calls) };
}

/** Calls that may still be given out; `outstanding` were, and nobody has said whether they were made. */
export const leftOf = (windows: readonly UsedWindow[], rates: readonly Rate[], outstanding: number): number =>
    rates.reduce((least, { n, perMs }) => {
        const window = windows.find((w) => w.perMs === perMs);
        return Math.min(least, n - outstanding - (window ? usedOf(window) : 0));
    }, Infinity);

/** How long until another call is free in every window, in ms; 0: now. */
export function freeIn(windows: readonly UsedWindow[], rates: readonly Rate[], outstanding: number, now: number): number {
    return rates.reduce((longest, { n, perMs }) => {
        const window = windows.find((w) => w.perMs === perMs);
        if (!window) return longest;
        let over = usedOf(window) + outstanding - n + 1;
        for (let i = 0; over > 0 && i < window.used.length; i++) {
            over -= window.used[i]!;
            // Piece i is forgotten when the last has moved on by i + 1.
            if (over <= 0) return Math.max(longest, (window.at + i + 1) * pieceMs(perMs) - now);
        }
        return longest;
    }, 0);
}
