// What several contracts share. A part that comes in numbers is a tuple on the wire and an object in code: nobody else counts positions.
import { z } from 'zod';
import type { Counts } from '../core/counts';
import type { Failure } from '../core/errors';
import type { FailureGroup } from '../core/failures';
import type { Delayed, Range } from '../core/ledger';
import { desires, type Limits } from '../core/control';
import { endStates } from '../core/states';
import { troubleCodes, type Persisting, type Trouble } from '../core/trouble';

export const count = z.int().min(0);
/** Milliseconds since 1970. */
export const time = z.number();

export const counts = z.object({
    succeeded: count,
    failed: count,
    skipped: count,
    cancelled: count,
    retries: count,
}) satisfies z.ZodType<Counts>;

export const failure = z.object({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean().exactOptional(),
}) satisfies z.ZodType<Failure>;

/** A failure that also says how many rows of the source were no items. */
export const jobFailure = z.object({ ...failure.shape, invalid: count.exactOptional() });

export const failureGroup = z.object({
    code: z.string(),
    count,
    sample: z.object({ index: count, key: z.union([z.string(), z.number(), z.null()]), message: z.string() }),
}) satisfies z.ZodType<FailureGroup>;

export const trouble = z.object({
    code: z.enum(troubleCodes),
    message: z.string(),
}) satisfies z.ZodType<Trouble>;

export const persisting = z.object({ ...trouble.shape, count, since: time, until: time }) satisfies z.ZodType<Persisting>;

export const endState = z.enum(endStates);
export const desired = z.enum(desires);

/** What may change while a job runs. */
export const limits = z.object({
    concurrency: z.object({ max: z.int().min(1), adaptive: z.boolean() }),
    retry: z.object({ attempts: z.int().min(1), initialDelay: z.string(), maxDelay: z.string(), factor: z.number() }),
}) satisfies z.ZodType<Limits>;

/** `[from, to]` */
export const range = z.codec(z.tuple([count, count]), z.object({ from: count, to: count }) satisfies z.ZodType<Range>, {
    decode: ([from, to]) => ({ from, to }),
    encode: ({ from, to }): [number, number] => [from, to],
});

/** `[partition, wakeAt, succeeded, failed, skipped, cancelled, retries]` */
export const delayed = z.codec(
    z.tuple([count, time, count, count, count, count, count]),
    z.object({ part: count, wakeAt: time, counts }) satisfies z.ZodType<Delayed>,
    {
        decode: ([part, wakeAt, succeeded, failed, skipped, cancelled, retries]) => ({
            part,
            wakeAt,
            counts: { succeeded, failed, skipped, cancelled, retries },
        }),
        encode: ({ part, wakeAt, counts: c }): [number, number, number, number, number, number, number] => [
            part,
            wakeAt,
            c.succeeded,
            c.failed,
            c.skipped,
            c.cancelled,
            c.retries,
        ],
    },
);
