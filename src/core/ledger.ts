// The ledger of one job: which partitions are whose, what has been counted, what happens next.
// A pure reducer (state, operation, now) → (state, reply). It never throws: a reply is data, and an operation that
// arrives twice, late or out of place changes nothing and says so.
import { addCounts, noCounts, type Counts } from './outcome';
import type { FailureGroup } from './failures';
import { mergeFailures } from './failures';
import { isEnded, next, type JobState } from './states';

/** A slice runs about this long; a lease holds what the measured rate finishes in that time. */
export const SLICE_MS = 15_000;
/** A partition whose items wait for their retries is parked here; beyond this many, no fresh partition is handed out. */
export const MAX_PARKED = 200;
/** Parked partitions that one lease takes up at most. */
const MAX_RESUMED = 16;
const MAX_FRESH = 64;
/** Fresh partitions of a lease before any rate is known: what a slice does not reach in its time, it gives back. */
const FIRST_FRESH = 4;
/** A worker waits this long in its own orchestration; for longer it ends, and runJob waits instead (it can be woken up). */
const MAX_WORKER_WAIT_MS = 20_000;
/** A slice waits for a retry that is due within this time, so its partition counts as due. */
const DUE_SOON_MS = 5_000;
/** This many deaths in a row, and the partitions are worked alone and carefully until the item that kills is found. */
const DEATHS_BEFORE_CARE = 2;
const WORKER_CONCURRENCY = 32;
const MAX_WORKERS = 8;

/** A partition some of whose items are still to do: `[partition, wakeAt (ms), succeeded, failed, skipped, cancelled, retries]`. */
export type Parked = [
    partition: number,
    wakeAt: number,
    succeeded: number,
    failed: number,
    skipped: number,
    cancelled: number,
    retries: number,
];

export interface Lease {
    epoch: number;
    /** Partitions to take up again. */
    resume: number[];
    /** Fresh partitions: from (inclusive) to (exclusive). */
    from: number;
    to: number;
    mode: 'normal' | 'careful' | 'cancel';
    /** Calls in flight at most. */
    concurrency: number;
    /** Where adaptive concurrency stood when the last slice ended. */
    startAt: number | null;
}

interface HeldLease extends Lease {
    deaths: number;
    /** What its resumed partitions had counted when they were taken up. */
    base: Counts;
    /** Set when the slice was lost: the lease is given again, under a new epoch, not before this time (ms). */
    againAt: number | null;
}

export interface LedgerState {
    jobId: string;
    state: JobState;
    total: number | null;
    invalid: number;
    partitions: number;
    /** First partition that was never leased. */
    next: number;
    /** Ranges that were leased and given back untouched. */
    returned: [from: number, to: number][];
    parked: Parked[];
    leases: Record<string, HeldLease>;
    /** Workers belong to a round; those of an earlier one are told to stop. */
    round: number;
    /** Per worker of this round the last operation answered, so that a repeated one gets the same answer. */
    answered: Record<string, { seq: number; reply: LeaseReply }>;
    /** Counts of closed partitions; parked ones carry their own. */
    counts: Counts;
    closed: number;
    epoch: number;
    width: number;
    maxConcurrency: number;
    /** What the job ends as, once every partition is closed. */
    endsAs: 'completed' | 'cancelled' | null;
    /** The worker whose lease is worked alone. */
    quarantine: string | null;
    /** Items per second of one worker, smoothed. */
    rate: number;
    limit: number | null;
    deaths: number;
    failures: FailureGroup[];
    startedAt: number | null;
    endedAt: number | null;
    waiting: { for: string; until: number } | null;
    /** How often the job was opened again because outcomes were missing when it was folded. */
    mends?: number;
}

export interface SliceDone {
    epoch: number;
    lost?: undefined;
    /** Partitions of the lease that are finished, and their counts. */
    closed: number;
    counts: Counts;
    /** Partitions of the lease that are begun and not finished. */
    open: Parked[];
    /** First fresh partition that was not touched; `to` when all were. */
    untouched: number;
    failures: FailureGroup[];
    /** Items settled per second by this slice. */
    rate: number;
    limit: number | null;
    /** The slice saw in the control document that the job is cancelled. */
    cancelled?: boolean;
}

