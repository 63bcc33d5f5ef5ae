// Counts that move while a slice runs. They are best effort: what the slice reports in the end is what counts.
import type { StepProgress } from '../../core/status';
import type { Log } from '../../log';
import type { JobStore } from '../../storage/jobStore';
import { systemClock, type Clock } from './clock';

const LOOK_MS = 1_000;
/** Every second at first, when someone is likely to look; then every three: a write is a storage transaction. */
const OFTEN_FOR_MS = 5_000;
const OFTEN_MS = 900;
const SELDOM_MS = 2_900;

export interface ProgressOptions<Progress> {
    clock: Clock;
    /** Called every second. */
    look?: (now: number) => void;
    read: (now: number) => Progress;
    /** False: nothing is to be written any more. */
    write: (progress: Progress) => Promise<boolean | void>;
    /** A write that failed. */
    complain: (error: unknown) => void;
}

/** Writes progress now and then, one request at a time: slow ones would pile up, and an older one land on a newer. Gives back what ends it. */
export function writeProgress<Progress>({ clock, look: tell, read, write, complain }: ProgressOptions<Progress>): () => void {
    const began = clock.now();
    let written = -Infinity;
    let isWriting = false;
    let cancel = (): void => undefined;
    const look = (): void => {
        cancel = clock.after(LOOK_MS, look);
        const now = clock.now();
        tell?.(now);
        if (isWriting || now - written < (now - began < OFTEN_FOR_MS ? OFTEN_MS : SELDOM_MS)) return;
        written = now;
        isWriting = true;
        write(read(now))
            .then((goesOn) => {
                if (goesOn === false) cancel();
            })
            .catch(complain)
            .finally(() => (isWriting = false))
            .catch(() => undefined);
    };
    cancel = clock.after(LOOK_MS, look);
    return () => cancel();
}

/** The same of planning or folding. */
export const writeStepProgress = (store: JobStore, jobId: string, log: Log, read: () => StepProgress): (() => void) =>
    writeProgress({
        clock: systemClock,
        read,
        write: (progress) => store.writeStep(jobId, progress),
        complain: (error) => log.warn('progress was not written', {}, error),
    });

/** How fast something grows, over the last seconds. */
export class RecentRate {
    private readonly seen: { at: number; total: number }[];

    constructor(now: number) {
        this.seen = [{ at: now, total: 0 }];
    }

    note(at: number, total: number): void {
        this.seen.push({ at, total });
        // One that is older stays, so that there is something to compare with.
        while (this.seen.length > 2 && this.seen[1]!.at <= at - RATE_MS) this.seen.shift();
    }

    /** A second, to a tenth. */
    at(now: number, total: number): number {
        const from = this.seen[0]!;
        return Math.round(((total - from.total) / Math.max(0.001, (now - from.at) / 1000)) * 10) / 10;
    }
}

const RATE_MS = 5_000;
