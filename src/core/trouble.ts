// Trouble with storage: told as data, waited out with growing pauses, and given up when it is no outage and does not go away.

/**
 * REFUSED: storage answers, but not this request (a permission, a document that is gone, a condition that cannot be met).
 * AWAY: storage answers nothing; the job waits for as long as that lasts.
 * NEWER_VERSION: a newer version of the app has written what is to be read; this instance will be replaced, and the job waits for one that has been.
 * UNEXPECTED: something else that a step did not foresee, such as a stored document that cannot be read.
 */
export const troubleCodes = ['STORAGE_REFUSED', 'STORAGE_AWAY', 'NEWER_VERSION', 'UNEXPECTED'] as const;
export type TroubleCode = (typeof troubleCodes)[number];

export interface Trouble {
    code: TroubleCode;
    /** What was asked and what was answered: `storage answered 403 AuthorizationFailure to GET jobs/…/plan.json`. */
    message: string;
}

/** Trouble that came again and again: how often since the last time that all went well. Times in ms. */
export interface Persisting extends Trouble {
    count: number;
    since: number;
    /** Not tried again before. */
    until: number;
}

/** A refusal ends a job when it came at least so often, over at least so long: a permission may be on its way, a copy may lag. */
const REFUSALS = 6;
const REFUSED_FOR_MS = 60_000;
/** Whoever cancels wants an end sooner, and less depends on it. */
const CANCEL_REFUSALS = 3;
const MAX_PAUSE_MS = 30_000;

/** 1 s, doubling, at most 30 s. */
export const pauseAfter = (count: number): number => Math.min(MAX_PAUSE_MS, 1000 * 2 ** (count - 1));

/** Adds one more time. Storage that is away starts the count of refusals anew: what it refused before says nothing now. */
export function persisting(before: Persisting | undefined, trouble: Trouble, now: number): Persisting {
    const goesOn = before !== undefined && before.code === trouble.code;
    const count = goesOn ? before.count + 1 : 1;
    return { ...trouble, count, since: goesOn ? before.since : now, until: now + pauseAfter(count) };
}

/** Trouble that a job ends with. Storage that is away, and a newer version, are waited for. */
export type Hopeless = Persisting & { code: Exclude<TroubleCode, 'STORAGE_AWAY' | 'NEWER_VERSION'> };

/** Whether to end rather than to try again. */
export function isHopeless(p: Persisting, now: number, cancelling = false): p is Hopeless {
    if (p.code === 'STORAGE_AWAY' || p.code === 'NEWER_VERSION') return false;
    return cancelling ? p.count >= CANCEL_REFUSALS : p.count >= REFUSALS && now - p.since >= REFUSED_FOR_MS;
}
