// What a holder gets out of a register: its share of the rate, of places and of counted calls, and errands.
import { probeAt, probing } from './breaker';
import { scoutAt, scouting } from './gate';
import type { Rate } from './rate';
import { shareOut, type Needs } from './shares';
import { kinds, ratesOf, totalRate, type Holder, type JobNeed, type Register } from './state';
import { freeIn, leftOf, windowsFor } from './windows';

/** A share is counted on for so long by its holder, who counts from before he asked. In ms. */
export const VALID_MS = 12_000;
/** Two processes read storage's clock, which shows whole seconds, up to so much apart. In ms. */
export const SKEW_MS = 1_500;
/** Where there are fewer places than holders, they go round in this time, in ms. */
const ROTATE_MS = 30_000;
/** Counted calls are given for so much time in advance (ms): what somebody holds, nobody else can use. */
const QUOTA_FOR_MS = 8_000;

/** What a holder may do, from when it asked. Spans in ms. */
export interface Grant {
    /** False: nothing is limited, and nobody need renew. */
    isLimited: boolean;
    /** Calls a second; null: as many as it can. */
    rate: number | null;
    /** What it would have if it asked now and others held no more than is fair. */
    fairRate: number | null;
    /** The whole of which that is its share. */
    totalRate: number | null;
    inFlight: number | null;
    /** Calls in all that it may have made or in flight until the next renewal; null: not counted. */
    quota: number | null;
    validMs: number;
    /** The gate opens in so long; 0: it is open. */
    gateMs: number;
    /** The next scout may go in so long; null: none does. */
    scoutMs: number | null;
    /** One is under way. */
    isScoutOut: boolean;
    /** The breaker is open, and the next probe may go in so long; `isOut`: one is under way. */
    breaker: { probeMs: number; isOut: boolean; sinceMs: number; failingMs: number; why: string } | null;
    /** A single call that this holder may make, begun within so long. */
    errand: { kind: 'scout' | 'probe'; ms: number } | null;
    /** The learned rate was taken so long ago; null: none is. */
    steppedAgoMs: number | null;
    /** Counted windows have another call in so long; 0: they have. */
    quotaMs: number;
    /** Which window is used up. */
    exhausted: Rate | null;
    /** `Retry-After` of single calls says more than the target needs. */
    overstates: boolean;
    /** How long ago a call succeeded last, by anybody, at least; null: none has. */
    succeededAgoMs: number | null;
    bears: number | null;
    holders: number;
    /** The first share of another runs out in so long, if he does not renew it; null: there is none. */
    othersMs: number | null;
}

