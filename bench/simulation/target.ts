// A target as it looks from outside: calls that it is asked, and answers after some time.
import { normal, type Events } from './events';

export interface TargetOptions {
    events: Events;
    roll: () => number;
    /** How long one call takes where nothing keeps it, in ms; now and then another, when the target gets slower by itself. */
    baseMs: number | ((now: number) => number);
    /** So many calls at a time; the others wait in a queue, the oldest first. */
    threads?: number | ((now: number) => number);
    /** Beyond so many in flight a call takes base × (in flight / knee) ^ power. */
    knee?: { at: number; power: number };
    /** Latencies vary by item, whatever the load: the standard deviation of their logarithm. One of 1 is a factor of ten between the slow and the fast sixth. */
    sigma?: number;
    /** Of the network, in ms: uniform between these. */
    jitter?: [number, number];
}

const valueOf = (value: number | ((now: number) => number), now: number): number => (typeof value === 'number' ? value : value(now));

export class Target {
    inFlight = 0;
    answered = 0;
    private working = 0;
    private readonly queue: (() => void)[] = [];
    private first = 0;

    constructor(private readonly o: TargetOptions) {}

    call(answer: () => void): void {
        const { events, jitter, roll } = this.o;
        this.inFlight++;
        const done = () => {
            this.inFlight--;
            this.answered++;
            if (jitter) events.after(jitter[0] + (jitter[1] - jitter[0]) * roll(), answer);
            else answer();
        };
        if (this.o.threads === undefined) events.after(this.serviceMs(), done);
        else {
            this.queue.push(done);
            this.work();
        }
    }

    private work(): void {
        const { events, threads } = this.o;
        while (this.first < this.queue.length && this.working < valueOf(threads!, events.now)) {
            const done = this.queue[this.first++]!;
            if (this.first > 1000 && this.first * 2 > this.queue.length) {
                this.queue.splice(0, this.first);
                this.first = 0;
            }
            this.working++;
            events.after(this.serviceMs(), () => {
                this.working--;
                done();
                this.work();
            });
        }
    }

    private serviceMs(): number {
        const { baseMs, knee, sigma, events, roll } = this.o;
        const slow = knee && this.inFlight > knee.at ? (this.inFlight / knee.at) ** knee.power : 1;
        // The mean is `baseMs` whatever they vary by.
        const varies = sigma ? Math.exp(sigma * normal(roll) - (sigma * sigma) / 2) : 1;
        return valueOf(baseMs, events.now) * slow * varies;
    }
}
