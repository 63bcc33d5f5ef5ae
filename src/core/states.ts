// The states of a job and every legal move between them. Nothing else changes a state.

export const states = ['planning', 'running', 'cancelling', 'folding', 'completed', 'failed', 'cancelled'] as const;
export type JobState = (typeof states)[number];

export const moves = {
    open: { planning: 'running' },
    cancel: { planning: 'cancelling', running: 'cancelling' },
    fold: { running: 'folding', cancelling: 'folding' },
    reopen: { folding: 'running' },
    reopenCancelled: { folding: 'cancelling' },
    complete: { folding: 'completed' },
    endCancelled: { cancelling: 'cancelled', folding: 'cancelled' },
    fail: { planning: 'failed', running: 'failed', cancelling: 'failed', folding: 'failed' },
} as const satisfies Record<string, Partial<Record<JobState, JobState>>>;

export type Move = keyof typeof moves;

/** The moves a user may ask for over HTTP. */
export const userMoves = ['cancel'] as const satisfies Move[];
export type UserMove = (typeof userMoves)[number];

const table: Record<Move, Partial<Record<JobState, JobState>>> = moves;

/** Where a move leads from a state; null when it is not legal there. */
export const next = (from: JobState, move: Move): JobState | null => table[move][from] ?? null;

/** A move that a user asks for: made now, under way already (asking again does no harm), or illegal, with the moves that are allowed instead. */
export type MoveDecision = { kind: 'make' } | { kind: 'underWay' } | { kind: 'illegal'; allowed: UserMove[] };

/** What becomes of a move that a user asks for of a job in this state. The one place where its legality is decided. */
export function decideMove(state: JobState, move: UserMove): MoveDecision {
    if (next(state, move) !== null) return { kind: 'make' };
    if (Object.values(table[move]).includes(state)) return { kind: 'underWay' };
    return { kind: 'illegal', allowed: allowedMoves(state) };
}

export const allowedMoves = (from: JobState): UserMove[] => userMoves.filter((m) => next(from, m) !== null);

export const endStates = ['completed', 'failed', 'cancelled'] as const satisfies JobState[];
export type EndState = (typeof endStates)[number];

export const isEnded = (state: JobState): state is EndState => (endStates as readonly JobState[]).includes(state);
