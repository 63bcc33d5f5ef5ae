// What users want of a job, looked at while it is worked on: one look a second for all who watch it in this process.
import type { Log } from '../../log';
import { NewerVersion } from '../../contracts/contract';
import { newControl, type Control } from '../../core/control';
import type { JobStore } from '../../storage/jobStore';
import { pause, type Clock } from './clock';

/** Between the beginnings of two looks, in ms. */
const EVERY_MS = 1_000;
/** Looks at the same time: one that is slow does not keep the next from coming. */
const AT_ONCE = 5;
/** Without a look that went well for so long (ms), nobody knows what is wanted. */
const BLIND_MS = 10_000;
/** Looks before the first call, and between them (ms). */
const FIRST_LOOKS = 3;
const FIRST_PAUSE_MS = 250;

export interface Watch {
    /** What the document said last. */
    seen: () => Control;
    /** Resolves when it has been looked at once since the watch began. @throws NewerVersion, or what storage answered to the last of three looks */
    first: Promise<void>;
    /** Has `tell` called with the document as it is now, and whenever it has changed. `isBlind`: it could not be looked at for a while. */
    onChange: (tell: (control: Control, isBlind: boolean) => void) => void;
    stop: () => void;
}

interface Watcher {
    tell: (control: Control, isBlind: boolean) => void;
}

/** A look that fails or takes too long is given up; the next one comes. */
class ControlWatch {
    control = newControl();
    isBlind = false;
    readonly watchers = new Set<Watcher>();
    private looking = 0;
    private seenAt: number;
    private cancelNext = (): void => undefined;

    constructor(
        private readonly store: JobStore,
        private readonly jobId: string,
        private readonly clock: Clock,
        private readonly log: Log,
    ) {
        this.seenAt = clock.now();
        this.lookNowAndThen();
    }

    /** Looks that begin now: what others saw a moment ago may be older than what has been accepted since. */
    lookFirst(): Promise<void> {
        const first = this.insist();
        // Not everybody waits for it.
        first.catch(() => undefined);
        return first;
    }

    private async insist(): Promise<void> {
        for (let looks = 1; ; looks++) {
            try {
                return await this.look();
            } catch (error) {
                if (error instanceof NewerVersion || looks === FIRST_LOOKS) throw error;
                this.complain(error);
                await pause(this.clock, FIRST_PAUSE_MS * looks);
            }
        }
    }

    stop(): void {
        this.cancelNext();
    }

    private lookNowAndThen(): void {
        this.cancelNext = this.clock.after(EVERY_MS, () => {
            this.lookNowAndThen();
            if (!this.isBlind && this.clock.now() - this.seenAt > BLIND_MS) this.tell((this.isBlind = true));
            if (this.looking >= AT_ONCE) return;
            this.looking++;
            this.look()
                .catch((error: unknown) => this.complain(error))
                .finally(() => this.looking--)
                .catch(() => undefined);
        });
    }

    private complain(error: unknown): void {
        this.log.warn('control document was not read', {}, error);
    }

    private async look(): Promise<void> {
        // Nothing comes after a cancel.
        if (this.control.desired === 'cancel') return;
        const began = this.clock.now();
        const found = await this.store.glanceAtControl(this.jobId);
        this.seenAt = Math.max(this.seenAt, began);
        const wasBlind = this.isBlind;
        this.isBlind = false;
        // An older look may come in after a newer one.
        const isNewer = found.generation > this.control.generation;
        if (isNewer) this.control = found;
        if (isNewer || wasBlind) this.tell(false);
    }

    private tell(isBlind: boolean): void {
        for (const { tell } of this.watchers) tell(this.control, isBlind);
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
            tell(watch.control, watch.isBlind);
        },
        stop: () => {
            watch.watchers.delete(watcher);
            if (watch.watchers.size > 0) return;
            watch.stop();
            watches.delete(jobId);
        },
    };
}
