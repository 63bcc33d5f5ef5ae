// What the tests of control have in common: a job of small calls, waits for what it becomes, and what is promised of a change.
import type { Limiter } from '../../src/client';
import type { ObservedTarget } from '../support/observedTarget';
import { until } from '../support/until';
import { client, job, move, observe, start, type Job } from './support';

/** What is promised of a change that slices see, and of one that none sees, in ms. */
export const BITES_MS = 2_000;
export const WAKES_MS = 15_000;

/** A job of so many items, each with its number as its key. */
export const specOf = (target: ObservedTarget, count: number, more: object = {}) => ({
    source: { items: Array.from({ length: count }, (_, id) => ({ id })) },
    process: { http: { url: `${target.url}/x` } },
    key: 'id',
    concurrency: { max: 8, adaptive: false },
    ...more,
});

/** A source of which each key takes as long as it may, so that reading it takes seconds; and the key. */
export const slowKey = `length([${Array(8).fill('sort_by(xs,&to_string(@))').join()}])`;
export const slowRows = (count: number): string =>
    `${JSON.stringify({ xs: Array.from({ length: 100 }, (_, i) => `b${i}`) })}\n`.repeat(count);

/** Waits until so many calls have come. */
export const called = (target: ObservedTarget, count: number, withinMs?: number) =>
    until(
        () => target.calls.length >= count,
        () => `there are ${target.calls.length} calls, not ${count}`,
        withinMs,
    );

/** Looks at the job until it is so. */
export const seen = (id: string, what: string, is: (j: Job) => boolean): Promise<Job> => {
    let last: Job;
    return until(
        async () => (is((last = await job(id))) ? last : null),
        () => `the job is not ${what}: ${JSON.stringify(last)}`,
    );
};

/** Looks at the limiter until it is so. */
export const seenLimiter = (name: string, what: string, is: (limiter: Limiter) => boolean): Promise<Limiter> => {
    let last: unknown;
    return until(
        async () => {
            const found = await client()
                .limiter(name)
                .catch((error: unknown) => void (last = error));
            return found && is((last = found)) ? found : null;
        },
        () => `the limiter is not ${what}: ${JSON.stringify(last)}`,
    );
};

/** A job that is paused after its first calls, as it is when nobody works for it any more, and all that was called is recorded. */
export async function paused(items: number): Promise<{ target: ObservedTarget; standing: Job }> {
    const target = await observe();
    const { id } = await start(specOf(target, items, { concurrency: { max: 1 } }));
    await called(target, 1);
    await move(id, 'pause');
    const standing = await seen(id, 'standing still', (s) => s.workers.active === 0 && s.counts.succeeded === target.calls.length);
    return { target, standing };
}

/** ISO time so many ms from now. */
export const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** Places of what is wrong, of a problem document. */
export const pointersOf = ({ errors = [] }: { errors?: { pointer: string }[] }): string[] => errors.map(({ pointer }) => pointer).sort();
