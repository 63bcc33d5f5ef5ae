// Points of the work at which a process may die, each with the race that it opens. They are nothing in production: a fault plan of the local host
// strikes there, and tests wait there instead of guessing at times.

/** What has just happened when each is reached. */
export const crashPoints = {
    'partition.read': 'What is recorded of a partition has been read, and no fence stands yet: an earlier run may still append.',
    'partition.fenced': 'The fence stands, and nothing has been called under it.',
    'call.begun': 'A call has been sent, and nothing on storage says so.',
    'call.answered': 'An answer is here, and will be recorded by a later append: the call is made again when the process dies.',
    'append.begun': 'Lines are on their way to storage: they may or may not land.',
    'append.done': 'Lines have landed, and the run has not heard of it.',
    'segment.ended': 'A segment names the next, which may not be there yet.',
    'isolation.announced': 'Attempts have been announced, and none of them is made yet.',
    'slice.recorded': 'All that was answered is recorded, and the ledger knows nothing of it.',
} as const;

export type CrashPoint = keyof typeof crashPoints;

/** Told of each point that is reached. What it throws is thrown there. */
export type AtCrashPoint = (point: CrashPoint) => void;

/** By this key of the global object a host gives its listener, before it loads the app. */
const KEY = Symbol.for('crashPoint');

let listener = (globalThis as { [KEY]?: AtCrashPoint })[KEY];

/** Says that the point is reached. */
export function reach(point: CrashPoint): void {
    listener?.(point);
}

/** Has `tell` told of each point from now on, or nobody; gives back what undoes it. */
export function watchCrashPoints(tell: AtCrashPoint): () => void {
    const before = listener;
    listener = tell;
    return () => void (listener = before);
}
