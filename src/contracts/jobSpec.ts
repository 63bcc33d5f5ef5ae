// The job spec: one zod schema is the source of types, validation and defaults.
import { z } from 'zod';
import { wrongInBlobName } from '../core/blobName';
import { isTimeZone, MAX_WINDOWS, parseWindow, WINDOW_FORM } from '../core/callingWindows';
import { itemCodes, type ItemCode } from '../core/codes';
import { parseDuration } from '../core/duration';
import type { FieldError } from '../core/errors';
import { isLimiterName, LIMITER_FORM, limiterOf } from '../core/limiter/name';
import { MAX_RATES, parseRate, RATE_FORM, rateText } from '../core/limiter/rate';
import type { KeyForm } from '../items/itemKey';

const DAY = 86_400_000;

const duration = (min: number, max: number, allowed: string) =>
    z
        .string()
        .refine((s) => parseDuration(s) !== null, { error: `not an ISO 8601 duration; write for example PT30S, PT10M or P1D` })
        .refine((s) => inRange(parseDuration(s), min, max), { error: `out of bounds; allowed is ${allowed}` });

/** What a spec may hold beside its inline items. Far beyond what people write, and little enough that no check of it takes long. */
export const specBounds = {
    bytes: 262_144,
    /** Texts, numbers, objects and so on, together. */
    values: 5_000,
    /** Objects and arrays in each other. */
    depth: 32,
    /** Characters of a field's name. */
    name: 256,
    tags: 50,
    headers: 100,
    vars: 50,
} as const;

/** Problems that one answer lists. */
export const MAX_ERRORS = 100;

/** Items of a canary, at most: somebody is to look at them. */
export const MAX_CANARY = 10_000;

const inRange = (n: number | null, min: number, max: number) => n === null || (n >= min && n <= max);

export const formats = ['csv', 'ndjson', 'json'] as const;
export type Format = (typeof formats)[number];

const format = z.enum(formats);
const csvOptions = z.strictObject({
    /** Rows whose cells are all empty. */
    emptyRows: z.enum(['reject', 'skip']).optional(),
    /** Rows with fewer fields than the header. */
    shortRows: z.enum(['reject', 'fill']).optional(),
});
export type CsvOptions = z.infer<typeof csvOptions>;

/** How a file is read. */
const reading = { format: format.optional(), csv: csvOptions.optional() };
export type Reading = z.infer<z.ZodObject<typeof reading>>;

// What the items are is planning's concern, as with those of a file: a schema would walk through megabytes of them.
const inline = z.strictObject({ items: z.array(z.unknown()).min(1, { error: 'empty; give at least one item' }) });
const blob = z.strictObject({
    blob: z.string().refine((name) => wrongInBlobName(name) === null, {
        error: ({ input }) => `no name of a blob: ${wrongInBlobName(String(input))}`,
    }),
    ...reading,
});
const upload = z.strictObject({
    upload: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'not an upload id' }),
    ...reading,
});

/** An object with at most so many fields. */
const atMost = <T extends z.ZodType<Record<string, unknown>>>(most: number, record: T) =>
    record.refine((fields) => Object.keys(fields).length <= most, { error: `more than ${most} entries` });

const secretName = z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,99}$/, { error: 'a secret is named by the app setting that holds it: capitals, digits and underscores' });
const headerValue = z.union([z.string().max(8192), z.strictObject({ secret: secretName })]);

export const httpProcess = z.strictObject({
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
    url: z.string().min(1).max(4096),
    headers: atMost(
        specBounds.headers,
        z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, { error: 'not a header name' }), headerValue),
    ).default({}),
    /** Values of the URL's variables, by JMESPath on the item; a variable that is not named here is the item's field of that name. */
    vars: atMost(specBounds.vars, z.record(z.string().min(1).max(200), z.string().min(1).max(1024))).optional(),
    /** Variables of the query that may be absent from every item. */
    optional: z.array(z.string().min(1).max(200)).max(specBounds.vars).optional(),
    body: z.string().min(1).max(8192).optional(),
    timeout: duration(100, 600_000, 'PT0.1S to PT10M').default('PT30S'),
    success: z.string().min(1).max(4096).optional(),
});

