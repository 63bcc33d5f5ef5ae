// What a user sees of a running job, from the ledger's state and the progress of its slices. Nothing in it is older than it says.
import { addCalls, noCalls, summaryOf, type CallStats, type CallSummary } from './callStats';
import type { WaitCode } from './codes';
import { seenState, type Control } from './control';
import { AWAITED, isOver, openCanary, type FinishedLease, type HeldLease, type LedgerState, type PartCounts } from './ledger';
import { addCounts, finished, sumOf, type Counts } from './counts';
import { shownFailures, type FailureGroup, type ShownGroup } from './failures';
import { isCalling, isEnded, type JobState } from './states';

/** What a slice waits for, and until when (ms). */
export interface WaitingNow {
    code: WaitCode;
    why: string;
    until: number;
}

/** What one slice has recorded so far. */
export interface SliceProgress {
    worker: string;
    epoch: number;
    /** The epoch under which its lease was first given. */
    first: number;
    /** The partitions that it has opened, and those that an earlier run of its lease had, each with what is recorded of it. */
    parts: PartCounts[];
    /** Calls. */
    inFlight: number;
    /** Items per second, of the last seconds. */
    rate: number;
    /** Of this slice, and of earlier runs of its lease. */
    calls: CallStats;
    /** The last lease of the same worker that it has finished, and what that came to. */
    before: FinishedLease | null;
    /** What keeps all its calls off, if anything. */
    waits?: WaitingNow | null;
    at: string;
}

/** How far planning or folding has come: items, or partitions. `of` null: nobody knows. */
export interface StepProgress {
    step: 'plan' | 'fold';
    done: number;
    of: number | null;
}

/** With how long ago it was written, in ms, by the clock of whoever keeps it. */
export type Aged<Progress> = Progress & { age: number };

export interface AllProgress {
    slices: Aged<SliceProgress>[];
    steps: Aged<StepProgress>[];
}

export const noProgress = (): AllProgress => ({ slices: [], steps: [] });

/**
 * What is waited for. `until`: ISO, null where nobody knows; `since`: ISO, where the wait is for news; `limit` and `groups`: the limit of the budget that is
 * reached, and what has failed since the last resume.
 */
export interface Wait {
    code: WaitCode;
    for: string;
    until: string | null;
    since?: string;
    limit?: string;
    groups?: FailureGroup[];
}

/** When the job is likely to end, as two ISO times, and why they are what they are. */
export interface Eta {
    earliest: string;
    latest: string;
    reason: string;
}

export interface LiveStatus {
    state: JobState;
    startedAt: string | null;
    endedAt: string | null;
    counts: Counts & { total: number | null; pending: number | null; invalid: number };
    /** Items per second, of the last seconds. */
    rate: number;
    eta: Eta | null;
    workers: { active: number; silent: number; inFlight: number; crashes: number };
    waiting: Wait | null;
    calls: CallSummary;
    /** As far as slices have reported. */
    failures: ShownGroup[];
    /** How far planning or folding has come. */
    step: StepProgress | null;
    repairs: number;
}

export interface StatusAsked {
    ledger: LedgerState;
    control: Pick<Control, 'generation' | 'desired' | 'approval'>;
    progress: AllProgress;
    /** The limiter that holds the job back, and how many calls a second it allows in all; null: none does. */
    heldBy?: { name: string; paced: number } | null;
    /** When the job was stored, and when it is to start, in ms. */
    createdAt: number;
    startsAt: number;
    /** In ms. */
    now: number;
}

/** Without news for longer than this the status says so: slices write every three seconds. */
export const NEWS_MS = 5_000;
/** What a slice waits for may have come already: it tells so within this time, in ms. */
const TOLD_LATE_MS = 2_000;
/** What it waits for is found out within this time after it was due, in ms. */
const SOON_MS = 500;
/** What a rate may come to be off by until the end, in either direction. */
const MARGIN = 1.25;

/** Waits of which nobody knows what comes after them. */
const STANDS_STILL = new Set<WaitCode>([
    ...(['SCHEDULED', 'PAUSED', 'OUTSIDE_WINDOWS', 'GATE_CLOSED', 'BREAKER_OPEN', 'NO_SHARE'] as const),
    ...(['NO_NEWS', 'STORAGE', 'VERSION', 'CONTROL'] as const),
]);