export interface SliceLost {
    epoch: number;
    /** died: its process did. fenced: another run of the slice took over. */
    lost: 'died' | 'fenced';
    reason: string;
}

export type SliceReport = SliceDone | SliceLost;

export type LedgerOperation =
    | { op: 'open'; jobId: string; total: number; invalid: number; partitions: number; maxConcurrency: number }
    | { op: 'lease'; round: number; worker: string; slot: number; seq: number; report: SliceReport | null }
    | { op: 'settle'; cancel?: boolean }
    | { op: 'cancel' }
    | { op: 'reopen'; mend: number; parts: Parked[]; counts: Counts; closed: number }
    | { op: 'end'; state: 'completed' | 'failed' | 'cancelled' };

export type LeaseReply = { kind: 'work'; lease: Lease } | { kind: 'wait'; until: number; why: string } | { kind: 'stop'; why: string };
export type SettleReply =
    | { kind: 'work'; workers: number; round: number }
    | { kind: 'wait'; until: number; why: string }
    | { kind: 'done'; as: 'completed' | 'cancelled' }
    | { kind: 'ended'; state: JobState };
export type LedgerReply = LeaseReply | SettleReply | { kind: 'ok'; state: JobState };

export const newLedger = (jobId: string): LedgerState => ({
    jobId,
    state: 'planning',
    total: null,
    invalid: 0,
    partitions: 0,
    next: 0,
    returned: [],
    parked: [],
    leases: {},
    round: 0,
    answered: {},
    counts: noCounts(),
    closed: 0,
    epoch: 0,
    width: 1,
    maxConcurrency: 1,
    endsAs: null,
    quarantine: null,
    rate: 0,
    limit: null,
    deaths: 0,
    failures: [],
    startedAt: null,
    endedAt: null,
    waiting: null,
});

/** Applies one operation; `now` in ms. The given state is left as it was. */
export function reduceLedger(before: LedgerState, operation: LedgerOperation, now: number): { state: LedgerState; reply: LedgerReply } {
    const state = structuredClone(before);
    return { state, reply: apply(state, operation, now) };
}

function apply(state: LedgerState, operation: LedgerOperation, now: number): LedgerReply {
    switch (operation.op) {
        case 'open':
            return open(state, operation, now);
        case 'lease':
            return lease(state, operation, now);
        case 'settle':
            return settle(state, operation, now);
        case 'cancel':
            move(state, 'cancel');
            return { kind: 'ok', state: state.state };
        case 'reopen':
            return reopen(state, operation);
        case 'end':
            return end(state, operation.state, now);
    }
}

function move(state: LedgerState, by: Parameters<typeof next>[1]): boolean {
    const to = next(state.state, by);
    if (to) state.state = to;
    return to !== null;
}

function open(state: LedgerState, o: Extract<LedgerOperation, { op: 'open' }>, now: number): LedgerReply {
    // A cancel may have come before the plan: the partitions are wanted all the same, to record every item as cancelled.
    if (state.startedAt === null && (move(state, 'open') || state.state === 'cancelling')) {
        Object.assign(state, {
            jobId: o.jobId,
            total: o.total,
            invalid: o.invalid,
            partitions: o.partitions,
            maxConcurrency: o.maxConcurrency,
            startedAt: now,
        });
    }
    return { kind: 'ok', state: state.state };
}

function end(state: LedgerState, as: 'completed' | 'failed' | 'cancelled', now: number): LedgerReply {
    const by = { completed: 'complete', failed: 'fail', cancelled: 'endCancelled' } as const;
    if (move(state, by[as])) state.endedAt = now;
    return { kind: 'ok', state: state.state };
}

/**
 * Storage lost outcomes that it had acknowledged: the partitions they stood in are to be worked again. What is counted is what was found.
 * Numbered, so that an operation told twice opens the job once.
 */
function reopen(state: LedgerState, o: Extract<LedgerOperation, { op: 'reopen' }>): LedgerReply {
    const mends = state.mends ?? 0;
    if (o.mend === mends + 1 && move(state, state.endsAs === 'cancelled' ? 'reopenCancelled' : 'reopen'))
        Object.assign(state, { mends: o.mend, parked: o.parts, counts: o.counts, closed: o.closed, endsAs: null });
    return { kind: 'ok', state: state.state };
}

