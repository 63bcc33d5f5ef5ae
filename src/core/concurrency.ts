import type { ItemCode } from './codes';
import { meanBusy, meanInFlight, NO_SAMPLE, riseOf, together, typicalMs, withCall, type Rise, type Sample } from './latency';

type Phase = 'starting' | 'doubting' | 'full' | 'draining' | 'dipped' | 'waiting';

export interface Concurrency {
    /** Calls in flight at most, now. */
    readonly limit: number;
    /** What the limit is when it does not dip; a fraction is kept until it makes a whole call. */
    readonly level: number;
    /** As far as the level goes up by successes alone. */
    readonly ceiling: number;
    readonly max: number;
    readonly adaptive: boolean;
    /** Successes since the last step up. */
    readonly credit: number;
    /** No further step down before this time (ms): one burst of refusals is one signal. */
    readonly holdUntil: number;
    readonly phase: Phase;
    /** When the phase is over, in ms; null until that is known. */
    readonly until: number | null;
    /** Calls begun from then until then (ms) are those of `full`, and of `dip`. */
    readonly fullFrom: number;
    readonly fullTo: number;
    readonly dipFrom: number;
    readonly dipTo: number;
    readonly full: Sample;
    readonly dip: Sample;
    /** Of the start: the round before this one, and by how much a round has more in flight. */
    readonly before: Sample | null;
    readonly factor: number;
    /** Calls that were begun while it dipped, as far as is known. */
    readonly expected: number;
    /** What the last dips have shown together. */
    readonly seen: (Rise & { readonly level: number }) | null;
    /** The last dip has shown no queue. */
    readonly healthy: boolean;
    readonly fell: boolean;
    /** By which part the level goes up when the next dip shows no queue. */
    readonly pace: number;
}

const DECREASE = 0.7;
/** Where nothing was learned a slice begins with so many in flight, and has twice as many each round trip. */
const START = 8;
const DIP = 0.65;
const TOLERATED = Math.log(1.12);
const HEALTHY = 0.1;
const CERTAIN = 1;
const STEP = 0.7;
const GROWTH = 0.3;
const BUSY_FROM = 0.3;
const BUSY_TOLERATED = 1.2;
const SLOT_MS = 2_000;
const HEALTHY_SLOT_MS = 8_000;
const LONGEST_SLOT_MS = 8_000;

const NO_DIP = { phase: 'full', until: null, fullFrom: -Infinity, fullTo: Infinity, dipFrom: Infinity, dipTo: Infinity, full: NO_SAMPLE, dip: NO_SAMPLE, before: null, expected: 0 } as const;

const within = (level: number, max: number): number => Math.max(Math.min(1, max), Math.min(max, level));

export function newConcurrency(max: number, adaptive: boolean, startAt: number | null): Concurrency {
    const level = adaptive ? within(startAt ?? START, max) : max;
    const isStarting = adaptive && startAt === null && level < max;
    return {
        ...NO_DIP,
        limit: level,
        level,
        ceiling: startAt === null ? max : Math.min(max, level + 1),
        max,
        adaptive,
        credit: 0,
        holdUntil: 0,
        phase: isStarting ? 'starting' : 'full',
        factor: 2,
        seen: null,
        healthy: false,
        fell: false,
        pace: startAt === null ? GROWTH : GROWTH / 3,
    };
}

/** The same with another maximum: a limit that stood at the old one goes with it, one that was learned stays, as far as it may. */
export function withMax(c: Concurrency, max: number, adaptive: boolean): Concurrency {
    if (max === c.max && adaptive === c.adaptive) return c;
    const follows = !adaptive || c.level >= c.max;
    const level = follows ? max : within(c.level, max);
    const ceiling = c.ceiling >= c.max ? max : Math.max(level, Math.min(c.ceiling, max));
    return { ...c, ...NO_DIP, level, ceiling, limit: Math.floor(level), max, adaptive };
}

/** How many calls in flight are the share of one of several workers: whole numbers that differ by one at most and add up to all; 0 where there are too few. */
export const shareOf = (max: number, { slot, of }: { slot: number; of: number }): number =>
    Math.floor(max / of) + (slot < max % of ? 1 : 0);

