// What users want of a job, looked at while it is worked on: one look a second for all who watch it in this process.
import type { Log } from '../../log';
import { NewerVersion } from '../../contracts/contract';
import { newControl, type Control } from '../../core/control';
import type { JobStore } from '../../storage/jobStore';
import type { Clock } from './clock';

/** Between two looks, in ms. */
const EVERY_MS = 1_000;

export interface Watch {
    cancelled: () => boolean;
    /** What the document said last. */
    seen: () => Control;
    /** Resolves when it has been looked at once, or could not be within the limit of a look; rejects with NewerVersion. */
    first: Promise<void>;
    /** Has `tell` called once: when the document says that the job is cancelled, or now when it has. */
    onCancel: (tell: () => void) => void;
    stop: () => void;
}

interface Watcher {
    tell: () => void;
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

    get cancelled(): boolean {
        return this.control.desired === 'cancel';
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
        if (this.looking || this.cancelled) return;
        this.looking = true;
        try {
            this.control = await this.store.glanceAtControl(this.jobId);
            if (this.cancelled) for (const { tell } of this.watchers) tell();
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
        cancelled: () => watch.cancelled,
        seen: () => watch.control,
        first: watch.first,
        onCancel: (tell) => {
            watcher.tell = tell;
            if (watch.cancelled) tell();
        },
        stop: () => {
            watch.watchers.delete(watcher);
            if (watch.watchers.size > 0) return;
            watch.stop();
            watches.delete(jobId);
        },
    };
}
