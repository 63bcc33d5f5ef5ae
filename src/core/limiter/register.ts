// The register of one target: what it may be asked, what was learned of it, and who holds which share until when.
// A pure reducer that every process runs over one small document under its ETag. Times are in ms, by storage's clock.
import { afterProbe, opened as openedBreaker, probing, type Breaker } from './breaker';
import { closed, ERRAND_MS, isOverstated, scoutAt, type Gate } from './gate';
import { afterCycle, afterRefusal, rateOf, remembered, type Learned } from './learning';
import { strictest, type Rate } from './rate';
import { shareOut, type Needs } from './shares';
import { counted, freeIn, leftOf, slidAll, windowsFor, type UsedWindow } from './windows';

/** A share is counted on for so long by its holder, who counts from before he asked. In ms. */
export const VALID_MS = 12_000;
/** Others count on it for so long beyond that: clocks are read from answers, whole seconds at a time. */
const GRACE_MS = 2_000;
/** Between two renewals, in ms. */
export const RENEW_MS = 5_000;
/** Of a configured rate so much is used. */
const PACE = 0.95;
/** The shortest window is paced when it is no longer than this, in ms; all others are counted. */
const LONGEST_PACED_MS = 60_000;
/** That a target asks for more time than it needs is remembered for so long, in ms. */
const OVERSTATES_MS = 600_000;
/** What a target says is left is heeded when it is for at least so long (ms): a reset in a second is rounded. */
const SHORTEST_HINT_MS = 2_000;
/** It is heeded for so long beyond its reset, until the next answer says more. In ms. */
const HINT_OUTLIVES_MS = 30_000;
/** Nothing has succeeded for so long before the breaker opens, whoever asks for that. In ms. */
const NOTHING_SUCCEEDS_MS = 5_000;
const MAX_HOLDERS = 200;
const MAX_LOG = 20;

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
    /** What its spec asks for. */
    rates: Rate[];
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
    /** Calls out of the counted windows that it may still make, as far as it has told. */
    quota: number;
    /** Calls a second that were accepted lately. */
    accepted: number;
    jobs: Record<string, JobNeed>;
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
    cycle: { since: number; accepted: number } | null;
    /** Calls a second by what the target said is left, and until when that holds. */
    hint: { rate: number; until: number } | null;
    windows: UsedWindow[];
    gate: Gate | null;
    overstatesUntil: number;
    breaker: Breaker | null;
    /** When a call succeeded last, as far as anybody has told; null: none has. */
    succeededAt: number | null;
    holders: Record<string, Holder>;
    log: RegisterEvent[];
}

export interface Renewal {
    holder: string;
    /** Goes up with each. */
    seq: number;
    jobs: Record<string, JobNeed>;
    /** Calls that were accepted since the renewal before, in so many ms. */
    accepted: number;
    ms: number;
    /** Calls a second accepted in the last seconds. */
    lately: number;
    /** Calls made out of counted windows since the renewal before, and how many it may still make. */
    spent: number;
    keeps: number;
    /** Calls refused since the renewal before, and what the target asked for with the last of them. */
    refused: number;
    retryAfterMs: number | null;
    /** What the target has said is left, and for how long. */
    hint: { remaining: number; resetMs: number } | null;
    /** How long ago a call succeeded last; null: none has. In ms. */
    succeededAgoMs: number | null;
    /** Nothing succeeds any more, for so long: the breaker is to open. */
    failing: { ms: number; why: string } | null;
    /** How the scout came back. */
    scouted: 'passed' | 'refused' | 'failed' | null;
    /** The probe has failed, with this. */
    probed: string | null;
    /** Calls in flight that the target bears well; null: nothing was learned. */
    bears: number | null;
}

/** What a holder may do, from when it asked. Spans in ms. */
export interface Grant {
    /** False: nothing is limited, and nobody need renew. */
    isLimited: boolean;
    /** Calls a second; null: as many as it can. */
    rate: number | null;
    /** The whole of which that is its share. */
    totalRate: number | null;
    inFlight: number | null;
    /** Calls in all, until the next renewal; null: not counted. */
    quota: number | null;
    validMs: number;
    /** The gate opens in so long; 0: it is open. */
    gateMs: number;
    /** The next scout may go in so long; null: none does. */
    scoutMs: number | null;
    /** This holder is the scout. */
    scout: boolean;
    /** The breaker is open, and the next probe may go in so long. */
    breaker: { probeMs: number; failingMs: number; why: string } | null;
    /** This holder is the probe. */
    probe: boolean;
    /** Counted windows have another call in so long; 0: they have. */
    quotaMs: number;
    /** Which window is used up. */
    exhausted: Rate | null;
    /** `Retry-After` of single calls says more than the target needs. */
    overstates: boolean;
    /** How long ago a call succeeded last, by anybody; null: none has. */
    succeededAgoMs: number | null;
    bears: number | null;
    holders: number;
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
    breaker: null,
    succeededAt: null,
    holders: {},
    log: [],
});

