// The job as a whole: whether there is another round of workers, something to wait for, or the end.
import type { WaitCode } from '../codes';
import { isEnded } from '../states';
import { DUE_SOON_MS, earliest, given, holdNow, overBudget, waitFor, wantedWorkers } from './dispense';
import { endStateOf } from '../control';
import { OLD_LEASE_MS, WORTH_WAITING_MS } from './lease';
import { heard, isOver, move, toldOf } from './moves';
import { AWAITED, type LedgerState, type OperationOf, type SettleReply } from './state';

/** The last time that a date can hold, in ms. */
const MAX_TIME = 8.64e15;
/** What was written to the control document is told to the ledger within a moment. */
const TOLD_WITHIN_MS = 1_000;
/** A job that stands still is looked at again after so long: what wakes it may be lost. */
const LOOK_MS = 3_600_000;

export function nextRound(state: LedgerState, o: OperationOf<'settle'>, now: number): SettleReply {
    state.heardAt = now;
    state.restsAt = null;
    if (isEnded(state.state)) return { kind: 'ended', state: state.state, ...toldOf(state) };
    if (o.broken && Object.values(state.leases).some((l) => l.againAt === null && now - l.since < OLD_LEASE_MS))
        return waits(state, now, now + WORTH_WAITING_MS, { code: 'WORK', why: 'a worker has failed; the others finish first' });
    if (o.cancel) heard(state, { generation: Math.max(1, state.generation), desired: 'cancel' }, now);
    if ((o.seen ?? 0) > state.generation)
        return waits(state, now, now + TOLD_WITHIN_MS, { code: 'CONTROL', why: 'what was asked for is on its way' });
    reclaim(state);
    if (state.state !== 'folding' && isOver(state, now)) return { kind: 'expire', generation: state.generation };
    if (state.state === 'paused')
        return waits(state, now, Math.min(now + LOOK_MS, state.deadline ?? Infinity), { code: 'PAUSED', why: AWAITED.PAUSED });
    if (state.state === 'awaitingApproval' && !state.failure) return asks(state, now);
    const left = given(state) - state.closed;
    const until = earliest(state, now, 'round');
    // Nothing to do and yet something left cannot be; the fold finds out what is missing.
    if (state.failure || (state.startedAt !== null && (left === 0 || until === Infinity))) {
        if (state.state === 'canary' && !state.failure && given(state) < state.partitions) {
            // Nobody is asked whether to go on with what the budget stops.
            const stops = overBudget(state);
            return stops ? { kind: 'over', ...stops } : judges(state, now, false);
        }
        // Asked again after the answer was lost, the state is folding already: the first answer holds.
        state.endsAs ??= state.state === 'cancelling' ? endStateOf[state.ending ?? 'cancelled'] : state.failure ? 'failed' : 'completed';
        move(state, 'fold', now);
        state.waiting = null;
        return { kind: 'done', as: state.endsAs, ...toldOf(state) };
    }
    const over = overBudget(state);
    if (over) return { kind: 'over', ...over };
    const hold = holdNow(state, now);
    if (hold) return waits(state, now, hold.until, hold);
    if (until - now > DUE_SOON_MS) return waits(state, now, until, waitFor(state, until));
    state.roundWorkers = wantedWorkers(state, now);
    state.width = Math.max(1, Math.min(state.roundWorkers, left));
    state.roundConcurrency = state.maxConcurrency;
    state.sentAway = false;
    return { kind: 'work', workers: state.width, round: ++state.round };
}

/** Somebody is asked for a word on the canary, until nobody is any more. */
function asks(state: LedgerState, now: number): SettleReply {
    const until = state.canary?.until ?? now;
    if (now >= until) return judges(state, now, true);
    return waits(state, now, Math.min(now + LOOK_MS, until), { code: 'APPROVAL', why: AWAITED.APPROVAL });
}

function judges(state: LedgerState, now: number, overdue: boolean): SettleReply {
    const { canary, calls, generation, entered } = state;
    const running = state.state === 'canary' ? now - (entered.canary ?? now) : 0;
    const ranForMs = (canary?.ranForMs ?? 0) + running;
    return { kind: 'judge', generation, partitions: canary?.partitions ?? 0, calls, ranForMs, overdue };
}

function waits(state: LedgerState, now: number, earliest: number, { code, why }: { code: WaitCode; why: string }): SettleReply {
    // Never: only of a ledger that was lost, and has not been told of the plan again. No document holds Infinity.
    const until = Math.min(earliest, MAX_TIME, state.desired === 'cancel' ? Infinity : Math.max(now, state.deadline ?? Infinity));
    state.restsAt = state.generation;
    state.waiting = { code, for: why, until };
    return { kind: 'wait', until, code, why };
}

/**
 * Whatever a worker of the last round still holds is free again: workers end with empty hands, so this one failed. The next worker in its place takes it
 * over; slices that still run are superseded by the next epoch.
 */
function reclaim(state: LedgerState): void {
    for (const held of Object.values(state.leases)) state.orphans[held.first] = held;
    state.leases = {};
    state.answered = {};
    state.isolatedWorker = null;
}
