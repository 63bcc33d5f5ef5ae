/**
 * Why a slice stopped making calls. `done`: nothing is left that can be done in its time. `held`: nothing may be called before a time that is farther
 * off than a slice waits.
 */
export type StopReason = 'done' | 'time' | 'held' | 'cancelled' | 'paused' | 'expired' | 'unseen' | 'budget' | 'makingRoom' | 'trouble';

/**
 * Why a slice is asked from outside to stop: what is wanted of its job, the job's deadline, that nobody can see what is wanted (`unseen`), that as many of its
 * items have failed as may (`budget`), or another slice that wants the process to itself.
 */
export type AskedToStop = Extract<StopReason, 'cancelled' | 'paused' | 'expired' | 'unseen' | 'budget' | 'makingRoom'>;

/** Asks a slice to make no new calls. Some of the reasons can be withdrawn. */
export class StopRequest {
    private readonly reasons = new Set<AskedToStop>();
    private listener = (_why: AskedToStop | null): void => undefined;

    /** The first reason that still holds. */
    get asked(): AskedToStop | null {
        return this.reasons.values().next().value ?? null;
    }

    /** Asks for it, or takes that back. */
    set(why: AskedToStop, wanted: boolean): void {
        const before = this.asked;
        if (wanted) this.reasons.add(why);
        else this.reasons.delete(why);
        if (this.asked !== before) this.listener(this.asked);
    }

    ask(why: AskedToStop): void {
        this.set(why, true);
    }

    /** Has `tell` called whenever the reason is another, null when there is none any more; and now if there is one. */
    onAsked(tell: (why: AskedToStop | null) => void): void {
        this.listener = tell;
        if (this.asked) tell(this.asked);
    }
}
