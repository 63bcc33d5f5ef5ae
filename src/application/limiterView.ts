// A register as users see it: what its target may be asked at this moment, why, and who asks.
import { leftOf, freeIn, usedOf, windowsFor } from '../core/limiter/windows';
import { probeAt } from '../core/limiter/breaker';
import { scoutAt } from '../core/limiter/gate';
import { rateText, strictest, type Rate } from '../core/limiter/rate';
import { aged, newRegister, ratesOf, totalRate, type Holder, type Register, type RegisterEvent } from '../core/limiter/register';
import { outstandingOf } from '../core/limiter/grant';
import { kinds } from '../core/limiter/state';

/** Times are ISO, rates in calls a second. */
export interface LimiterView {
    name: string;
    rate: {
        /** The rates in force, the shortest window first. */
        configured: string[];
        /** Whose they are: set with PUT, or the strictest of the jobs at work; null: nobody has any. */
        by: 'set' | 'jobs' | null;
        /** What the target's refusals have taught; null: nothing, or nothing lately. */
        learned: number | null;
        /** What follows from what the target says is left; null: it says nothing, or has not lately. */
        hinted: number | null;
        /** What may be called now in all, while gate and breaker let calls through; null: as much as anybody can. */
        paced: number | null;
    };
    inFlight: {
        limit: number | null;
        /** As far as holders have told. */
        now: number;
        /** What the target bears well, as far as jobs have learned. */
        learned: number | null;
    };
    /** Windows of which calls are counted. */
    windows: WindowView[];
    gate: { state: 'open' | 'closed'; until: string | null; since: string | null; scoutsLeft: number; scoutAt: string | null };
    /** Until when its `Retry-After` is taken for more than it needs; null: it is believed. */
    overstates: string | null;
    breaker: {
        state: 'closed' | 'open';
        since: string | null;
        failingSince: string | null;
        why: string | null;
        probeAt: string | null;
        failed: number;
    };
    succeededAt: string | null;
    holders: HolderView[];
    /** The last events, the newest first. */
    log: LimiterEvent[];
    setBy: string | null;
    setAt: string | null;
}

export interface WindowView {
    rate: string;
    used: number;
    /** In the hands of holders, who have not said yet that they have used it. */
    held: number;
    left: number;
    /** When the next call is free, of a window that has none left; null also where that hangs on what holders hold. */
    freeAt: string | null;
}

/** One process, with its share. */
export interface HolderView {
    process: string;
    until: string;
    rate: number | null;
    inFlight: number | null;
    /** Calls that it may still make out of the windows; null: none is counted. */
    quota: number | null;
    /** What the specs of its jobs ask for. */
    rates: string[];
    /** `want`: calls a second that it can use; null: more than it has. */
    jobs: { id: string; want: number | null; inFlight: number }[];
}

export type LimiterEvent =
    | { at: string; kind: 'gateClosed'; ms: number }
    | { at: string; kind: 'scouted'; leftMs: number }
    | { at: string; kind: 'refused'; rate: number }
    | { at: string; kind: 'breakerOpened'; why: string }
    | { at: string; kind: 'breakerClosed'; ms: number }
    | { at: string; kind: 'set'; by: string };

/** The same in a few words, for the status of a job. */
export interface LimiterBrief {
    gate: 'open' | 'closed';
    breaker: 'closed' | 'open';
    paced: number | null;
    learned: number | null;
    /** Calls left in the window that has the fewest; null: none is counted. */
    quotaLeft: number | null;
}

/** `now`: by storage's clock, in ms. */
export function limiterView(before: Register, now: number): LimiterView {
    const register = aged(before, now);
    const { name, set, gate, overstatesUntil, breaker, succeededAt, bears, holders, log } = register;
    const rates = ratesOf(register);
    const windows = windowsOf(register, now);
    const jobs = Object.values(holders).flatMap((holder) => Object.values(holder.jobs));
    return {
        name,
        rate: {
            configured: rates.map(rateText),
            by: rates.length === 0 ? null : set && set.rates.length > 0 ? 'set' : 'jobs',
            learned: allowedBy({ learned: register.learned }, now),
            hinted: allowedBy({ hint: register.hint }, now),
            paced: allowedBy(register, now),
        },
        inFlight: { limit: set?.inFlight ?? null, now: jobs.reduce((sum, job) => sum + job.inFlight, 0), learned: bears },
        windows,
        gate: {
            state: gate ? 'closed' : 'open',
            until: iso(gate?.until),
            since: iso(gate?.since),
            scoutsLeft: gate?.scouts ?? 0,
            scoutAt: iso(gate && scoutAt(gate, now)),
        },
        overstates: overstatesUntil > now ? iso(overstatesUntil) : null,
        breaker: {
            state: breaker ? 'open' : 'closed',
            since: iso(breaker?.since),
            failingSince: iso(breaker?.failingSince),
            why: breaker?.why ?? null,
            probeAt: iso(breaker && probeAt(breaker)),
            failed: breaker?.failed ?? 0,
        },
        succeededAt: iso(succeededAt),
        holders: Object.entries(holders).map(([process, holder]) => holderView(process, holder, windows.length > 0)),
        log: log.map(eventView).reverse(),
        setBy: set?.by ?? null,
        setAt: iso(set?.at),
    };
}

