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

const table: Record<Move, Partial<Record<JobState, JobState>>> = moves;

/** Where a move leads from a state; null when it is not legal there. */
export const next = (from: JobState, move: Move): JobState | null => table[move][from] ?? null;

export const allowedMoves = (from: JobState): string[] => userMoves.filter((m) => next(from, m) !== null);

export const isEnded = (state: JobState): boolean => state === 'completed' || state === 'failed' || state === 'cancelled';
