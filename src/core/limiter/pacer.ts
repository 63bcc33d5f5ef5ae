// The pace of one process at one target: a call when it is due, in turn among its jobs.

/** Calls that are late by no more than this (ms) are made up for: timers are late, and a busy process looks seldom. */
const CATCH_UP_MS = 25;
/** A turn that its job does not take within this time (ms) is lost: many that are late together would be a burst. */
const TURN_MS = 50;

/**
 * The generic cell rate algorithm (ITU-T I.371, annex A) with a burst of one: a call is due `1/rate` after the one before. Whoever asks too early gets the
 * next free time as his turn and comes back then; a job has one turn at a time, so that jobs take turns whatever they ask for.
 *
 * Times in ms, by any clock that does not go back.
 */
export class Pacer {
    /** When the next call is due that nobody has a turn for. */
    private dueAt = -Infinity;
    private intervalMs = 0;
    private readonly turns = new Map<string, number>();

    /** Calls a second from now on; Infinity: no pace; 0: no calls. `whole`: the rate of which this is a share: who has a small one waits for his first call. */
    setRate(rate: number, whole: number, now: number): void {
        const intervalMs = 1_000 / rate;
        if (intervalMs === this.intervalMs) return;
        const isFirst = this.intervalMs === Infinity || this.dueAt === -Infinity;
        this.intervalMs = intervalMs;
        if (intervalMs === 0 || intervalMs === Infinity) {
            this.turns.clear();
            this.dueAt = now;
        } else if (isFirst) this.dueAt = Math.max(this.dueAt, now + intervalMs * (1 - Math.min(1, rate / whole)));
        // Turns far ahead were given at another rate.
        else if (this.dueAt > now + intervalMs * (this.turns.size + 1)) {
            this.turns.clear();
            this.dueAt = now + intervalMs;
        }
    }

    /** `now`, or before, when the job's next call may be made; it counts as made then. Else when to ask again. */
    ask(job: string, now: number): number {
        if (this.intervalMs === 0) return now;
        if (this.intervalMs === Infinity) return Infinity;
        const turn = this.turns.get(job);
        if (turn !== undefined && turn > now) return turn;
        if (turn !== undefined) {
            this.turns.delete(job);
            if (now - turn <= TURN_MS) return turn;
        }
        const due = Math.max(this.dueAt, now - CATCH_UP_MS);
        this.dueAt = due + this.intervalMs;
        if (due > now) this.turns.set(job, due);
        return due;
    }

    /** The job asks no more: its turn is free, and the last one is given out again. */
    leave(job: string): void {
        const turn = this.turns.get(job);
        if (turn !== undefined && turn + this.intervalMs === this.dueAt) this.dueAt = turn;
        this.turns.delete(job);
    }
}