export function limiterBrief(register: Register, now: number): LimiterBrief {
    const { gate, breaker, rate, windows } = limiterView(register, now);
    const left = windows.map((window) => window.left);
    return {
        gate: gate.state,
        breaker: breaker.state,
        paced: rate.paced,
        learned: rate.learned,
        quotaLeft: left.length === 0 ? null : Math.min(...left),
    };
}

/** The rate that keeps the job from calling more, as far as its processes have told of it lately; null: none does. */
export function pacedFor(jobId: string, before: Register, now: number): number | null {
    const register = aged(before, now);
    // Who has been refused for want of a share says that he can use more than he has.
    const wantsMore = Object.values(register.holders).some(({ jobs }) => jobs[jobId]?.want === null);
    return wantsMore ? allowedBy(register, now) : null;
}

/** What bounds the calls of one job that is to call, as far as its limiter goes. */
export interface Allowed {
    /** Windows in force, of each length one, the shortest first. */
    rates: Rate[];
    /** Calls in flight, of all its jobs. */
    inFlight: number | null;
    /** Calls a second that refusals or hints have taught, in all; null: any number. */
    perSecond: number | null;
    /** Jobs that call or are about to, this one among them. */
    jobs: number;
}

/** `own`: the rates that the job's spec asks for; they hold where none were set. `now`: by storage's clock, in ms. */
export function allowedFor(jobId: string, own: readonly Rate[], before: Register, now: number): Allowed {
    const register = aged(before, now);
    const { set, learned, hint, holders, asked } = register;
    // What the job itself has asked for there may have been changed since.
    const beside = {
        ...register,
        holders: Object.fromEntries(Object.entries(holders).filter(([, { jobs }]) => Object.keys(jobs).some((job) => job !== jobId))),
        asked: asked.filter(({ jobs }) => jobs.some((job) => job !== jobId)),
    };
    const others = [...Object.values(holders).flatMap(({ jobs }) => Object.keys(jobs)), ...asked.flatMap(({ jobs }) => jobs)];
    return {
        rates: set && set.rates.length > 0 ? set.rates : strictest([...own, ...ratesOf(beside)]),
        inFlight: set?.inFlight ?? null,
        perSecond: allowedBy({ learned, hint }, now),
        jobs: new Set([...others, jobId]).size,
    };
}

const iso = (ms: number | null | undefined): string | null => (ms === null || ms === undefined ? null : new Date(ms).toISOString());

/** With two decimals. */
const rounded = (n: number): number => Math.round(n * 100) / 100;

/** What a register that knows nothing else would allow; null: as much as anybody can. */
function allowedBy(known: Partial<Register>, now: number): number | null {
    const rate = totalRate({ ...newRegister(''), ...known }, now);
    return rate === Infinity ? null : rounded(rate);
}

function windowsOf(register: Register, now: number): WindowView[] {
    const rates = ratesOf(register);
    const { counted } = kinds(rates);
    const windows = windowsFor(register.windows, counted, now);
    const held = outstandingOf(register);
    return counted.map((rate) => windowView(rate));

    function windowView(rate: Rate): WindowView {
        const window = windows.find(({ perMs }) => perMs === rate.perMs);
        const left = Math.max(0, Math.floor(leftOf(windows, [rate], held)));
        const freeMs = left > 0 ? 0 : freeIn(windows, [rate], held, now);
        return {
            rate: rateText(rate),
            used: Math.round(window ? usedOf(window) : 0),
            held: Math.round(held),
            left,
            freeAt: freeMs > 0 ? iso(now + freeMs) : null,
        };
    }
}

const holderView = (process: string, { until, rate, inFlight, quota, jobs, rates }: Holder, isCounted: boolean): HolderView => ({
    process,
    rates: rates.map(rateText),
    until: new Date(until).toISOString(),
    rate: rate === null ? null : rounded(rate),
    inFlight,
    quota: isCounted ? quota : null,
    jobs: Object.entries(jobs).map(([id, job]) => ({
        id,
        want: job.want === null ? null : rounded(job.want),
        inFlight: job.inFlight,
    })),
});

function eventView(event: RegisterEvent): LimiterEvent {
    const at = new Date(event.at).toISOString();
    switch (event.kind) {
        case 'gate':
            return { at, kind: 'gateClosed', ms: Math.round(event.ms) };
        case 'scouted':
            return { at, kind: 'scouted', leftMs: Math.round(event.left) };
        case 'refused':
            return { at, kind: 'refused', rate: rounded(event.rate) };
        case 'opened':
            return { at, kind: 'breakerOpened', why: event.why };
        case 'closed':
            return { at, kind: 'breakerClosed', ms: Math.round(event.ms) };
        case 'set':
            return { at, kind: 'set', by: event.by };
    }
}
