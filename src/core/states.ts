// The states of a job and every legal move between them. Nothing else changes a state.

export const states = [
    'planning',
    'scheduled',
    'canary',
    'awaitingApproval',
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
    // The first items run alone.
    openCanary: { planning: 'canary' },
    // Of a job that is being planned it takes effect when the plan stands.
    pause: { planning: 'planning', canary: 'paused', running: 'paused' },
    resume: { planning: 'planning', paused: 'running' },
    resumeCanary: { paused: 'canary' },
    // The canary has come to its end: somebody is asked, or the share of its failures decides.
    ask: { canary: 'awaitingApproval' },
    pass: { canary: 'running' },
    approve: { awaitingApproval: 'running' },
    reject: { awaitingApproval: 'cancelling' },
    cancel: {
        scheduled: 'cancelling',
        planning: 'cancelling',
        canary: 'cancelling',
        awaitingApproval: 'cancelling',
        running: 'cancelling',
        paused: 'cancelling',
    },
    expire: {
        scheduled: 'cancelling',
        planning: 'cancelling',
        canary: 'cancelling',
        awaitingApproval: 'cancelling',
        running: 'cancelling',
        paused: 'cancelling',
    },
    // A canary of all items has nobody to ask: nothing is left. A job that storage refuses something is folded from everywhere that it is looked at.
    fold: { canary: 'folding', awaitingApproval: 'folding', running: 'folding', cancelling: 'folding' },
    reopen: { folding: 'running' },
    reopenCancelled: { folding: 'cancelling' },
    complete: { folding: 'completed' },
    endCancelled: { cancelling: 'cancelled', folding: 'cancelled' },
    endExpired: { cancelling: 'expired', folding: 'expired' },
    fail: {
        scheduled: 'failed',
        planning: 'failed',
        canary: 'failed',
        awaitingApproval: 'failed',
        running: 'failed',
        paused: 'failed',
        cancelling: 'failed',
        folding: 'failed',
    },
} as const satisfies Record<string, Partial<Record<JobState, JobState>>>;

export type Move = keyof typeof moves;

/** The moves a user may ask for over HTTP. */
export const userMoves = ['pause', 'resume', 'cancel', 'approve', 'reject'] as const satisfies Move[];
export type UserMove = (typeof userMoves)[number];

/** What is wanted of a job: that it runs, stands still, or ends without the rest of its items. */
export const desires = ['run', 'pause', 'cancel'] as const;
export type Desire = (typeof desires)[number];

/** The moves that a control document keeps. `expire`: the deadline has come. */
export const controlMoves = ['pause', 'resume', 'cancel', 'approve', 'reject', 'expire'] as const satisfies Move[];
export type ControlMove = (typeof controlMoves)[number];

/** What each move wants. */
export const desireOf = {
    pause: 'pause',
    resume: 'run',
    cancel: 'cancel',
    approve: 'run',
    reject: 'cancel',
    expire: 'cancel',
} as const satisfies Record<ControlMove, Desire>;

/** The word on a canary: everything that comes after it may be called, or nothing may. */
export const verdicts = ['approved', 'rejected'] as const;
export type Verdict = (typeof verdicts)[number];

/** What is wanted of a job already. */
export interface Wanted {
    desired: Desire;
    approval: { is: Verdict } | null;
}

const table: Record<Move, Partial<Record<JobState, JobState>>> = moves;

/** Where a move leads from a state; null when it is not legal there. */
export const next = (from: JobState, move: Move): JobState | null => table[move][from] ?? null;

/** A move that a user asks for: made now, the job is on its way there already (asking again does no harm), or illegal, with the moves that are allowed instead. */
export type MoveDecision = { kind: 'make' } | { kind: 'underWay' } | { kind: 'illegal'; allowed: UserMove[] };

/**
 * What becomes of a move that a user asks for of a job in this state, of which that is wanted already. The one place where its legality is decided.
 */
export function decideMove(state: JobState, move: UserMove, wanted: Wanted): MoveDecision {
    if (isUnderWay(state, move, wanted)) return { kind: 'underWay' };
    const allowed = allowedMoves(state, wanted.desired);
    return allowed.includes(move) ? { kind: 'make' } : { kind: 'illegal', allowed };
}

/** Whether the job is where the move leads, or on its way there. */
function isUnderWay(state: JobState, move: UserMove, { desired, approval }: Wanted): boolean {
    switch (move) {
        case 'pause':
            return state === 'paused' || (state === 'planning' && desired === 'pause');
        case 'resume':
            return state === 'running' || state === 'canary';
        case 'cancel':
            return state === 'cancelling';
        case 'approve':
            return state === 'running' && approval?.is === 'approved';
        case 'reject':
            return state === 'cancelling' && approval?.is === 'rejected';
    }
}

/** The moves that change something. A job that is planned can be resumed where a pause waits for the plan, and paused where none does. */
export const allowedMoves = (from: JobState, desired: Desire): UserMove[] =>
    userMoves.filter((move) => next(from, move) !== null && (from !== 'planning' || desireOf[move] !== desired));

/** The states in which items are called. */
export const isCalling = (state: JobState): boolean => state === 'canary' || state === 'running';

/** The states in which the limits of a job may change. */
export const retunable = ['scheduled', 'planning', 'canary', 'awaitingApproval', 'running', 'paused'] as const satisfies JobState[];
export const isRetunable = (state: JobState): boolean => (retunable as readonly JobState[]).includes(state);

export const endStates = ['completed', 'failed', 'cancelled', 'expired'] as const satisfies JobState[];
export type EndState = (typeof endStates)[number];

export const isEnded = (state: JobState): state is EndState => (endStates as readonly JobState[]).includes(state);
