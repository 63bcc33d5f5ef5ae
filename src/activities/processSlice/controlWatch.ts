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
    /** Resolves when it has been looked at once, or could not be within the limit of a look; rejects with NewerVersion. */
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
    readonly first: Promise<void>;
    private looking = false;
    private cancelNext = (): void => undefined;

    constructor(
        private readonly store: JobStore,
        private readonly jobId: string,
        private readonly clock: Clock,
        private readonly log: Log,
    ) {
        this.first = this.look().catch((error: unknown) => {
            if (error instanceof NewerVersion) throw error;
            this.complain(error);
        });
        // Not everybody waits for it.
        this.first.catch(() => undefined);
        this.lookNowAndThen();
    }

    stop(): void {
        this.cancelNext();
    }

    private lookNowAndThen(): void {
        this.cancelNext = this.clock.after(EVERY_MS, () => {
            this.lookNowAndThen();
            this.look().catch((error: unknown) => this.complain(error));
        });
    }

    private complain(error: unknown): void {
        this.log.warn('control document was not read', {}, error);
    }

    private async look(): Promise<void> {
        // Nothing comes after a cancel.
        if (this.looking || this.control.desired === 'cancel') return;
        this.looking = true;
        try {
            const found = await this.store.glanceAtControl(this.jobId);
            if (found.generation <= this.control.generation) return;
            this.control = found;
            for (const { tell } of this.watchers) tell(found);
        } finally {
            this.looking = false;
        }
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
        first: watch.first,
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
