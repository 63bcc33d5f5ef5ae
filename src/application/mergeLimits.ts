// A merge patch of the limits of a job: what they become, checked as those of a spec are.
import type { StoredJob } from '../contracts/documents';
import { failureCodes, fieldErrors, limiterOfJob, limitsSpec } from '../contracts/jobSpec';
import { deadlineAt, limitNames, startsAt, type Limits } from '../core/control';
import { badFields, type FieldError } from '../core/errors';

/** A limiter is named when the job is posted, or not at all. */
const UNCOUNTED = {
    message: 'the job has no limiter that would count its calls',
    allowed: 'a rate where the job calls one host or names a limiter',
};

/** The limits after the patch (RFC 7396: null takes away, and what is away has its default). @throws Problem BAD_SPEC, with a pointer for each problem */
export function mergeLimits(inForce: Limits, patch: Record<string, unknown>, job: StoredJob, now: number): Limits {
    const merged = mergePatch(inForce, { ...patch, ...unknownIn(patch) });
    const read = limitsSpec.safeParse(merged);
    if (!read.success) throw badFields('BAD_SPEC', fieldErrors(read.error, merged, [...limitNames, 'reason']));
    const limits = read.data;
    const wrong = unfit(limits, patch, job, now);
    if (wrong.length > 0) throw badFields('BAD_SPEC', wrong);
    return limits;
}

/** What of the patch is a limit, and cannot be one of this job now. */
function unfit({ deadline, rate }: Limits, patch: Record<string, unknown>, job: StoredJob, now: number): FieldError[] {
    const problems: FieldError[] = [];
    if (deadline !== undefined && 'deadline' in patch) {
        const wrong = wrongDeadline(deadlineAt(deadline, startsAt(job)), startsAt(job), now);
        if (wrong) problems.push({ pointer: '/deadline', ...wrong });
    }
    if (rate && 'rate' in patch && limiterOfJob(job.spec) === null) problems.push({ pointer: '/rate', ...UNCOUNTED });
    return problems;
}

/** What is wrong with a deadline of a job that is to start then, if anything; all in ms. */
export function wrongDeadline(at: number, start: number, now: number): { message: string; allowed: string } | null {
    const later = 'a later time; to end a job now, cancel it';
    if (at <= now) return { message: 'the time is over already', allowed: later };
    if (at <= start) return { message: 'the time is before the job starts', allowed: later };
    return at - now > LONGEST_AHEAD_DAYS * 86_400_000
        ? { message: 'too far ahead', allowed: `at most ${LONGEST_AHEAD_DAYS} days from now` }
        : null;
}

/** A start may be 400 days ahead, and a deadline 400 days behind that. */
export const LONGEST_AHEAD_DAYS = 800;

const namesIn: Record<(typeof limitNames)[number], readonly string[]> = {
    concurrency: ['max', 'adaptive'],
    retry: ['attempts', 'initialDelay', 'maxDelay', 'factor'],
    deadline: [],
    calling: ['windows', 'timeZone'],
    rate: [],
    outage: ['giveUpAfter'],
    budget: ['failures', 'percent', 'minimum', 'codes', 'then'],
};

/** Fields that are no limits are refused, also where the patch would only take them away. */
function unknownIn(patch: Record<string, unknown>): Record<string, unknown> {
    const wrong = Object.entries(patch).flatMap(([name, value]): [string, unknown][] => {
        if (!Object.hasOwn(namesIn, name)) return [[name, 'unknown']];
        if (!isObject(value)) return [];
        const known = namesIn[name as keyof typeof namesIn];
        const inner = { ...unknownOf(value, known), ...(isObject(value.codes) ? unknownCodesIn(value.codes) : {}) };
        return Object.keys(inner).length > 0 ? [[name, { ...value, ...inner }]] : [];
    });
    return Object.fromEntries(wrong);
}

const unknownOf = (fields: Record<string, unknown>, known: readonly string[]): Record<string, unknown> =>
    Object.fromEntries(Object.keys(fields).flatMap((key) => (known.includes(key) ? [] : [[key, 'unknown']])));

function unknownCodesIn(codes: Record<string, unknown>): { codes?: Record<string, unknown> } {
    const wrong = unknownOf(codes, failureCodes);
    return Object.keys(wrong).length > 0 ? { codes: { ...codes, ...wrong } } : {};
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7396, section 2. What is undefined is not there. */
export function mergePatch(target: unknown, patch: unknown): unknown {
    if (!isObject(patch)) return patch;
    const merged = isObject(target) ? Object.entries(target).filter(([, value]) => value !== undefined) : [];
    const result = new Map<string, unknown>(merged);
    for (const [name, value] of Object.entries(patch)) {
        if (value === null) result.delete(name);
        else result.set(name, mergePatch(result.get(name), value));
    }
    return Object.fromEntries(result);
}
