// One job against one target for some time, and what came of it.
import { dice, Events } from './events';
import { Job, Process } from './job';
import { Target, type TargetOptions } from './target';

export interface Scenario {
    name: string;
    target: Omit<TargetOptions, 'events' | 'roll'>;
    max: number;
    places: number;
    /** What a call costs of the job's own processor, in ms (default 0.05). */
    perCallMs?: number;
    /** The process does nothing for so long, about so often, in ms. */
    stalls?: { ms: [number, number]; everyMs: number };
    /** Clocks of the slices differ by so much, in ms. */
    skewMs?: number;
    /** How long all of it takes, and from when on it counts as settled, in ms. */
    runMs?: number;
    settledMs?: number;
    /** Fixed settings of which the best is what is compared with. */
    fixed: number[];
}

export interface Run {
    /** Calls in flight, every 50 ms. */
    inFlight: number[];
    /** Answers from `settledMs` on, a second. */
    perSecond: number;
    /** Answers in all, a second. */
    perSecondInAll: number;
    /** Calls in flight of each place, on average when settled. */
    shares: number[];
}

const LOOK_MS = 50;

export function run(
    scenario: Scenario,
    { adaptive, max = scenario.max, seed = 1 }: { adaptive: boolean; max?: number; seed?: number },
): Run {
    const { places, skewMs = 0, perCallMs = 0.05, stalls, runMs = 60_000, settledMs = 20_000 } = scenario;
    const events = new Events();
    const roll = dice(seed);
    const target = new Target({ ...scenario.target, events, roll });
    const process = new Process(events, perCallMs);
    if (stalls) {
        const stall = () => {
            process.block(stalls.ms[0] + (stalls.ms[1] - stalls.ms[0]) * roll());
            events.after(2 * roll() * stalls.everyMs, stall);
        };
        events.after(roll() * stalls.everyMs, stall);
    }
    const job = new Job({ events, roll, target, process, max, places: Math.min(places, max), adaptive, skewMs });
    const inFlight: number[] = [];
    const sums = job.places.map(() => 0);
    const look = () => {
        inFlight.push(job.inFlight);
        if (events.now >= settledMs) job.places.forEach((place, i) => (sums[i]! += place.inFlight));
        events.after(LOOK_MS, look);
    };
    look();
    events.run(settledMs);
    const before = job.answered;
    events.run(runMs);
    const looks = (runMs - settledMs) / LOOK_MS;
    return {
        inFlight,
        perSecond: ((job.answered - before) * 1000) / (runMs - settledMs),
        perSecondInAll: (job.answered * 1000) / runMs,
        shares: sums.map((sum) => sum / looks),
    };
}

/** Of the calls in flight in these runs, each 50 ms from then until then. */
export function quantiles(runs: Run[], { fromMs, toMs }: { fromMs: number; toMs?: number }, ...of: number[]): number[] {
    const to = toMs === undefined ? undefined : toMs / LOOK_MS;
    const sorted = runs.flatMap(({ inFlight }) => inFlight.slice(fromMs / LOOK_MS, to)).sort((a, b) => a - b);
    return of.map((q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!);
}