/** Kinds of failure that a wait tells of. */
const TOLD_GROUPS = 5;

const iso = (ms: number) => new Date(ms).toISOString();

/** One lease, and what is known of its slice. */
interface Holder {
    counts: Counts;
    /** The slice that works for its worker now, if it was heard of lately. */
    live: Aged<SliceProgress> | null;
    calls: CallStats;
}

export function statusOf(asked: StatusAsked): LiveStatus {
    const { ledger, control, progress, now } = asked;
    const held = Object.values(ledger.leases);
    const holders = held.map((lease) => holderOf(lease, progress.slices));
    const left = Object.values(ledger.orphans).map((lease) => holderOf(lease, progress.slices));
    const counts = [...holders, ...left].reduce((all, h) => addCounts(all, h.counts), addCounts(ledger.counts, sumOf(ledger.delayed)));
    const calls = [...holders, ...left].reduce((all, h) => addCalls(all, h.calls), ledger.calls);
    const pending = ledger.total === null ? null : Math.max(0, ledger.total - finished(counts));
    const state = seenState(ledgerState(ledger, asked.startsAt, now), control, openCanary(ledger) !== null);
    const rate = rateOf(ledger, holders, counts, now);
    const waiting = waitOf(asked, state, holders);
    const isHeard = progress.slices.some(({ age }) => age <= NEWS_MS);
    const step = progress.steps.find((s) => s.step === (state === 'folding' ? 'fold' : 'plan'));
    return {
        state,
        startedAt: ledger.startedAt === null ? null : iso(ledger.startedAt),
        endedAt: ledger.endedAt === null ? null : iso(ledger.endedAt),
        counts: { total: ledger.total, ...counts, pending, invalid: ledger.invalid },
        rate,
        // Before the first slice has told of its progress, nothing is known of how fast it goes.
        eta:
            !isHeard || (waiting && STANDS_STILL.has(waiting.code))
                ? null
                : etaOf(ledger, state, pending, { rate, finished: finished(counts), now, heldBy: asked.heldBy ?? null }),
        workers: {
            active: held.length,
            silent: holders.filter(({ live }, i) => live === null && now - held[i]!.since > NEWS_MS).length,
            inFlight: holders.reduce((n, { live }) => n + (live?.inFlight ?? 0), 0),
            crashes: ledger.crashes,
        },
        waiting,
        calls: summaryOf(calls),
        failures: shownFailures(ledger.failures),
        step: step && (state === 'planning' || state === 'folding') ? { step: step.step, done: step.done, of: step.of } : null,
        repairs: ledger.repairs,
    };
}

/** The state as the ledger has it; of a job that it has not heard of, by the time at which that is to start. */
export const ledgerState = (ledger: Pick<LedgerState, 'state' | 'startedAt'> | null, startsAt: number, now: number): JobState =>
    (ledger === null || (ledger.state === 'planning' && ledger.startedAt === null)) && startsAt > now
        ? 'scheduled'
        : (ledger?.state ?? 'planning');

/** Workers come round by round, and each place has one after the other; progress is kept by place. */
const placeOf = (worker: string): number => Number(/w(\d+)$/.exec(worker)?.[1] ?? -1);

/**
 * What is counted of a lease. Progress of an earlier run of it still holds, for what it says is recorded. When the ledger is behind (what is read of it may
 * be a moment old), a later run of it says what is recorded, or the worker's next slice what the lease came to.
 */
function holderOf(held: HeldLease, slices: Aged<SliceProgress>[]): Holder {
    // A lease may have been taken over from a worker in another place; the first epoch is of one lease alone.
    const here = slices.find((p) => placeOf(p.worker) === (held.share?.slot ?? 0));
    const own = here?.first === held.first ? here : (lastRunOf(held, slices) ?? here);
    const live = own && own.age <= NEWS_MS && own.epoch >= held.epoch ? own : null;
    if (own?.first === held.first) {
        const opened = new Set(own.parts.map(({ part }) => part));
        const unopened = held.resumed.filter(({ part }) => !opened.has(part));
        return { counts: sumOf([...own.parts, ...unopened]), live, calls: own.calls };
    }
    const { before } = own ?? {};
    if (before?.first === held.first) return { counts: before.counts, live, calls: noCalls() };
    return { counts: held.base, live: null, calls: noCalls() };
}