/** Windows in force: as was set, else of each length the strictest of all jobs at work. */
export const ratesOf = ({ set, holders }: Pick<Register, 'set' | 'holders'>): Rate[] =>
    set && set.rates.length > 0
        ? set.rates
        : strictest(Object.values(holders).flatMap(({ jobs }) => Object.values(jobs).flatMap((j) => j.rates)));

/** The one window by which calls are paced, and those of which calls are counted. */
function kinds(rates: readonly Rate[]): { paced: Rate | null; counted: Rate[] } {
    const [shortest, ...longer] = rates;
    const isPaced = shortest !== undefined && shortest.perMs <= LONGEST_PACED_MS;
    return isPaced ? { paced: shortest, counted: longer } : { paced: null, counted: [...rates] };
}

/** The whole rate at which the target may be called now, in calls a second. */
export function totalRate(register: Register, now: number): number {
    const { paced } = kinds(ratesOf(register));
    const configured = paced ? (PACE * paced.n * 1_000) / paced.perMs : Infinity;
    const learned = register.learned ? rateOf(register.learned, now) : Infinity;
    const hinted = register.hint && now < register.hint.until + HINT_OUTLIVES_MS ? register.hint.rate : Infinity;
    return Math.min(configured, learned, hinted);
}

const logged = (register: Register, event: RegisterEvent): RegisterEvent[] => [...register.log, event].slice(-MAX_LOG);

/** The register as it is at `now`: what time alone has changed. */
export function aged(register: Register, now: number): Register {
    let next = register;
    const dead = Object.entries(next.holders).filter(([, { until }]) => until <= now);
    if (dead.length > 0) {
        const holders = Object.fromEntries(Object.entries(next.holders).filter(([, { until }]) => until > now));
        // What it was given it may have spent, to the last moment.
        const spent = dead.reduce((sum, [, { quota }]) => sum + quota, 0);
        next = { ...next, windows: counted(slidAll(next.windows, now), spent), holders };
    }
    if (next.gate && next.gate.until <= now) next = reopened(next, next.gate.until);
    const learned = remembered(next.learned, now);
    return learned === next.learned ? next : { ...next, learned };
}

/** The gate opens: what the target has let through from one opening to the next is what it bears. */
function reopened(register: Register, now: number): Register {
    const { cycle } = register;
    const learned =
        cycle && cycle.accepted > 0 && now > cycle.since ? afterCycle(cycle.accepted, now - cycle.since, now) : register.learned;
    return { ...register, gate: null, learned, cycle: { since: now, accepted: 0 } };
}

/** One holder tells what it has seen, and gets its share anew. */
export function renewed(before: Register, renewal: Renewal, now: number): { register: Register; grant: Grant } {
    let register = aged(before, now);
    const known = register.holders[renewal.holder];
    if (!known && Object.keys(register.holders).length >= MAX_HOLDERS) return { register, grant: nothing(register, now) };
    if (known && known.seq >= renewal.seq) return { register, grant: grantOf(register, renewal.holder, now) };
    register = counts(register, renewal, now);
    register = succeeds(register, renewal, now);
    register = scouts(register, renewal, now);
    register = refusals(register, renewal, now);
    register = hints(register, renewal, now);
    register = failures(register, renewal, now);
    register = shares(register, renewal, now);
    return {
        register: errands(register, renewal.holder, now),
        grant: grantOf(errands(register, renewal.holder, now), renewal.holder, now),
    };
}

function counts(register: Register, { holder, jobs, accepted, ms, lately, spent, seq, keeps, bears }: Renewal, now: number): Register {
    const known = register.holders[holder];
    const holders = {
        ...register.holders,
        [holder]: { rate: 0, inFlight: 0, ...known, seq, quota: keeps, accepted: lately, jobs, until: now + VALID_MS + GRACE_MS },
    };
    const { counted: windows } = kinds(ratesOf({ ...register, holders }));
    const began = now - ms;
    const cycle = register.cycle
        ? { since: known ? register.cycle.since : Math.min(register.cycle.since, began), accepted: register.cycle.accepted + accepted }
        : { since: began, accepted };
    return {
        ...register,
        holders,
        windows: counted(windowsFor(register.windows, windows, now), spent),
        cycle,
        bears: bears ?? register.bears,
    };
}

function succeeds(register: Register, { succeededAgoMs }: Renewal, now: number): Register {
    if (succeededAgoMs === null) return register;
    const succeededAt = Math.max(register.succeededAt ?? 0, now - succeededAgoMs);
    const { breaker } = register;
    if (!breaker || succeededAt <= breaker.since) return { ...register, succeededAt };
    return { ...register, succeededAt, breaker: null, log: logged(register, { at: now, kind: 'closed', ms: now - breaker.failingSince }) };
}

