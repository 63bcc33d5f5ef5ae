// What happens to the register of one target: a pure reducer that every process runs over one small document under its ETag. Times are in ms, by storage's clock.
import { afterProbe, agedBreaker, opened as openedBreaker } from './breaker';
import { closed, isOverstated } from './gate';
import { grantOf, nothing, SKEW_MS, VALID_MS, withErrand, withShare, type Grant } from './grant';
import { afterRefusal, rateOfCycle, remembered, wentOn } from './learning';
import { strictest, type Rate } from './rate';
import {
    hintedRate,
    kinds,
    learnedAtOpening,
    ratesOf,
    type Asked,
    type Holder,
    type JobNeed,
    type Register,
    type RegisterEvent,
    type Settings,
} from './state';
import { counted, freeIn, slidAll, windowsFor, type UsedWindow } from './windows';

export { newRegister, ratesOf, totalRate } from './state';
export type { Holder, JobNeed, Register, RegisterEvent, Settings } from './state';

/** Others count on a share for so long beyond its time: clocks are read from answers, whole seconds at a time. */
const GRACE_MS = 2_000;
/** That a target asks for more time than it needs, or for what it needs, is remembered for so long, in ms. */
const REMEMBERED_MS = 600_000;
/** What a target says is left is heeded when it is for at least so long (ms): a reset in a second is rounded, or that of a token bucket. */
export const SHORTEST_HINT_MS = 2_000;
const MAX_HOLDERS = 200;
const MAX_LOG = 20;

export interface Renewal {
    holder: string;
    /** Goes up with each. */
    seq: number;
    jobs: Record<string, JobNeed>;
    rates: Rate[];
    /** Calls that were accepted since the renewal before, in so many ms. */
    accepted: number;
    ms: number;
    /** Calls a second accepted in the last seconds. */
    lately: number;
    /** Calls that have ended since the renewal before, by whole seconds ago; and how many of its quota it may still make or has in flight. */
    spent: number[];
    keeps: number;
    /** Calls refused since the renewal before, how long ago the last was, and for how long from now the target has asked to be left alone. */
    refused: number;
    refusedAgoMs: number;
    closedMs: number | null;
    /** What the target has said is left, and for how long from now. */
    hint: { remaining: number; resetMs: number } | null;
    /** How long ago a call succeeded last; null: none has. In ms. */
    succeededAgoMs: number | null;
    /** Nothing succeeds any more, for so long: the breaker is to open. */
    failing: { ms: number; why: string } | null;
    /** How the scout came back. */
    scouted: 'passed' | 'refused' | 'failed' | null;
    /** How the probe came back. */
    probed: 'passed' | { failed: string } | null;
    /** Calls in flight that the target bears well; null: nothing was learned. */
    bears: number | null;
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
        const asked = dead.reduce((kept, [, one]) => askedAfter({ ...next, asked: kept }, one, now), next.asked);
        next = { ...next, windows: counted(slidAll(next.windows, now), spent, now), holders, asked };
    }
    if (next.gate && next.gate.until <= now) next = reopened(next, next.gate.until);
    if (next.breaker) next = { ...next, breaker: agedBreaker(next.breaker, now) };
    if (next.asked.some(({ until }) => until <= now)) next = { ...next, asked: next.asked.filter(({ until }) => until > now) };
    const learned = remembered(next.learned, now);
    return learned === next.learned ? next : { ...next, learned };
}

/** The gate opens, and was obeyed until then. */
const reopened = (register: Register, now: number): Register => ({
    ...register,
    gate: null,
    meansUntil: register.gate && register.gate.refused > 0 ? now + REMEMBERED_MS : register.meansUntil,
    learned: learnedAtOpening(register, now),
    cycle: { since: now, accepted: 0 },
});

