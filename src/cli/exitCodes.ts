// With what the command line ends, and what that means.

export const exitCodes = {
    good: 0,
    error: 1,
    cancelled: 2,
    partial: 3,
    notAllowed: 4,
    badSpec: 5,
    stopped: 6,
    timedOut: 124,
    interrupted: 130,
    terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** In words, for help and docs. */
export const exitMeanings: Record<keyof typeof exitCodes, string> = {
    good: 'all good',
    error: 'an error; a job that has failed or expired; a wrong use of the command',
    cancelled: 'the job was cancelled',
    partial: 'partial: the job is completed, and some items failed',
    notAllowed: 'not allowed: the key or token is missing, wrong, or may not do this',
    badSpec: 'a bad job spec, or another document that is not what it should be',
    stopped: 'the job stands or has ended before its time: by its budget, a pause or a reject',
    timedOut: 'the wait timed out; the job goes on',
    interrupted: 'Ctrl-C; the job goes on',
    terminated: 'SIGTERM; the job goes on',
};
