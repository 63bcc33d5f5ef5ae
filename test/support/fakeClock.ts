// A clock that moves only when a test says so.
import type { Clock } from '../../src/activities/processSlice/clock';

interface Due {
    at: number;
    what: () => void;
}

export class FakeClock implements Clock {
    private time = 0;
    private due: Due[] = [];

    now = (): number => this.time;

    after(ms: number, what: () => void): () => void {
        const entry = { at: this.time + ms, what };
        this.due.push(entry);
        return () => void (this.due = this.due.filter((e) => e !== entry));
    }

    /** Lets so much time pass: what falls due runs in order, and what it sets off is let go on before the next. */
    async pass(ms: number): Promise<void> {
        const end = this.time + ms;
        await settled();
        for (let next = this.first(end); next; next = this.first(end)) {
            this.due = this.due.filter((e) => e !== next);
            this.time = Math.max(this.time, next.at);
            next.what();
            await settled();
        }
        this.time = end;
    }

    private first(end: number): Due | undefined {
        return this.due.filter((e) => e.at <= end).sort((a, b) => a.at - b.at)[0];
    }
}

/** Lets everything run that waits for nothing but its turn. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(() => setImmediate(resolve)));