// --- leases -------------------------------------------------------------------------------------------------------

function lease(state: LedgerState, o: Extract<LedgerOperation, { op: 'lease' }>, now: number): LeaseReply {
    if (o.round !== state.round) return { kind: 'stop', why: 'a later round of workers has begun' };
    const last = state.answered[o.worker];
    if (last && o.seq <= last.seq)
        return o.seq === last.seq ? last.reply : { kind: 'stop', why: 'this operation is older than one already answered' };
    if (o.report) takeReport(state, o.worker, o.report, now);
    const reply = decide(state, o.worker, o.slot, now);
    state.answered[o.worker] = { seq: o.seq, reply };
    state.waiting = reply.kind === 'wait' ? { for: reply.why, until: reply.until } : null;
    return reply;
}

function takeReport(state: LedgerState, worker: string, report: SliceReport, now: number): void {
    const held = state.leases[worker];
    if (!held || held.epoch !== report.epoch) return;
    if (report.lost) {
        if (report.lost === 'died') {
            held.deaths++;
            state.deaths++;
        }
        held.againAt = now + againDelay(held.deaths);
        return;
    }
    delete state.leases[worker];
    if (state.quarantine === worker) state.quarantine = null;
    state.closed += report.closed;
    state.counts = addCounts(state.counts, report.counts);
    state.parked.push(...report.open);
    if (report.untouched < held.to) state.returned.push([report.untouched, held.to]);
    state.failures = mergeFailures(state.failures, report.failures);
    if (report.rate > 0) state.rate = state.rate === 0 ? report.rate : state.rate * 0.5 + report.rate * 0.5;
    state.limit = report.limit;
    if (report.cancelled) move(state, 'cancel');
}

/** 0.4 s, doubling, at most 10 s: a process needs a moment to come back, and a broken one must not be hammered. */
const againDelay = (deaths: number): number => Math.min(10_000, 200 * 2 ** deaths);

function decide(state: LedgerState, worker: string, slot: number, now: number): LeaseReply {
    if (isEnded(state.state) || state.state === 'folding') return { kind: 'stop', why: `the job is ${state.state}` };
    const held = state.leases[worker];
    if (held) return again(state, worker, held, now);
    if (state.quarantine) return { kind: 'wait', until: now + 1000, why: 'another worker looks for the item that kills its process' };

    const cancel = state.state === 'cancelling';
    const resume = takeDue(state, cancel ? Infinity : now + DUE_SOON_MS);
    const [from, to] = cancel || state.parked.length < MAX_PARKED ? takeFresh(state) : [0, 0];
    if (resume.length > 0 || to > from) {
        const granted: Lease = {
            epoch: ++state.epoch,
            resume: resume.map((p) => p[0]),
            from,
            to,
            mode: cancel ? 'cancel' : 'normal',
            concurrency: share(state, slot),
            startAt: state.limit,
        };
        state.leases[worker] = { ...granted, base: sum(resume), deaths: 0, againAt: null };
        return { kind: 'work', lease: granted };
    }
    if (state.parked.length === 0) return { kind: 'stop', why: 'every partition is finished or in another worker’s hands' };
    const until = earliest(state);
    return until - now <= MAX_WORKER_WAIT_MS
        ? { kind: 'wait', until, why: 'the next retry is due then' }
        : { kind: 'stop', why: 'the next retry is far off' };
}

function again(state: LedgerState, worker: string, held: HeldLease, now: number): LeaseReply {
    if (held.againAt !== null && held.againAt > now)
        return { kind: 'wait', until: held.againAt, why: 'the process that worked on these items died' };
    const careful = held.deaths >= DEATHS_BEFORE_CARE;
    if (careful || state.quarantine) {
        state.quarantine ??= worker;
        // A lease held by another worker counts as at work unless its slice is known to be lost.
        const busy = Object.entries(state.leases).some(([w, l]) => w !== worker && l.againAt === null);
        if (state.quarantine !== worker || busy)
            return { kind: 'wait', until: now + 1000, why: 'one worker at a time, to find the item that kills its process' };
    }
    held.epoch = ++state.epoch;
    held.againAt = null;
    held.mode = state.state === 'cancelling' ? 'cancel' : careful ? 'careful' : 'normal';
    const { epoch, resume, from, to, mode, concurrency, startAt } = held;
    return { kind: 'work', lease: { epoch, resume, from, to, mode, concurrency, startAt } };
}

