// Requests of every operation of the API document: as it says, nearly so, and as nobody should send them.
import fc from 'fast-check';
import type { ApiDocument, Operation, Parameter } from '../support/apiDocument/document';
import { badText, changed, fitting, hostile } from './values';

/** Whose key it comes with: of a level, of none, or one that is not known. */
export const senders = ['admin', 'operate', 'read', 'nobody', 'wrong'] as const;
export type Sender = (typeof senders)[number];

/** What a request names that the run knows: ids and cursors of jobs and uploads, which differ from run to run. `KNOWN:job:3` stands for one. */
export const KNOWN = /KNOWN:(job|upload|cursor|continuation):(\d+)/g;

export interface FuzzRequest {
    operation: Operation;
    sender: Sender;
    method: string;
    /** Below the host, with its query. */
    target: string;
    headers: [string, string][];
    body: Buffer | null;
    /** Looks like a job that may start: few of them are sent. */
    mayStart: boolean;
}

export interface RequestsOptions {
    document: ApiDocument;
    /** What jobs call. */
    targetUrl: string;
}

const index = fc.nat(50);
const known = (kind: string): fc.Arbitrary<string> => index.map((i) => `KNOWN:${kind}:${i}`);

/** Other ways to write a part of a path, which may lead elsewhere. */
const pathTrick: fc.Arbitrary<string> = fc.oneof(
    fc.constantFrom(
        '..',
        '.',
        '%2e%2e',
        '%2E.',
        '..%2f..',
        '%2f',
        '%5c',
        '%00',
        '%',
        '%zz',
        '%c0%af',
        '%25%32%66',
        ';a=b',
        '*',
        '',
        '%F0%9F%92%A9',
        '~',
        '?',
        '#',
    ),
    fc
        .tuple(known('job'), fc.constantFrom('%2f', '/', '%00', '.', '%20', '/spec.json', '%2fspec.json', ';', '%0a'))
        .map((parts) => parts.join('')),
    known('job').map((id) => `..%2fjobs%2f${id}`),
    badText.map((text) => encodeURIComponent(wellFormed(text)).slice(0, 1_500)),
);

const ids: Record<string, string> = { jobId: 'job', uploadId: 'upload' };

function pathValue(operation: Operation, { name, schema }: Parameter, document: ApiDocument): fc.Arbitrary<string> {
    const of = operation.path.startsWith('/uploads') ? 'uploadId' : 'jobId';
    const fits = name === 'id' ? known(ids[of]!) : fitting(document, schema).map(asText);
    // One that is known for another thing, too.
    return fc.oneof(
        { weight: 6, arbitrary: fits.map((text) => (text.startsWith('KNOWN') ? text : encodeURIComponent(text))) },
        { weight: 1, arbitrary: known('upload') },
        { weight: 2, arbitrary: pathTrick },
    );
}

const asText = (value: unknown): string => wellFormed(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** What UTF-8 cannot carry is replaced. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

function queryValue({ name, schema }: Parameter, document: ApiDocument): fc.Arbitrary<string> {
    const fits = name === 'cursor' || name === 'continuation' ? known(name) : fitting(document, schema).map(asText);
    // To wait is no fault, and would take all the time.
    if (name === 'wait') return fc.oneof(fc.constantFrom('0', '1', '-1', '61', '1e1', ''), badText);
    const mangled = fc.tuple(known('cursor'), fc.nat(200), fc.string({ maxLength: 3 })).map(([text, at, by]) => `${text}~${at}~${by}`);
    return fc.oneof({ weight: 5, arbitrary: fits }, { weight: 1, arbitrary: mangled }, { weight: 2, arbitrary: badText });
}

const query = (operation: Operation, document: ApiDocument): fc.Arbitrary<string> => {
    const parameters = operation.parameters.filter((p) => p.in === 'query');
    const pairs = parameters.map((p) =>
        fc.option(
            queryValue(p, document).map((value) => `${p.name}=${encodeURIComponent(wellFormed(value))}`),
            { freq: 2 },
        ),
    );
    const odd = fc.option(
        fc.constantFrom('code=x', 'a=1&a=2', '&&&', '=%', 'limit=1&limit=2', '%00=%00', 'format=json&format=csv', `x=${'y'.repeat(7_000)}`),
        { freq: 12 },
    );
    return fc.tuple(...pairs, odd).map((parts) =>
        parts
            .filter((part) => part !== null)
            .join('&')
            .slice(0, 7_500),
    );
};

/** A header cannot carry everything. */
const asHeader = (text: string): string => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 4_000);

