// Leases: a worker reports on the one it had, and gets its next, or a wait, or the end of its work.
import { shareOf } from '../concurrency';
import {
    budgetFor,
    CRASHES_BEFORE_ISOLATION,
    DUE_SOON_MS,
    earliest,
    given,
    holdNow,
    itemsOfPartition,
    NOTHING,
    overBudget,
    takeDue,
    freshLeft,
    takeFresh,
    wantedWorkers,
    waitFor,
    waitOut,
    workersFor,
} from './dispense';
import { addCounts, sumOf } from '../counts';
import { isCalling } from '../states';
import { isAtWork, isOver } from './moves';
import { leftOpen, takeReport } from './report';
import {
    partsOf,
    type Delayed,
    type HeldLease,
    type Lease,
    type LeasedBudget,
    type LeaseReply,
    type LedgerState,
    type OperationOf,
    type Range,
    type SliceReport,
} from './state';

/** Beyond so many partitions whose items wait for their retries, no fresh one is handed out. */
const MAX_DELAYED = 200;
/** A worker waits this long in its own orchestration; for longer it ends, and runJob waits instead (it can be woken up). */
const MAX_WORKER_WAIT_MS = 20_000;
/** A worker without work waits while another holds more than it will be done with in this time; it may give some of it back. */
export const WORTH_WAITING_MS = 5_000;
/** A lease this old may be that of a worker which is gone: nobody waits for it. */
export const OLD_LEASE_MS = 60_000;
/** A slice in isolation makes calls that take ten minutes, and waits as long for storage: in this time it ends, or its worker is gone. */
const LONGEST_ISOLATION_MS = 1_800_000;

export function lease(state: LedgerState, o: OperationOf<'lease'>, now: number): LeaseReply {
    if (o.round !== state.round) return { kind: 'stop', why: 'a later round of workers has begun' };
    const last = state.answered[o.worker];
    if (last && o.seq <= last.seq)
        return o.seq === last.seq ? last.reply : { kind: 'stop', why: 'this operation is older than one already answered' };
    state.heardAt = now;
    const before = o.report ? cameTo(state, o.worker, o.report) : null;
    const idle = o.report ? takeReport(state, o, o.report, now) : null;
    const reply = idle ?? nextFor(state, o, now, before);
    state.answered[o.worker] = { seq: o.seq, reply };
    state.waiting = reply.kind === 'wait' ? { code: reply.code, for: reply.why, until: reply.until } : null;
    return reply;
}

/** What a worker's lease has come to by this report, if it is its own; nothing of one that was lost. */
function cameTo(state: LedgerState, worker: string, report: SliceReport): Lease['before'] {
    const held = state.leases[worker];
    if (!held || held.epoch !== report.epoch || report.lost) return null;
    return { first: held.first, counts: addCounts(report.counts, sumOf([...report.open, ...leftOpen(held, report, 0)])) };
}

