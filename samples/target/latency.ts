// How long a service takes for an answer, and how that grows with what it has to do. Pure: time and chance are arguments.

/** Beyond `knee` calls in flight every call takes longer: base × (n ÷ knee) ^ power. With power 1, the default, the service does no more then. */
export interface LoadSpec {
    kind?: 'load' | undefined;
    baseMs: number;
    /** Added by chance, up to so much. Default: 0. */
    jitterMs?: number | undefined;
    /** Default: none, the same latency under any load. */
    knee?: number | undefined;
    power?: number | undefined;
}

/** So many threads, each of which takes `baseMs` for a call; the others wait in line. */
export interface QueueSpec {
    kind: 'queue';
    threads: number;
    baseMs: number;
    jitterMs?: number | undefined;
}

/** A number is the same latency for every call, in ms. */
export type LatencySpec = number | LoadSpec | QueueSpec;

export class Latency {
    /** When each thread is free, in ms. */
    private readonly freeAt: number[];

    constructor(private readonly spec: LatencySpec) {
        this.freeAt = typeof spec === 'object' && spec.kind === 'queue' ? Array<number>(spec.threads).fill(-Infinity) : [];
    }

    /** In how many ms a call that comes now is answered; `inFlight` counts it too, `chance` from 0 to 1 is asked for jitter alone. A thread is taken for it, whether or not its caller stays. */
    of(now: number, inFlight: number, chance: () => number): number {
        const { spec } = this;
        if (typeof spec === 'number') return spec;
        const jitter = spec.jitterMs ? spec.jitterMs * chance() : 0;
        if (spec.kind === 'queue') {
            const first = this.freeAt.indexOf(Math.min(...this.freeAt));
            const done = Math.max(now, this.freeAt[first]!) + spec.baseMs + jitter;
            this.freeAt[first] = done;
            return done - now;
        }
        const load = spec.knee === undefined ? 1 : Math.max(1, inFlight / spec.knee);
        return spec.baseMs * load ** (spec.power ?? 1) + jitter;
    }
}