const headers = (operation: Operation, document: ApiDocument): fc.Arbitrary<[string, string][]> => {
    const own = operation.parameters
        .filter((p) => p.in === 'header')
        .map((p) =>
            fc.option(
                fc
                    .oneof({ weight: 4, arbitrary: fitting(document, p.schema).map(asText) }, { weight: 1, arbitrary: badText })
                    .map((text): [string, string] => [p.name, asHeader(text)]),
                { freq: p.required ? 9 : 2 },
            ),
        );
    const odd = fc.option(
        fc.constantFrom<[string, string]>(
            ['content-encoding', 'gzip'],
            ['content-encoding', 'identity'],
            ['accept', 'text/html;q=0'],
            ['accept', 'application/json;q=nan'],
            ['accept-encoding', '*;q=0'],
            ['range', 'bytes=0-1,2-3,-5'],
            ['if-none-match', '*'],
            ['if-match', '"x"'],
            ['origin', 'https://evil.example'],
            ['sec-fetch-site', 'cross-site'],
            ['x-http-method-override', 'DELETE'],
            ['x-forwarded-host', 'evil.example'],
            ['x-original-url', '/admin/host/status'],
            ['x-ms-client-principal', 'e30='],
            ['x-ms-client-principal-name', 'root'],
            ['cookie', 'a=b; '.repeat(500)],
            ['traceparent', '00-0-0-zz'],
            ['content-type', 'application/json; charset=utf-7'],
            ['content-type', 'multipart/form-data; boundary='],
            ['idempotency-key', '"'],
            ['expect', '100-continue'],
        ),
        { freq: 4 },
    );
    return fc.tuple(...own, odd).map((parts) => parts.filter((part) => part !== null));
};

/** Bytes that are no JSON, or not quite. */
const mangledBytes = (text: string, at: number): Buffer => {
    const bytes = Buffer.from(text);
    switch (at % 9) {
        case 0:
            return bytes.subarray(0, at % Math.max(1, bytes.length));
        case 1:
            return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
        case 2:
            return Buffer.from(text, 'utf16le');
        case 3:
            return Buffer.concat([bytes, Buffer.from([0xff, 0xc0, 0x80])]);
        case 4:
            return Buffer.from(text.replace('{', '{"__proto__":{"x":1},"source":1,'));
        case 5:
            return Buffer.from(text.replaceAll(':', ' : ').replaceAll(',', ' ,\n\t'));
        case 6:
            return Buffer.from(`${'['.repeat(1 + (at % 30_000))}${text}`);
        case 7:
            return Buffer.from(text.replace(/\d+/g, (n) => `${n}${'0'.repeat(at % 400)}.${'1'.repeat(at % 50)}e${at}`));
        default:
            return Buffer.concat([bytes, bytes]);
    }
};

/** A job that may start calls what the run has started for that, a few items, and does not stay. */
function tamed(spec: unknown, targetUrl: string, tag: string): unknown {
    if (typeof spec !== 'object' || spec === null) return spec;
    const { process, source, ...rest } = spec as Record<string, unknown>;
    for (const field of ['startAt', 'deadline']) delete rest[field];
    const http = (process as { http?: object } | undefined)?.http;
    return {
        ...rest,
        source: (source as { items?: unknown } | undefined)?.items ? { items: [{ k: `${tag}-0` }, { k: `${tag}-1` }] } : source,
        ...(process === undefined ? {} : { process: http ? { http: { ...http, url: `${targetUrl}/{k}` } } : process }),
    };
}

const simpleSpec = (targetUrl: string, tag: string) => ({
    name: `fuzz ${tag}`,
    source: { items: Array.from({ length: 5 }, (_, i) => ({ k: `${tag}-${i}` })) },
    key: 'k',
    process: { http: { url: `${targetUrl}/{k}` } },
});