/** What has been learned: the limit that holds when it does not dip; null while that is the highest. */
export const learnedOf = ({ level, max }: Concurrency): number | null => (level < max ? Math.floor(level) : null);

export function afterSuccess(c: Concurrency, now: number, ms: number, inFlight: number, busy = 0): Concurrency {
    if (!c.adaptive || c.max < 2) return c;
    const begun = now - ms;
    const isFull = begun >= c.fullFrom && begun < c.fullTo;
    const isDip = begun >= c.dipFrom && begun < c.dipTo;
    const full = isFull ? withCall(c.full, ms, inFlight, busy) : c.full;
    const dip = isDip ? withCall(c.dip, ms, inFlight, busy) : c.dip;
    const grows = c.phase === 'full' && c.level < c.ceiling;
    const step = grows && c.credit + 1 >= c.limit;
    const level = step ? Math.min(c.ceiling, c.level + 1) : c.level;
    const next: Concurrency = {
        limit: step ? Math.floor(level) : c.limit,
        level,
        ceiling: c.ceiling,
        max: c.max,
        adaptive: true,
        credit: grows && !step ? c.credit + 1 : 0,
        holdUntil: c.holdUntil,
        phase: c.phase,
        until: c.until,
        fullFrom: c.fullFrom,
        fullTo: c.fullTo,
        dipFrom: c.dipFrom,
        dipTo: c.dipTo,
        full,
        dip,
        before: c.before,
        expected: c.phase === 'dipped' ? c.expected + 1 : c.expected,
        factor: c.factor,
        seen: c.seen,
        healthy: c.healthy,
        fell: c.fell,
        pace: c.pace,
    };
    switch (c.phase) {
        case 'starting':
        case 'doubting':
            return full.n >= (c.factor === 2 ? 2 : 1) * c.limit ? afterRound(next, now) : next;
        case 'full':
            if (c.until === null) return full.n >= Math.max(8, level) ? plan(next, now) : next;
            return now >= c.until ? beginDip(next, now) : next;
        case 'draining':
            if (inFlight - 1 > c.limit) return next;
            return { ...next, phase: 'dipped', dipFrom: now, dipTo: Infinity, until: now + dipMs(next), expected: 1 - inFlight };
        case 'dipped':
            if (now < c.until!) return next;
            return {
                ...next,
                phase: 'waiting',
                dipTo: now,
                limit: Math.floor(level),
                expected: next.expected + inFlight - 1,
                until: now + 6 * typicalMs(full),
            };
        case 'waiting':
            return now >= c.until! || dip.n >= c.expected ? decide(next, now) : next;
    }
}

/** A round of the start is over: twice as many in flight, unless latency has risen. */
function afterRound(c: Concurrency, now: number): Concurrency {
    const { full, before } = c;
    if (meanInFlight(full) < 0.5 * c.limit) return { ...c, full: NO_SAMPLE, fullFrom: now };
    if (before) {
        const { log, variance } = riseOf(before, full);
        const tolerated = Math.log(c.factor) / 2 + allowance(full);
        if (log - 2 * Math.sqrt(variance) > tolerated) {
            if (c.phase === 'starting') return { ...c, phase: 'doubting', full: NO_SAMPLE, fullFrom: now };
            const level = within(Math.floor(c.level / (c.factor === 2 ? 4 : c.factor)), c.max);
            return { ...c, ...NO_DIP, fullFrom: now + typicalMs(before), level, limit: Math.floor(level), ceiling: level };
        }
    }
    const level = Math.min(c.max, c.level * c.factor);
    const isOver = level >= c.max;
    const ceiling = Math.max(level, c.ceiling);
    return { ...c, ...NO_DIP, fullFrom: now, level, limit: Math.floor(level), ceiling, phase: isOver ? 'full' : 'starting', before: full };
}

const allowance = (sample: Sample): number => BUSY_TOLERATED * Math.max(0, meanBusy(sample) - BUSY_FROM);