function scouts(register: Register, { holder, scouted }: Renewal, now: number): Register {
    const { gate } = register;
    if (!gate || scouted === null || gate.scout?.by !== holder) return register;
    if (scouted !== 'passed') return { ...register, gate: { ...gate, scout: null } };
    const log = logged(register, { at: now, kind: 'scouted', left: gate.until - now });
    if (!isOverstated(gate, now)) return { ...reopened(register, now), log };
    const learned = afterRefusal(null, gate.accepted, now);
    return { ...register, gate: null, overstatesUntil: now + OVERSTATES_MS, learned, cycle: { since: now, accepted: 0 }, log };
}

function refusals(register: Register, { refused, retryAfterMs }: Renewal, now: number): Register {
    if (refused === 0) return register;
    const accepted = Object.values(register.holders).reduce((sum, holder) => sum + holder.accepted, 0);
    const isOver = retryAfterMs !== null && retryAfterMs > 0 && now >= register.overstatesUntil;
    if (isOver) {
        const gate = closed(register.gate, retryAfterMs, accepted, now);
        return { ...register, gate, log: register.gate ? register.log : logged(register, { at: now, kind: 'gate', ms: gate.until - now }) };
    }
    if (register.gate) return register;
    const learned = afterRefusal(register.learned, accepted, now);
    const isStep = learned.since !== register.learned?.since;
    return { ...register, learned, log: isStep ? logged(register, { at: now, kind: 'refused', rate: learned.base }) : register.log };
}

function hints(register: Register, { hint }: Renewal, now: number): Register {
    if (!hint || hint.resetMs < SHORTEST_HINT_MS) return register;
    const rate = Math.max(0.5, hint.remaining) / (hint.resetMs / 1_000);
    return { ...register, hint: { rate, until: now + hint.resetMs } };
}

function failures(register: Register, { holder, failing, probed }: Renewal, now: number): Register {
    const { breaker, succeededAt } = register;
    if (breaker)
        return probed !== null && breaker.probe?.by === holder ? { ...register, breaker: afterProbe(breaker, probed, now) } : register;
    if (!failing || (succeededAt !== null && now - succeededAt < Math.min(NOTHING_SUCCEEDS_MS, failing.ms))) return register;
    return {
        ...register,
        breaker: openedBreaker(now - failing.ms, failing.why, now),
        log: logged(register, { at: now, kind: 'opened', why: failing.why }),
    };
}

/** Gives the holder its share: never more than what others do not hold, whatever is fair. */
function shares(register: Register, { holder, keeps }: Renewal, now: number): Register {
    const { [holder]: own, ...others } = register.holders;
    const held = (what: (other: Holder) => number): number => Object.values(others).reduce((sum, other) => sum + what(other), 0);
    const total = totalRate(register, now);
    const rate = total === Infinity ? null : clamp(fairRate(register, total, holder), total - held((o) => o.rate ?? 0));
    const most = register.set?.inFlight ?? null;
    const inFlight = most === null ? null : clamp(fairPlaces(register, most, holder, now), most - held((o) => o.inFlight ?? 0));
    const quota = keeps + newQuota(register, holder, rate, now);
    return { ...register, holders: { ...others, [holder]: { ...own!, rate, inFlight, quota } } };
}

const clamp = (n: number, most: number): number => Math.max(0, Math.min(n, most));

const needsOf = (register: Register, need: (job: JobNeed) => number): Record<string, Needs> =>
    Object.fromEntries(
        Object.entries(register.holders).map(([name, { jobs }]) => [
            name,
            Object.fromEntries(Object.entries(jobs).map(([job, needs]) => [job, need(needs)])),
        ]),
    );

/** By need, and what nobody needs in equal parts on top: needs change between renewals. */
function fairRate(register: Register, total: number, holder: string): number {
    const fair = shareOut(
        total,
        needsOf(register, ({ want }) => want ?? Infinity),
    );
    const spare = total - Object.values(fair).reduce((a, b) => a + b, 0);
    return fair[holder]! + Math.max(0, spare) / Object.keys(fair).length;
}

/** Whole places; where there are fewer than holders, they go round. */
function fairPlaces(register: Register, total: number, holder: string, now: number): number {
    const fair = shareOut(
        total,
        needsOf(register, ({ want }) => (want === 0 ? 0 : Infinity)),
    );
    const names = Object.keys(fair).sort();
    const first = Math.floor(now / ROTATE_MS) % names.length;
    const order = [...names.slice(first), ...names.slice(0, first)];
    const left = total - names.reduce((sum, name) => sum + Math.floor(fair[name]!), 0);
    return Math.floor(fair[holder]!) + (order.indexOf(holder) < left ? 1 : 0);
}

