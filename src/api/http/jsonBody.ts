// Small bodies of JSON, read whole and checked by a schema.
import type { z } from 'zod';
import { readSpecText } from '../../application/specText';
import { fieldErrors } from '../../contracts/jobSpec';
import { badFields, type FieldsCode } from '../../core/errors';
import { readBody, type Incoming } from './body';

/** Mebibytes. */
const LIMIT = 1 / 16;

/** The body as its schema has it; no body is an empty object. @throws Problem BAD_JSON, TOO_LARGE, or `code` with one entry for each problem */
export async function readJsonBody<T>(request: Incoming, schema: z.ZodType<T>, code: FieldsCode): Promise<T> {
    const document = await readDocument(request, code);
    const read = schema.safeParse(document);
    if (!read.success) throw badFields(code, fieldErrors(read.error, document, []));
    return read.data;
}

/** The body as an object, before any schema; no body is an empty one. @throws as `readJsonBody` */
export async function readDocument(request: Incoming, code: FieldsCode): Promise<Record<string, unknown>> {
    const bytes = await readBody(request, LIMIT);
    if (bytes.length === 0) return {};
    const { document, errors } = readSpecText(bytes);
    if (errors[0]?.pointer === '') throw badFields(code, [{ pointer: '', message: errors[0].message, allowed: 'an object' }]);
    if (errors.length > 0) throw badFields(code, errors);
    return document as Record<string, unknown>;
}
