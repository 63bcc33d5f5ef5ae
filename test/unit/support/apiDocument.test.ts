// What the end-to-end suite holds the API document to account with: what does not fit is found, what fits is not, and what was not used is known.
import { ApiCheck } from '../../support/apiDocument/apiCheck';
import { checkedFetch } from '../../support/apiDocument/checkedFetch';
import { documentedUses } from '../../support/apiDocument/uses';
import { smallDocument } from './smallDocument';

const BASE = 'http://host:1';
const json = { 'content-type': 'application/json' };
const problemJson = { 'content-type': 'application/problem+json' };
const thing = { name: 'a', size: 1, state: 'new', madeAt: '2026-11-30T10:00:00.000Z' };

interface Exchange {
    request?: RequestInit;
    status?: number;
    headers?: Record<string, string>;
    body?: unknown;
}

/** Asks for a path, is answered so, and gives what the check has found. */
async function exchange(path: string, { request = {}, status = 200, headers = json, body = thing }: Exchange = {}) {
    const check = new ApiCheck(smallDocument);
    const text = body === null || typeof body === 'string' ? body : JSON.stringify(body);
    const ask = checkedFetch(
        check,
        () => BASE,
        async () => new Response(text, { status, headers }),
    );
    const answer = await ask(`${BASE}/api${path}`, request);
    const read = await answer.text();
    return { misfits: await check.takeMisfits(), uses: check.uses, read };
}

const make = (body: unknown, more: Exchange = {}) =>
    exchange('/things', {
        status: 201,
        headers: { ...json, location: '/api/things/a' },
        ...more,
        request: { method: 'POST', headers: json, body: JSON.stringify(body), ...more.request },
    });
const refusal = (code: string, status: number): Exchange => ({ status, headers: problemJson, body: { code, status } });
const lines = (...all: unknown[]): Exchange => ({
    headers: { 'content-type': 'application/x-ndjson' },
    body: all.map((line) => `${JSON.stringify(line)}\n`).join(''),
});

describe('what fits', () => {
    test.each<[string, () => Promise<{ misfits: string[] }>]>([
        ['an answer', () => exchange('/things/a')],
        ['a name that is encoded in the path', () => exchange('/things/a%20b')],
        ['a request with a body', () => make(thing)],
        [
            'headers that hosts add',
            () => exchange('/things/a', { headers: { ...json, date: 'today', server: 'Kestrel', 'request-context': 'x' } }),
        ],
        ['a problem', () => exchange('/things/a', refusal('THING_NOT_FOUND', 404))],
        [
            'no body where none is documented',
            () => exchange('/things/a', { request: { method: 'DELETE' }, status: 204, headers: {}, body: null }),
        ],
        ['no body where there may be none', () => exchange('/things/a', { request: { method: 'DELETE' }, headers: {}, body: null })],
        ['lines', () => exchange('/things?limit=5&tag=a:b&tag=c:d', lines(thing, { name: 'b' }))],
        ['a table', () => exchange('/things', { headers: { 'content-type': 'text/csv; charset=utf-8' }, body: 'name,size\na,1\n' })],
        ['a path that nothing is at', () => exchange('/elsewhere', refusal('ROUTE_NOT_FOUND', 404))],
        ['a request that does not fit, and is refused', () => make({ size: 1 }, refusal('BAD_THING', 400))],
        ['a request that fits, and is refused for what no schema says', () => make(thing, refusal('BAD_THING', 400))],
    ])('%s', async (_what, done) => {
        expect((await done()).misfits).toEqual([]);
    });

    test('the answer is what was answered', async () => {
        expect(JSON.parse((await exchange('/things/a')).read)).toEqual(thing);
        expect((await exchange('/things', lines(thing))).read).toBe(`${JSON.stringify(thing)}\n`);
    });
});

