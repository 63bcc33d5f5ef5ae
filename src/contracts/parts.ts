// What several contracts share. A part that comes in numbers is a tuple on the wire and an object in code: nobody else counts positions.
import { z } from 'zod';
import type { Budget, Spent } from '../core/budget';
import type { Counts } from '../core/counts';
import type { Failure } from '../core/errors';
import { sampleText, type FailureGroup } from '../core/failures';
import { FailureKinds } from '../items/fingerprint';
import type { Delayed, PartCounts, Range } from '../core/ledger';
import type { CallStats } from '../core/callStats';
import { endings, type ControlSeen, type Limits } from '../core/control';
import { DEFAULT_GIVE_UP_AFTER } from './jobSpec';
import { waitCodes, type WaitCode } from '../core/codes';
import { desires, endStates, states, verdicts } from '../core/states';
import { troubleCodes, type Persisting, type Trouble } from '../core/trouble';

export const count = z.int().min(0);
/** Milliseconds since 1970. */
export const time = z.number();

export const counts = z.object({
    succeeded: count,
    failed: count,
    skipped: count,
    cancelled: count,
    /** Absent in what was written before there was such an outcome. */
    expired: count.default(0),
    retries: count,
}) satisfies z.ZodType<Counts, object>;

export const failure = z.object({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean().exactOptional(),
}) satisfies z.ZodType<Failure>;

/** A failure that also says how many rows of the source were no items. */
export const jobFailure = z.object({ ...failure.shape, invalid: count.exactOptional() });

const itemKey = z.union([z.string(), z.number(), z.null()]);
const isoTime = z.string().nullable();
const presentGroup = z.object({
    fingerprint: z.string(),
    code: z.string(),
    status: z.int().nullable(),
    message: z.string(),
    count,
    firstAt: isoTime,
    lastAt: isoTime,
    sample: z.object({
        index: count,
        key: itemKey,
        at: isoTime,
        status: z.int().exactOptional(),
        message: z.string(),
        request: z.string().exactOptional(),
        answer: z.string().exactOptional(),
    }),
}) satisfies z.ZodType<FailureGroup>;
const groupByCode = z.object({ code: z.string(), count, sample: z.object({ index: count, key: itemKey, message: z.string() }) });
const kinds = new FailureKinds();

/**
 * There were groups before there were fingerprints, by code alone: such a group is read as the kind that its sample is of, and nobody knows its status and
 * times. An instance that makes such groups finds what it knows in what is written now, and leaves out the rest.
 */
export const failureGroup = z.codec(z.union([presentGroup, groupByCode]), presentGroup, {
    decode: (stored) => {
        if ('fingerprint' in stored) return stored;
        const { count, sample } = stored;
        const kind = kinds.of({ code: stored.code, status: null, message: sample.message });
        return { ...kind, count, firstAt: null, lastAt: null, sample: { ...sample, at: null, message: sampleText(sample.message) } };
    },
    encode: (present) => present,
});

export const trouble = z.object({
    code: z.enum(troubleCodes),
    message: z.string(),
}) satisfies z.ZodType<Trouble>;

export const persisting = z.object({ ...trouble.shape, count, since: time, until: time }) satisfies z.ZodType<Persisting>;

/** What earlier versions called it. */
const formerWaitCodes: Record<string, WaitCode> = { RETRY: 'RETRY_DUE', WINDOW: 'OUTSIDE_WINDOWS' };
export const waitCode = z.codec(z.string(), z.enum(waitCodes), {
    decode: (code) => (formerWaitCodes[code] ?? code) as WaitCode,
    encode: (code) => code,
});

export const endState = z.enum(endStates);
export const desired = z.enum(desires);

export const ending = z.enum(endings);

export const budget = z.object({
    failures: count.optional(),
    percent: z.number().optional(),
    minimum: count,
    codes: z.record(z.string(), count).optional(),
    then: z.enum(['pause', 'cancel']),
}) satisfies z.ZodType<Budget>;

