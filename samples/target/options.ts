// What a target can be asked to be. One schema for code, command line and POST /control, so that each says the same of what is wrong.
import { z } from 'zod';
import type { LatencySpec } from './latency';
import { nameOf, type LimitSpec } from './limits';

/**
 * `refuse` closes the port and every connection; `hang` takes calls and never answers; `reset` cuts the connection of each call; `503` and `500`
 * answer that at once.
 */
export type How = (typeof hows)[number];
const hows = ['refuse', 'hang', 'reset', '503', '500'] as const;

/** A longer timer would go off at once. */
const MAX_MS = 2 ** 31 - 1;

const above0 = z.number().positive();
const from0 = z.number().min(0);
const share = z.number().min(0).max(1);
const time = from0.max(MAX_MS);
const how = z.union([z.enum(hows), z.literal([503, 500]).transform((status): How => (status === 503 ? '503' : '500'))], {
    error: `must be one of ${hows.join(', ')}`,
});

const common = {
    // In a header field it stands in quotes.
    name: z
        .string()
        .regex(/^[\w.-]+$/, 'a name is made of letters, digits, "_", "." and "-"')
        .optional(),
    headers: z.enum(['none', 'x-ratelimit', 'x-ratelimit-epoch', 'ratelimit']).optional(),
    status: z.int().min(400).max(599).optional(),
};

export const limit = z.discriminatedUnion('kind', [
    z.strictObject({
        kind: z.literal('bucket'),
        perSecond: above0,
        burst: z.number().min(1),
        retryAfter: z.union([z.int().min(0), z.literal('none')]).optional(),
        ...common,
    }),
    z.strictObject({
        kind: z.literal('window'),
        calls: z.int().min(1),
        perMs: above0,
        retryAfter: z.boolean().default(false),
        alignedTo: z.enum(['start', 'clock']).optional(),
        ...common,
    }),
]) satisfies z.ZodType<LimitSpec>;

const limits = z
    .array(limit)
    .refine((all) => new Set(all.map(nameOf)).size === all.length, { message: 'two limits have the same name', abort: true });

export const latency = z.union(
    [
        time,
        z.strictObject({
            kind: z.literal('load').optional(),
            baseMs: time,
            jitterMs: time.optional(),
            knee: above0.optional(),
            power: from0.optional(),
        }),
        z.strictObject({ kind: z.literal('queue'), threads: z.int().min(1), baseMs: time, jitterMs: time.optional() }),
    ],
    {
        error: 'must be a number of ms, {baseMs, jitterMs?, knee?, power?} or {kind: "queue", threads, baseMs, jitterMs?}, of numbers from 0 up',
    },
) satisfies z.ZodType<LatencySpec>;

export const outage = z
    .strictObject({ fromMs: time, toMs: time, how })
    .refine(({ fromMs, toMs }) => fromMs < toMs, 'toMs must be after fromMs');

const outages = z
    .array(outage)
    .refine(
        (all) => all.every((a, i) => all.every((b, j) => i === j || a.toMs <= b.fromMs || b.toMs <= a.fromMs)),
        'outages must not overlap',
    );

const away = z.strictObject({ how, forMs: time.optional() });
export type Away = z.input<typeof away>;

export const badStatus = z.union([z.int().min(400).max(599), z.enum(['hang', 'reset'])]);

const targetOptions = z.strictObject({
    /** 0 takes any free port. */
    port: z.int().min(0).max(65_535).default(0),
    latencyMs: time.optional(),
    /** In place of `latencyMs`, for one that rises with the load. */
    latency: latency.optional(),
    /** Share of the calls that are answered 429 with Retry-After, by chance. */
    rate429: share.default(0),
    /** Share of the calls that are answered 500, by chance. */
    rate500: share.default(0),
    /** Of what is answered by `rate429`. */
    retryAfterSeconds: from0.default(1),
    limits: limits.default([]),
    /** In ms since the target began; `goAway` begins one now. */
    outages: outages.default([]),
    /** Share of the items that meet `badStatus` at every attempt. */
    badShare: share.default(0),
    badStatus: badStatus.default(500),
    /** Whether each call is kept, for `stats().calls`. */
    record: z.boolean().default(false),
    seed: z.number().default(1),
});
export type TargetOptions = z.input<typeof targetOptions>;

const control = z
    .strictObject({
        /** null ends an outage. */
        away: away.nullable().optional(),
        limits: limits.optional(),
        latency: latency.optional(),
    })
    // Nobody could end it: the port is closed.
    .refine(({ away: asked }) => asked?.how !== 'refuse' || asked.forMs !== undefined, {
        path: ['away', 'forMs'],
        message: 'needed with "refuse"',
    });
export type Control = z.input<typeof control>;

export const readOptions = (value: unknown): z.output<typeof targetOptions> => checked(targetOptions, value);
export const readControl = (value: unknown): z.output<typeof control> => checked(control, value);
export const readAway = (value: unknown): z.output<typeof away> => checked(away, value);
export const readLimits = (value: unknown): z.output<typeof limits> => checked(limits, value, 'limits');
export const readLatency = (value: unknown): z.output<typeof latency> => checked(latency, value, 'latency');

/** What the schema makes of a value, or an error that names each field that is wrong. */
export function checked<T extends z.ZodType>(schema: T, value: unknown, what = ''): z.output<T> {
    const read = schema.safeParse(value);
    if (read.success) return read.data;
    const named = read.error.issues.map(({ path, message }) => {
        const field = path.reduce<string>(
            (all, key) => (typeof key === 'number' ? `${all}[${key}]` : all ? `${all}.${String(key)}` : String(key)),
            what,
        );
        return field ? `${field}: ${message}` : message;
    });
    throw new Error(named.join('; '));
}
