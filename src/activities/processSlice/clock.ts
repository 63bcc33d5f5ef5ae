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

export const pause = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