/** Gives the holder its share: never more than what others do not hold, whatever is fair. */
export function withShare(register: Register, holder: string, now: number): Register {
    const { [holder]: own, ...others } = register.holders;
    const held = (what: (other: Holder) => number): number => Object.values(others).reduce((sum, other) => sum + what(other), 0);
    const total = totalRate(register, now);
    const fair = fairRate(register, total, holder);
    // Rounded down, so that a register stays small.
    const rate = fair === null ? null : Math.floor(clamp(fair, total - held((o) => o.rate ?? 0)) * 10_000) / 10_000;
    const most = register.set?.inFlight ?? null;
    const inFlight = most === null ? null : clamp(fairPlaces(register, most, holder, now), most - held((o) => o.inFlight ?? 0));
    const quota = own!.quota + newQuota(register, holder, rate, now);
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
function fairRate(register: Register, total: number, holder: string): number | null {
    if (total === Infinity) return null;
    const fair = shareOut(
        total,
        needsOf(register, ({ want }) => want ?? Infinity),
    );
    const spare = total - Object.values(fair).reduce((a, b) => a + b, 0);
    return (fair[holder] ?? 0) + Math.max(0, spare) / Math.max(1, Object.keys(fair).length);
}

/** Whole places; where there are fewer than holders, they go round. */
function fairPlaces(register: Register, total: number, holder: string, now: number): number {
    const fair = shareOut(
        total,
        needsOf(register, ({ want, inFlight }) => (want === null ? Infinity : inFlight + 1)),
    );
    const names = Object.keys(fair).sort();
    const first = Math.floor(now / ROTATE_MS) % names.length;
    const order = [...names.slice(first), ...names.slice(0, first)];
    const left = Math.floor(total - names.reduce((sum, name) => sum + Math.floor(fair[name]!), 0));
    // What is left over goes round one by one, as often as it has to.
    const extra = Math.floor(left / names.length) + (order.indexOf(holder) < left % names.length ? 1 : 0);
    return Math.floor(fair[holder]!) + extra;
}

/** Calls out of the counted windows beyond those that the holder has. */
function newQuota(register: Register, holder: string, rate: number | null, now: number): number {
    const { counted: rates } = kinds(ratesOf(register));
    if (rates.length === 0) return 0;
    const outstanding = outstandingOf(register);
    const left = leftOf(windowsFor(register.windows, rates, now), rates, outstanding);
    const { keeps, among } = { keeps: register.holders[holder]!.quota, among: Object.keys(register.holders).length };
    // Without a pace a part is given, so that something is left for who comes next.
    const needed = rate === null ? Math.ceil((left + keeps) / (4 * among)) : Math.ceil((rate * QUOTA_FOR_MS) / 1_000) + 1;
    return Math.max(0, Math.min(left, Math.ceil(left / among), needed - keeps));
}

/** Calls out of counted windows that holders have, and of which nobody has said whether they were made. */
export const outstandingOf = ({ holders }: Register): number => Object.values(holders).reduce((sum, { quota }) => sum + quota, 0);

/** Makes the holder a probe or a scout, where one may go. */
export function withErrand(register: Register, holder: string, now: number): Register {
    const { gate, breaker } = register;
    if (breaker) return { ...register, breaker: probing(breaker, holder, now) ?? breaker };
    return gate ? { ...register, gate: scouting(gate, holder, now) ?? gate } : register;
}

function errandOf({ gate, breaker }: Register, holder: string, now: number): Grant['errand'] {
    const [kind, errand] = breaker ? (['probe', breaker.probe] as const) : (['scout', gate?.scout] as const);
    return errand?.by === holder && now < errand.until ? { kind, ms: errand.until - now } : null;
}

/** What stands there for this holder. */
export function grantOf(register: Register, name: string, now: number): Grant {
    const { gate, breaker, holders, set, overstatesUntil, succeededAt, bears } = register;
    const { pace, counted: rates } = kinds(ratesOf(register));
    const holder = holders[name];
    const total = totalRate(register, now);
    const at = gate ? scoutAt(gate, now) : null;
    const outstanding = outstandingOf(register);
    const isCounted = rates.length > 0;
    const windows = windowsFor(register.windows, rates, now);
    const others = Object.entries(holders).flatMap(([other, { until }]) => (other === name ? [] : [until]));
    return {
        isLimited: total < Infinity || pace !== null || isCounted || set?.inFlight != null || gate !== null || breaker !== null,
        rate: holder?.rate ?? (total === Infinity ? null : 0),
        fairRate: fairRate(register, total, name),
        totalRate: total === Infinity ? null : total,
        inFlight: holder ? holder.inFlight : set?.inFlight == null ? null : 0,
        quota: isCounted ? (holder?.quota ?? 0) : null,
        validMs: VALID_MS,
        gateMs: gate ? Math.max(0, gate.until - now) : 0,
        scoutMs: at === null ? null : Math.max(0, at - now),
        isScoutOut: gate?.scout != null && now < gate.scout.until,
        breaker: breaker && {
            probeMs: Math.max(0, probeAt(breaker) - now),
            isOut: breaker.probe !== null,
            sinceMs: now - breaker.since,
            failingMs: now - breaker.failingSince,
            why: breaker.why,
        },
        steppedAgoMs: register.learned && now - register.learned.at,
        errand: errandOf(register, name, now),
        quotaMs: isCounted ? freeIn(windows, rates, outstanding, now) : 0,
        exhausted: rates.find((rate) => leftOf(windows, [rate], outstanding) < 1) ?? null,
        overstates: now < overstatesUntil,
        succeededAgoMs: succeededAt === null ? null : Math.max(0, now - succeededAt) + SKEW_MS,
        bears,
        holders: Object.keys(holders).length,
        othersMs: others.length === 0 ? null : Math.min(...others) - now,
    };
}

/** For one holder too many. */
export const nothing = (register: Register, now: number): Grant => ({
    ...grantOf(register, '', now),
    isLimited: true,
    rate: 0,
    inFlight: 0,
    quota: 0,
});
