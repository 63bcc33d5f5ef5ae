// The ledger of one job: which partitions are whose, what has been counted, what happens next.
// A pure reducer (state, operation, now) → (state, reply). It never throws: a reply is data, and an operation that
// arrives twice, late or out of place changes nothing and says so.
import { lease } from './lease';
import { control, end, giveUp, judged, note, open, reopen, schedule } from './moves';
import { nextRound } from './rounds';
import type { LedgerOperation, LedgerReplies, LedgerReply, LedgerState, OperationOf } from './state';

export { INSTANCE_PLACES, openCanary, SLICE_MS } from './dispense';
export { isOver } from './moves';
export * from './state';

/** Applies one operation; `now` in ms. The given state is left as it was. */
export function reduceLedger<Op extends LedgerOperation['op']>(
    before: LedgerState,
    operation: OperationOf<Op>,
    now: number,
): { state: LedgerState; reply: LedgerReplies[Op] };
export function reduceLedger(before: LedgerState, operation: LedgerOperation, now: number): { state: LedgerState; reply: LedgerReply };
export function reduceLedger(before: LedgerState, operation: LedgerOperation, now: number): { state: LedgerState; reply: LedgerReply } {
    const state = structuredClone(before);
    return { state, reply: apply(state, operation, now) };
}

function apply(state: LedgerState, operation: LedgerOperation, now: number): LedgerReply {
    switch (operation.op) {
        case 'open':
            return open(state, operation, now);
        case 'schedule':
            return schedule(state, operation, now);
        case 'note':
            return note(state, operation, now);
        case 'lease':
            return lease(state, operation, now);
        case 'settle':
            return nextRound(state, operation, now);
        case 'control':
            return control(state, operation, now);
        case 'judged':
            return judged(state, operation, now);
        case 'giveUp':
            return giveUp(state, operation);
        case 'reopen':
            return reopen(state, operation, now);
        case 'end':
            return end(state, operation, now);
    }
}
