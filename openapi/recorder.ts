// Sends requests and keeps what they and their answers are, by operation: the examples of the API document.
import { problemCodes, type ProblemCode } from '../src/core/codes';
import type { StoredExamples } from '../src/api/openapi/examples';
import { allOperations } from '../src/api/openapi/document';

export interface Sent {
    /** Values for the path, by the names of its variables. */
    path?: Record<string, string>;
    query?: string;
    headers?: Record<string, string>;
    /** Sent as JSON, of the content type that the headers say or `application/json`; a text is sent as it is. */
    body?: unknown;
    /** A word for the example; several of one operation need several. */
    as?: string;
}

export interface Answered {
    status: number;
    headers: Headers;
    text: string;
    /** The problem that it is, if it is one. */
    code: ProblemCode | null;
}

export class Recorder {
    readonly examples: Record<string, StoredExamples> = {};
    private readonly operations = new Map(allOperations().map((operation) => [operation.id, operation]));

    /** `url`: of the API, with /api. */
    constructor(private readonly url: string) {}

    /** Sends a request of an operation and keeps it with its answer, which must be one that the operation lists. */
    async ask(id: string, sent: Sent = {}): Promise<Answered> {
        const { method, path, operation } = this.operations.get(id)!;
        const isJson = sent.body !== undefined && typeof sent.body !== 'string';
        const headers = { ...(isJson ? { 'content-type': 'application/json' } : {}), ...sent.headers };
        const target = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(sent.path?.[name] ?? name));
        const body = sent.body === undefined ? {} : { body: isJson ? JSON.stringify(sent.body) : (sent.body as string) };
        const answer = await fetch(`${this.url}${target}${sent.query ? `?${sent.query}` : ''}`, { method, headers, ...body });
        const text = await answer.text();
        const type = (answer.headers.get('content-type') ?? '').split(';')[0]!;
        const code = type === 'application/problem+json' && text !== '' ? (JSON.parse(text) as { code: ProblemCode }).code : null;
        // Of a HEAD the status is all that tells of a problem.
        const isRefused = operation.codes.some((known) => problemCodes[known].status === answer.status);
        const isListed = code ? operation.codes.includes(code) : answer.status in operation.answers || (operation.isHead && isRefused);
        if (!isListed) throw new Error(`${id} answered ${answer.status} ${code ?? ''}, which it does not list: ${text.slice(0, 500)}`);
        this.keep(id, sent, headers, { status: answer.status, headers: answer.headers, text, code }, type);
        return { status: answer.status, headers: answer.headers, text, code };
    }

    private keep(
        id: string,
        { body, as = 'example' }: Sent,
        headers: Record<string, string>,
        { status, text, code }: Answered,
        type: string,
    ) {
        const kept = (this.examples[id] ??= {});
        if (code) (kept.problems ??= {})[code] ??= JSON.parse(text);
        else if (type !== '' && text !== '') (((kept.answers ??= {})[String(status)] ??= {})[type] ??= {})[as] = valueOf(type, text);
        // What is refused is no example of what to send.
        if (!code && body !== undefined && typeof body !== 'string') ((kept.requests ??= {})[headers['content-type']!] ??= {})[as] = body;
    }
}

/** Of NDJSON the first line, of text the text. */
function valueOf(type: string, text: string): unknown {
    if (type === 'application/json') return JSON.parse(text) as unknown;
    return type === 'application/x-ndjson' ? (JSON.parse(text.slice(0, text.indexOf('\n'))) as unknown) : text;
}