/** Of one attempt by a processor; jobs of older versions have none of their own. */
export const DEFAULT_TIMEOUT = 'PT5M';

const process = z.union([
    z.strictObject({ http: httpProcess }),
    z.strictObject({
        processor: z.string().min(1).max(100),
        options: z.record(z.string(), z.unknown()).default({}),
        timeout: duration(100, 600_000, 'PT0.1S to PT10M').default(DEFAULT_TIMEOUT),
    }),
]);

/** An instant: ISO 8601 with a time zone. */
const instant = z.iso.datetime({ offset: true, error: 'not a time with its time zone; write for example 2026-12-01T06:00:00Z' });
const LONGEST_DEADLINE = 400 * DAY;
const deadline = z
    .string()
    .refine((text) => instant.safeParse(text).success || inRange(parseDuration(text) ?? -1, 1_000, LONGEST_DEADLINE), {
        error: 'neither a time with its time zone, such as 2026-12-01T06:00:00Z, nor a duration from PT1S to P400D',
    });
const calling = z.strictObject({
    windows: z
        .array(
            z
                .string()
                .max(60)
                .refine((text) => parseWindow(text) !== null, { error: `not a window; allowed is ${WINDOW_FORM}` }),
        )
        .min(1)
        .max(MAX_WINDOWS),
    timeZone: z
        .string()
        .refine(isTimeZone, { error: 'not a time zone; write a name of the IANA database, such as Europe/Paris' })
        .default('UTC'),
});

/** One text or a list of them; a list afterwards, each as `rateText` writes it. A union would tell of all that is wrong at one place, and not which. */
const rate = z.custom<string | string[]>().transform((given: unknown, check): string[] => {
    const texts: unknown[] = typeof given === 'string' ? [given] : Array.isArray(given) ? given : [];
    const wrong = (message: string, path: number[]) => check.addIssue({ code: 'custom', message, path });
    if (texts.length < 1 || texts.length > MAX_RATES) wrong(`neither a rate nor a list of 1 to ${MAX_RATES}; allowed is ${RATE_FORM}`, []);
    const windows = new Map<number, string>();
    return texts.slice(0, MAX_RATES).flatMap((text, i) => {
        const path = Array.isArray(given) ? [i] : [];
        const read = typeof text === 'string' ? parseRate(text) : null;
        if (!read) {
            wrong(`not a rate; allowed is ${RATE_FORM}`, path);
            return [];
        }
        const said = rateText(read);
        const twin = windows.get(read.perMs);
        if (twin !== undefined) wrong(`"${said}" and "${twin}" are of one length; allowed is one rate for each length`, path);
        windows.set(read.perMs, said);
        return [said];
    });
});

/** How long a target may be away before a job gives up; stored specs of before lack it. */
export const DEFAULT_GIVE_UP_AFTER = 'P3D';

/** Codes with which items fail. */
export const failureCodes = Object.keys(itemCodes).filter((code) => code !== 'NOT_APPROVED') as [ItemCode, ...ItemCode[]];
const failures = z.int().min(1).max(1_000_000_000);
const budget = z
    .strictObject({
        failures: failures.optional(),
        percent: z.number().min(0.001).max(100).optional(),
        /** Items that have their outcome before their share counts. */
        minimum: z.int().min(1).max(100_000).default(50),
        codes: z.partialRecord(z.enum(failureCodes), failures).optional(),
        then: z.enum(['pause', 'cancel']).default('pause'),
    })
    .refine(({ failures, percent, codes = {} }) => failures !== undefined || percent !== undefined || Object.keys(codes).length > 0, {
        error: 'it limits nothing; give failures, percent or codes',
        // Of a limit that is wrong nobody need be told that it is none.
        when: ({ issues }) => issues.length === 0,
    });

