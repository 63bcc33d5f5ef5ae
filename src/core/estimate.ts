// How many calls the rest of a job comes to, and how long they take: by what its canary has measured, and the limits in force. Two readings of the same
// bounds, one as good as limits allow and one that is cautious, so that the truth lies between them as long as the rest is like the canary.
import { meanMs, summaryOf } from './callStats';
import type { CallingWindows } from './callingWindows';
import type { CanaryFindings } from './canary';
import { START } from './concurrency';
import { finished, type Counts } from './counts';
import { durationText } from './duration';
import { rateText, type Rate } from './limiter/rate';
import { kinds } from './limiter/state';
import type { RetryPolicy } from './retry';

/** Calls are attempts at items, retries among them. The durations are ISO 8601 and count from the time of asking until the last outcome. */
export interface Estimate {
    calls: number;
    duration: { earliest: string; latest: string };
    /** One sentence: what bounds it. */
    reason: string;
}

export interface EstimateAsked {
    findings: Pick<CanaryFindings, 'items' | 'counts' | 'calls' | 'seconds'>;
    /** Items of the whole job, those of the canary among them. */
    total: number;
    /** Calls in flight at most. */
    concurrency: { max: number; adaptive: boolean };
    retry: RetryPolicy;
    /** Windows in force, of each length one, the shortest first. */
    rates: readonly Rate[];
    /** What counts the job's calls: calls a second that it lets through in all (null: any number), and the jobs that share that and the rates, this one among them. */
    limiter: { name: string; perSecond: number | null; jobs: number } | null;
    /** When calls may be made; null: always. */
    windows: CallingWindows | null;
    /** In ms; null: there is none. */
    deadline: number | null;
    /** In ms. */
    now: number;
}

/** What a measured time may come to be off by, in either direction: a canary is few calls, made at one time of the day. */
const MARGIN = 1.25;
/**
 * The first calls over a connection take longer than those behind them: where a canary has made few for each of its places, most of its calls were such, and
 * the rest may be as many times as fast at best.
 */
const COLD = { callsAPlace: 8, times: 2 };
/** What a rate that is kept to may be off by. */
const RATE_MARGIN = 1.1;
/** Until workers are there and call, after a job begins to run or a window opens, in ms. */
const START_MS = 30_000;
/** Windows are counted for so much longer than they are: in pieces, and by clocks that differ. */
const COUNTED = { times: 61 / 60, ms: 2_000 };
/** Stretches of open time that are walked through; what is left then is taken to go on as it went. */
const MAX_STRETCHES = 200;
/** The last time that a date can hold, in ms. */
const MAX_TIME = 8.64e15;
const HOUR_MS = 3_600_000;

/** What bounds the calls, alone: ms for each of them, at best and by a cautious reading. */
interface Bound {
    best: number;
    cautious: number;
    why: string;
}

/** A window of which calls are counted: so many may be made at once, and a further one every `perMs / n`. */
interface Bucket {
    n: number;
    perMs: number;
    left: number;
}

/** How calls go: one every so many ms, as far as buckets have any; so many ms of each open stretch are lost, and so many follow the last call. */
interface Pace {
    perCallMs: number;
    buckets: Bucket[];
    startMs: number;
    tailMs: number;
}

/** Null where nobody can say: nothing may be called, or the end lies beyond any date. */
export function estimateRest(asked: EstimateAsked): Estimate | null {
    const { findings, total, rates, limiter, windows, now } = asked;
    const rest = Math.max(0, total - findings.items);
    if (rest === 0) return { calls: 0, duration: { earliest: 'PT0S', latest: 'PT0S' }, reason: 'the canary holds every item' };
    const number = callsOf(asked, rest);
    const { calls, fewest, most } = number;

    const bounds = boundsOf(asked, number);
    const jobs = limiter?.jobs ?? 1;
    const { counted } = kinds(rates);
    const best: Pace = {
        perCallMs: Math.max(...bounds.map((bound) => bound.best)),
        buckets: counted.map(({ n, perMs }) => ({ n, perMs, left: n })),
        startMs: 0,
        tailMs: 0,
    };
    const last = lastRetries(asked, rest);
    const cautious: Pace = {
        perCallMs: Math.max(...bounds.map((bound) => bound.cautious)),
        buckets: counted.map(({ n, perMs }) => ({
            n: n / jobs,
            perMs: (perMs * COUNTED.times + COUNTED.ms) * RATE_MARGIN,
            left: Math.max(0, n - attemptsOf(findings.counts)) / jobs,
        })),
        startMs: START_MS,
        tailMs: last.waits + last.calls + unexplainedMs(findings, best),
    };

    const earliestAt = endOf(fewest, best, windows, now);
    const latestAt = endOf(most, cautious, windows, now);
    if (earliestAt === null || latestAt === null || !(latestAt <= MAX_TIME)) return null;
    // What is used up comes back all at once, and not call by call.
    const isCounted = cautious.buckets.some(({ left }) => most > left);
    const longest = isCounted ? Math.max(...cautious.buckets.map(({ perMs }) => perMs)) : 0;
    const earliest = roundedDown(earliestAt - now);
    const latest = Math.max(earliest, roundedUp(latestAt - now + longest));
    if (now + latest > MAX_TIME) return null;
    return {
        calls,
        duration: { earliest: durationText(earliest), latest: durationText(latest) },
        reason: reasonOf(asked, { calls, bounds, waits: last.waits, earliest, latest }),
    };
}

