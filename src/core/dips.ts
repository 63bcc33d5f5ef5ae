// How the calls in flight follow latency. Whether items are slow or wait in a queue cannot be seen from latency: it is tried. Now and then a slice dips, has
// a third fewer in flight for a moment. Where calls take as long as before, the items are slow, and a third of the throughput was lost: more may be in
// flight. Where they take less, they had been waiting, and hardly any throughput was lost: fewer are enough. Both are measured within seconds of each
// other, so it does not matter how much latency varies from item to item, nor that a target gets slower by itself.
//
// All slices dip at the same moments of the clock. One of several that dipped alone would find the others' queue, take it for the target's own latency,
// and crowd them out (as TCP Vegas does; BBR's senders come to probe together for the same reason). Nobody has to tell them when: the moments are
// multiples of a span that follows from latency, which is the same for all of them.
import { ANEW, at, within, type Concurrency } from './concurrencyState';
import { latencyOf, meanBusy, meanInFlight, NO_SAMPLE, riseOf, together, typicalMs, withCall, withMissing, type Sample } from './latency';

/** A dip has this part of the calls in flight. */
const DIP = 0.65;
/** It lasts so many round trips, and at least so long (ms): clocks of several machines differ by some milliseconds. */
const DIP_TRIPS = 1.5;
const LEAST_DIP_MS = 100;
/** So many calls are wanted of a dip, where few are in flight. */
const DIP_CALLS = 8;
/** So much longer may calls take than in a dip. At a target of 24 threads that is with 26 in flight; the steps of all slices come to some more. */
const TOLERATED = Math.log(1.08);
/** What is within so many standard errors may be chance, and leads to no fewer in flight. */
const CERTAIN = 1.5;
/** Of the start, whose rounds are small and whose verdict costs more. */
const ROUND_CERTAIN = 2;
/** So little longer that it counts as no queue at all. */
const HEALTHY = 0.1;
/** So many calls more after each dip, whatever it has shown: an equal step for all makes the shares of several slices equal; a part of the level where that is small. */
const STEP = 0.8;
const SMALL_STEP = 1 / 9;
/** And by this part more where it has shown no queue; by less for a while after it has shown one: where the edge is steep, a leap beyond it costs much. */
export const PACE = 0.3;
const LEAST_PACE = 0.03;
const MOST_FALL = 0.5;
/** A process that is busy for more than this part of the time makes calls wait itself, and much of a rise is its own: it is tolerated. */
const BUSY_FROM = 0.3;
const BUSY_TOLERATED = 1.2;
/** Dips are at multiples of this (ms) and of its doubles: so that between two of them there are so many round trips, where that costs throughput. */
const SLOT_MS = 2_000;
const LONGEST_SLOT_MS = 8_000;
const TRIPS_AT_MAX = 32;
const TRIPS_HEALTHY = 16;
const TRIPS = 5;
/** Calls that take longer than this (ms) are slow: no round of the start is waited for twice. */
const SLOW_MS = 300;
/** Where calls are so slow that no dip has room in a slice, the level goes up by this factor each round, as in the start. */
const SLOW_FACTOR = 1.5;

/** After a call that was answered. It runs for every call, so that it makes no more than one object and one sample. */
export function afterAnswer(c: Concurrency, now: number, ms: number, inFlight: number, busy: number): Concurrency {
    const begun = now - ms;
    const grows = c.phase === 'full' && c.level < c.ceiling;
    const steps = grows && c.credit + 1 >= c.limit;
    const level = steps ? Math.min(c.ceiling, c.level + 1) : c.level;
    // Written out: a spread of so many fields takes three times as long.
    const next: Concurrency = {
        limit: steps ? Math.floor(level) : c.limit,
        level,
        ceiling: c.ceiling,
        max: c.max,
        adaptive: c.adaptive,
        credit: grows && !steps ? c.credit + 1 : 0,
        holdUntil: c.holdUntil,
        phase: c.phase,
        until: c.until,
        fullFrom: c.fullFrom,
        fullTo: c.fullTo,
        dipFrom: c.dipFrom,
        dipTo: c.dipTo,
        full: begun >= c.fullFrom && begun < c.fullTo ? withCall(c.full, ms, inFlight, busy) : c.full,
        dip: begun >= c.dipFrom && begun < c.dipTo ? withCall(c.dip, ms, inFlight, busy) : c.dip,
        used: c.used,
        expected: c.phase === 'dipped' ? c.expected + 1 : c.expected,
        shortest: c.shortest,
        factor: c.factor,
        seen: c.seen,
        healthy: c.healthy,
        fell: c.fell,
        pace: c.pace,
    };
    switch (c.phase) {
        case 'starting':
        case 'doubting':
            // The first calls of a round do not meet yet those that were added with it.
            return next.full.n >= (ms < SLOW_MS ? 2 : 1) * c.limit ? afterRound(next, now) : next;
        case 'full':
            if (c.until === null) return next.full.n >= Math.max(DIP_CALLS, level) ? plan(next, now) : next;
            return now >= c.until ? drain(next, now) : next;
        case 'draining':
            return inFlight - 1 <= c.limit ? beginDip(next, now, inFlight) : next;
        case 'dipped':
            return now >= c.until! ? endDip(next, now, inFlight) : next;
        case 'waiting':
            return now >= c.until! || next.dip.n >= c.expected ? afterDip(next, now) : next;
    }
}

