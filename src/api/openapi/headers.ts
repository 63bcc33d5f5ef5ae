// Headers of answers. `required`: it comes with every answer that lists it.
import type { oas31 } from 'zod-openapi';
import { guards } from '../http/frame';
import { VERSION } from '../uploads/tus';

type Header = oas31.HeaderObject;

const header = (description: string, schema: oas31.SchemaObject, required = true): Header => ({
    description,
    ...(required ? { required } : {}),
    schema,
});
const bytes = { type: 'integer', minimum: 0 } as const;

export const headers = {
    'Cache-Control': header('Answers change: `no-store`. The API document may be kept for some minutes.', { type: 'string' }),
    Location: header('Path of what was made.', { type: 'string' }),
    'Retry-After': header('Seconds after which to ask again.', { type: 'integer', minimum: 0 }),
    'Idempotency-Replayed': header('`true` where the key had started this job before.', { type: 'string', enum: ['true'] }, false),
    'X-Fanfold-Cursor': header('Stands behind what this answer holds: as `cursor`, it asks for what was written since.', {
        type: 'string',
    }),
    Allow: header('Methods that the path knows, separated by commas.', { type: 'string' }),
    Accept: header('Content types that the route takes, where it is about the content type.', { type: 'string' }, false),
    ETag: header('Names this version of the document, for `If-None-Match`.', { type: 'string' }),
    'Tus-Resumable': header('Version of the tus protocol.', { type: 'string', enum: [VERSION] }, false),
    'Tus-Version': header('Versions of the tus protocol that are known.', { type: 'string' }),
    'Tus-Extension': header('Extensions of tus that are known.', { type: 'string' }),
    'Tus-Max-Size': header('Bytes of an upload at most.', bytes, false),
    'Upload-Offset': header('Bytes that are there.', bytes),
    'Upload-Length': header('Bytes that were announced.', bytes),
    'Upload-Metadata': header('As it was given when the upload was made.', { type: 'string' }, false),
    'WWW-Authenticate': header('How to come, where the app answers.', { type: 'string' }, false),
    'X-Content-Type-Options': header('A browser takes the answer for what it says it is.', {
        type: 'string',
        enum: [guards['x-content-type-options']],
    }),
    'Content-Security-Policy': header('A browser runs nothing in the answer, and shows it in no frame.', {
        type: 'string',
        enum: [guards['content-security-policy']],
    }),
} satisfies Record<string, Header>;

export type HeaderName = keyof typeof headers;

/** Names of the components. */
export const headerComponent = (name: HeaderName): string => name.replaceAll('-', '');

/** Those of every answer of the app. */
export const onEveryAnswer = ['X-Content-Type-Options', 'Content-Security-Policy'] as const satisfies readonly HeaderName[];