/** Attempts that have been made at items that have their outcome; at least one, so that there is something to divide by. */
const attemptsOf = (counts: Counts): number => Math.max(1, finished(counts) + counts.retries);

interface NumberOfCalls {
    calls: number;
    fewest: number;
    most: number;
}

/**
 * Calls of so many items, as many retries for each as the canary had; and how few and how many there may well be. Retries come by chance: where there were
 * n, twice the root of n more or less is nothing unusual.
 */
function callsOf({ findings: { counts }, retry }: EstimateAsked, rest: number): NumberOfCalls {
    const { retries } = counts;
    const items = Math.max(1, finished(counts));
    const strays = 2 * Math.sqrt(retries + 1);
    const possible = Math.max(retries, items * (retry.attempts - 1));
    const withRetries = (n: number): number => Math.ceil(rest + (rest * n) / items);
    return {
        calls: withRetries(retries),
        fewest: withRetries(Math.max(0, retries - strays)),
        most: withRetries(Math.min(possible, retries + strays)),
    };
}

/** A list that is never empty. */
function boundsOf(asked: EstimateAsked, number: NumberOfCalls): Bound[] {
    const { rates, limiter } = asked;
    const jobs = limiter?.jobs ?? 1;
    const { counted } = kinds(rates);
    const paced = rates.filter((rate) => !counted.includes(rate));
    return [
        concurrencyBound(asked, number),
        ...paced.map((rate) => ({
            best: rate.perMs / rate.n,
            cautious: (1000 / (kinds([rate]).pace ?? Infinity)) * jobs * RATE_MARGIN,
            why: `at most ${told((rate.n * 1000) / rate.perMs)} a second (rate ${rateText(rate)})`,
        })),
        ...(limiter === null || limiter.perSecond === null
            ? []
            : [
                  {
                      best: 1000 / limiter.perSecond / MARGIN,
                      cautious: (1000 / limiter.perSecond) * jobs * MARGIN,
                      why: `at most ${told(limiter.perSecond)} a second (limiter ${limiter.name})`,
                  },
              ]),
    ];
}

/** What a canary can have seen in flight: not more than it has made, and with adaptive concurrency what it had come to when it ended. */
const placesSeen = (attempts: number, adaptive: boolean): number =>
    adaptive ? Math.max(START, Math.floor((attempts + 2 * START) / 4)) : attempts;

function concurrencyBound(
    { findings: { counts, calls: made, seconds }, concurrency: { max, adaptive } }: EstimateAsked,
    { calls, fewest, most }: NumberOfCalls,
): Bound {
    const attempts = attemptsOf(counts);
    const measured = (seconds * 1000) / attempts;
    const rate = `the canary's ${told(1000 / measured)} a second`;
    const mean = meanMs(made);
    const { latencyMs } = summaryOf(made);
    // Nothing was asked of the target.
    if (mean === null || latencyMs === null) return { best: 0, cautious: measured * MARGIN, why: measured > 0 ? `at ${rate}` : 'at once' };
    const { p50, p95 } = latencyMs;
    const seen = Math.max(1, placesSeen(attempts, adaptive));
    const alike = Math.max(p95, mean) / Math.min(max, most, seen);
    // What the canary has come to, the rest comes to as well, as far as as many calls may be in flight as then.
    const least = mean / Math.min(max, most);
    const reached = seconds > 0 ? Math.max(measured, least) : Infinity;
    const places = Math.min(max, calls);
    const latencies = `${seen < places ? `${told(seen)} to ` : ''}${told(places)} at once of ${told(p50)} ms (p50) to ${told(p95)} ms (p95)`;
    const warming = attempts < COLD.callsAPlace * max ? COLD.times : 1;
    return {
        best: Math.min(p50, mean) / Math.min(max, fewest) / MARGIN / warming,
        cautious: Math.min(alike, reached) * MARGIN,
        why: reached < alike && measured >= least ? `${latencies}, at least ${rate}` : latencies,
    };
}

/** What the canary took beyond what its calls would have taken at best: starting, waiting, ending. In ms. */
const unexplainedMs = ({ counts, seconds }: EstimateAsked['findings'], { perCallMs }: Pace): number =>
    Math.min(LONGEST_UNEXPLAINED_MS, Math.max(0, seconds * 1000 - attemptsOf(counts) * perCallMs));