const canary = z.strictObject({
    items: z.int().min(1).max(MAX_CANARY),
    approval: z.enum(['manual', 'automatic']).default('manual'),
    /** Of the canary's items, failed ones at most: where nobody is asked, more of them reject the job. */
    maxPercent: z.number().min(0).max(100).default(2),
    /** How long somebody may take to approve or reject. */
    timeout: duration(60_000, LONGEST_DEADLINE, 'PT1M to P400D').default('P1D'),
});

/** What may change while a job runs. */
const limitFields = {
    concurrency: z.strictObject({ max: z.int().min(1).max(512).default(64), adaptive: z.boolean().default(true) }).prefault({}),
    retry: z
        .strictObject({
            attempts: z.int().min(1).max(20).default(5),
            initialDelay: duration(0, 7 * DAY, 'PT0S to P7D').default('PT1S'),
            maxDelay: duration(0, 30 * DAY, 'PT0S to P30D').default('PT10M'),
            factor: z.number().min(1).max(10).default(2),
        })
        .prefault({}),
    deadline: deadline.optional(),
    calling: calling.optional(),
    rate: rate.optional(),
    outage: z.strictObject({ giveUpAfter: duration(60_000, 30 * DAY, 'PT1M to P30D').default(DEFAULT_GIVE_UP_AFTER) }).prefault({}),
    budget: budget.optional(),
};
export const limitsSpec = z.strictObject(limitFields);
/** As users write them. */
export type LimitsInput = z.input<typeof limitsSpec>;

export const jobSpec = z.strictObject({
    name: z.string().min(1).max(200).default('unnamed'),
    source: z.union([inline, blob, upload]),
    process,
    key: z.string().min(1).max(1024).optional(),
    onInvalid: z.enum(['reject', 'skip']).default('reject'),
    ...limitFields,
    /** The limiter that its calls are counted by, together with those of other jobs that name it. */
    limiter: z
        .string()
        .refine(isLimiterName, { error: `not a name of a limiter; allowed is ${LIMITER_FORM}` })
        .optional(),
    startAt: instant.optional(),
    canary: canary.optional(),
    partition: z.strictObject({ items: z.int().min(1).max(20_000).default(5000) }).prefault({}),
    results: z
        .strictObject({
            keep: z.enum(['all', 'failed', 'none']).default('all'),
            maxOutputBytes: z.int().min(0).max(1_048_576).default(65_536),
        })
        .prefault({}),
    tags: atMost(specBounds.tags, z.record(z.string().min(1).max(50), z.string().max(200))).default({}),
});

export type JobSpec = z.infer<typeof jobSpec>;
/** As users write it: what has a default may be left out. */
export type JobSpecInput = z.input<typeof jobSpec>;
/** The file that a job reads. `etag` pins what stood there when the job was posted; jobs of older versions have none. */
export type StoredFile = (z.infer<typeof blob> | z.infer<typeof upload>) & { etag?: string };
/** The spec as it is stored: inline items have moved to a blob of their own and stand here as their number. */
export type StoredSpec = Omit<JobSpec, 'source'> & {
    source: { inline: number } | StoredFile;
    /** How the job writes its items' keys; absent in jobs of older versions, which keep theirs. */
    keyForm?: KeyForm;
};
export type HttpProcess = z.infer<typeof httpProcess>;

/** The name of the limiter that a job's calls are counted by; null where it has none. */
export const limiterOfJob = ({ limiter, process }: Pick<JobSpec, 'limiter' | 'process'>): string | null =>
    limiterOf({ limiter, url: 'http' in process ? process.http.url : undefined });

export type ParsedSpec = { ok: true; spec: JobSpec } | { ok: false; errors: FieldError[] };

const alternatives: Record<string, { keys: string[]; allowed: string }> = {
    source: { keys: ['items', 'blob', 'upload'], allowed: 'exactly one of {"items": […]}, {"blob": "path"}, {"upload": "id"}' },
    process: { keys: ['http', 'processor'], allowed: 'exactly one of {"http": {…}}, {"processor": "name"}' },
};

