// Parameters of requests.
import type { oas31 } from 'zod-openapi';
import { LIMITER_FORM } from '../../core/limiter/name';
import { outcomes } from '../../core/counts';
import { states } from '../../core/states';
import { FINGERPRINT } from '../../items/fingerprint';
import { MAX_UPLOAD } from '../../storage/uploads';
import { PAGE, type IntBounds } from '../http/frame';
import { WAIT } from '../jobs/getJob';
import { resultFormats } from '../results/getResults';
import { VERSION } from '../uploads/tus';
import { MAX_METADATA } from '../uploads/uploadMetadata';
import { LIMITER } from './requests/forms';

type Parameter = oas31.ParameterObject;
type Schema = oas31.SchemaObject;

const path = (name: string, description: string, schema: Schema): Parameter => ({ name, in: 'path', required: true, description, schema });
const query = (name: string, description: string, schema: Schema): Parameter => ({ name, in: 'query', description, schema });
const header = (name: string, description: string, schema: Schema, required = false): Parameter => ({
    name,
    in: 'header',
    ...(required ? { required } : {}),
    description,
    schema,
});
const id: Schema = { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' };
const whole = ({ min, max, fallback }: IntBounds): Schema => ({ type: 'integer', minimum: min, maximum: max, default: fallback });
const bytes: Schema = { type: 'integer', minimum: 0, maximum: 999_999_999_999_999 };
/** A day, and what may follow: a time, with its time zone or without. */
const instant: Schema = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\d' };

export const parameters = {
    jobId: path('id', 'The job.', id),
    index: path('index', 'Position of the item in the source, from 0.', { type: 'integer', minimum: 0 }),
    uploadId: path('id', 'The upload.', id),
    limiterName: path('name', `Name of the limiter, percent-encoded where it holds \`:\` or \`[\`: ${LIMITER_FORM}.`, {
        type: 'string',
        pattern: LIMITER,
    }),
    wait: query('wait', 'The answer is held until the state changes, or for so many seconds.', whole(WAIT)),
    limit: query('limit', 'Entries of one page at most.', whole(PAGE)),
    continuation: query('continuation', '`next` of the page before. A token of another list is refused.', { type: 'string' }),
    state: query('state', 'Only jobs in this state.', { type: 'string', enum: [...states] }),
    name: query('name', 'Only jobs of this whole name.', { type: 'string' }),
    tag: {
        ...query('tag', 'Only jobs with this tag, as `name:value`. Repeated, all must fit.', {
            type: 'array',
            items: { type: 'string', pattern: '^[^:]+:' },
        }),
        explode: true,
    },
    createdAfter: query('createdAfter', 'Only jobs that were posted later: ISO 8601.', instant),
    createdBefore: query('createdBefore', 'Only jobs that were posted earlier: ISO 8601.', instant),
    resultFormat: query('format', 'Form of the answer. Without it `Accept` decides, and NDJSON is the default.', {
        type: 'string',
        enum: [...resultFormats],
    }),
    outcome: query('outcome', 'Only items that ended so.', { type: 'string', enum: [...outcomes] }),
    fingerprint: query('fingerprint', 'Only items that failed so: that of a group of `failures`. With no other `outcome` than `failed`.', {
        type: 'string',
        pattern: FINGERPRINT.source,
    }),
    spreadsheet: query('spreadsheet', 'With CSV: no cell is run as a formula.', {
        type: 'string',
        enum: ['true', 'false'],
        default: 'false',
    }),
    order: query('order', '`input`: in the order of the source. Otherwise as they were written.', { type: 'string', enum: ['input'] }),
    cursor: query('cursor', '`X-Fanfold-Cursor` of an earlier answer: only what has been written since.', { type: 'string' }),
    timelineFormat: query('format', 'Form of the answer. Without it `Accept` decides, and JSON is the default.', {
        type: 'string',
        enum: ['json', 'ndjson'],
    }),
    fileName: query('name', 'Name of the file; its ending tells the format. Otherwise `Content-Disposition` does.', { type: 'string' }),
    idempotencyKey: header(
        'Idempotency-Key',
        'Makes the request safe to repeat: the same key with the same body is the same job. 1 to 255 visible ASCII characters, or a quoted string in which `"` and `\\` stand behind a backslash; `k` and `"k"` are one key.',
        { type: 'string', pattern: '^([!#-~][!-~]{0,254}|"([ !#-\\[\\]-~]|\\\\["\\\\]){1,255}")$' },
    ),
    ifNoneMatch: header('If-None-Match', '`ETag` of an earlier answer: 304 where the document is the same.', { type: 'string' }),
    contentDisposition: header('Content-Disposition', 'Holds the name of the file, where the query does not (RFC 6266).', {
        type: 'string',
    }),
    tusResumable: header('Tus-Resumable', 'Version of the tus protocol.', { type: 'string', enum: [VERSION] }, true),
    tusOfCreation: header('Tus-Resumable', 'Makes an upload that is sent in parts (tus 1.0.0); without it the body is the whole file.', {
        type: 'string',
        enum: [VERSION],
    }),
    uploadLength: header(
        'Upload-Length',
        `With \`Tus-Resumable\`, required: bytes of the whole file, 1 to ${MAX_UPLOAD.toLocaleString('en-US')}.`,
        {
            ...bytes,
            minimum: 1,
        },
    ),
    uploadMetadata: header(
        'Upload-Metadata',
        'With `Tus-Resumable`: pairs of a name and a value in base64, separated by commas; `filename` is the name of the file.',
        { type: 'string', maxLength: MAX_METADATA },
    ),
    uploadOffset: header('Upload-Offset', 'Where the part begins, in bytes: where the upload stands.', bytes, true),
    offsetOfPart: header('Upload-Offset', 'Of a part (`PATCH`), required: where it begins, in bytes.', bytes),
    methodOverride: header(
        'X-HTTP-Method-Override',
        'The method that is meant: `HEAD`, `PATCH` or `DELETE`.',
        { type: 'string', minLength: 1 },
        true,
    ),
} satisfies Record<string, Parameter>;

export type ParameterName = keyof typeof parameters;