/** What took longer is no part of any job: an outage, a closed window. */
const LONGEST_UNEXPLAINED_MS = 600_000;

/** What the retries of the last items may take, in ms: as many in a row as are likely among so many items, by the retries that the canary has seen. */
function lastRetries({ findings: { counts, calls }, retry }: EstimateAsked, rest: number): { waits: number; calls: number } {
    const attempts = attemptsOf(counts);
    // None seen among n is less than 3/n, most likely (the rule of three).
    const share = (counts.retries + 3) / (attempts + 6);
    const inARow = Math.min(retry.attempts - 1, Math.ceil(Math.log(100 * rest) / -Math.log(share)));
    const delays = Array.from({ length: inARow }, (_, i) => Math.min(retry.maxDelayMs, retry.initialDelayMs * retry.factor ** i));
    const latency = Math.max(summaryOf(calls).latencyMs?.p99 ?? 0, meanMs(calls) ?? 0);
    return { waits: delays.reduce((sum, ms) => sum + ms, 0), calls: (inARow + 1) * latency };
}

/** When so many calls have been made, in ms; null: never, as far as windows tell. It grows with the calls. */
function endOf(
    calls: number,
    { perCallMs, buckets: full, startMs, tailMs }: Pace,
    windows: CallingWindows | null,
    now: number,
): number | null {
    let buckets = full;
    let [left, tail, at] = [calls, tailMs, now];
    for (let i = 0; i < MAX_STRETCHES; i++) {
        const from = windows ? windows.opensAt(at) : at;
        if (from === Infinity) return null;
        const to = windows ? windows.closesAt(from) : Infinity;
        buckets = filled(buckets, Math.min(from + startMs, to) - at);
        const ms = Math.max(0, to - from - startMs);
        const needed = buckets.reduce((most, { n, perMs, left: some }) => Math.max(most, ((left - some) * perMs) / n), left * perCallMs);
        if (needed + tail <= ms) return from + startMs + needed + tail;
        if (needed <= ms) {
            tail -= ms - needed;
            left = 0;
        } else {
            const done = buckets.reduce((least, { n, perMs, left: some }) => Math.min(least, some + (n * ms) / perMs), ms / perCallMs);
            left -= done;
            buckets = filled(buckets, ms, done);
        }
        at = to;
    }
    return left < calls ? at + (left / (calls - left)) * (at - now) + tail : null;
}

/** Buckets so many ms later, with so many calls out of each. */
const filled = (buckets: Bucket[], ms: number, calls = 0): Bucket[] =>
    buckets.map(({ n, perMs, left }) => ({ n, perMs, left: Math.max(0, Math.min(n, left + (n * ms) / perMs - calls)) }));

/** Seconds below an hour, minutes above. */
const unitOf = (ms: number): number => (ms < HOUR_MS ? 1_000 : 60_000);
const roundedDown = (ms: number): number => Math.floor(ms / unitOf(ms)) * unitOf(ms);
const roundedUp = (ms: number): number => Math.max(1_000, Math.ceil(ms / unitOf(ms)) * unitOf(ms));

interface Found {
    calls: number;
    bounds: Bound[];
    /** In ms. */
    waits: number;
    earliest: number;
    latest: number;
}

function reasonOf({ rates, limiter, windows, deadline, now }: EstimateAsked, { calls, bounds, waits, earliest, latest }: Found): string {
    const counted = kinds(rates).counted.map(({ n, perMs }) => ({
        best: (Math.max(0, calls - n) * perMs) / n / calls,
        cautious: (perMs * (limiter?.jobs ?? 1)) / n,
        why: `at most ${told((n * 1000) / perMs)} a second (rate ${rateText({ n, perMs })})`,
    }));
    const all = [...bounds, ...counted];
    const largest = (of: (bound: Bound) => number): Bound => all.reduce((most, bound) => (of(bound) > of(most) ? bound : most));
    const whys = new Set([largest(({ best }) => best).why, largest(({ cautious }) => cautious).why]);
    const parts = [`${told(calls)} ${calls === 1 ? 'call' : 'calls'}`, ...whys];
    if (limiter && limiter.jobs > 1) parts.push(`shared by ${limiter.jobs} jobs`);
    if (waits > latest / 10) parts.push(`retries that may wait for ${durationText(roundedUp(waits))} in all`);
    if (windows && !(windows.closesAt(now) > now + latest))
        parts.push(windows.isOpen(now) ? 'in its calling windows' : `in its calling windows, which open at ${iso(windows.opensAt(now))}`);
    const said = parts.join(', ');
    if (deadline === null || deadline > now + latest) return said;
    return deadline < now + earliest
        ? `${said}; the deadline comes before that`
        : `${said}; the deadline, ${iso(deadline)}, may come before that`;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** Two digits of what is small, and no fractions of what is large. */
const told = (n: number): string => (n < 10 ? String(Number(n.toPrecision(2))) : Math.round(n).toLocaleString('en-US'));
