// Small bodies of JSON, read whole.
import { readSpecText } from '../../application/specText';
import { badFields, type FieldsCode } from '../../core/errors';
import { readBody, type Incoming } from './body';

/** Bytes. */
const LIMIT = 65_536;

/**
 * The body as an object. No body is an empty one, where there need be none.
 * @throws Problem BAD_JSON, TOO_LARGE, or `code` where it is no object, or holds what no document here may (a field twice, `__proto__`)
 */
export async function readDocument(
    request: Incoming,
    code: FieldsCode,
    { isOptional = true }: { isOptional?: boolean } = {},
): Promise<Record<string, unknown>> {
    const bytes = await readBody(request, LIMIT);
    if (bytes.length === 0 && isOptional) return {};
    const { document, errors } = readSpecText(bytes);
    if (errors[0]?.pointer === '') throw badFields(code, [{ pointer: '', message: errors[0].message, allowed: 'an object' }]);
    if (errors.length > 0) throw badFields(code, errors);
    return document as Record<string, unknown>;
}
