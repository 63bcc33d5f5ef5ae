// What users want of a job: decided by its state, written to its control document, told to its ledger.
import { moved } from '../core/control';
import { problem } from '../core/errors';
import { decideMove, type UserMove } from '../core/states';
import type { StoredJob } from '../contracts/documents';
import type { JobStore } from '../storage/jobStore';
import { tellOf } from './deliverControl';
import { tryToStart } from './ensureStarted';
import type { Log } from '../log';
import type { JobEngine } from './jobEngine';
import { readFacts, requireJob, stateOf, type JobFacts } from './readJob';

export interface ControlPorts {
    store: JobStore;
    engine: JobEngine;
    /** Milliseconds since 1970. */
    clock: () => number;
    log: Log;
}

export interface MoveAsked {
    move: UserMove;
    /** Who asks for it: kept in the control document. */
    by: string;
    reason?: string;
}

/** Past tense of each move, for the sentence that refuses it. */
const pastTense: Record<UserMove, string> = { cancel: 'cancelled' };

/**
 * Makes a move that a user asks for; one that is under way already is told to the ledger again. Slices see the control document within a second; the
 * ledger is told too, for a job of which no slice runs just now. Gives the job and what its state follows from after the move.
 * @throws Problem JOB_NOT_FOUND, or ILLEGAL_MOVE with the job, its state, the move and what is allowed
 */
export async function controlJob(
    { store, engine, clock, log }: ControlPorts,
    jobId: string,
    { move, ...who }: MoveAsked,
): Promise<{ job: StoredJob; facts: JobFacts }> {
    const job = await requireJob(store, jobId);
    const facts = await readFacts(store, engine, jobId);
    const state = stateOf(facts);
    // A job whose orchestration is lost would stay in its fold for good.
    if (state === 'folding') await tryToStart(store, engine, jobId, log);
    const decision = decideMove(state, move);
    if (decision.kind === 'illegal') {
        const { allowed } = decision;
        throw problem('ILLEGAL_MOVE', {
            detail: `The job is ${state} and can no longer be ${pastTense[move]}.`,
            jobId,
            state,
            move,
            allowed,
        });
    }
    const control = await store.changeControl(jobId, (now) => moved(now, { move, ...who, at: new Date(clock()).toISOString() }));
    // A job that was never started, or whose orchestration is lost, would never see it.
    await tryToStart(store, engine, jobId, log);
    log.about({ job: jobId }).info('move accepted', { move, by: who.by, reason: who.reason, state, generation: control.generation });
    await tellOf(engine, jobId, control, log);
    return { job, facts: { ...facts, control } };
}