/** Says when the next dip is. */
function plan(c: Concurrency, now: number): Concurrency {
    const rtt = typicalMs(c.full);
    const most = c.healthy && c.level >= c.max;
    let slot = most ? HEALTHY_SLOT_MS : SLOT_MS;
    while (slot < rtt * (most ? 32 : c.healthy ? 16 : 5) && slot < LONGEST_SLOT_MS) slot *= 2;
    if (slot < rtt * 5) slot *= 2;
    if (slot < rtt * 5) {
        if (c.level < c.max) return { ...c, ...NO_DIP, fullFrom: now, phase: 'starting', factor: 1.5, before: c.full };
        while (slot < rtt * 16) slot *= 2;
    }
    const at = Math.ceil((now + rtt) / slot) * slot;
    return { ...c, until: at };
}

const dipTo = (limit: number): number => Math.max(1, Math.min(limit - 1, Math.round(DIP * limit)));

function beginDip(c: Concurrency, now: number): Concurrency {
    // Who has less to do than the limit allows learns nothing of it.
    if (c.limit < 2 || meanInFlight(c.full) < 0.8 * c.limit) {
        const isUsed = meanInFlight(c.full) >= 0.8 * c.limit;
        const level = isUsed ? Math.min(c.max, c.level + STEP) : c.level;
        return { ...c, ...NO_DIP, level, ceiling: Math.max(level, c.ceiling), limit: Math.floor(level), fullFrom: now };
    }
    return { ...c, phase: 'draining', fullTo: now, limit: dipTo(c.limit), until: null };
}

const dipMs = (c: Concurrency): number => Math.max(100, typicalMs(c.full) * Math.max(1.5, 8 / c.limit));

function decide(c: Concurrency, now: number): Concurrency {
    const { full } = c;
    const anew = { ...NO_DIP, fullFrom: now + typicalMs(full) };
    if (c.dip.n < 3) return { ...c, ...anew };
    let dip = c.dip;
    for (let missing = Math.min(c.expected - dip.n, dip.n); missing > 0; missing--)
        dip = withCall(dip, now - c.dipFrom, meanInFlight(dip), 0);
    const fewer = Math.log(meanInFlight(full) / meanInFlight(dip));
    if (fewer < 0.15) return { ...c, ...anew };
    const rise = together(c.seen, riseOf(dip, full), c.level);
    const error = CERTAIN * Math.sqrt(rise.variance);
    const tolerated = TOLERATED + allowance(full);
    const excess = rise.log - error - tolerated;
    const fall = excess <= 0 ? 1 : Math.max(0.5, Math.min(c.fell && rise.log > 0.8 * fewer ? DIP : 1, Math.exp(-excess * (c.fell ? 1 : 0.75))));
    const health = Math.max(0, Math.min(1, 1 - (rise.log + error) / (HEALTHY + allowance(full) / 2)));
    const pace = excess > 0 ? Math.max(0.03, c.pace / 3) : Math.min(GROWTH, c.pace * (1 + 0.5 * health));
    const level = within(c.level * (fall + c.pace * health) + STEP, c.max);
    return { ...c, ...anew, level, limit: Math.floor(level), ceiling: level, seen: { ...rise, level: c.level }, healthy: health > 0, fell: excess > 0, pace };
}

/** After the target throttled, or did not answer in time. `ms` is how long the call took: calls begun before the step down say nothing new. */
export function afterThrottle(c: Concurrency, now: number, ms: number): Concurrency {
    if (!c.adaptive || now < c.holdUntil) return c;
    const level = within(Math.floor(c.level * DECREASE), c.max);
    return { ...c, ...NO_DIP, fullFrom: now, level, limit: level, ceiling: Math.max(level, c.ceiling), credit: 0, holdUntil: now + Math.max(100, ms) };
}

/** Statuses by which a target says that it is asked too much: 429 Too Many Requests, 503 Service Unavailable (RFC 6585, RFC 9110). */
const THROTTLES = new Set([429, 503]);

/** Whether a failed call says that fewer calls should be in flight: by its status, or because the target did not answer in time. */
export const throttles = (code: ItemCode, status: number | undefined): boolean =>
    code === 'TIMEOUT' || (status !== undefined && THROTTLES.has(status));
