// A request of an operation as the document alone tells how to make it: for tests that ask every operation the same.
import { problemsAt, PROBLEM } from './uses';
import type { ApiDocument, Operation } from './document';

export interface Ask {
    /** Of the path; default: ids of nothing. */
    values?: Record<string, string>;
    query?: string;
    headers?: Record<string, string>;
    body?: string;
}

export interface PlainRequest {
    /** Below /api, with its query. */
    route: string;
    init: { method: string; headers: Record<string, string>; body?: string };
}

const ofNothing: Record<string, string> = { id: 'none', index: '0', name: 'nobody.example' };
const required: Record<string, string> = { 'tus-resumable': '1.0.0', 'upload-offset': '0', 'x-http-method-override': 'HEAD' };

/** With all that is required, a body where JSON is taken, and what `ask` says in place of it; an empty header is left out. */
export function plainRequest(operation: Operation, { values = {}, query = '', headers = {}, body }: Ask = {}): PlainRequest {
    const needed = operation.parameters.filter((p) => p.in === 'header' && p.required);
    const takesJson = operation.body?.content.has('application/json') && operation.body.required;
    const text = body ?? (takesJson ? '{}' : undefined);
    const given = {
        ...Object.fromEntries(needed.map(({ name }) => [name, required[name]!])),
        ...(takesJson ? { 'content-type': 'application/json' } : {}),
        ...headers,
    };
    const sent = { ...ofNothing, ...values };
    return {
        route: operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(sent[name]!)) + query,
        init: {
            method: operation.method,
            headers: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '')),
            ...(text === undefined ? {} : { body: text }),
        },
    };
}

/** The problems that an operation can answer with. */
export const codesOf = (document: ApiDocument, { answers }: Operation): string[] =>
    [...answers.values()].flatMap(({ content }) => {
        const schema = content.get(PROBLEM)?.schema;
        return schema ? problemsAt(document, schema).map(({ code }) => code) : [];
    });
