// The job's state, as operations move it, and the record of that.
import { reachedLimit, limitText, nothingSpent } from '../budget';
import type { ControlSeen } from '../control';
import type { FailureGroup } from '../failures';
import { isCalling, next, type Move } from '../states';
import { appended, type LedgerEvent } from '../timeline';
import type { Persisting } from '../trouble';
import { openCanary, waitOut } from './dispense';
import { ledgerSteps, type LedgerState, type OkReply, type OperationOf, type Told } from './state';

/** Makes a move where it is legal; says whether it was. */
export function move(state: LedgerState, by: Move, now: number): boolean {
    const to = next(state.state, by);
    if (to && to !== state.state) {
        if (state.canary && state.state === 'canary') state.canary.ranForMs += now - (state.entered.canary ?? now);
        state.state = to;
        state.entered[to] = now;
        tell(state, { at: now, kind: 'state', state: to });
    }
    return to !== null;
}

/** What happened, but for what the ledger adds to all of it. */
type Happened = LedgerEvent extends infer Event ? (Event extends LedgerEvent ? Omit<Event, 'generation'> : never) : never;

/** Keeps it in the timeline. */
export function tell(state: LedgerState, event: Happened): void {
    state.timeline = appended(state.timeline, { ...event, generation: state.generation });
}

/** Whether slices may be given something to do. */
export const isAtWork = ({ state, failure: ends }: LedgerState): boolean => (isCalling(state) || state === 'cancelling') && ends === null;

/** Whether the job's time is over, and it has not been told so. */
export const isOver = ({ deadline, desired }: LedgerState, now: number): boolean =>
    deadline !== null && now >= deadline && desired !== 'cancel';

/**
 * Takes in what the control document says, unless a later word of it has come. The same word again may do what it could not before: the job was being
 * folded then, and has been opened again.
 */
export function heard(state: LedgerState, seen: ControlSeen, now: number): void {
    const { generation, desired, ending, concurrency, deadline, lifted = false } = seen;
    if (generation < state.generation) return;
    // What holds calls off may be another thing from now on.
    if (generation > state.generation || lifted) state.hold = null;
    if (lifted) state.liftedAt = now;
    state.generation = generation;
    state.desired = desired;
    if (concurrency !== undefined) state.maxConcurrency = concurrency;
    if (deadline !== undefined) state.deadline = deadline;
    if (seen.approval !== undefined && state.canary) state.canary.verdict ??= seen.approval;
    if (seen.budget !== undefined) state.budget = seen.budget;
    if ((seen.resumed ?? 0) > state.resumed) Object.assign(state, { resumed: seen.resumed, spent: nothingSpent(), recentFailures: [] });
    lookAtBudget(state, now);
    heed(state, ending ?? null, now);
    // Whoever has written it, or made it needless: what kept runJob from writing it is over.
    if (!state.reached || state.desired !== 'run') keepTrouble(state, 'budget', undefined, now);
}

/** Finds out whether a limit of the budget is reached, or is not any more. */
export function lookAtBudget(state: LedgerState, now: number): void {
    const { budget, spent, recentFailures } = state;
    const limit = budget && reachedLimit(budget, spent);
    // A share is of all that has settled: what others have not told yet may bring it down again. Nobody is given any more meanwhile.
    const isOpen = limit === 'percent' && Object.keys(state.leases).length + Object.keys(state.orphans).length > 0;
    if (!budget || !limit || isOpen) {
        state.reached = null;
        return;
    }
    const why = limitText(limit, budget, spent);
    if (state.reached?.limit !== limit)
        tell(state, { at: now, kind: 'budget', limit: `/budget/${limit}`, why, groups: recentFailures.slice(0, TOLD_GROUPS).map(briefly) });
    state.reached = { limit, why, groups: recentFailures };
}

const briefly = ({ code, count, sample }: FailureGroup) => ({ code, message: sample.message.slice(0, TOLD_CHARACTERS), count });

/** Kinds of failure that the timeline tells of. */
const TOLD_GROUPS = 3;

/** Moves the job to where it is wanted, as far as its state allows. */
function heed(state: LedgerState, ending: LedgerState['ending'], now: number): void {
    if (state.desired === 'cancel') {
        state.ending ??= ending ?? 'cancelled';
        move(state, state.ending === 'expired' ? 'expire' : 'cancel', now);
        return;
    }
    if (state.canary?.verdict === 'approved' && !move(state, 'approve', now)) move(state, 'pass', now);
    if (state.desired === 'pause') move(state, 'pause', now);
    else move(state, resumeMove(state), now);
}

const resumeMove = (state: LedgerState): Move => (openCanary(state) && state.state === 'paused' ? 'resumeCanary' : 'resume');

/** The canary has been looked at. */
export function judged(state: LedgerState, { asks, ...seen }: OperationOf<'judged'>, now: number): OkReply {
    keepTrouble(state, 'canary', undefined, now);
    heard(state, seen, now);
    const canary = openCanary(state);
    if (asks && canary && move(state, 'ask', now)) canary.until = now + canary.timeoutMs;
    return { kind: 'ok', state: state.state };
}

export function giveUp(state: LedgerState, { error }: OperationOf<'giveUp'>): OkReply {
    state.failure ??= error;
    return { kind: 'ok', state: state.state };
}

