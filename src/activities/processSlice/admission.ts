// Whether one more call may begin. It is asked before each call; whatever limits calls stands behind it.
import { afterSuccess, afterThrottle, newConcurrency, type Concurrency } from '../../core/concurrency';

/** Not now. */
export interface Refusal {
    why: 'concurrency';
    /** When to ask again, in ms; null: when a call has ended. */
    askAgainAt: number | null;
}

/** How a call ended, as far as limits learn from it; `ms` is how long it took. */
export interface CallEnding {
    ok: boolean;
    /** It says that fewer calls should be in flight. */
    throttles: boolean;
    ms: number;
}

export interface Admission {
    /** Takes a place for one call, or says when to ask again. Whoever was admitted makes the call, and gives the place back with `ended`. */
    ask(now: number): 'admitted' | Refusal;
    /** Gives the place of a call back. */
    ended(ending: CallEnding, now: number): void;
}

const FULL: Refusal = { why: 'concurrency', askAgainAt: null };

/** As many calls in flight as the job's concurrency allows this slice, fewer when the target throttles. */
export class ConcurrencyAdmission implements Admission {
    private concurrency: Concurrency;
    private inFlight = 0;

    constructor(max: number, adaptive: boolean, startAt: number | null) {
        this.concurrency = newConcurrency(max, adaptive, startAt);
    }

    ask(): 'admitted' | Refusal {
        if (this.inFlight >= this.concurrency.limit) return FULL;
        this.inFlight++;
        return 'admitted';
    }

    ended({ ok, throttles, ms }: CallEnding, now: number): void {
        this.inFlight--;
        if (ok) this.concurrency = afterSuccess(this.concurrency);
        else if (throttles) this.concurrency = afterThrottle(this.concurrency, now, ms);
    }

    /** The limit that has been learned, or null while it is the highest. */
    get learned(): number | null {
        const { limit, max } = this.concurrency;
        return limit < max ? limit : null;
    }
}
