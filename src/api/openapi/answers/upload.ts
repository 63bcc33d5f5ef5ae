// What is known of an upload.
import { z } from 'zod';
import { count, flag, text, time } from './parts';

export const uploadView = z
    .strictObject({
        id: text('Names the upload, in paths and in `source.upload` of a job spec.'),
        bytes: count('Bytes that are there.'),
        length: count('Bytes that were announced; absent of an upload in one request.').exactOptional(),
        complete: flag('Whether all of it is there: only then a job can read it.'),
        name: text('Name of the file; its ending tells the format.').exactOptional(),
        sha256: z.string().meta({ description: 'SHA-256 of an upload in one request.', pattern: '^[0-9a-f]{64}$' }).exactOptional(),
        createdAt: time('When it was begun.'),
        links: z.strictObject({ self: text('The upload.') }).meta({ description: 'Paths on the same host.' }),
    })
    .meta({ id: 'Upload', description: 'An uploaded file.' });
