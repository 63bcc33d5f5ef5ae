// What a schema cannot say of a job spec: whether it can run here.
import { deadlineAt } from '../core/control';
import type { FieldError } from '../core/errors';
import { LIMITER_FORM } from '../core/limiter/name';
import { goesTo, hostNames, wrongInSecret } from '../core/secrets';
import { limiterOfJob, MAX_ERRORS, pointer, type HttpProcess, type JobSpec } from '../contracts/jobSpec';
import { checkHttp } from '../processors/httpRequest';
import { findProcessor, processorNames } from '../processors';
import { findSecret } from '../settings';
import { wrongDeadline } from './mergeLimits';
import type { JobStore } from '../storage/jobStore';
import { checkItems } from './checkItems';
import { checkSource, type CheckedSource } from './checkSource';
import type { InlineItems } from './inlineItems';

const LISTED_SECRETS = 'a setting that FANFOLD_SECRETS lists and that has a value';

/** The problems of a spec that fits its schema, and the version of the file that it names. */
export async function checkSpec(spec: JobSpec, items: InlineItems | null, store: JobStore, now: number): Promise<CheckedSource> {
    const source = await checkSource(spec, store);
    return {
        ...source,
        errors: [
            ...checkProcess(spec),
            ...checkLimiter(spec),
            ...checkTimes(spec, now),
            ...(await checkItems(spec, items)),
            ...source.errors,
        ],
    };
}

/** How far ahead a job may start. */
export const LATEST_START_DAYS = 400;

/** Those of when it runs. A start that has gone by is one at once; a deadline that has would leave no time. */
function checkTimes({ startAt, deadline }: JobSpec, now: number): FieldError[] {
    const start = Math.max(now, startAt === undefined ? now : Date.parse(startAt));
    const tooFar: FieldError[] =
        start - now > LATEST_START_DAYS * 86_400_000
            ? [{ pointer: '/startAt', message: 'too far ahead', allowed: `at most ${LATEST_START_DAYS} days from now` }]
            : [];
    if (deadline === undefined) return tooFar;
    const at = deadlineAt(deadline, start);
    const wrong = wrongDeadline(at, start, now);
    return wrong ? [...tooFar, { pointer: '/deadline', ...wrong }] : tooFar;
}

/** A rate without a limiter: nobody would know which calls it counts. */
export function checkLimiter(spec: Pick<JobSpec, 'rate' | 'limiter' | 'process'>): FieldError[] {
    if (spec.rate === undefined || limiterOfJob(spec) !== null) return [];
    const why = 'http' in spec.process ? 'the URL does not say which host is called' : 'a processor may call any host';
    return [{ pointer: '/limiter', message: `missing: ${why}, and "rate" needs a limiter, name one`, allowed: LIMITER_FORM }];
}

/** Those of what is done with an item. */
export function checkProcess({ process }: Pick<JobSpec, 'process'>): FieldError[] {
    if ('http' in process) return [...checkHttp(process.http), ...checkSecrets(process.http)];
    const processor = findProcessor(process.processor);
    if (!processor)
        return [
            {
                pointer: '/process/processor',
                message: `there is no processor "${process.processor}"`,
                allowed: processorNames().join(', '),
            },
        ];
    const options = processor.options.safeParse(process.options);
    if (options.success) return [];
    return options.error.issues
        .slice(0, MAX_ERRORS + 1)
        .map((issue) => ({ pointer: pointer(['process', 'options', ...issue.path]), message: issue.message }));
}

/** Secrets that are not there, or would be sent where they may not go: told by their names. */
function checkSecrets({ headers, url }: HttpProcess): FieldError[] {
    // Variables cannot change the host; that a call goes there is checked again when it is made.
    const base = url.replaceAll(/\{[^{}]*\}/g, '');
    return Object.entries(headers).flatMap(([header, value]) => {
        if (typeof value === 'string') return [];
        const secret = findSecret(value.secret);
        const at = pointer(['process', 'http', 'headers', header, 'secret']);
        if ('missing' in secret)
            return [{ pointer: at, message: `there is no secret "${value.secret}": ${secret.missing}`, allowed: LISTED_SECRETS }];
        const wrong = wrongInSecret(secret.value);
        if (wrong)
            return [
                {
                    pointer: at,
                    message: `the value of the secret "${value.secret}" ${wrong}`,
                    allowed: 'at least 8 characters that a header can carry',
                },
            ];
        if (goesTo(secret.hosts, base)) return [];
        const allowed = `calls to ${hostNames(secret.hosts)}`;
        return [{ pointer: at, message: `the secret "${value.secret}" may not be sent to the host of this URL`, allowed }];
    });
}
