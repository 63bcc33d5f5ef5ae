// The states of a job and every legal move between them. Nothing else changes a state.

export const states = [
    'planning',
    'scheduled',
    'running',
    'paused',
    'cancelling',
    'folding',
    'completed',
    'failed',
    'cancelled',
    'expired',
] as const;
export type JobState = (typeof states)[number];

export const moves = {
    schedule: { planning: 'scheduled' },
    plan: { scheduled: 'planning' },
    open: { planning: 'running' },
    // Of a job that is being planned it takes effect when the plan stands.
    pause: { planning: 'planning', running: 'paused' },
    resume: { planning: 'planning', paused: 'running' },
    cancel: { scheduled: 'cancelling', planning: 'cancelling', running: 'cancelling', paused: 'cancelling' },
    expire: { scheduled: 'cancelling', planning: 'cancelling', running: 'cancelling', paused: 'cancelling' },
    fold: { running: 'folding', cancelling: 'folding' },
    reopen: { folding: 'running' },
    reopenCancelled: { folding: 'cancelling' },
    complete: { folding: 'completed' },
    endCancelled: { cancelling: 'cancelled', folding: 'cancelled' },
    endExpired: { cancelling: 'expired', folding: 'expired' },
    fail: { scheduled: 'failed', planning: 'failed', running: 'failed', paused: 'failed', cancelling: 'failed', folding: 'failed' },
} as const satisfies Record<string, Partial<Record<JobState, JobState>>>;

export type Move = keyof typeof moves;

/** The moves a user may ask for over HTTP. */
export const userMoves = ['pause', 'resume', 'cancel'] as const satisfies Move[];
export type UserMove = (typeof userMoves)[number];

/** What is wanted of a job: that it runs, stands still, or ends without the rest of its items. */
export const desires = ['run', 'pause', 'cancel'] as const;
export type Desire = (typeof desires)[number];

/** The moves that a control document keeps. `expire`: the deadline has come. */
export const controlMoves = ['pause', 'resume', 'cancel', 'expire'] as const satisfies Move[];
export type ControlMove = (typeof controlMoves)[number];

/** What each move wants. */
export const desireOf = { pause: 'pause', resume: 'run', cancel: 'cancel', expire: 'cancel' } as const satisfies Record<
    ControlMove,
    Desire
>;

const table: Record<Move, Partial<Record<JobState, JobState>>> = moves;

/** Where a move leads from a state; null when it is not legal there. */
export const next = (from: JobState, move: Move): JobState | null => table[move][from] ?? null;

/** A move that a user asks for: made now, the job is on its way there already (asking again does no harm), or illegal, with the moves that are allowed instead. */
export type MoveDecision = { kind: 'make' } | { kind: 'underWay' } | { kind: 'illegal'; allowed: UserMove[] };

/**
 * What becomes of a move that a user asks for of a job in this state, of which `desired` is wanted already. The one place where its legality is decided.
 */
export function decideMove(state: JobState, move: UserMove, desired: Desire): MoveDecision {
    const isThere = Object.entries(table[move]).some(([from, to]) => to === state && from !== state);
    if (isThere || (state === 'planning' && move === 'pause' && desired === 'pause')) return { kind: 'underWay' };
    const allowed = allowedMoves(state, desired);
    return allowed.includes(move) ? { kind: 'make' } : { kind: 'illegal', allowed };
}

/** The moves that change something. A job that is planned can be resumed where a pause waits for the plan, and paused where none does. */
export const allowedMoves = (from: JobState, desired: Desire): UserMove[] =>
    userMoves.filter((move) => next(from, move) !== null && (from !== 'planning' || desireOf[move] !== desired));

/** The states in which the limits of a job may change. */
export const retunable = ['scheduled', 'planning', 'running', 'paused'] as const satisfies JobState[];
export const isRetunable = (state: JobState): boolean => (retunable as readonly JobState[]).includes(state);

export const endStates = ['completed', 'failed', 'cancelled', 'expired'] as const satisfies JobState[];
export type EndState = (typeof endStates)[number];

export const isEnded = (state: JobState): state is EndState => (endStates as readonly JobState[]).includes(state);