/** Checks a job spec and fills in its defaults; otherwise one error per problem, each with a JSON pointer. */
export function parseSpec(input: unknown): ParsedSpec {
    const result = jobSpec.safeParse(input);
    if (result.success) return { ok: true, spec: result.data };
    return { ok: false, errors: fieldErrors(result.error, input) };
}

/** What is wrong with a document, as its schema says; `fields`: those that it may have. */
export const fieldErrors = (error: z.ZodError, input: unknown, fields = Object.keys(jobSpec.shape)): FieldError[] =>
    error.issues.slice(0, MAX_ERRORS + 1).flatMap((issue) => describe(issue, [], input, fields));

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, base: PropertyKey[], input: unknown, fields: string[]): FieldError[] {
    const path = [...base, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => ({
            pointer: pointer([...path, key]),
            message: `unknown field "${key}"`,
            allowed: knownFields(path, fields),
        }));
    }
    if (issue.code === 'invalid_union') {
        const choice = path.length === 1 ? alternatives[String(path[0])] : undefined;
        const value = at(input, path);
        const present = choice && isObject(value) ? choice.keys.filter((k) => k in value) : [];
        // With exactly one alternative named, its own problems say more than "no alternative fits".
        if (choice && present.length === 1) {
            const branch = issue.errors[choice.keys.indexOf(present[0]!)] ?? [];
            return branch.flatMap((inner) => describe(inner, path, input, fields));
        }
        return [
            {
                pointer: pointer(path),
                message: choice ? (value === undefined ? 'missing' : 'not one of the alternatives') : 'not one of the allowed forms',
                allowed: choice?.allowed ?? 'a string or {"secret": "NAME"}',
            },
        ];
    }
    const missing = issue.code === 'invalid_type' && at(input, path) === undefined;
    return [{ pointer: pointer(path), message: missing ? 'missing' : issue.message, allowed: allowedBy(issue) }];
}

function allowedBy(issue: Issue): string | undefined {
    if (issue.code === 'invalid_value') return issue.values.map(String).join(' | ');
    if (issue.code === 'too_big') return `at most ${String(issue.maximum)}`;
    if (issue.code === 'too_small') return `at least ${String(issue.minimum)}`;
    if (issue.code === 'invalid_type') return issue.expected;
    return undefined;
}

function knownFields(path: PropertyKey[], fields: string[]): string | undefined {
    if (path.length === 0) return fields.length > 0 ? fields.join(', ') : undefined;
    if (path.length === 1 && path[0] === 'source') return alternatives.source!.allowed;
    if (path.length === 1 && path[0] === 'canary') return Object.keys(canary.shape).join(', ');
    if (path.length === 1 && path[0] === 'budget') return Object.keys(budget.shape).join(', ');
    if (path.length === 2 && path[1] === 'codes') return failureCodes.join(', ');
    if (path.length === 2 && path[1] === 'csv') return Object.keys(csvOptions.shape).join(', ');
    if (path.length === 2 && path[1] === 'http') return Object.keys(httpProcess.shape).join(', ');
    return undefined;
}

const isObject = (x: unknown): x is Record<PropertyKey, unknown> => typeof x === 'object' && x !== null;

const at = (input: unknown, path: PropertyKey[]): unknown =>
    path.reduce<unknown>((node, key) => (isObject(node) ? node[key] : undefined), input);

/** RFC 6901 JSON pointer of a path. */
export const pointer = (path: PropertyKey[]): string =>
    path.map((p) => `/${String(p).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** The format of a source: what the spec says, else what the file's name says; null when neither does. */
export function formatOf(given: Format | undefined, name: string | undefined): Format | null {
    if (given) return given;
    const ending = /\.(csv|ndjson|jsonl|json)$/i.exec(name ?? '')?.[1]?.toLowerCase();
    return ending === undefined ? null : ending === 'jsonl' ? 'ndjson' : (ending as Format);
}