/** What a worker without a report of its own does next. */
function nextFor(state: LedgerState, { worker, slot }: { worker: string; slot: number }, now: number, before: Lease['before']): LeaseReply {
    if (state.failure) return { kind: 'stop', why: `the job ends: ${state.failure.message}` };
    // Before any other reason: who meets it has it written, and the others stop by that.
    const over = overBudget(state);
    if (over && given(state) > state.closed) {
        state.sentAway = true;
        return { kind: 'stop', why: over.why, over };
    }
    const away = sentAway(state, slot, now);
    if (away) {
        state.sentAway = true;
        return { kind: 'stop', why: away };
    }
    if (!isAtWork(state)) return { kind: 'stop', why: `the job is ${state.state}` };
    // Others were sent away, and what sent them has been taken back: the next round has all of them again.
    if (state.sentAway && state.width > 1) return { kind: 'stop', why: 'workers of this round are gone: the next has them again' };
    const cancel = state.state === 'cancelling';
    const hold = holdNow(state, now);
    if (hold) return { kind: 'wait', until: hold.until, code: hold.code, why: hold.why };
    adopt(state, worker, slot, now);
    // Whoever waited on for a worker that is gone would keep its round, and so the job, from ending.
    if (isIsolationStale(state, worker, now)) return { kind: 'stop', why: 'the worker that works alone may be gone' };
    const held = state.leases[worker];
    if (held) return regrant(state, worker, held, now);
    if (state.isolatedWorker)
        return { kind: 'wait', until: now + 1000, code: 'ISOLATION', why: 'another worker looks for the item that kills its process' };
    const { job: trouble } = state.troubles;
    if (trouble && trouble.until > now) return { kind: 'wait', until: trouble.until, ...waitOut(trouble) };

    const budget = budgetFor(state);
    if (budget === null && earliest(state, now, 'worker') <= now + DUE_SOON_MS) return withoutBudget(state, worker, slot, now);
    if (budget !== null) {
        const resumed = takeDue(state, cancel, now);
        const fresh = cancel || state.delayed.length < MAX_DELAYED ? takeFresh(state, now) : NOTHING;
        if (resumed.length > 0 || fresh.to > fresh.from) return grant(state, { worker, slot }, { resumed, fresh, budget }, now, before);
    }
    if (othersMayGiveBack(state, worker, now))
        return {
            kind: 'wait',
            until: now + WORTH_WAITING_MS,
            code: 'WORK',
            why: 'other workers hold what is left, and may give some of it back',
        };
    const until = earliest(state, now, 'worker');
    if (until === Infinity) return { kind: 'stop', why: 'every partition is finished or in another worker’s hands' };
    return until - now <= MAX_WORKER_WAIT_MS
        ? { kind: 'wait', until, ...waitFor(state, until) }
        : { kind: 'stop', why: 'the next retry is far off' };
}

/** There is something to do, of which nothing may fail: what is left of the budget is in leases that are out, until they are reported on. */
function withoutBudget(state: LedgerState, worker: string, slot: number, now: number): LeaseReply {
    const why = 'other workers have what is left of the budget of failures';
    if (Object.values(state.leases).some(({ since }) => now - since <= OLD_LEASE_MS))
        return { kind: 'wait', until: now + 1000, code: 'WORK', why };
    const [orphan] = Object.values(state.orphans);
    if (orphan) return regrant(state, worker, takeOver(state, orphan, { worker, slot }, now), now);
    // Whoever has it may be gone: the round ends, and the next takes it over.
    state.sentAway = true;
    return { kind: 'stop', why };
}

/** Why a worker has nothing to do for now, though that may be taken back; null when nothing keeps it. */
function sentAway(state: LedgerState, slot: number, now: number): string | null {
    if (state.state === 'paused') return 'the job is paused';
    if (state.state === 'awaitingApproval') return 'the job waits for a word on its canary';
    if (!isCalling(state.state)) return null;
    if (isOver(state, now)) return 'the deadline has come';
    const hold = holdNow(state, now);
    if (hold && hold.until - now > WORTH_WAITING_MS) return hold.why;
    // Another number of calls at once is work for another number of workers: the next round has them.
    if (workersFor(state.maxConcurrency) !== workersFor(state.roundConcurrency)) return 'the concurrency of the job has changed';
    const wanted = wantedWorkers(state, now);
    if (wanted >= 2 * state.roundWorkers || 2 * wanted <= state.roundWorkers) return 'there is work for another number of workers';
    if (share(state, slot) === 0) return 'there are more workers than calls at once';
    return null;
}

function isIsolationStale({ isolatedWorker, leases }: LedgerState, worker: string, now: number): boolean {
    const alone = isolatedWorker === null || isolatedWorker === worker ? undefined : leases[isolatedWorker];
    return alone !== undefined && now - alone.since > LONGEST_ISOLATION_MS;
}

/** Takes over what a worker of an earlier round has left in the same place, or in one that this round has not. */
function adopt(state: LedgerState, worker: string, slot: number, now: number): void {
    if (state.leases[worker]) return;
    const left = Object.values(state.orphans);
    const orphan = left.find((held) => placeOf(held) === slot) ?? left.find((held) => placeOf(held) >= places(state));
    if (orphan) takeOver(state, orphan, { worker, slot }, now);
}

function takeOver(state: LedgerState, orphan: HeldLease, { worker, slot }: { worker: string; slot: number }, now: number): HeldLease {
    delete state.orphans[orphan.first];
    return (state.leases[worker] = { ...orphan, ...concurrencyOf(state, slot), againAt: now });
}

