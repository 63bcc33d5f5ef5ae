/** Why a slice stopped making calls. `done`: nothing is left that can be done in its time. */
export type StopReason = 'done' | 'time' | 'cancelled' | 'makingRoom' | 'trouble';

/** Why a slice is asked from outside to stop: its job is cancelled, or another slice wants the process to itself. */
export type AskedToStop = Extract<StopReason, 'cancelled' | 'makingRoom'>;

/** Asks a slice to make no new calls; the first reason holds. */
export class StopRequest {
    asked: AskedToStop | null = null;
    private listener = (_why: AskedToStop): void => undefined;

    ask(why: AskedToStop): void {
        if (this.asked) return;
        this.asked = why;
        this.listener(why);
    }

    /** Has `tell` called once: when the slice is asked, or now if it has been. */
    onAsked(tell: (why: AskedToStop) => void): void {
        this.listener = tell;
        if (this.asked) tell(this.asked);
    }
}
