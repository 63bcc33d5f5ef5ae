// What a slice knows of the calls it may have in flight. It is replaced, never changed.
import { NO_SAMPLE, type Rise, type Sample } from './latency';

/**
 * Phases, and what leads from one to the next:
 *
 *     starting ── a round of calls has taken as long as the shortest before ──► starting, twice as many in flight; full, at the maximum
 *     starting ── it has taken longer ────────────────────────────────────────► doubting: the same round once more
 *     doubting ── it takes longer again ──────────────────────────────────────► full, with a quarter in flight
 *     full ────── it is the moment to dip ────────────────────────────────────► draining: nothing is begun until no more are in flight than the dip has
 *     draining ── so few are in flight ───────────────────────────────────────► dipped
 *     dipped ──── some round trips are over ──────────────────────────────────► waiting, with all in flight that were before
 *     waiting ─── the calls that were begun in the dip have ended ────────────► full, with more or fewer in flight than before
 *
 * A throttle and another maximum lead to full, from everywhere.
 */
type Phase = 'starting' | 'doubting' | 'full' | 'draining' | 'dipped' | 'waiting';

export interface Concurrency {
    /** Calls in flight at most, now. */
    readonly limit: number;
    /** What the limit is when it does not dip; a fraction is kept until it makes a whole call. */
    readonly level: number;
    /** As far as the level goes up by successes alone: further only when a dip has shown no queue. */
    readonly ceiling: number;
    readonly max: number;
    readonly adaptive: boolean;
    /** Successes since the last step up. */
    readonly credit: number;
    /** No further step down by throttles before this time (ms): one burst of refusals is one signal. */
    readonly holdUntil: number;
    readonly phase: Phase;
    /** When the phase is over, in ms; null where it is not known yet, or not a matter of time. */
    readonly until: number | null;
    /** Calls that were begun from then until then (ms) are those of `full`, and of `dip`. */
    readonly fullFrom: number;
    readonly fullTo: number;
    readonly dipFrom: number;
    readonly dipTo: number;
    readonly full: Sample;
    readonly dip: Sample;
    /** Calls in flight before the dip, on average. */
    readonly used: number;
    /** Calls that were begun in the dip, as far as is known. */
    readonly expected: number;
    /** Of the rounds of the start the one with the shortest calls. */
    readonly shortest: Sample | null;
    /** How many times as many calls the next round has in flight. */
    readonly factor: number;
    /** What the last dips have shown together, and at which level. */
    readonly seen: (Rise & { readonly level: number }) | null;
    /** The last dip has shown no queue. */
    readonly healthy: boolean;
    /** The last dip has led to fewer calls in flight. */
    readonly fell: boolean;
    /** By which part the level goes up when the next dip shows no queue. */
    readonly pace: number;
}

/** Nothing measured. */
export const ANEW = {
    phase: 'full',
    until: null,
    fullFrom: -Infinity,
    fullTo: Infinity,
    dipFrom: Infinity,
    dipTo: Infinity,
    full: NO_SAMPLE,
    dip: NO_SAMPLE,
    used: 0,
    expected: 0,
    shortest: null,
} as const satisfies Partial<Concurrency>;

export const within = (level: number, max: number): number => Math.max(Math.min(1, max), Math.min(max, level));

/** At this level, with nothing measured; calls that were begun before `from` (ms) say nothing of it. */
export const at = (c: Concurrency, level: number, from: number): Concurrency => ({
    ...c,
    ...ANEW,
    fullFrom: from,
    level,
    limit: Math.floor(level),
    ceiling: level,
});