describe('what does not fit', () => {
    test.each<[string, () => Promise<{ misfits: string[] }>, string]>([
        ['a field', () => exchange('/things/a', { body: { ...thing, more: { of: 1 } } }), '"/more" is not documented'],
        ['a type', () => exchange('/things/a', { body: { ...thing, size: null } }), '"/size" must be'],
        ['a field that is missing', () => exchange('/things/a', { body: {} }), 'required property'],
        ['a word', () => exchange('/things/a', { body: { ...thing, state: 'older' } }), '"/state" must be equal to one of'],
        ['a time', () => exchange('/things/a', { body: { ...thing, madeAt: 'today' } }), 'format "date-time"'],
        ['a body that is no JSON', () => exchange('/things/a', { body: '{' }), 'no JSON'],
        ['a status', () => exchange('/things/a', refusal('THING_NOT_FOUND', 410)), 'status is not documented'],
        ['a content type', () => exchange('/things/a', { headers: { 'content-type': 'text/html' } }), 'text/html is not documented'],
        ['no content type', () => make(thing, { headers: { location: '/api/x' }, body: null }), 'there is no content type'],
        ['a header', () => exchange('/things/a', { headers: { ...json, 'retry-after': '1' } }), 'header retry-after is not documented'],
        ['a header that is missing', () => make(thing, { headers: json }), 'header location is missing'],
        ['what a header says', () => make(thing, { headers: { ...json, location: 'x' } }), 'header location'],
        ['a code', () => exchange('/things/a', refusal('BAD_THING', 404)), 'code BAD_THING is not documented'],
        ['a body', () => exchange('/things/a', { request: { method: 'DELETE' }, status: 204, headers: json, body: null }), 'content type'],
        ['a line', () => exchange('/things', lines(thing, { name: 1 })), 'line 2: "/name" must be string'],
        ['a line that is no JSON', () => exchange('/things', { ...lines(), body: '{"name":"a"}\nx' }), 'line 2: is no JSON'],
        ['a table', () => exchange('/things', { headers: { 'content-type': 'text/csv' }, body: 'size,name\n' }), 'line 1'],
        ['a path that is answered', () => exchange('/elsewhere'), 'ROUTE_NOT_FOUND is expected'],
        ['a method that is answered', () => exchange('/things/a', { request: { method: 'PUT' } }), 'METHOD_NOT_ALLOWED is expected'],
        [
            'a header of an answer where nothing is',
            () => {
                const told = refusal('ROUTE_NOT_FOUND', 404);
                return exchange('/elsewhere', { ...told, headers: { ...told.headers, 'cache-control': 'no-store', 'x-more': '1' } });
            },
            'header x-more is not documented',
        ],
        [
            'the methods of a path',
            () =>
                exchange('/things/a', {
                    request: { method: 'PUT' },
                    ...refusal('METHOD_NOT_ALLOWED', 405),
                    headers: { ...problemJson, allow: 'GET, PUT' },
                }),
            'documented are DELETE, GET',
        ],
    ])('%s', async (_what, done, expected) => {
        const { misfits } = await done();
        expect(misfits).toEqual([expect.stringContaining(expected)]);
    });

    test.each<[string, () => Promise<{ misfits: string[] }>, string]>([
        ['a field', () => make({ ...thing, more: 1 }), '"/more" is not documented'],
        ['a type of a field', () => make({ name: 1 }), '"/name" must be string'],
        ['a body that is none', () => make(thing, { request: { body: '' } }), 'a body is required'],
        [
            'a content type',
            () => make(thing, { request: { headers: { 'content-type': 'text/plain' } } }),
            'type text/plain is not documented',
        ],
        ['a header', () => make(thing, { request: { headers: { ...json, 'x-more': '1' } } }), 'header x-more is not documented'],
        ['what a header says', () => make(thing, { request: { headers: { ...json, 'idempotency-key': 'longer' } } }), 'idempotency-key'],
        ['a query parameter', () => exchange('/things?more=1', lines()), 'query parameter more is not documented'],
        ['what a query parameter says', () => exchange('/things?limit=0', lines()), 'limit: "" must be >= 1'],
        ['one of several', () => exchange('/things?tag=a:b&tag=c', lines()), '"/1" must match pattern'],
        ['the path', () => exchange('/things/A'), 'path parameter name'],
        ['a body where there is none', () => exchange('/things/a', { request: { body: 'x' } }), 'no body is documented'],
    ])('of a request that is answered as if it did: %s', async (_what, done, expected) => {
        const { misfits } = await done();
        expect(misfits).toEqual([expect.stringMatching(/its request does not fit/)]);
        expect(misfits[0]).toContain(expected);
    });

    test('it is told once, with operation, request and status', async () => {
        const check = new ApiCheck(smallDocument);
        const ask = checkedFetch(
            check,
            () => BASE,
            async () => new Response('{}', { headers: json }),
        );
        await ask(`${BASE}/api/things/a`);
        await ask(`${BASE}/api/things/a`);
        expect(await check.takeMisfits()).toEqual([expect.stringContaining('getThing (GET /things/a, answered 200): body: "" must have')]);
        expect(await check.takeMisfits()).toEqual([]);
    });
});

