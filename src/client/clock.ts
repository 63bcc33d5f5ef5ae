// Time, so that tests can give their own.

export interface Clock {
    /** Milliseconds. */
    now(): number;
    /** Runs `what` after so many ms; the answer takes that back. */
    after(ms: number, what: () => void): () => void;
}

/** The longest time that a timer takes; more is several, one after the other. */
const LONGEST_MS = 2 ** 31 - 1;

export const realClock: Clock = {
    now: () => Date.now(),
    after: (ms, what) => {
        let timer: ReturnType<typeof setTimeout>;
        const start = (left: number): void => {
            timer = setTimeout(left > LONGEST_MS ? () => start(left - LONGEST_MS) : what, Math.min(left, LONGEST_MS));
        };
        start(ms);
        return () => clearTimeout(timer);
    },
};

/** Rejects with the signal's reason as soon as it is aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
        const stop = () => {
            cancel();
            // What a signal is aborted with is for the one who aborted it to choose.
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
            reject(signal!.reason);
        };
        const cancel = clock.after(ms, () => {
            signal?.removeEventListener('abort', stop);
            resolve();
        });
        if (signal?.aborted) stop();
        else signal?.addEventListener('abort', stop, { once: true });
    });
}
