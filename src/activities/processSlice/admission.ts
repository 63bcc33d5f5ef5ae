// Whether one more call may begin. It is asked before each call; whatever limits calls stands behind it.
import { compileWindows, type CallingWindows } from '../../core/callingWindows';
import { afterSuccess, afterThrottle, learnedOf, newConcurrency, shareOf, withMax, type Concurrency } from '../../core/concurrency';
import type { Calling, Limits } from '../../core/control';
import type { Hold, Lease } from '../../core/ledger';

/** Not now. */
export interface Refusal {
    why: 'concurrency' | 'window';
    /** When to ask again, in ms; null: when a call has ended. */
    askAgainAt: number | null;
}

/** How a call ended, as far as limits learn from it; `ms` is how long it took. */
export interface CallEnding {
    /** The target was reached and did what it does, well or not: where every item is refused, there is as much to learn as anywhere. */
    answered: boolean;
    /** It says that fewer calls should be in flight. */
    throttles: boolean;
    ms: number;
}

export interface Admission {
    /** Takes a place for one call, or says when to ask again. Whoever was admitted makes the call, and gives the place back with `ended`. */
    ask(now: number): 'admitted' | Refusal;
    /** Gives the place of a call back. */
    ended(ending: CallEnding, now: number): void;
    /** What keeps every call off for longer than a slice waits; null when nothing does. */
    holdsOff(now: number): Hold | null;
}

const FULL: Refusal = { why: 'concurrency', askAgainAt: null };
/** A slice without a place asks again after so long: it may have been given one. In ms. */
const WITHOUT_PLACE_MS = 500;
/** A slice waits so long for calls to be allowed again, in ms; for longer it ends, and nobody works until then. */
const WORTH_WAITING_MS = 5_000;

/** The limits of a job, as far as they concern one slice: its share of the calls in flight, fewer when the target throttles or gets slower by them, and the windows for calls. */
export class SliceAdmission implements Admission {
    private concurrency: Concurrency;
    private inFlight = 0;
    private calling: Calling | undefined;
    private windows: CallingWindows | null = null;
    /** What was found of the windows last, and until when it holds, in ms. */
    private found: { isOpen: boolean; until: number } = { isOpen: true, until: -Infinity };

    constructor(
        private readonly lease: Pick<Lease, 'concurrency' | 'share' | 'startAt'>,
        limits: Limits,
        private generation = 0,
        /** How busy the process is, 0 to 1: a call that waits for it has not waited for the target. */
        private readonly busy: () => number = () => 0,
    ) {
        this.concurrency = newConcurrency(this.maxOf(limits), limits.concurrency.adaptive, lease.startAt);
        this.retune(limits, generation);
    }

    /** Goes by these limits, those of this generation of the control document, from now on. What is in flight beyond them is not called off. */
    retune(limits: Limits, generation: number): void {
        this.generation = generation;
        this.concurrency = withMax(this.concurrency, this.maxOf(limits), limits.concurrency.adaptive);
        if (JSON.stringify(limits.calling) === JSON.stringify(this.calling)) return;
        this.calling = limits.calling;
        this.windows = limits.calling ? compileWindows(limits.calling) : null;
        this.found = { isOpen: true, until: -Infinity };
    }

    private maxOf({ concurrency }: Limits): number {
        return this.lease.share ? shareOf(concurrency.max, this.lease.share) : Math.min(concurrency.max, this.lease.concurrency);
    }

    ask(now: number): 'admitted' | Refusal {
        const opensAt = this.opensAt(now);
        if (opensAt > now) return { why: 'window', askAgainAt: opensAt };
        if (this.concurrency.max === 0) return { why: 'concurrency', askAgainAt: now + WITHOUT_PLACE_MS };
        if (this.inFlight >= this.concurrency.limit) return FULL;
        this.inFlight++;
        return 'admitted';
    }

    ended({ answered, throttles, ms }: CallEnding, now: number): void {
        if (throttles) this.concurrency = afterThrottle(this.concurrency, now, ms);
        else if (answered) this.concurrency = afterSuccess(this.concurrency, now, ms, this.inFlight, this.busy());
        this.inFlight--;
    }

    holdsOff(now: number): Hold | null {
        const opensAt = this.opensAt(now);
        if (opensAt - now <= WORTH_WAITING_MS) return null;
        return { code: 'WINDOW', why: 'the next window in which calls may be made', until: opensAt, generation: this.generation };
    }

    /** When calls may be made, in ms: `now` or before when they may now. */
    private opensAt(now: number): number {
        if (!this.windows) return now;
        if (now >= this.found.until) {
            const isOpen = this.windows.isOpen(now);
            // No document holds Infinity: where no window ever opens, it is looked for again in a year.
            const until = isOpen ? this.windows.closesAt(now) : Math.min(this.windows.opensAt(now), now + YEAR_MS);
            this.found = { isOpen, until };
        }
        return this.found.isOpen ? now : this.found.until;
    }

    /** The limit that has been learned, or null while it is the highest. */
    get learned(): number | null {
        return learnedOf(this.concurrency);
    }
}

const YEAR_MS = 365 * 86_400_000;
