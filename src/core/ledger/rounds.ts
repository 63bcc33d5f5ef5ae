// The job as a whole: whether there is another round of workers, something to wait for, or the end.
import type { WaitCode } from '../codes';
import { isEnded } from '../states';
import { DUE_SOON_MS, earliest, waitFor } from './dispense';
import { OLD_LEASE_MS, WORTH_WAITING_MS } from './lease';
import { heard, move } from './moves';
import type { LedgerState, OperationOf, SettleReply } from './state';

const WORKER_CONCURRENCY = 32;
const MAX_WORKERS = 8;
/** The last time that a date can hold, in ms. */
const MAX_TIME = 8.64e15;
/** What was written to the control document is told to the ledger within a moment. */
const TOLD_WITHIN_MS = 1_000;

export function nextRound(state: LedgerState, o: OperationOf<'settle'>, now: number): SettleReply {
    const { total, invalid, failure: error } = state;
    if (isEnded(state.state)) return { kind: 'ended', state: state.state, total, invalid, error };
    if (o.broken && Object.values(state.leases).some((l) => l.againAt === null && now - l.since < OLD_LEASE_MS))
        return waits(state, now + WORTH_WAITING_MS, { code: 'WORK', why: 'a worker has failed; the others finish first' });
    if (o.cancel) heard(state, { generation: Math.max(1, state.generation), desired: 'cancel' });
    if ((o.seen ?? 0) > state.generation)
        return waits(state, now + TOLD_WITHIN_MS, { code: 'CONTROL', why: 'what was asked for is on its way' });
    reclaim(state, now);
    const left = state.partitions - state.closed;
    const until = earliest(state, now);
    // Nothing to do and yet something left cannot be; the fold finds out what is missing.
    if (state.failure || (state.startedAt !== null && (left === 0 || until === Infinity))) {
        // Asked again after the answer was lost, the state is folding already: the first answer holds.
        state.endsAs ??= state.state === 'cancelling' ? 'cancelled' : state.failure ? 'failed' : 'completed';
        move(state, 'fold');
        state.waiting = null;
        return { kind: 'done', as: state.endsAs, total, invalid, error };
    }
    if (until - now > DUE_SOON_MS) return waits(state, until, waitFor(state, until));
    state.width = Math.max(1, Math.min(Math.ceil(state.maxConcurrency / WORKER_CONCURRENCY), MAX_WORKERS, left));
    return { kind: 'work', workers: state.width, round: ++state.round };
}

function waits(state: LedgerState, earliest: number, { code, why }: { code: WaitCode; why: string }): SettleReply {
    // Never: only of a ledger that was lost, and has not been told of the plan again. No document holds Infinity.
    const until = Math.min(earliest, MAX_TIME);
    state.waiting = { code, for: why, until };
    return { kind: 'wait', until, code, why };
}

/**
 * Whatever a worker of the last round still holds is free again: workers end with empty hands, so this one failed.
 * Slices that still run are superseded by the next epoch.
 */
function reclaim(state: LedgerState, now: number): void {
    for (const held of Object.values(state.leases)) {
        for (const entry of held.resumed) state.delayed.push({ ...entry, wakeAt: now });
        if (held.to > held.from) state.returned.push({ from: held.from, to: held.to });
    }
    state.leases = {};
    state.answered = {};
    state.isolatedWorker = null;
}