export const spent = z.object({ settled: count, failed: count, codes: z.record(z.string(), count) }) satisfies z.ZodType<Spent>;

export const outage = z.object({ giveUpAfter: z.string() });

/** What may change while a job runs. Specs that were stored before there were outages lack that. */
export const limits = z.object({
    concurrency: z.object({ max: z.int().min(1), adaptive: z.boolean() }),
    retry: z.object({ attempts: z.int().min(1), initialDelay: z.string(), maxDelay: z.string(), factor: z.number() }),
    deadline: z.string().optional(),
    calling: z.object({ windows: z.array(z.string()), timeZone: z.string() }).optional(),
    rate: z.array(z.string()).optional(),
    outage: outage.default({ giveUpAfter: DEFAULT_GIVE_UP_AFTER }),
    budget: budget.optional(),
}) satisfies z.ZodType<Limits, object>;

/** What of the control document the ledger goes by. Version 1 had the first two. */
export const controlSeen = z.object({
    generation: count,
    desired,
    ending: ending.nullable().exactOptional(),
    concurrency: count.exactOptional(),
    deadline: time.nullable().exactOptional(),
    lifted: z.boolean().exactOptional(),
    approval: z.enum(verdicts).exactOptional(),
    resumed: count.exactOptional(),
    budget: budget.nullable().exactOptional(),
}) satisfies z.ZodType<ControlSeen>;

const jobState = z.enum(states);
/** When each state was entered, in ms. */
export const entered = z.partialRecord(jobState, time);

/** The first events and the last of a log of such. */
export const eventLog = <Event extends z.ZodType>(event: Event) =>
    z.object({
        first: z.array(event),
        omitted: z.object({ kind: z.literal('omitted'), from: time, to: time, counts: z.record(z.string(), count) }).nullable(),
        last: z.array(event),
    });

export const callStats = z.object({
    latencies: z.record(z.string(), count),
    statuses: z.record(z.string(), count),
}) satisfies z.ZodType<CallStats>;

/** `[from, to]` */
export const range = z.codec(z.tuple([count, count]), z.object({ from: count, to: count }) satisfies z.ZodType<Range>, {
    decode: ([from, to]) => ({ from, to }),
    encode: ({ from, to }): [number, number] => [from, to],
});

/** `[partition, wakeAt, succeeded, failed, skipped, cancelled, retries, expired]`; the last is absent where it is 0. */
export const delayed = z.codec(
    z.tuple([count, time, count, count, count, count, count], count),
    z.object({ part: count, wakeAt: time, counts }) as z.ZodType<Delayed, Delayed>,
    {
        decode: ([part, wakeAt, succeeded, failed, skipped, cancelled, retries, expired = 0]) => ({
            part,
            wakeAt,
            counts: { succeeded, failed, skipped, cancelled, expired, retries },
        }),
        encode: ({ part, wakeAt, counts: c }): [number, number, number, number, number, number, number, ...number[]] => [
            part,
            wakeAt,
            c.succeeded,
            c.failed,
            c.skipped,
            c.cancelled,
            c.retries,
            ...(c.expired > 0 ? [c.expired] : []),
        ],
    },
);

/** `[partition, succeeded, retries, failed, skipped, cancelled, expired]`, without the zeros at the end: there may be eighty of them in a header. */
export const partCounts = z.codec(z.array(count).min(1).max(7), z.object({ part: count, counts }) as z.ZodType<PartCounts, PartCounts>, {
    decode: ([part = 0, succeeded = 0, retries = 0, failed = 0, skipped = 0, cancelled = 0, expired = 0]) => ({
        part,
        counts: { succeeded, failed, skipped, cancelled, expired, retries },
    }),
    encode: ({ part, counts: c }) => {
        const all = [part, c.succeeded, c.retries, c.failed, c.skipped, c.cancelled, c.expired];
        return all.slice(
            0,
            Math.max(
                0,
                all.findLastIndex((n) => n > 0),
            ) + 1,
        );
    },
});