/** What a busy process adds to latency by itself, as a logarithm. */
const ownRise = (sample: Sample): number => BUSY_TOLERATED * Math.max(0, meanBusy(sample) - BUSY_FROM);

/** More in flight, unless calls take longer than in the round in which they took the least: half of what they would if all of them waited. */
function afterRound(c: Concurrency, now: number): Concurrency {
    const { full, shortest, factor } = c;
    if (meanInFlight(full) < 0.5 * c.limit) return { ...c, full: NO_SAMPLE, fullFrom: now };
    if (shortest) {
        const { log, variance } = riseOf(shortest, full);
        if (log - ROUND_CERTAIN * Math.sqrt(variance) > Math.log(factor) / 2 + ownRise(full)) {
            // A process that stood still for a moment makes one round long, not two.
            if (c.phase === 'starting' && typicalMs(full) < SLOW_MS) return { ...c, phase: 'doubting', full: NO_SAMPLE, fullFrom: now };
            return at(c, within(Math.floor(c.level / (factor === SLOW_FACTOR ? factor : factor ** 2)), c.max), now + typicalMs(shortest));
        }
    }
    const level = Math.min(c.max, c.level * factor);
    return {
        ...at(c, level, now),
        ceiling: Math.max(level, c.ceiling),
        phase: c.level >= c.max ? 'full' : 'starting',
        shortest: shortest && latencyOf(shortest) < latencyOf(full) ? shortest : full,
    };
}

/** Says when the next dip is. */
function plan(c: Concurrency, now: number): Concurrency {
    const trip = typicalMs(c.full);
    const isAtMax = c.healthy && c.level >= c.max;
    // Where there is a queue a dip costs hardly anything, and fewer calls in flight are wanted soon.
    const trips = isAtMax ? TRIPS_AT_MAX : c.healthy ? TRIPS_HEALTHY : TRIPS;
    let slot = isAtMax ? LONGEST_SLOT_MS : SLOT_MS;
    while (slot < trip * trips && slot < LONGEST_SLOT_MS) slot *= 2;
    if (slot < trip * TRIPS) slot *= 2;
    if (slot < trip * TRIPS && c.level < c.max) return afterRound({ ...c, factor: SLOW_FACTOR }, now);
    while (slot < trip * TRIPS) slot *= 2;
    return { ...c, until: Math.ceil((now + trip) / slot) * slot };
}

const dipOf = (limit: number): number => Math.max(1, Math.min(limit - 1, Math.round(DIP * limit)));

function drain(c: Concurrency, now: number): Concurrency {
    const used = meanInFlight(c.full);
    // Whoever has less to do than may be done learns nothing of it.
    if (used < 0.8 * c.limit) return { ...c, ...ANEW, fullFrom: now };
    if (c.limit < 2) return at(c, Math.min(c.max, c.level + STEP), now);
    return { ...c, phase: 'draining', fullTo: now, limit: dipOf(c.limit), used, until: null };
}

function beginDip(c: Concurrency, now: number, inFlight: number): Concurrency {
    const ms = Math.max(LEAST_DIP_MS, typicalMs(c.full) * Math.max(DIP_TRIPS, DIP_CALLS / c.limit));
    // Of those that end from now on so many were begun before.
    return { ...c, phase: 'dipped', dipFrom: now, until: now + ms, expected: 1 - inFlight };
}

function endDip(c: Concurrency, now: number, inFlight: number): Concurrency {
    const until = now + 6 * typicalMs(c.full);
    return { ...c, phase: 'waiting', dipTo: now, limit: Math.floor(c.level), expected: c.expected + inFlight - 1, until };
}

/** How many may be in flight after what the dip has shown. */
function afterDip(c: Concurrency, now: number): Concurrency {
    const { full, level } = c;
    const from = now + typicalMs(full);
    if (c.dip.n < 3) return { ...c, ...ANEW, fullFrom: from };
    // The longest have not ended: without them the dip would have had short calls only, and whatever varies would look like a queue.
    const dip = withMissing(c.dip, c.expected - c.dip.n, now - c.dipFrom);
    const seen = together(c.seen, riseOf(dip, full), level);
    const error = CERTAIN * Math.sqrt(seen.variance);
    const excess = seen.log - error - TOLERATED - ownRise(full);
    // The second time, calls that gain four fifths of what they could from fewer in flight say that the dip itself was in the queue.
    const isFarOff = c.fell && seen.log > 0.8 * Math.log(c.used / dipOf(Math.floor(level)));
    const fall = excess <= 0 ? 1 : Math.max(MOST_FALL, Math.min(isFarOff ? DIP : 1, Math.exp(-excess * (c.fell ? 1 : 0.75))));
    const health = Math.max(0, Math.min(1, 1 - (seen.log + error) / (HEALTHY + ownRise(full) / 2)));
    return {
        ...at(c, within(level * (fall + c.pace * health) + Math.min(STEP, level * SMALL_STEP), c.max), from),
        seen: { ...seen, level },
        healthy: health > 0,
        fell: excess > 0,
        pace: excess > 0 ? Math.max(LEAST_PACE, c.pace / 3) : Math.min(PACE, c.pace * (1 + health / 2)),
    };
}
