// Processes that run slices of jobs through the real agent of a limiter, at a target that is none.
import { LimiterAgent } from '../../src/activities/limits/limiterAgent';
import type { Clock } from '../../src/activities/processSlice/clock';
import type { Rate } from '../../src/core/limiter/rate';
import { Log } from '../../src/log';
import { SimulatedStore } from './store';
import type { Answer, Target } from './targets';
import { World } from './world';

const LATENCY_MS = [25, 65] as const;
const SLICE_MS = 15_000;
const PAUSE_MS = 200;
/** A slice that can call nothing for longer ends. */
const LONGEST_WAIT_MS = 5_000;

export interface SimulatedJob {
    id: string;
    rates: Rate[];
    /** Items to be accepted; Infinity: without end. */
    items: number;
    /** Calls in flight of each of its slices. */
    places: number;
}

export interface Arrival {
    at: number;
    process: number;
    job: string;
    kind: Answer['kind'];
}

const EVIDENCE = { accepted: 'answered', throttled: 'throttled', unreachable: 'unreachable', failed: 'suspect' } as const;
const silent = new Log({ log: () => undefined, warn: () => undefined });

/** Processes, their storage and their target. */
export class Site {
    readonly world: World;
    readonly store: SimulatedStore;
    readonly arrivals: Arrival[] = [];
    readonly processes: SimulatedProcess[] = [];
    log = silent;

    constructor(
        readonly target: Target,
        seed: number,
    ) {
        this.world = new World(seed);
        this.store = new SimulatedStore(this.world);
    }

    /** A new process, which runs these jobs from `atMs` on. */
    start(jobs: SimulatedJob[], atMs = 0): SimulatedProcess {
        const process = new SimulatedProcess(this, this.processes.length);
        this.processes.push(process);
        for (const job of jobs) this.world.after(atMs, () => process.run(job));
        return process;
    }

    /** Arrivals in [from, to), of this kind. */
    count(from: number, to: number, kind?: Answer['kind']): number {
        return this.arrivals.filter((a) => a.at >= from && a.at < to && (kind === undefined || a.kind === kind)).length;
    }
}

let agents = 0;

export class SimulatedProcess {
    private agent: LimiterAgent | null = null;
    private isDead = false;
    private readonly clock: Clock;

    constructor(
        readonly site: Site,
        readonly id: number,
    ) {
        const { world } = site;
        // Nobody's clock is anybody else's.
        const offset = world.between(0, 1e9);
        this.clock = {
            now: () => world.now + offset,
            after: (ms, what) => world.settles(ms, () => void (this.isDead || what())),
        };
    }

    kill(): void {
        this.isDead = true;
    }

    now(): number {
        return this.clock.now();
    }

    agentNow(): LimiterAgent {
        const { world, store, log } = this.site;
        this.agent ??= new LimiterAgent({
            name: 'target',
            store,
            clock: this.clock,
            chance: world.chance,
            holder: `process-${this.id}-${++agents}`,
            log,
            onIdle: () => void (this.agent = null),
        });
        return this.agent;
    }

    /** Slice after slice, until the job has no item left. */
    run(job: SimulatedJob): void {
        if (this.isDead || job.items <= 0) return;
        new Slice(this, job).begin((waitMs) => this.clock.after(Math.max(PAUSE_MS, waitMs), () => this.run(job)));
    }

    /** For calls and turns, of which there are many: no promise is made there. */
    after(ms: number, what: () => void): () => void {
        return this.site.world.after(ms, () => void (this.isDead || what()));
    }
}

/**
 * What a slice does with an agent: it asks when a place is free, when it is told to, and when the time has come. A refused item waits, and others go on; there
 * are always others, so that only its call is seen here.
 */
class Slice {
    private readonly agent: LimiterAgent;
    private inFlight = 0;
    private isEnding = false;
    private cancelWake = (): void => undefined;
    private leave = (): void => undefined;
    private onEnd: (waitMs: number) => void = () => undefined;
    private waitMs = 0;

    constructor(
        private readonly process: SimulatedProcess,
        private readonly job: SimulatedJob,
    ) {
        this.agent = process.agentNow();
    }

    begin(onEnd: (waitMs: number) => void): void {
        this.onEnd = onEnd;
        const { id, rates } = this.job;
        const { ready, leave } = this.agent.join({ id, rates: () => rates, changed: () => this.pump() });
        this.leave = leave;
        ready.then(
            () => this.pump(),
            () => this.end(LONGEST_WAIT_MS),
        );
        // It may be ready already.
        this.process.site.world.settles(0, () => undefined);
        this.process.after(SLICE_MS, () => this.end(0));
    }

    private end(waitMs: number): void {
        if (this.isEnding) return;
        this.isEnding = true;
        this.waitMs = waitMs;
        this.cancelWake();
        this.endWhenQuiet();
    }

    private endWhenQuiet(): void {
        if (!this.isEnding || this.inFlight > 0) return;
        this.leave();
        this.onEnd(this.waitMs);
    }

    private pump(): void {
        if (this.isEnding) return;
        this.cancelWake();
        while (this.inFlight < Math.min(this.job.places, this.job.items)) {
            const answer = this.agent.admit(this.job.id);
            if (answer === 'admitted') {
                this.call();
                continue;
            }
            const wait = this.agent.wait();
            if (wait && wait.ms > LONGEST_WAIT_MS && this.inFlight === 0) return this.end(wait.ms);
            // Timers keep whole milliseconds, and are late.
            if (answer.waitMs !== null) this.cancelWake = this.process.after(Math.ceil(answer.waitMs), () => this.pump());
            return;
        }
        if (this.job.items <= 0) this.end(0);
    }

    private call(): void {
        const { site, id: process } = this.process;
        const { world } = site;
        const began = this.process.now();
        const ms = world.between(...LATENCY_MS);
        this.inFlight++;
        world.after(ms / 2, () => {
            const answer = site.target.answer(world.now);
            site.arrivals.push({ at: world.now, process, job: this.job.id, kind: answer.kind });
            this.process.after(ms / 2, () => this.ended(answer, began));
        });
    }

    private ended({ kind, retryAfterMs, hint }: Answer, began: number): void {
        this.inFlight--;
        if (kind === 'accepted') this.job.items--;
        this.agent.ended(this.job.id, { evidence: EVIDENCE[kind], began, isProven: false, why: kind, retryAfterMs, hint });
        this.pump();
        this.endWhenQuiet();
    }
}