describe('a stream', () => {
    /** Lines without end; `taken` says how many were asked for, `cancelled` whether it was left. */
    function endless() {
        const seen = { taken: 0, cancelled: false };
        const stream = new ReadableStream<Uint8Array>({
            pull(controller) {
                seen.taken += 1;
                controller.enqueue(Buffer.from(`${JSON.stringify(seen.taken === 3 ? { name: 3 } : thing)}\n`));
            },
            cancel: () => void (seen.cancelled = true),
        });
        return { seen, stream };
    }

    test('is checked as far as it is read, and ends where its reader leaves it', async () => {
        const check = new ApiCheck(smallDocument);
        const { seen, stream } = endless();
        const ask = checkedFetch(
            check,
            () => BASE,
            async () => new Response(stream, { headers: { 'content-type': 'application/x-ndjson' } }),
        );
        const answer = await ask(`${BASE}/api/things`);
        const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
        await reader.read();
        await reader.read();
        expect(seen.taken).toBeLessThan(8);
        await reader.read();
        await reader.cancel();
        expect(seen.cancelled).toBe(true);
        expect(await check.takeMisfits()).toEqual([expect.stringContaining('line 3: "/name" must be string')]);
    });
});

describe('uses', () => {
    const all = documentedUses(smallDocument);
    const unused = (uses: Set<string>) => [...all].filter((use) => !uses.has(use));

    test('a document offers its operations, parameters, fields, alternatives, words, headers and codes', () => {
        expect([...all]).toEqual(
            expect.arrayContaining([
                'listThings: the operation',
                'listThings: query parameter limit',
                'makeThing: header parameter idempotency-key',
                'makeThing: request body application/json',
                'makeThing: answer 201, header location',
                'makeThing: answer 400, code BAD_JSON',
                'listThings: answer 200 as text/csv',
                'request: field /components/schemas/Thing/properties/size',
                'answer: field /components/schemas/Thing/properties/size',
                'answer: form /components/schemas/Thing/properties/size/oneOf/1',
                'request: value "old" of /components/schemas/Thing/properties/state',
            ]),
        );
    });

    test('what nothing has used is left', async () => {
        const used = new Set<string>();
        for (const { uses } of [
            await exchange('/things/a'),
            await exchange('/things/a', { body: { ...thing, size: '1', state: 'old' } }),
            await exchange('/things/a', { request: { method: 'DELETE' }, status: 204, headers: {}, body: null }),
            await exchange('/things/a', { request: { method: 'DELETE' } }),
            await exchange('/things/a', refusal('THING_NOT_FOUND', 404)),
            await exchange('/things?limit=1&tag=a:b', lines(thing)),
            await make({ ...thing, size: '1' }),
            await make(thing, { request: { headers: { ...json, 'idempotency-key': 'k' } } }),
            await make({ name: 1 }, refusal('BAD_THING', 400)),
        ])
            for (const use of uses) used.add(use);
        expect(unused(used).sort()).toEqual([
            'answer: field /components/schemas/BAD_JSON/properties/code',
            'answer: field /components/schemas/BAD_JSON/properties/status',
            'answer: field /components/schemas/BAD_THING/properties/pointer',
            'listThings: answer 200 as text/csv',
            'makeThing: answer 400, code BAD_JSON',
            'request: value "old" of /components/schemas/Thing/properties/state',
        ]);
        expect([...used].filter((use) => !all.has(use))).toEqual([]);
    });

    test('a request that is refused has used nothing of the document but its answer', async () => {
        const { uses } = await make(thing, refusal('BAD_THING', 400));
        expect([...uses].sort()).toEqual([
            'answer: field /components/schemas/BAD_THING/properties/code',
            'answer: field /components/schemas/BAD_THING/properties/status',
            'makeThing: answer 400',
            'makeThing: answer 400 as application/problem+json',
            'makeThing: answer 400, code BAD_THING',
            'makeThing: the operation',
        ]);
    });
});
