// The register of one target: what it may be asked, what was learned of it, and who holds which share until when. Times are in ms, by storage's clock.
import { afterCycle, LEAST_RATE, rateOf, type Cycle, type Learned } from './learning';
import type { Breaker } from './breaker';
import type { Gate } from './gate';
import { strictest, type Rate } from './rate';
import type { UsedWindow } from './windows';

/** Of a configured rate so much is used. */
const PACE = 0.95;
/** Windows up to this length (ms) are paced: a call at a time keeps to all of them. */
const PACED_MS = 10_000;
/** One that is longer is paced, too, where there is no shorter one, up to this length (ms). */
const LONGEST_PACED_MS = 60_000;
/** Paced windows of at least this length (ms) with fewer calls are counted besides: each process has its own pace, and a few calls too many would be many. */
const WORTH_COUNTING_MS = 30_000;
const FEW_CALLS = 100;

/** What an administrator wants of the target. */
export interface Settings {
    rates: Rate[];
    /** Calls at once; null: not limited. */
    inFlight: number | null;
}

/** What a job of a holder needs. */
export interface JobNeed {
    /** Calls a second; null: as many as it may. */
    want: number | null;
    inFlight: number;
}

export interface Holder {
    /** Of its last renewal. */
    seq: number;
    /** Its share is its own until then. */
    until: number;
    /** Calls a second; null: as many as it can. */
    rate: number | null;
    /** Calls at once; null: as many as it can. */
    inFlight: number | null;
    /** Calls out of the counted windows that it may still make or has in flight, as far as it has told. */
    quota: number;
    /** Calls a second that were accepted lately. */
    accepted: number;
    jobs: Record<string, JobNeed>;
    /** What the specs of its jobs ask for. */
    rates: Rate[];
}

export type RegisterEvent =
    | { at: number; kind: 'gate'; ms: number }
    | { at: number; kind: 'scouted'; left: number }
    | { at: number; kind: 'refused'; rate: number }
    | { at: number; kind: 'opened'; why: string }
    | { at: number; kind: 'closed'; ms: number }
    | { at: number; kind: 'set'; by: string };

export interface Register {
    name: string;
    set: (Settings & { by: string; at: number }) | null;
    learned: Learned | null;
    /** Calls in flight at most that a job has learned the target bears well; null: nothing was learned. */
    bears: number | null;
    /** Accepted since the gate opened last, or since anybody has counted. */
    cycle: Cycle | null;
    /** Calls a second by what the target said is left, and until when that holds. */
    hint: { rate: number; until: number } | null;
    windows: UsedWindow[];
    gate: Gate | null;
    /** Until when it is remembered that the target asks for more time than it needs, and that it asks for what it needs. */
    overstatesUntil: number;
    meansUntil: number;
    breaker: Breaker | null;
    /** When a call succeeded last, as far as anybody has told; null: none has. */
    succeededAt: number | null;
    holders: Record<string, Holder>;
    /** What jobs ask for that are at work and asleep. */
    asked: Asked[];
    log: RegisterEvent[];
}

/** Of these jobs, until then. */
export interface Asked {
    jobs: string[];
    rates: Rate[];
    until: number;
}

export const newRegister = (name: string): Register => ({
    name,
    set: null,
    learned: null,
    bears: null,
    cycle: null,
    hint: null,
    windows: [],
    gate: null,
    overstatesUntil: 0,
    meansUntil: 0,
    breaker: null,
    succeededAt: null,
    holders: {},
    asked: [],
    log: [],
});

/** Windows in force: as was set, else of each length the strictest of all jobs at work. */
export const ratesOf = ({ set, holders, asked }: Pick<Register, 'set' | 'holders' | 'asked'>): Rate[] =>
    set && set.rates.length > 0 ? set.rates : strictest([...Object.values(holders), ...asked].flatMap(({ rates }) => rates));

/** Calls a second by which calls are paced (null: by none), and the windows of which calls are counted. */
export function kinds(rates: readonly Rate[]): { pace: number | null; counted: Rate[] } {
    const [shortest] = rates;
    const isPaced = (rate: Rate) => rate.perMs <= PACED_MS || (rate === shortest && rate.perMs <= LONGEST_PACED_MS);
    const paced = rates.filter(isPaced);
    const pace = paced.reduce((least, { n, perMs }) => Math.min(least, (PACE * n * 1_000) / perMs), Infinity);
    const isCounted = (rate: Rate) => !isPaced(rate) || (rate.perMs >= WORTH_COUNTING_MS && rate.n < FEW_CALLS);
    return { pace: paced.length === 0 ? null : pace, counted: rates.filter(isCounted) };
}

/** What a target says is left is heeded for so long beyond its reset, until the next answer says more. In ms. */
const HINT_OUTLIVES_MS = 30_000;

/** What is left, spread over the time until there is more. */
export const hintedRate = ({ remaining, resetMs }: { remaining: number; resetMs: number }): number =>
    Math.max(LEAST_RATE, remaining / (resetMs / 1_000));

/** What the target has let through from one opening of the gate to the next is what it bears; null: nothing was counted. */
export const learnedAtOpening = ({ cycle, learned, gate }: Register, at: number): Learned | null =>
    cycle !== null && at > cycle.since ? afterCycle(learned, cycle, gate ?? { since: at, accepted: 0 }, at) : learned;

/** The whole rate at which the target may be called now, in calls a second; while the gate is closed: as soon as it opens, for shares last longer. */
export function totalRate(register: Register, now: number): number {
    const { gate } = register;
    const configured = kinds(ratesOf(register)).pace ?? Infinity;
    const current = gate ? learnedAtOpening(register, gate.until) : register.learned;
    const learned = current ? rateOf(current, now) : Infinity;
    // Whoever has set a rate knows better than what single answers say.
    const isSet = (register.set?.rates.length ?? 0) > 0;
    const hinted = !isSet && register.hint && now < register.hint.until + HINT_OUTLIVES_MS ? register.hint.rate : Infinity;
    return Math.min(configured, learned, hinted);
}