const ROTATE_MS = 30_000;

/** Calls out of the counted windows beyond those that the holder has. */
function newQuota(register: Register, holder: string, rate: number | null, now: number): number {
    const { counted: rates } = kinds(ratesOf(register));
    if (rates.length === 0) return 0;
    const outstanding = Object.values(register.holders).reduce((sum, { quota }) => sum + quota, 0);
    const left = leftOf(windowsFor(register.windows, rates, now), rates, outstanding);
    const { keeps, among } = { keeps: register.holders[holder]!.quota, among: Object.keys(register.holders).length };
    // Without a pace a part is given, so that something is left for who comes next.
    const needed = rate === null ? Math.ceil((left + keeps) / (4 * among)) : Math.ceil((rate * VALID_MS) / 1_000) + 1;
    return Math.max(0, Math.min(left, Math.ceil(left / among), needed - keeps));
}

/** Makes the holder a probe or a scout, where one may go. */
function errands(register: Register, holder: string, now: number): Register {
    const { gate, breaker } = register;
    if (breaker) {
        const probe = probing(breaker, holder, now);
        return probe ? { ...register, breaker: probe } : register;
    }
    const at = gate && scoutAt(gate, now);
    if (!gate || at === null || now < at) return register;
    return { ...register, gate: { ...gate, scouts: gate.scouts + 1, scout: { by: holder, until: now + ERRAND_MS } } };
}

const isErrandOf = (errand: { by: string; until: number } | null | undefined, holder: string, now: number): boolean =>
    errand?.by === holder && now < errand.until;

function grantOf(register: Register, name: string, now: number): Grant {
    const { gate, breaker, holders, set, overstatesUntil, succeededAt, bears } = register;
    const { paced, counted: rates } = kinds(ratesOf(register));
    const holder = holders[name];
    const total = totalRate(register, now);
    const at = gate ? scoutAt(gate, now) : null;
    const outstanding = Object.values(holders).reduce((sum, { quota }) => sum + quota, 0);
    const isCounted = rates.length > 0;
    const windows = windowsFor(register.windows, rates, now);
    return {
        isLimited: total < Infinity || paced !== null || isCounted || set?.inFlight != null || gate !== null || breaker !== null,
        rate: holder?.rate ?? (total === Infinity ? null : 0),
        totalRate: total === Infinity ? null : total,
        inFlight: holder ? holder.inFlight : set?.inFlight == null ? null : 0,
        quota: isCounted ? (holder?.quota ?? 0) : null,
        validMs: VALID_MS,
        gateMs: gate ? Math.max(0, gate.until - now) : 0,
        scoutMs: at === null ? null : Math.max(0, at - now),
        scout: isErrandOf(gate?.scout, name, now),
        breaker: breaker ? { probeMs: Math.max(0, breaker.probeAt - now), failingMs: now - breaker.failingSince, why: breaker.why } : null,
        probe: isErrandOf(breaker?.probe, name, now),
        quotaMs: isCounted ? freeIn(windows, rates, outstanding, now) : 0,
        exhausted: rates.find((rate) => leftOf(windows, [rate], outstanding) < 1) ?? null,
        overstates: now < overstatesUntil,
        succeededAgoMs: succeededAt === null ? null : Math.max(0, now - succeededAt),
        bears,
        holders: Object.keys(holders).length,
    };
}

/** For one too many. */
const nothing = (register: Register, now: number): Grant => ({
    ...grantOf(register, '', now),
    isLimited: true,
    rate: 0,
    inFlight: 0,
    quota: 0,
});

/** What a process that looks and does not ask finds: whether it has to renew. */
export const seenOf = (register: Register, holder: string, now: number): Grant => grantOf(aged(register, now), holder, now);

/** A holder needs nothing any more: its share is free at once. `spent`: of its quota, since its last renewal. */
export function left(before: Register, { holder, spent }: { holder: string; spent: number }, now: number): Register {
    const register = aged(before, now);
    const { [holder]: own, ...others } = register.holders;
    if (!own) return register;
    return { ...register, holders: others, windows: counted(slidAll(register.windows, now), Math.min(spent, own.quota)) };
}

/** An administrator sets what the target may be asked; what was learned is forgotten, for it may not hold any more. */
export function settled(before: Register, settings: Settings, by: string, now: number): Register {
    const register = aged(before, now);
    const rates = strictest(settings.rates);
    const set = rates.length === 0 && settings.inFlight === null ? null : { rates, inFlight: settings.inFlight, by, at: now };
    return { ...register, set, learned: null, hint: null, log: logged(register, { at: now, kind: 'set', by }) };
}
