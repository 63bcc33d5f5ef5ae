import type { Job } from '../../src/client';

/** Counts of a job that are less than they were, each with both values; empty when none is. What nobody knows yet is nothing. */
export const fallen = (before: Job, after: Job): string[] =>
    Object.entries(before.counts).flatMap(([name, was]) => {
        const is = after.counts[name as keyof Job['counts']] ?? 0;
        return name !== 'pending' && is < (was ?? 0) ? [`${name} was ${was} and is ${is}`] : [];
    });
