// What is answered where the document knows no operation: no such path, or no such method there.
import { below, type ApiDocument, type Found } from './document';
import { mediaType, type AnswerHead, type SentRequest } from './exchange';
import type { Validators } from './validators';

export function checkUnrouted(
    validators: Validators,
    found: Exclude<Found, { kind: 'operation' }>,
    { method, route }: SentRequest,
    { status, headers }: AnswerHead,
    text: string,
): string[] {
    const [expected, code] = found.kind === 'nothing' ? ([404, 'ROUTE_NOT_FOUND'] as const) : ([405, 'METHOD_NOT_ALLOWED'] as const);
    if (status !== expected) return [`the document knows no ${method} ${route}: ${expected} ${code} is expected`];
    const misfits = mediaType(headers) === 'application/problem+json' ? [] : [`content type ${mediaType(headers)} is no problem document`];
    if (found.kind === 'method') {
        const allowed = (headers.get('allow') ?? '').split(', ').sort().join(', ');
        const documented = [...found.methods].sort().join(', ');
        if (allowed !== documented) misfits.push(`header allow says ${allowed}; documented are ${documented}`);
    }
    if (method === 'HEAD' || misfits.length > 0) return misfits;
    const errors = validators.errors(problemOf(validators.document, code), JSON.parse(text));
    return errors.length > 0 ? [`body: ${errors.join('; ')}`] : [];
}

/** Where the document has the problem of a code. */
function problemOf(document: ApiDocument, code: string): string {
    const schemas = '/components/schemas';
    const name = Object.keys(document.at(schemas) as object).find(
        (known) => document.schemaAt(below(schemas, known)).properties?.code?.const === code,
    );
    if (!name) throw new Error(`The API document has no problem ${code}.`);
    return below(schemas, name);
}