export const parkedAs = (part: number, wakeAt: number, { succeeded, failed, skipped, cancelled, retries }: Counts): Parked => [
    part,
    wakeAt,
    succeeded,
    failed,
    skipped,
    cancelled,
    retries,
];

/** The counts that parked partitions carry. */
export const sum = (parked: Parked[]): Counts =>
    parked.reduce(
        (total, [, , succeeded, failed, skipped, cancelled, retries]) =>
            addCounts(total, { succeeded, failed, skipped, cancelled, retries }),
        noCounts(),
    );

const earliest = (state: LedgerState): number => Math.min(...state.parked.map((p) => p[1]));

function takeDue(state: LedgerState, by: number): Parked[] {
    const due = state.parked
        .filter((p) => p[1] <= by)
        .sort((a, b) => a[1] - b[1] || a[0] - b[0])
        .slice(0, MAX_RESUMED);
    state.parked = state.parked.filter((p) => !due.includes(p));
    return due;
}

function takeFresh(state: LedgerState): [number, number] {
    const left = state.partitions - state.next + state.returned.reduce((n, [from, to]) => n + to - from, 0);
    if (left === 0) return [0, 0];
    const perPartition = Math.max(1, (state.total ?? 0) / state.partitions);
    const byRate = state.rate > 0 ? Math.floor((state.rate * SLICE_MS) / 1000 / perPartition) : FIRST_FRESH;
    // Guided self-scheduling (Polychronopoulos and Kuck, 1987): a share of what is left, so that leases get smaller and workers end together.
    const fair = Math.ceil(left / state.width);
    const wanted = Math.max(1, Math.min(byRate, fair, MAX_FRESH));
    const range = state.returned.shift() ?? [state.next, state.partitions];
    const to = Math.min(range[1], range[0] + wanted);
    if (range[1] === state.partitions && range[0] === state.next) state.next = to;
    else if (to < range[1]) state.returned.unshift([to, range[1]]);
    return [range[0], to];
}

function share(state: LedgerState, slot: number): number {
    return Math.max(1, Math.floor(state.maxConcurrency / state.width) + (slot < state.maxConcurrency % state.width ? 1 : 0));
}

// --- the job as a whole -------------------------------------------------------------------------------------------

function settle(state: LedgerState, o: Extract<LedgerOperation, { op: 'settle' }>, now: number): SettleReply {
    if (o.cancel) move(state, 'cancel');
    if (isEnded(state.state)) return { kind: 'ended', state: state.state };
    reclaim(state, now);
    const left = state.partitions - state.closed;
    if (state.startedAt !== null && left === 0) {
        // Asked again after the answer was lost, the state is folding already: the first answer holds.
        state.endsAs ??= state.state === 'cancelling' ? 'cancelled' : 'completed';
        move(state, 'fold');
        return { kind: 'done', as: state.endsAs };
    }
    const fresh = state.partitions - state.next + state.returned.reduce((n, [from, to]) => n + to - from, 0);
    if (fresh === 0 && state.parked.length === left && state.state !== 'cancelling') {
        const until = earliest(state);
        if (until - now > DUE_SOON_MS) return { kind: 'wait', until, why: 'the next retry is due then' };
    }
    state.width = Math.max(1, Math.min(Math.ceil(state.maxConcurrency / WORKER_CONCURRENCY), MAX_WORKERS, left));
    return { kind: 'work', workers: state.width, round: ++state.round };
}

/**
 * Whatever a worker of the last round still holds is free again: workers end with empty hands, so this one failed.
 * Slices that still run are fenced off by the next epoch.
 */
function reclaim(state: LedgerState, now: number): void {
    for (const held of Object.values(state.leases)) {
        // What a resumed partition had counted is not kept with the lease; the next slice reads it from the outcomes.
        for (const p of held.resume) state.parked.push(parkedAs(p, now, noCounts()));
        if (held.to > held.from) state.returned.push([held.from, held.to]);
    }
    state.leases = {};
    state.answered = {};
    state.quarantine = null;
}
