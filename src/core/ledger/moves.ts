// The job's state, as operations move it.
import { addCounts, noCounts, type Counts } from '../counts';
import { isEnded, next, type Move } from '../states';
import type { ControlSeen, Delayed, LedgerState, OkReply, OperationOf } from './state';

/** Makes a move where it is legal; says whether it was. */
export function move(state: LedgerState, by: Move): boolean {
    const to = next(state.state, by);
    if (to) state.state = to;
    return to !== null;
}

export const isAtWork = ({ state, failure: ends }: LedgerState): boolean => !isEnded(state) && state !== 'folding' && ends === null;

/**
 * Takes in what the control document says, unless a later word of it has come. The same word again may do what it could not before: the job was being
 * folded then, and has been opened again.
 */
export function heard(state: LedgerState, { generation, desired }: ControlSeen): void {
    if (generation < state.generation) return;
    state.generation = generation;
    if (desired === 'cancel') move(state, 'cancel');
}

export function control(state: LedgerState, o: OperationOf<'control'>): OkReply {
    heard(state, o);
    return { kind: 'ok', state: state.state };
}

export function open(state: LedgerState, o: OperationOf<'open'>, now: number): OkReply {
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

export function end(state: LedgerState, o: OperationOf<'end'>, now: number): OkReply {
    const by = { completed: 'complete', failed: 'fail', cancelled: 'endCancelled' } as const;
    if (move(state, by[o.state])) Object.assign(state, { endedAt: now, leases: {}, waiting: null, failure: o.error ?? state.failure });
    return { kind: 'ok', state: state.state };
}

/**
 * Storage lost outcomes that it had acknowledged: the partitions they stood in are to be worked again. What is counted is what was found.
 * Numbered, so that an operation told twice opens the job once.
 */
export function reopen(state: LedgerState, o: OperationOf<'reopen'>): OkReply {
    if (o.repair === state.repairs + 1 && move(state, state.endsAs === 'cancelled' ? 'reopenCancelled' : 'reopen'))
        Object.assign(state, { repairs: o.repair, returned: o.ranges, delayed: [], counts: o.counts, closed: o.closed, endsAs: null });
    return { kind: 'ok', state: state.state };
}

/** The counts that delayed partitions carry. */
export const sum = (delayed: Delayed[]): Counts => delayed.reduce((total, { counts }) => addCounts(total, counts), noCounts());
