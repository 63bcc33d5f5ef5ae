// How items end, and how many did.

/** `expired`: the job's deadline came first. */
export const outcomes = ['succeeded', 'failed', 'skipped', 'cancelled', 'expired'] as const;
export type OutcomeKind = (typeof outcomes)[number];

/** How many items ended how. `retries` counts the attempts beyond each item's first. */
export interface Counts {
    succeeded: number;
    failed: number;
    skipped: number;
    cancelled: number;
    expired: number;
    retries: number;
}

export const noCounts = (): Counts => ({ succeeded: 0, failed: 0, skipped: 0, cancelled: 0, expired: 0, retries: 0 });

export const addCounts = (a: Counts, b: Counts): Counts => ({
    succeeded: a.succeeded + b.succeeded,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    cancelled: a.cancelled + b.cancelled,
    expired: a.expired + b.expired,
    retries: a.retries + b.retries,
});

/** What several things count together. */
export const sumOf = (counted: { counts: Counts }[]): Counts => counted.reduce((sum, { counts }) => addCounts(sum, counts), noCounts());

/** How many items have their outcome. */
export const finished = (c: Counts): number => c.succeeded + c.failed + c.skipped + c.cancelled + c.expired;
