// A merge patch of the limits of a job: what they become, checked as those of a spec are.
import type { StoredJob } from '../contracts/documents';
import { fieldErrors, limitsSpec } from '../contracts/jobSpec';
import { deadlineAt, limitNames, startsAt, type Limits } from '../core/control';
import { badFields } from '../core/errors';

/** The limits after the patch (RFC 7396: null takes away, and what is away has its default). @throws Problem BAD_SPEC, with a pointer for each problem */
export function mergeLimits(inForce: Limits, patch: Record<string, unknown>, job: StoredJob, now: number): Limits {
    const merged = mergePatch(inForce, { ...patch, ...unknownIn(patch) });
    const read = limitsSpec.safeParse(merged);
    if (!read.success) throw badFields('BAD_SPEC', fieldErrors(read.error, merged, [...limitNames, 'reason']));
    const limits = read.data;
    const { deadline } = limits;
    if (deadline === undefined || !('deadline' in patch)) return limits;
    const at = deadlineAt(deadline, startsAt(job));
    const what = at <= now ? 'is over already' : at <= startsAt(job) ? 'is before the job starts' : null;
    if (what === null) return limits;
    throw badFields('BAD_SPEC', [
        { pointer: '/deadline', message: `"${deadline}" ${what}`, allowed: 'a later time; to end the job now, cancel it' },
    ]);
}

/** Fields that are no limits are refused, also where the patch would only take them away. */
const unknownIn = (patch: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.keys(patch).flatMap((name) => ((limitNames as readonly string[]).includes(name) ? [] : [[name, 'unknown']])));

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