/** One holder tells what it has seen, and gets its share anew. */
export function renewed(before: Register, renewal: Renewal, now: number): { register: Register; grant: Grant } {
    const { holder, seq } = renewal;
    const start = aged(before, now);
    const known = start.holders[holder];
    if (!known && Object.keys(start.holders).length >= MAX_HOLDERS) return { register: start, grant: nothing(start, now) };
    if (known && known.seq >= seq) return { register: start, grant: grantOf(start, holder, now) };
    const told = [counts, succeeds, probes, scouts, refusals, hints, failures].reduce((r, tell) => tell(r, renewal, now), start);
    const register = withErrand(withShare(told, holder, now), holder, now);
    return { register, grant: grantOf(register, holder, now) };
}

function counts(
    register: Register,
    { holder, jobs, rates, accepted, ms, lately, spent, seq, keeps, bears }: Renewal,
    now: number,
): Register {
    const known = register.holders[holder];
    // What somebody held whose share has run out was counted as spent then.
    const own = { seq, quota: known ? keeps : 0, accepted: lately, jobs, rates, until: now + VALID_MS + GRACE_MS };
    const holders = { ...register.holders, [holder]: { rate: 0, inFlight: 0, ...known, ...own } };
    // Jobs that are back say themselves what they ask for.
    const asked = register.asked.filter((one) => !one.jobs.some((job) => job in jobs));
    const windows = windowsFor(register.windows, kinds(ratesOf({ ...register, holders, asked })).counted, now);
    const began = now - ms;
    const cycle = register.cycle ?? { since: began, accepted: 0 };
    // Who comes new tells of a time before the cycle, too.
    const since = known ? cycle.since : Math.min(cycle.since, began);
    return {
        ...register,
        holders,
        asked,
        windows: known ? spentOf(windows, spent, now) : windows,
        cycle: register.gate ? { since, accepted: cycle.accepted + accepted } : wentOn({ since, accepted: cycle.accepted }, accepted, now),
        bears: bears ?? register.bears,
    };
}

const spentOf = (windows: UsedWindow[], spent: readonly number[], now: number): UsedWindow[] =>
    spent.reduce((counting, calls, seconds) => counted(counting, calls, now - 1_000 * seconds), windows);

function succeeds(register: Register, { succeededAgoMs }: Renewal, now: number): Register {
    if (succeededAgoMs === null) return register;
    const succeededAt = Math.max(register.succeededAt ?? 0, now - succeededAgoMs);
    const { breaker } = register;
    const next = { ...register, succeededAt };
    return breaker && succeededAt - SKEW_MS > breaker.since ? withoutBreaker(next, now) : next;
}

const withoutBreaker = (register: Register, now: number): Register => ({
    ...register,
    breaker: null,
    log: logged(register, { at: now, kind: 'closed', ms: now - (register.breaker?.failingSince ?? now) }),
});

function probes(register: Register, { holder, probed }: Renewal, now: number): Register {
    const { breaker } = register;
    if (!breaker || probed === null || breaker.probe?.by !== holder) return register;
    return probed === 'passed' ? withoutBreaker(register, now) : { ...register, breaker: afterProbe(breaker, probed.failed, now) };
}

function scouts(register: Register, { holder, scouted }: Renewal, now: number): Register {
    const { gate } = register;
    if (!gate || scouted === null || gate.scout?.by !== holder) return register;
    if (scouted !== 'passed')
        return { ...register, gate: { ...gate, scout: null, refused: gate.refused + (scouted === 'refused' ? 1 : 0) } };
    const log = logged(register, { at: now, kind: 'scouted', left: gate.until - now });
    if (!isOverstated(gate, now)) return { ...reopened(register, now), log };
    return {
        ...register,
        gate: null,
        overstatesUntil: now + REMEMBERED_MS,
        meansUntil: 0,
        learned: afterRefusal(null, { at: now, lately: gate.accepted, inAll: 0, isMost: false }, now),
        cycle: { since: now, accepted: 0 },
        log,
    };
}