interface Body {
    bytes: Buffer | null;
    type: string | null;
    mayStart: boolean;
}

function body(operation: Operation, { document, targetUrl }: RequestsOptions): fc.Arbitrary<Body> {
    const none = fc.constant<Body>({ bytes: null, type: null, mayStart: false });
    if (!operation.body)
        return fc.oneof(
            { weight: 9, arbitrary: none },
            { weight: 1, arbitrary: badText.map((text) => ({ bytes: Buffer.from(text), type: 'text/plain', mayStart: false })) },
        );
    const starts = operation.id === 'startJob';
    const contents = [...operation.body.content].map(([type, { schema }]) => {
        if (schema === null)
            return fc
                .oneof(fc.string({ maxLength: 300 }), fc.constant('{"k":1}\n{"k":2}\n'))
                .map((text): Body => ({ bytes: Buffer.from(text), type: type.replace('*/*', 'text/csv'), mayStart: false }));
        const json = (value: unknown, mayStart: boolean): Body => ({ bytes: Buffer.from(JSON.stringify(value) ?? ''), type, mayStart });
        const tag = fc.integer({ min: 0, max: 2 ** 40 }).map((n) => `t${n.toString(36)}`);
        const fits = fc.tuple(fitting(document, schema), tag).map(([value, t]) => (starts ? tamed(value, targetUrl, t) : value));
        const simple = starts ? tag.map((t) => simpleSpec(targetUrl, t) as unknown) : fits;
        const near = fc.tuple(fc.oneof(fits, simple), fc.nat(), hostile).map(([value, at, by]) => changed(value, at, by));
        return fc.oneof(
            { weight: starts ? 1 : 4, arbitrary: fc.oneof(fits, simple).map((value) => json(value, starts)) },
            { weight: 6, arbitrary: near.map((value) => json(value, false)) },
            { weight: 1, arbitrary: hostile.map((value) => json(value, false)) },
            {
                weight: 2,
                arbitrary: fc
                    .tuple(fits, fc.nat())
                    .map(([value, at]): Body => ({ bytes: mangledBytes(JSON.stringify(value), at), type, mayStart: false })),
            },
        );
    });
    return fc.oneof({ weight: 12, arbitrary: fc.oneof(...contents) }, { weight: 1, arbitrary: none });
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** Any request of any operation. */
export function requests(options: RequestsOptions): fc.Arbitrary<FuzzRequest> {
    const { document } = options;
    return fc.oneof(...document.operations.map((operation) => requestOf(operation, options)));
}

function requestOf(operation: Operation, options: RequestsOptions): fc.Arbitrary<FuzzRequest> {
    const { document } = options;
    const inPath = operation.parameters.filter((p) => p.in === 'path');
    const values = fc.tuple(...inPath.map((p) => pathValue(operation, p, document)));
    const sender = fc.oneof({ weight: 6, arbitrary: fc.constant<Sender>('admin') }, { weight: 3, arbitrary: fc.constantFrom(...senders) });
    const method = fc.oneof(
        { weight: 20, arbitrary: fc.constant(operation.method) },
        { weight: 1, arbitrary: fc.constantFrom(...methods) },
    );
    const suffix = fc.oneof(
        { weight: 20, arbitrary: fc.constant('') },
        { weight: 1, arbitrary: fc.constantFrom('/', '//', '/.', '/..', '%20', '/extra', '.json', '?') },
    );
    return fc
        .tuple(values, sender, method, query(operation, document), headers(operation, document), body(operation, options), suffix)
        .map(([path, who, how, search, sent, { bytes, type, mayStart }, tail]) => {
            let i = 0;
            const route = operation.path.replaceAll(/\{\w+\}/g, () => path[i++]!);
            const hasType = sent.some(([name]) => name === 'content-type');
            return {
                operation,
                sender: who,
                method: how,
                target: `/api${route}${tail}${search === '' ? '' : `?${search}`}`.slice(0, 7_900),
                headers: type === null || hasType ? sent : [...sent, ['content-type', type] as [string, string]],
                body: how === 'GET' || how === 'HEAD' ? null : bytes,
                mayStart,
            };
        });
}
