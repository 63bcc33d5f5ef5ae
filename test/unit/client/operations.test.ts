// The client and the API document are about the same operations: what the one calls is in the other.
import { FanfoldClient } from '../../../src/client';
import { operationsOf, readDocument } from '../../support/apiDocument';
import type { oas31 } from 'zod-openapi';

const document = readDocument();
const operations = operationsOf(document);

/** Operations that no method calls, and why. */
const uncalled = {
    uploadOptions: 'asked by tus clients that do not know the server',
    uploadPartOptions: 'asked by tus clients that do not know the server',
    overrideUpload: 'for clients that cannot send PATCH, DELETE or HEAD',
    getOpenApi: 'for tools: the client has its types from the server',
};

/** Calls of every method, each by its name. */
const calls: Record<string, (client: FanfoldClient) => Promise<unknown>> = {
    startJob: (client) => client.startJob({ source: { items: [1] }, process: { processor: 'digest' } }, { idempotencyKey: 'k' }),
    getJob: (client) => client.getJob('a', { waitSeconds: 1 }),
    listPage: (client) =>
        client.listPage({
            ...{ state: 'running', name: 'n', tags: { a: 'b' }, createdAfter: '2026-12-01', createdBefore: '2026-12-02' },
            ...{ limit: 1, continuation: 'c' },
        }),
    listJobs: (client) => drain(client.listJobs()),
    pauseJob: (client) => client.pauseJob('a', { reason: 'r' }),
    resumeJob: (client) => client.resumeJob('a'),
    approveJob: (client) => client.approveJob('a'),
    rejectJob: (client) => client.rejectJob('a'),
    cancelJob: (client) => client.cancelJob('a'),
    retuneJob: (client) => client.retuneJob('a', { rate: null }, { reason: 'r' }),
    getTimeline: (client) => client.getTimeline('a'),
    waitUntil: (client) => client.waitUntil('a'),
    openResults: (client) =>
        client.openResults('a', {
            format: 'csv',
            spreadsheet: true,
            outcome: 'failed',
            fingerprint: '0123456789ab',
            order: 'input',
            cursor: 'c',
        }),
    results: (client) => drain(client.results('a')),
    resultsPage: (client) => client.resultsPage('a'),
    getItem: (client) => client.getItem('a', 1),
    getItemByKey: (client) => client.getItemByKey('a', 'k'),
    invalidRows: (client) => drain(client.invalidRows('a')),
    manifest: (client) => client.manifest('a'),
    verifyJob: (client) => client.verifyJob('a'),
    limiterPage: (client) => client.limiterPage({ limit: 1, continuation: 'c' }),
    limiters: (client) => drain(client.limiters()),
    limiter: (client) => client.limiter('api.example.com:8443'),
    setLimiter: (client) => client.setLimiter('x', { rate: '50/s' }),
    upload: (client) => client.upload('a,b\n', { name: 'a.csv' }),
    uploadInParts: async (client) => [
        await client.uploadInParts('ab', { name: 'a.csv' }),
        await client.uploadInParts('ab', { resume: 'u' }),
    ],
    getUpload: (client) => client.getUpload('u'),
    deleteUpload: (client) => client.deleteUpload('u'),
    health: (client) => client.health(),
};
/** Parts of other methods. */
const inner = ['constructor', 'move', 'resultLines', 'read'];

async function drain(all: AsyncIterable<unknown>): Promise<void> {
    for await (const one of all) void one;
}

interface Asked {
    method: string;
    url: URL;
    headers: Headers;
}

/** What a method asks for; everything is answered with something that fits any of them. */
async function askedBy(call: (client: FanfoldClient) => Promise<unknown>): Promise<Asked[]> {
    const asked: Asked[] = [];
    const body = JSON.stringify({ ended: true, jobs: [], limiters: [], status: 'ok' });
    const headers = { location: '/api/uploads/u', 'upload-offset': '2', 'upload-length': '2' };
    const client = new FanfoldClient({
        url: 'http://host',
        key: 'secret',
        appKey: 'secret of the app',
        fetch: async (url, init) => {
            asked.push({ method: init.method!, url: new URL(url), headers: new Headers(init.headers) });
            const isHead = init.method === 'HEAD';
            const isLines = /\/(results|invalid)$/.test(new URL(url).pathname);
            return new Response(isHead || isLines ? null : body, { headers: isHead ? { ...headers, 'upload-offset': '0' } : headers });
        },
    });
    await call(client);
    return asked;
}

const operationOf = ({ method, url }: Asked) =>
    operations.find(
        (operation) =>
            operation.method === method &&
            new RegExp(`^/api${operation.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(url.pathname),
    )?.operation;

const parametersOf = (operation: oas31.OperationObject): oas31.ParameterObject[] =>
    (operation.parameters ?? []).map(
        (parameter) =>
            document.components!.parameters![(parameter as oas31.ReferenceObject).$ref.split('/').at(-1)!] as oas31.ParameterObject,
    );

/** Headers that no operation lists: those of the body, and the keys. */
const anyHeaders = ['content-type', 'x-functions-key', 'x-fanfold-key'];

test('every method is called here', () => {
    expect(Object.keys(calls).sort()).toEqual(
        Object.getOwnPropertyNames(FanfoldClient.prototype)
            .filter((name) => !inner.includes(name))
            .sort(),
    );
});

test.each(Object.keys(calls))('%s asks for operations of the document, with parameters that these have', async (name) => {
    const asked = await askedBy(calls[name]!);
    expect(asked.length).toBeGreaterThan(0);
    for (const request of asked) {
        const operation = operationOf(request);
        expect([request.url.pathname, operation?.operationId]).toEqual([request.url.pathname, expect.any(String)]);
        const known = parametersOf(operation!);
        const named = (place: string) =>
            known.filter((parameter) => parameter.in === place).map((parameter) => parameter.name.toLowerCase());
        expect([...request.url.searchParams.keys()].filter((key) => !named('query').includes(key.toLowerCase()))).toEqual([]);
        expect([...request.headers.keys()].filter((key) => ![...anyHeaders, ...named('header')].includes(key))).toEqual([]);
        const required = known.filter((parameter) => parameter.in === 'header' && parameter.required);
        expect(required.filter((parameter) => !request.headers.has(parameter.name))).toEqual([]);
    }
});

test('every operation is what some method asks for, but for those that are no client’s', async () => {
    const asked = (await Promise.all(Object.values(calls).map(askedBy))).flat();
    const called = new Set(asked.map((request) => operationOf(request)?.operationId));
    const left = operations.map(({ operation }) => operation.operationId!).filter((id) => !called.has(id));
    expect(left.sort()).toEqual(Object.keys(uncalled).sort());
});

test('a call of something else would be noticed', () => {
    expect(operationOf({ method: 'GET', url: new URL('http://host/api/jobs/a/nothing'), headers: new Headers() })).toBeUndefined();
});