function refusals(register: Register, { accepted: passed, refused, refusedAgoMs, closedMs }: Renewal, now: number): Register {
    if (refused === 0) return register;
    const accepted = Object.values(register.holders).reduce((sum, holder) => sum + holder.accepted, 0);
    if (closedMs !== null && now >= register.overstatesUntil) {
        const gate = closed(register.gate, closedMs, { accepted, isMeant: now < register.meansUntil }, now);
        return { ...register, gate, log: register.gate ? register.log : logged(register, { at: now, kind: 'gate', ms: gate.until - now }) };
    }
    if (register.gate) return register;
    const inAll = register.cycle ? rateOfCycle(register.cycle, now) : 0;
    const refusal = { at: now - refusedAgoMs, lately: accepted, inAll, isMost: refused > passed };
    const learned = afterRefusal(register.learned, refusal, now);
    const isStep = learned.at !== register.learned?.at;
    return { ...register, learned, log: isStep ? logged(register, { at: now, kind: 'refused', rate: learned.base }) : register.log };
}

function hints(register: Register, { hint }: Renewal, now: number): Register {
    if (!hint || hint.resetMs < SHORTEST_HINT_MS) return register;
    return { ...register, hint: { rate: hintedRate(hint), until: now + hint.resetMs } };
}

function failures(register: Register, { failing }: Renewal, now: number): Register {
    const { breaker, succeededAt } = register;
    if (breaker || !failing) return register;
    // Others have had answers since.
    if (succeededAt !== null && succeededAt - SKEW_MS > now - failing.ms) return register;
    return {
        ...register,
        breaker: openedBreaker(now - failing.ms, failing.why, now),
        log: logged(register, { at: now, kind: 'opened', why: failing.why }),
    };
}

/** What a process that looks and does not ask finds: whether it has to renew. */
export const seenOf = (register: Register, holder: string, now: number): Grant => grantOf(aged(register, now), holder, now);

/**
 * What the jobs of a holder ask for while it is gone: they sleep where a window is used up, and what they ask for holds for all others meanwhile.
 */
function askedAfter(register: Register, { jobs, rates }: Holder, now: number): Asked[] {
    const counted = kinds(rates).counted;
    const sleepMs = freeIn(windowsFor(register.windows, counted, now), counted, 0, now);
    if (counted.length === 0 || sleepMs === 0) return register.asked;
    return [...register.asked, { jobs: Object.keys(jobs), rates, until: now + sleepMs + WAKES_WITHIN_MS }].slice(-MAX_ASKED);
}

/** A job that sleeps until a window has room is back within this time, in ms. */
const WAKES_WITHIN_MS = 60_000;
const MAX_ASKED = 20;

/** A holder needs nothing any more: its share and its errand are free at once. `spent`: of its quota, since its last renewal. */
export function left(before: Register, { holder, spent }: { holder: string; spent: number[] }, now: number): Register {
    const register = aged(before, now);
    const { [holder]: own, ...others } = register.holders;
    if (!own) return register;
    const { gate, breaker } = register;
    return {
        ...register,
        holders: others,
        asked: askedAfter(register, own, now),
        windows: spentOf(slidAll(register.windows, now), spent, now),
        gate: gate?.scout?.by === holder ? { ...gate, scout: null } : gate,
        breaker: breaker?.probe?.by === holder ? { ...breaker, probe: null } : breaker,
    };
}

/** An administrator sets what the target may be asked; what was learned is forgotten, for it may not hold any more. */
export function settled(before: Register, settings: Settings, by: string, now: number): Register {
    const register = aged(before, now);
    const rates = strictest(settings.rates);
    const set = rates.length === 0 && settings.inFlight === null ? null : { rates, inFlight: settings.inFlight, by, at: now };
    // Also the gate is open then: whoever sets it knows better.
    const anew = { learned: null, hint: null, gate: null, overstatesUntil: 0, meansUntil: 0, asked: [] };
    return { ...register, ...anew, set, log: logged(register, { at: now, kind: 'set', by }) };
}
