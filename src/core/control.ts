// What users want of a job: one document, changed by moves, one after the other.
import type { JobState } from './states';

export const controlMoves = ['cancel'] as const;
export type ControlMove = (typeof controlMoves)[number];

export const desires = ['run', 'cancel'] as const;

/** A move that was accepted: who made it, why, and when (ISO). */
export interface MoveMade {
    move: ControlMove;
    by: string;
    reason?: string;
    at: string;
}

export interface Control {
    /** Goes up by one with each change. Whoever has seen a generation knows all before it. */
    generation: number;
    desired: (typeof desires)[number];
    /** What the job ends as when it is not run to its end; the first that was accepted holds. */
    ending: 'cancelled' | null;
    /** The last moves, the latest at the end. */
    moves: MoveMade[];
    /** What was changed of the spec since the job was posted; what is absent is as the spec says. */
    limits: Partial<Limits>;
}

/** What may change while a job runs: the spec has the first values, the control document those that are in force. */
export interface Limits {
    concurrency: { max: number; adaptive: boolean };
    retry: { attempts: number; initialDelay: string; maxDelay: string; factor: number };
}

const MAX_MOVES = 20;

/** The control document of a job of which nobody has wanted anything yet. */
export const newControl = (): Control => ({ generation: 0, desired: 'run', ending: null, moves: [], limits: {} });

/** The document after the move; null where the job is on its way there already. Whether the move is legal is decided by the job's state. */
export function moved(control: Control, made: MoveMade): Control | null {
    if (control.desired === 'cancel') return null;
    const moves = [...control.moves, made].slice(-MAX_MOVES);
    return { ...control, generation: control.generation + 1, desired: 'cancel', ending: 'cancelled', moves };
}

/** The limits in force. */
export const limitsOf = (spec: Limits, control: Control): Limits => ({
    concurrency: control.limits.concurrency ?? spec.concurrency,
    retry: control.limits.retry ?? spec.retry,
});

/** The state that users see: what they want shows before the ledger has heard of it. */
export const seenState = (state: JobState, { desired }: Control): JobState =>
    desired === 'cancel' && (state === 'planning' || state === 'running') ? 'cancelling' : state;