export function control(state: LedgerState, o: OperationOf<'control'>, now: number): OkReply {
    heard(state, o, now);
    return { kind: 'ok', state: state.state };
}

/** The job waits for its time, or its time has come. */
export function schedule(state: LedgerState, { startAt }: OperationOf<'schedule'>, now: number): OkReply {
    if (now < startAt && state.startedAt === null) move(state, 'schedule', now);
    else move(state, 'plan', now);
    state.restsAt = state.state === 'scheduled' ? state.generation : null;
    state.waiting = state.state === 'scheduled' ? { code: 'SCHEDULED', for: 'the time at which it is to start', until: startAt } : null;
    return { kind: 'ok', state: state.state };
}

/** Trouble of a step that is not a slice's, as it begins and ends. */
export function note(state: LedgerState, { step, crashed, trouble, ends }: OperationOf<'note'>, now: number): OkReply {
    if (ends) {
        state.ending ??= ends;
        move(state, ends === 'expired' ? 'expire' : 'cancel', now);
    }
    if (crashed) {
        state.crashes++;
        tell(state, { at: now, kind: 'crash', worker: null, partitions: 0 });
    }
    if (trouble !== undefined) {
        keepTrouble(state, step, trouble ?? undefined, now);
        const wait = trouble && waitOut(trouble);
        state.waiting = wait ? { code: wait.code, for: wait.why, until: trouble.until } : null;
    }
    return { kind: 'ok', state: state.state, told: toldOf(state) };
}

/** What is known of a job that is at its end, for its summary. */
export const toldOf = ({ total, invalid, failure: error, startedAt, entered, calls, crashes, ending }: LedgerState): Told => ({
    total,
    invalid,
    error,
    startedAt,
    entered,
    calls,
    crashes,
    ending,
});

/** Keeps trouble of a place, or forgets it, and tells of its beginning and its end. */
export function keepTrouble(state: LedgerState, place: string, trouble: Persisting | undefined, now: number): void {
    const before = state.troubles[place];
    // What is told of one partition, or of all, need not be told once more of the partitions together.
    const isTold = place !== 'any';
    if (trouble) {
        state.troubles[place] = trouble;
        if (isTold && before?.code !== trouble.code)
            tell(state, { at: now, kind: 'trouble', code: trouble.code, message: trouble.message.slice(0, TOLD_CHARACTERS) });
    } else if (before) {
        delete state.troubles[place];
        if (isTold) tell(state, { at: now, kind: 'recovered', code: before.code });
    }
}

/** Of a message, or a reason, in the timeline. */
export const TOLD_CHARACTERS = 200;

export function open(state: LedgerState, o: OperationOf<'open'>, now: number): OkReply {
    // Whoever planned it went by another clock: that the time has come needs no other proof than the plan.
    if (state.startedAt === null) move(state, 'plan', now);
    // A cancel may have come before the plan: the partitions are wanted all the same, to record every item as cancelled.
    if (state.startedAt === null && (move(state, o.canary ? 'openCanary' : 'open', now) || state.state === 'cancelling')) {
        const { jobId, total, invalid, partitions, maxConcurrency, deadline = null, canary = null, budget = null } = o;
        // What was heard of the control document is later than what planning has read of it.
        const limits = state.generation === 0 ? { maxConcurrency, deadline, budget } : {};
        Object.assign(state, { jobId, total, invalid, partitions, ...limits, startedAt: now, restsAt: null, waiting: null });
        state.canary = canary && { ...canary, ranForMs: 0, until: null, verdict: null };
        keepTrouble(state, 'plan', undefined, now);
        heed(state, state.ending, now);
    }
    return { kind: 'ok', state: state.state };
}

export function end(state: LedgerState, o: OperationOf<'end'>, now: number): OkReply {
    const by = { completed: 'complete', failed: 'fail', cancelled: 'endCancelled', expired: 'endExpired' } as const;
    for (const step of ledgerSteps) keepTrouble(state, step, undefined, now);
    // Planning that met a cancel or the deadline ends the job before the ledger has heard of either.
    if (o.state === 'cancelled') move(state, 'cancel', now);
    if (o.state === 'expired') move(state, 'expire', now);
    if (move(state, by[o.state], now))
        Object.assign(state, { endedAt: now, leases: {}, orphans: {}, waiting: null, failure: o.error ?? state.failure });
    return { kind: 'ok', state: state.state };
}

/**
 * Storage lost outcomes that it had acknowledged: the partitions they stood in are to be worked again. What is counted is what was found.
 * Numbered, so that an operation told twice opens the job once.
 */
export function reopen(state: LedgerState, o: OperationOf<'reopen'>, now: number): OkReply {
    const cancelled = state.endsAs === 'cancelled' || state.endsAs === 'expired';
    if (o.repair === state.repairs + 1 && move(state, cancelled ? 'reopenCancelled' : 'reopen', now)) {
        const partitions = o.ranges.reduce((n, { from, to }) => n + to - from, 0);
        tell(state, { at: now, kind: 'repair', repair: o.repair, partitions });
        Object.assign(state, { repairs: o.repair, returned: o.ranges, delayed: [], counts: o.counts, closed: o.closed, endsAs: null });
        heed(state, state.ending, now);
    }
    return { kind: 'ok', state: state.state };
}
