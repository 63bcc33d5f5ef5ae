// The document of each error (RFC 9457), one schema for each code: what stands in the catalogue is a constant, and so is no other text.
import { z } from 'zod';
import { levels } from '../../../core/access';
import { problemCodes, type ProblemCode } from '../../../core/codes';
import { states, userMoves } from '../../../core/states';
import { count, text } from './parts';

const fieldError = z
    .strictObject({
        pointer: text('JSON pointer (RFC 6901) to the field; of a parameter, `/query/NAME` or `/path/NAME`.'),
        message: text('What is wrong.'),
        allowed: text('What is allowed there.').exactOptional(),
    })
    .meta({ id: 'FieldError', description: 'One thing that is wrong with a request.' });

const errors = z.array(fieldError).min(1).max(100).meta({ description: 'Every field that is wrong, the first hundred.' });
const jobId = text('The job.');
const setting = text('App setting of the deployment that sets the limit.');

/** What some problems say beside what all of them do. */
const extras: { [Code in ProblemCode]?: z.ZodRawShape } = {
    BAD_JSON: {
        position: count('Where the text stops being JSON, in characters from 0.').exactOptional(),
        line: count('The same as a line, from 1.').exactOptional(),
        column: count('And a column, from 1.').exactOptional(),
    },
    BAD_SPEC: { errors },
    BAD_BODY: { errors },
    BAD_PARAMETER: { errors },
    LEVEL_TOO_LOW: {
        needed: z.enum(levels).meta({ description: 'Level that this needs.' }),
        level: z.enum(levels).meta({ description: 'Level of the caller.' }),
        caller: text('Who that is, as timelines name it: `key:NAME`, or who is signed in.'),
    },
    TOO_LARGE: { limit: count('Bytes that are allowed.').exactOptional(), setting: setting.exactOptional() },
    TOO_MANY_ITEMS: { limit: count('Items that one job may have.'), setting },
    TOO_MANY_JOBS: { limit: count('Jobs that may be at work or wait.'), setting },
    TOO_MANY_UPLOADS: { limit: count('Uploads that may be open.'), setting },
    ILLEGAL_MOVE: {
        jobId,
        state: z.enum(states).meta({ description: 'State of the job.' }),
        move: z.enum([...userMoves, 'retune']).meta({ description: 'What was asked for.' }),
        allowed: z.array(z.enum(userMoves)).meta({ description: 'Moves that change something now.' }),
    },
    IDEMPOTENCY_IN_PROGRESS: { jobId },
    IDEMPOTENCY_CONFLICT: { jobId },
    UPLOAD_CONFLICT: { offset: count('Where the upload stands, in bytes.') },
};

const nameOf = (code: ProblemCode): string =>
    `${code
        .toLowerCase()
        .split('_')
        .map((word) => `${word[0]!.toUpperCase()}${word.slice(1)}`)
        .join('')}Problem`;

const problemOf = (code: ProblemCode) => {
    const { status, title, remedy } = problemCodes[code];
    return z
        .strictObject({
            type: z.literal(`urn:fanfold:problem:${code}`),
            title: z.literal(title),
            status: z.literal(status),
            code: z.literal(code).meta({ description: 'Act on this; the words beside it may change.' }),
            detail: text('What is wrong with this request.'),
            instance: text('Path of the request.'),
            // What went wrong is in the log alone: its detail is the remedy.
            ...(code === 'INTERNAL'
                ? {}
                : { remedy: z.literal(remedy).meta({ description: 'What to do; absent where `detail` says it.' }).exactOptional() }),
            ...(status >= 500 ? { invocationId: text('Under this id the log has the rest.').exactOptional() } : {}),
            ...extras[code],
        })
        .meta({ id: nameOf(code), description: `${title}. ${remedy}` });
};

/** The schema of each problem. */
export const problems = Object.fromEntries((Object.keys(problemCodes) as ProblemCode[]).map((code) => [code, problemOf(code)])) as Record<
    ProblemCode,
    ReturnType<typeof problemOf>
>;

export { fieldError, nameOf as problemName };