/** What the last run of a lease has told, wherever that worked; undefined when none has told anything. */
export const lastRunOf = <Told extends SliceProgress>({ first }: Pick<HeldLease, 'first'>, slices: Told[]): Told | undefined =>
    slices.filter((slice) => slice.first === first).sort((a, b) => b.epoch - a.epoch)[0];

/** Of the last seconds: what slices say that were heard of lately; of those that have just begun, what slices did before them. */
function rateOf(ledger: LedgerState, holders: Holder[], counts: Counts, now: number): number {
    const { startedAt } = ledger;
    const held = Object.values(ledger.leases);
    const young = startedAt !== null && now - startedAt <= NEWS_MS ? finished(counts) / Math.max(1, (now - startedAt) / 1000) : null;
    // What slices did before holds for one that has just begun, if it was heard a moment ago.
    const before = ledger.ratedAt !== null && now - ledger.ratedAt <= NEWS_MS ? ledger.rate : 0;
    const rates = holders.map(({ live }, i) => live?.rate ?? (now - held[i]!.since <= NEWS_MS ? before : 0));
    const rate = rates.reduce((a, b) => a + b, 0) || (held.length > 0 ? (young ?? 0) : 0);
    return Math.round(rate * 10) / 10;
}

function waitOf(asked: StatusAsked, state: JobState, holders: Holder[]): Wait | null {
    const { ledger, control, startsAt, now } = asked;
    if (state === 'scheduled' && startsAt > now)
        return { code: 'SCHEDULED', for: 'the time at which it is to start', until: iso(startsAt) };
    const { deadline } = ledger;
    if (state === 'paused' && (deadline ?? Infinity) > now) return waitOfPaused(asked);
    if (state === 'awaitingApproval' && ledger.canary?.until)
        return {
            code: 'APPROVAL',
            for: AWAITED.APPROVAL,
            until: iso(Math.min(ledger.canary.until, deadline ?? Infinity)),
        };
    if (isEnded(state)) return null;
    const { waiting } = ledger;
    // What it waited for while it was paused says nothing any more.
    const isOutdated = control.generation > ledger.generation && ledger.startedAt !== null;
    const kept = isCalling(state) ? waitOfSlices(holders, now) : null;
    if (kept) return kept;
    if (waiting && waiting.until > now && !isOutdated && !ENDED_BY_A_MOVE.has(waiting.code))
        return { code: waiting.code, for: waiting.for, until: iso(waiting.until) };
    const heard = lastNews(asked, state, holders);
    if (now - heard > NEWS_MS) return { code: 'NO_NEWS', for: missing(state, ledger), until: null, since: iso(heard) };
    if (isOver(ledger, now)) return { code: 'CONTROL', for: 'its deadline, which has come, to reach the workers', until: null };
    if (isOutdated) return { code: 'CONTROL', for: 'what was asked for to reach the workers', until: null };
    return null;
}

function waitOfPaused({ ledger: { reached, deadline }, control }: StatusAsked): Wait {
    const until = deadline === null ? null : iso(deadline);
    if (!reached || control.desired !== 'pause') return { code: 'PAUSED', for: AWAITED.PAUSED, until };
    const groups = reached.groups.slice(0, TOLD_GROUPS);
    return { code: 'BUDGET', for: `${AWAITED.PAUSED}: ${reached.why}`, until, limit: `/budget/${reached.limit}`, groups };
}

/** Waits that are seen from the job's state, and say nothing of another. */
const ENDED_BY_A_MOVE = new Set<WaitCode>(['PAUSED', 'SCHEDULED', 'APPROVAL']);

