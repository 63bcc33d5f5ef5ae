// A merge patch of the limits of a job: what they become, checked as those of a spec are.
import type { StoredJob } from '../contracts/documents';
import { fieldErrors, limitsSpec } from '../contracts/jobSpec';
import { deadlineAt, limitNames, startsAt, type Limits } from '../core/control';
import { badFields } from '../core/errors';

/** The limits after the patch (RFC 7396: null takes away, and what is away has its default). @throws Problem BAD_SPEC, with a pointer for each problem */
export function mergeLimits(inForce: Limits, patch: Record<string, unknown>, job: StoredJob, now: number): Limits {
    const merged = mergePatch(inForce, patch);
    const read = limitsSpec.safeParse(merged);
    if (!read.success) throw badFields('BAD_SPEC', fieldErrors(read.error, merged, [...limitNames, 'reason']));
    const limits = read.data;
    const wrong = limits.deadline !== undefined && 'deadline' in patch ? wrongDeadline(limits.deadline, startsAt(job), now) : null;
    if (wrong) throw badFields('BAD_SPEC', [{ pointer: '/deadline', ...wrong }]);
    return limits;
}

/** As of a spec, it must leave time to run in. */
function wrongDeadline(deadline: string, start: number, now: number): { message: string; allowed: string } | null {
    const at = deadlineAt(deadline, start);
    const cancel = 'to end the job now, cancel it';
    if (at <= now) return { message: `"${deadline}" is over already`, allowed: `a time to come; ${cancel}` };
    return at <= start ? { message: `"${deadline}" is before the job starts`, allowed: `a time after that; ${cancel}` } : null;
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
