// Counts that move while a slice runs. They are best effort: what the slice reports in the end is what counts.
import type { Progress } from '../../contracts/documents';
import type { Clock } from './clock';

const LOOK_MS = 1_000;
/** Every second at first, when someone is likely to look; then every three: a write is a storage transaction. */
const OFTEN_FOR_MS = 5_000;
const OFTEN_MS = 900;
const SELDOM_MS = 2_900;

export interface ProgressOptions {
    clock: Clock;
    read: (now: number) => Progress;
    write: (progress: Progress) => Promise<void>;
    /** A write that failed. */
    complain: (error: unknown) => void;
}

/** Writes the progress of a slice now and then, one request at a time: slow ones would pile up, and an older one land on a newer. Gives back what ends it. */
export function writeProgress({ clock, read, write, complain }: ProgressOptions): () => void {
    const began = clock.now();
    let written = -Infinity;
    let isWriting = false;
    let cancel = (): void => undefined;
    const look = (): void => {
        cancel = clock.after(LOOK_MS, look);
        const now = clock.now();
        if (isWriting || now - written < (now - began < OFTEN_FOR_MS ? OFTEN_MS : SELDOM_MS)) return;
        written = now;
        isWriting = true;
        write(read(now))
            .catch(complain)
            .finally(() => (isWriting = false))
            .catch(() => undefined);
    };
    cancel = clock.after(LOOK_MS, look);
    return () => cancel();
}
