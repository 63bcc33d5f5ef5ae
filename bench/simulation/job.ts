// A job that has more items than it can call: slices one after the other in each of its places, each with a share of the calls in flight.
import { afterSuccess, learnedOf, newConcurrency, shareOf, type Concurrency } from '../../src/core/concurrency';
import type { Events } from './events';
import type { Target } from './target';

/** The process that the slices run in: its event loop does one thing at a time. */
export class Process {
    private freeAt = 0;
    private busyMs = 0;
    private lookedAt = 0;
    private load = 0;

    constructor(
        private readonly events: Events,
        /** What a call costs of the processor, in ms. */
        private readonly perCallMs: number,
    ) {}

    /** Does something when it comes to it. */
    run(what: () => void): void {
        if (this.perCallMs === 0) return what();
        this.block(this.perCallMs);
        this.events.at(this.freeAt, what);
    }

    /** Does nothing else for so long. */
    block(ms: number): void {
        this.freeAt = Math.max(this.freeAt, this.events.now) + ms;
        this.busyMs += ms;
    }

    /** Which part of the last while it was busy. */
    get busy(): number {
        const passed = this.events.now - this.lookedAt;
        if (passed >= 200) {
            this.load = Math.min(1, this.busyMs / passed);
            [this.lookedAt, this.busyMs] = [this.events.now, 0];
        }
        return this.load;
    }
}

export interface JobOptions {
    events: Events;
    roll: () => number;
    target: Target;
    process: Process;
    max: number;
    places: number;
    adaptive: boolean;
    sliceMs?: number;
    /** Between two slices of a place, at most, in ms. */
    pauseMs?: number;
    /** By how much the clock of each place is wrong, at most, in ms: they may be on several machines. */
    skewMs?: number;
}

export class Job {
    answered = 0;
    readonly places: Place[];

    constructor(o: JobOptions) {
        this.places = Array.from({ length: o.places }, (_, slot) => new Place(o, slot, () => this.answered++));
        this.places.forEach((place) => o.events.at(o.roll() * 300, () => place.begin()));
    }

    get inFlight(): number {
        return this.places.reduce((sum, { inFlight }) => sum + inFlight, 0);
    }
}

class Place {
    inFlight = 0;
    concurrency: Concurrency;
    private startAt: number | null = null;
    private endsAt = 0;
    private readonly skew: number;

    constructor(
        private readonly o: JobOptions,
        private readonly slot: number,
        private readonly tell: () => void,
    ) {
        this.concurrency = this.fresh();
        this.skew = (o.skewMs ?? 0) * o.roll();
    }

    private clock(now: number): number {
        return Math.floor(now + this.skew);
    }

    private fresh(): Concurrency {
        const { max, places, adaptive } = this.o;
        return newConcurrency(shareOf(max, { slot: this.slot, of: places }), adaptive, this.startAt);
    }

    begin(): void {
        const { events, sliceMs = 15_000 } = this.o;
        this.concurrency = this.fresh();
        this.endsAt = events.now + sliceMs;
        this.pump();
    }

    private pump(): void {
        const { events, target, process } = this.o;
        while (this.inFlight < this.concurrency.limit && events.now < this.endsAt) {
            this.inFlight++;
            const began = events.now;
            target.call(() => process.run(() => this.ended(began)));
        }
    }

    private ended(began: number): void {
        const { events, process } = this.o;
        const now = this.clock(events.now);
        this.concurrency = afterSuccess(this.concurrency, now, now - this.clock(began), this.inFlight, process.busy);
        this.inFlight--;
        this.tell();
        this.pump();
        if (events.now < this.endsAt || this.inFlight > 0) return;
        this.startAt = learnedOf(this.concurrency);
        events.after(this.o.roll() * (this.o.pauseMs ?? 500), () => this.begin());
    }
}
