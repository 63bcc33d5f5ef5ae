// What users want of a job: decided by its state, written to its control document, told to its ledger.
import { randomUUID } from 'node:crypto';
import { limitsOf, moved, retuned, seenOf, type Asked, type Control, type Limits } from '../core/control';
import { problem, type Problem } from '../core/errors';
import { allowedMoves, decideMove, isRetunable, type JobState, type UserMove } from '../core/states';
import { latestOf } from '../core/timeline';
import type { StoredJob } from '../contracts/documents';
import type { JobStore } from '../storage/jobStore';
import { tellOf } from './deliverControl';
import { tryToStart } from './ensureStarted';
import type { Log } from '../log';
import type { JobEngine } from './jobEngine';
import { othersFirst } from './othersFirst';
import { readFacts, requireJob, stateOf, type JobFacts } from './readJob';

export interface ControlPorts {
    store: JobStore;
    engine: JobEngine;
    /** Milliseconds since 1970. */
    clock: () => number;
    log: Log;
}

/** Who asks for it, and why: kept in the control document. */
export interface Who {
    by: string;
    reason?: string;
}

export interface MoveAsked extends Who {
    move: UserMove;
}

/** What the limits are to become, from what they are. @throws Problem where they cannot become that */
export type Retune = (inForce: Limits, job: StoredJob) => Limits;

/** The job, what its state follows from after the change, and whether anything was changed. */
export interface Controlled {
    job: StoredJob;
    facts: JobFacts;
    changed: boolean;
}

/** Past tense of each move, for the sentence that refuses it. */
const pastTense: Record<UserMove, string> = {
    pause: 'paused',
    resume: 'resumed',
    cancel: 'cancelled',
    approve: 'approved',
    reject: 'rejected',
};

/**
 * Makes a move that a user asks for; one that is under way already is told to the ledger again. Slices see the control document within a second; the
 * ledger is told too, for a job of which no slice runs just now.
 * @throws Problem JOB_NOT_FOUND, or ILLEGAL_MOVE with the job, its state, the move and what is allowed
 */
export async function controlJob(ports: ControlPorts, jobId: string, { move, ...who }: MoveAsked): Promise<Controlled> {
    return change(ports, jobId, who, (control, asked, { state }) => {
        const decision = decideMove(state, move, control);
        if (decision.kind === 'illegal') {
            throw illegal(jobId, state, move, control, `The job is ${state} and ${cannotBe(state, move)} ${pastTense[move]}.`);
        }
        return moved(control, move, asked);
    });
}

/** Of a move that comes too early something else is to be said than of one that comes too late, or never would have been in time. */
const cannotBe = (state: JobState, move: UserMove): string =>
    ['scheduled', 'planning', 'canary', 'awaitingApproval'].includes(state) || move === 'approve' || move === 'reject'
        ? 'cannot be'
        : 'can no longer be';

/**
 * Changes the limits of a job. What lowers them is in force within two seconds, what raises them where a slice runs too.
 * @throws Problem JOB_NOT_FOUND, ILLEGAL_MOVE, or what `retune` throws
 */
export async function retuneJob(ports: ControlPorts, jobId: string, who: Who, retune: Retune): Promise<Controlled> {
    return change(ports, jobId, who, (control, asked, { state, job }) => {
        if (!isRetunable(state))
            throw illegal(jobId, state, 'retune', control, `The job is ${state}: its limits can no longer be changed.`);
        return retuned(control, job.spec, retune(limitsOf(job.spec, control), job), asked);
    });
}

const illegal = (jobId: string, state: JobState, move: string, { desired }: Control, detail: string): Problem =>
    problem('ILLEGAL_MOVE', { detail, jobId, state, move, allowed: allowedMoves(state, desired) });

type Decide = (control: Control, asked: Asked, seen: { state: JobState; job: StoredJob }) => Control | null;

async function change({ store, engine, clock, log }: ControlPorts, jobId: string, who: Who, decide: Decide): Promise<Controlled> {
    const job = await requireJob(store, jobId);
    const facts = await readFacts(store, engine, jobId);
    // A job whose orchestration is lost would stay in its fold for good.
    if (stateOf(facts, job, clock()) === 'folding') await tryToStart(store, engine, jobId, log);
    const asked = { ...who, at: clock(), id: randomUUID().slice(0, 8) };
    const before = facts.control.generation;
    // What is decided is decided by the document that it is written over: of two changes at once, the second sees the first.
    const decideNow = (control: Control) => decide(control, asked, { job, state: stateOf({ ...facts, control }, job, clock()) });
    // Of a job that has ended everything is refused, without a look at its document.
    if (facts.summary) decideNow(facts.control);
    const control = await store.changeControl(jobId, decideNow).catch(othersFirst('job'));
    // A job that was never started, or whose orchestration is lost, would never see it.
    await tryToStart(store, engine, jobId, log);
    const changed = isOf(control, asked.id);
    if (changed) log.about({ job: jobId }).info('change accepted', { ...toldOf(control), before });
    // It is accepted: slices see it, and whoever looks at the job next tells the ledger what it has not heard.
    await tellOf(engine, seenOf(job, control), jobId, log).catch((error: unknown) =>
        log.about({ job: jobId }).warn('ledger could not be told of the change', {}, error),
    );
    return { job, facts: { ...facts, control }, changed };
}

/** Whether the last change is the one that was asked for. */
const isOf = (control: Control, id: string): boolean => latestOf(control.changes)?.id === id;

/** For the log: the last change. */
function toldOf(control: Control) {
    const event = latestOf(control.changes)!;
    const { by, reason, generation } = event;
    const what = event.kind === 'move' ? { move: event.move } : { fields: event.changes.map(({ field }) => field).join(' ') };
    return { ...what, by, reason, generation };
}