const placeOf = ({ share: place }: HeldLease): number => place?.slot ?? 0;

/** Workers of this round that may have something to do. */
const places = ({ width, maxConcurrency, state }: LedgerState): number =>
    state === 'cancelling' ? width : Math.min(width, maxConcurrency);

function grant(
    state: LedgerState,
    { worker, slot }: { worker: string; slot: number },
    { resumed, fresh: { from, to }, budget }: { resumed: Delayed[]; fresh: Range; budget: LeasedBudget | undefined },
    now: number,
    before: Lease['before'],
): LeaseReply {
    const resume = resumed.map(({ part }) => part);
    const isolated = partsOf({ resume, from, to }).some((part) => (state.crashed[part] ?? 0) >= CRASHES_BEFORE_ISOLATION);
    const epoch = ++state.epoch;
    const granted: Lease = {
        epoch,
        resume,
        from,
        to,
        ...kindOf(state, isolated),
        ...concurrencyOf(state, slot),
        ...moreOf(state),
        generation: state.generation,
        first: epoch,
        before,
        ...(budget ? { budget } : {}),
    };
    state.leases[worker] = { ...granted, base: sumOf(resumed), resumed, since: now, crashes: 0, againAt: null };
    return { kind: 'work', lease: granted };
}

const moreOf = (state: LedgerState): Pick<Lease, 'more'> => (freshLeft(state) > 0 ? { more: true } : {});

const kindOf = (state: LedgerState, isolated: boolean): Pick<Lease, 'mode' | 'ending'> => ({
    mode: state.state === 'cancelling' ? 'cancel' : isolated ? 'isolated' : 'normal',
    ending: state.ending ?? 'cancelled',
});

const concurrencyOf = (state: LedgerState, slot: number): Pick<Lease, 'concurrency' | 'share' | 'startAt'> => ({
    concurrency: Math.max(1, share(state, slot)),
    share: { slot, of: state.width },
    startAt: state.limits[slot] ?? null,
});

/** Whether another worker holds so much that some of it is likely to come back: a slice gives back what it does not reach in its time. */
function othersMayGiveBack(state: LedgerState, worker: string, now: number): boolean {
    return Object.entries(state.leases).some(([name, held]) => {
        const parts = held.resume.length + held.to - held.from;
        if (name === worker || parts < 2 || now - held.since > OLD_LEASE_MS) return false;
        return state.rate === 0 || (parts * itemsOfPartition(state) * 1000) / state.rate > WORTH_WAITING_MS + now - held.since;
    });
}

/** The lease that a worker holds already: its slice was lost. */
function regrant(state: LedgerState, worker: string, held: HeldLease, now: number): LeaseReply {
    if (held.againAt !== null && held.againAt > now)
        return { kind: 'wait', until: held.againAt, code: 'CRASH', why: 'the slice that worked on these items was lost' };
    const isolated = partsOf(held).some((part) => (state.crashed[part] ?? 0) >= CRASHES_BEFORE_ISOLATION);
    if (isolated || state.isolatedWorker) {
        state.isolatedWorker ??= worker;
        // A lease held by another worker counts as at work unless its slice is known to be lost.
        const busy = Object.entries(state.leases).some(([w, l]) => w !== worker && l.againAt === null && now - l.since < OLD_LEASE_MS);
        if (state.isolatedWorker !== worker || busy)
            return {
                kind: 'wait',
                until: now + 1000,
                code: 'ISOLATION',
                why: 'one worker at a time, to find the item that kills its process',
            };
    }
    held.epoch = ++state.epoch;
    held.againAt = null;
    held.since = now;
    Object.assign(held, kindOf(state, isolated), concurrencyOf(state, held.share?.slot ?? 0), { generation: state.generation });
    const { epoch, resume, from, to, mode, ending, concurrency, share, startAt, generation, first, before, budget } = held;
    const again: Lease = { epoch, resume, from, to, mode, ending, concurrency, share, startAt, generation, first, before };
    return { kind: 'work', lease: { ...again, ...moreOf(state), ...(budget ? { budget } : {}) } };
}

/** Calls that a worker may have in flight; 0 where there are fewer than workers. */
const share = ({ maxConcurrency, width }: LedgerState, slot: number): number => shareOf(maxConcurrency, { slot, of: width });
