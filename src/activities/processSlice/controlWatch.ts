// What users want of a job, looked at while it is worked on: one look a second for all who watch it in this process.
import type { Log } from '../../log';
import { NewerVersion } from '../../contracts/contract';
import { newControl, type Control } from '../../core/control';
import type { JobStore } from '../../storage/jobStore';
import type { Clock } from './clock';

/** Between two looks, in ms. */
const EVERY_MS = 1_000;

export interface Watch {
    /** What the document said last. */
    seen: () => Control;
    /** Resolves when it has been looked at once since the watch began, or could not be within the limit of a look; rejects with NewerVersion. */
    first: Promise<void>;
    /** Has `tell` called with the document as it is now, and whenever it has changed. */
    onChange: (tell: (control: Control) => void) => void;
    stop: () => void;
}

interface Watcher {
    tell: (control: Control) => void;
}

/** A look that fails or takes too long is given up; the next one comes. */
class ControlWatch {
    control = newControl();
    readonly watchers = new Set<Watcher>();
    private looking = false;
    private cancelNext = (): void => undefined;

    constructor(
        private readonly store: JobStore,
        private readonly jobId: string,
        private readonly clock: Clock,
        private readonly log: Log,
    ) {
        this.lookNowAndThen();
    }

    /** A look that begins now: what others saw a moment ago may be older than what has been accepted since. */
    lookFirst(): Promise<void> {
        const first = this.look().catch((error: unknown) => {
            if (error instanceof NewerVersion) throw error;
            this.complain(error);
        });
        // Not everybody waits for it.
        first.catch(() => undefined);
        return first;
    }

    stop(): void {
        this.cancelNext();
    }

    private lookNowAndThen(): void {
        this.cancelNext = this.clock.after(EVERY_MS, () => {
            this.lookNowAndThen();
            if (this.looking) return;
            this.looking = true;
            this.look()
                .catch((error: unknown) => this.complain(error))
                .finally(() => (this.looking = false))
                .catch(() => undefined);
        });
    }

    private complain(error: unknown): void {
        this.log.warn('control document was not read', {}, error);
    }

    private async look(): Promise<void> {
        // Nothing comes after a cancel.
        if (this.control.desired === 'cancel') return;
        const found = await this.store.glanceAtControl(this.jobId);
        // An older look may come in after a newer one.
        if (found.generation <= this.control.generation) return;
        this.control = found;
        for (const { tell } of this.watchers) tell(found);
    }
}

const watches = new Map<string, ControlWatch>();

/** Watches the control document until stopped. */
export function watchControl(store: JobStore, jobId: string, clock: Clock, log: Log): Watch {
    const watch = watches.get(jobId) ?? new ControlWatch(store, jobId, clock, log.about({ job: jobId }));
    watches.set(jobId, watch);
    const watcher: Watcher = { tell: () => undefined };
    watch.watchers.add(watcher);
    return {
        seen: () => watch.control,
        first: watch.lookFirst(),
        onChange: (tell) => {
            watcher.tell = tell;
            tell(watch.control);
        },
        stop: () => {
            watch.watchers.delete(watcher);
            if (watch.watchers.size > 0) return;
            watch.stop();
            watches.delete(jobId);
        },
    };
}
