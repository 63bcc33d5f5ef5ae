// Long work beside other work: a process has one event loop, and what holds it holds up every job's calls.
import { setImmediate } from 'node:timers/promises';

/** Work that stops often, every few hundred microseconds, and goes on when it is asked to; at its end it gives its result. */
export type Stretches<T> = Generator<undefined, T, undefined>;

/** How long work may go on before the event loop has a turn, in ms. */
const TURN_MS = 10;

/** Does the work, and lets the event loop have its turn in between. Rejects with what the work throws. */
export async function inTurns<T>(work: Stretches<T>): Promise<T> {
    const rest = new Rest();
    for (;;) {
        const { done, value } = work.next();
        if (done) return value;
        if (rest.isDue) await rest.take();
    }
}

/** Does the work in one go: for what is known to be short. */
export function atOnce<T>(work: Stretches<T>): T {
    for (;;) {
        const { done, value } = work.next();
        if (done) return value;
    }
}

/** Gives the event loop its turn when the last one is long enough ago. */
export class Rest {
    private last = performance.now();

    get isDue(): boolean {
        return performance.now() - this.last >= TURN_MS;
    }

    async take(): Promise<void> {
        await setImmediate();
        this.last = performance.now();
    }
}