/** What keeps off the calls of all slices that were heard of lately, until the first of them may call again; null where one of them may. */
function waitOfSlices(holders: Holder[], now: number): Wait | null {
    const live = holders.flatMap((holder) => holder.live ?? []);
    const waits = live.flatMap((slice) => slice.waits ?? []).sort((a, b) => a.until - b.until);
    const [first] = waits;
    if (!first || waits.length < live.length || now - first.until > TOLD_LATE_MS) return null;
    return { code: first.code, for: first.why, until: iso(Math.min(Math.max(first.until, now + SOON_MS), MAX_TIME)) };
}

/** When the job was last heard of, in ms. */
function lastNews({ ledger, progress, createdAt, startsAt, now }: StatusAsked, state: JobState, holders: Holder[]): number {
    const entered = ledger.entered[state] ?? 0;
    const step = state === 'planning' ? 'plan' : state === 'folding' ? 'fold' : null;
    const ages = step
        ? progress.steps.filter((s) => s.step === step).map((s) => s.age)
        : holders.flatMap(({ live }) => (live ? [live.age] : []));
    const silent = step ? [] : progress.slices.map(({ age }) => age);
    const waited = Math.min(now, Math.max(ledger.waiting?.until ?? 0, state === 'paused' ? (ledger.deadline ?? 0) : 0));
    const begun = Math.min(now, Math.max(createdAt, startsAt));
    return Math.max(begun, entered, ledger.heardAt ?? 0, waited, ...[...ages, ...silent].map((age) => now - age));
}

function missing(state: JobState, { leases }: LedgerState): string {
    if (state === 'scheduled') return 'news of its start';
    if (state === 'paused') return 'news of its end: its deadline has come';
    if (state === 'planning') return 'news of the reading of its source';
    if (state === 'folding') return 'news of the folding of its results';
    const workers = Object.keys(leases);
    if (workers.length === 0) return 'a worker to begin';
    return `news of ${workers.length === 1 ? `worker ${workers[0]}` : `${workers.length} workers`}; what a host held is taken up again when it is back, or by another`;
}

/** A range: by the rate of the last seconds and that since the job began to run, and not before the last retry that is known of. */
function etaOf(
    { startedAt, delayed, entered, repairs }: LedgerState,
    state: JobState,
    pending: number | null,
    { rate, finished: done, now, heldBy }: { rate: number; finished: number; now: number; heldBy: StatusAsked['heldBy'] },
): Eta | null {
    // Recording what is left of a cancelled job goes by no rate that was seen before.
    if (state !== 'running' || pending === null || startedAt === null) return null;
    const lastRetry = Math.max(0, ...delayed.map(({ wakeAt }) => wakeAt));
    const running = (now - Math.max(startedAt, entered.running ?? 0)) / 1000;
    // In a job's first minute, what came before its first call is too much of it.
    const average = entered.paused === undefined && repairs === 0 && running > 60 ? done / running : rate;
    // What was faster before the limit was lowered is faster no more.
    const most = heldBy?.paced ?? Infinity;
    const [slow, fast] = [Math.min(rate, average || rate, most), Math.min(Math.max(rate, average), most)];
    const waitsForRetry = lastRetry > now;
    // Where nothing but retries is left, nobody knows how they end, and how many follow.
    if (slow <= 0) return null;
    const after = (perSecond: number): number => now + (perSecond > 0 ? (pending / perSecond) * 1000 : 0);
    const earliest = Math.max(after(fast * MARGIN), lastRetry, now + 1);
    const latest = Math.max(earliest, Math.max(now, lastRetry) + (after(slow) - now) * MARGIN);
    if (latest > MAX_TIME) return null;
    const told = (n: number): string => String(Math.round(n * 10) / 10);
    const byRate =
        (slow === fast ? `${told(rate)} items/s` : `${told(rate)} items/s now, ${told(average)} since it began`) +
        (heldBy ? `, the limiter ${heldBy.name} allows ${heldBy.paced} calls/s` : '');
    const reason = waitsForRetry && lastRetry >= earliest ? `the last retry that is known of is due at ${iso(lastRetry)}` : byRate;
    return { earliest: iso(earliest), latest: iso(latest), reason };
}

/** The last time that a date can hold, in ms. */
const MAX_TIME = 8.64e15;
