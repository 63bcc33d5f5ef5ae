/** Time as a slice sees it, so that tests can hand it another. Milliseconds. */
export interface Clock {
    now(): number;
    /** Runs `what` once, after so long; the function that it gives back calls it off. */
    after(ms: number, what: () => void): () => void;
}

export const systemClock: Clock = {
    now: Date.now,
    after: (ms, what) => {
        const timer = setTimeout(what, ms);
        return () => clearTimeout(timer);
    },
};

/** A clock that does not go back, whatever is done to that of the machine. */
export const monotonicClock: Clock = { ...systemClock, now: () => performance.timeOrigin + performance.now() };
/** How busy this process is as it was a moment ago, 0 to 1: the part of the time in which its event loop did not wait. */
export class Busyness {
    private before = performance.eventLoopUtilization();
    private readAt = -Infinity;
    private busy = 0;

    constructor(private readonly clock: Pick<Clock, 'now'> = systemClock) {}

    read(): number {
        const now = this.clock.now();
        if (now - this.readAt < BUSY_MS) return this.busy;
        const loop = performance.eventLoopUtilization();
        this.busy = performance.eventLoopUtilization(loop, this.before).utilization;
        this.before = loop;
        this.readAt = now;
        return this.busy;
    }
}

/** It is read anew after so long, in ms. */
const BUSY_MS = 200;

export const pause = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
