// Handlers against real blob storage (Azurite), without a Functions host.
import { noCalls } from '../../src/core/callStats';
import { createHash } from 'node:crypto';
import { noCounts, type OutcomeKind } from '../../src/core/counts';
import { attemptLine, heldLine, outcomeLine } from '../../src/items/outcomeLines';
import { newLedger } from '../../src/core/ledger';
import { FailureKinds } from '../../src/items/fingerprint';
import { handle } from '../../src/api/http/frame';
import { routes } from '../../src/api/routes';
import { jobSpec } from '../../src/contracts/jobSpec';
import { blobs } from '../../src/contracts/names';
import type { JobStore } from '../../src/storage/jobStore';
import { useBlobStorage } from '../support/blobStorage';

const MB = 1024 * 1024;
let store: JobStore;
let ledgerState: unknown = null;
const started: string[] = [];

useBlobStorage((opened) => (store = opened));

const client = {
    readEntityState: async () => ({ entityExists: ledgerState !== null, entityState: ledgerState }),
    startNew: async (_name: string, { instanceId }: { instanceId: string }) => void started.push(instanceId),
    getStatus: async (id: string) => {
        if (!started.includes(id))
            throw new Error(`DurableClient error: Durable Functions extension replied with HTTP 404 response. No ${id}.`);
        return { runtimeStatus: 'Running' };
    },
    signalEntity: async () => undefined,
    raiseEvent: async () => undefined,
};
const quiet = { invocationId: 'i', error: console.error, warn: () => undefined, log: () => undefined };

interface Sent {
    headers?: Record<string, string>;
    body?: Buffer | AsyncIterable<Uint8Array>;
}
/** Finds the route as a host does: literal before parameter before catch-all. */
async function call(method: string, path: string, { headers = {}, body }: Sent = {}) {
    const url = new URL(path, 'http://host/api/');
    const segments = url.pathname.replace('/api/', '').split('/');
    const fits = routes.flatMap((r) => {
        const pattern = r.route.split('/');
        if (!(r.methods as string[]).includes(method)) return [];
        if (r.route === '{*path}') return [{ r, params: { path: segments.join('/') } }];
        if (pattern.length !== segments.length || !pattern.every((p, i) => p.startsWith('{') || p === segments[i])) return [];
        return [{ r, params: Object.fromEntries(pattern.flatMap((p, i) => (p.startsWith('{') ? [[p.slice(1, -1), segments[i]!]] : []))) }];
    });
    const { r, params } = fits[0]!;
    const chunks = Buffer.isBuffer(body) ? [body] : body;
    const request = {
        method,
        url: url.href,
        headers: new Headers({ ...(body ? { 'content-type': 'application/json' } : {}), ...headers }),
        query: url.searchParams,
        params,
        body: chunks ? ReadableStream.from(chunks as AsyncIterable<Uint8Array>) : null,
    };
    const answer = await handle(r.handler)(request as never, client as never, quiet as never);
    const text = await new Response(answer.body as ReadableStream).text();
    const type = (answer.headers as Record<string, string>)['content-type'] ?? '';
    return {
        status: answer.status,
        headers: new Headers(answer.headers),
        text,
        json: type.includes('json') && !type.includes('ndjson') && text ? JSON.parse(text) : undefined,
    };
}

const lines = (text: string) =>
    text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
const tus = { 'tus-resumable': '1.0.0' };
const part = { ...tus, 'content-type': 'application/offset+octet-stream' };

describe('uploads', () => {
    test('a file in one request is kept as it came, with name and SHA-256', async () => {
        const data = Buffer.alloc(9 * MB, 'abc\n');
        const made = await call('POST', 'uploads?name=a.csv', { body: data });
        expect(made).toMatchObject({
            status: 201,
            json: { bytes: data.length, name: 'a.csv', complete: true, sha256: createHash('sha256').update(data).digest('hex') },
        });
        expect((await call('GET', `uploads/${made.json.id}`)).json).toMatchObject({
            bytes: data.length,
            name: 'a.csv',
            sha256: made.json.sha256,
        });
    });

    test('an empty file is refused and leaves nothing behind', async () => {
        expect(await call('POST', 'uploads', { body: Buffer.alloc(0) })).toMatchObject({ status: 400, json: { code: 'BAD_UPLOAD' } });
        expect(await call('POST', 'uploads')).toMatchObject({ status: 400, json: { code: 'BAD_UPLOAD' } });
    });

    test('a sender that breaks off leaves no upload', async () => {
        const before = await count('uploads/');
        const broken = (async function* () {
            yield Buffer.alloc(5 * MB);
            throw new Error('gone');
        })();
        jest.spyOn(quiet, 'error').mockImplementationOnce(() => undefined);
        expect((await call('POST', 'uploads', { body: broken })).status).toBe(500);
        expect(await count('uploads/')).toBe(before);
    });

    test('300 MB come in parts of 64 MB, one of them broken off and resumed, in little memory', async () => {
        const total = 300 * MB;
        const made = await call('POST', 'uploads', {
            headers: {
                ...tus,
                'upload-length': String(total),
                'upload-metadata': 'filename ' + Buffer.from('big.ndjson').toString('base64'),
            },
        });
        expect(made.status).toBe(201);
        const path = made.headers.get('location')!.replace('/api/', '');
        const hash = createHash('sha256');
        // 64 KB that differ from piece to piece, so that a part in the wrong place shows.
        const piece = (at: number) => Buffer.alloc(65_536, `${at};`);
        for (let at = 0; at < total; at += 65_536) hash.update(piece(at));
        let peak = 0;
        const send = async function* (from: number, to: number, breakAt = Infinity) {
            for (let at = from; at < to; at += 65_536) {
                if (at >= breakAt) throw new Error('connection lost');
                peak = Math.max(peak, process.memoryUsage().arrayBuffers);
                yield piece(at);
            }
        };
        const base = process.memoryUsage().arrayBuffers;
        jest.spyOn(quiet, 'error').mockImplementationOnce(() => undefined);
        await call('PATCH', path, { headers: { ...part, 'upload-offset': '0' }, body: send(0, 64 * MB, 30 * MB) });
        let offset = Number((await call('HEAD', path, { headers: tus })).headers.get('upload-offset'));
        expect(offset).toBe(30 * MB);
        while (offset < total) {
            const answer = await call('PATCH', path, {
                headers: { ...part, 'upload-offset': String(offset) },
                body: send(offset, Math.min(total, offset + 64 * MB)),
            });
            expect(answer.status).toBe(204);
            offset = Number(answer.headers.get('upload-offset'));
        }
        expect(peak - base).toBeLessThan(100 * MB);
        const id = path.split('/')[1]!;
        expect((await call('GET', `uploads/${id}`)).json).toMatchObject({
            bytes: total,
            length: total,
            complete: true,
            name: 'big.ndjson',
        });
        const kept = createHash('sha256');
        for await (const chunk of (await store.openBlob(blobs.upload(id)))!) kept.update(chunk);
        expect(kept.digest('hex')).toBe(hash.digest('hex'));
    });

    test('what a tus client must be told: version, offset, length, type, end', async () => {
        expect((await call('OPTIONS', 'uploads')).headers.get('tus-extension')).toBe('creation,termination');
        expect(await call('POST', 'uploads', { headers: { 'tus-resumable': '0.2.2', 'upload-length': '5' } })).toMatchObject({
            status: 412,
        });
        expect(await call('POST', 'uploads', { headers: tus })).toMatchObject({ status: 400, json: { code: 'BAD_UPLOAD' } });
        const path = (await call('POST', 'uploads', { headers: { ...tus, 'upload-length': '5' } })).headers
            .get('location')!
            .replace('/api/', '');
        expect(await call('PATCH', path, { headers: { ...tus, 'upload-offset': '0' }, body: Buffer.from('ab') })).toMatchObject({
            status: 415,
        });
        expect(await call('PATCH', path, { headers: { ...part, 'upload-offset': '3' }, body: Buffer.from('ab') })).toMatchObject({
            status: 409,
            json: { code: 'UPLOAD_CONFLICT', offset: 0 },
        });
        expect(await call('PATCH', path, { headers: { ...part, 'upload-offset': '0' }, body: Buffer.from('abcdef') })).toMatchObject({
            status: 413,
        });
        // Two senders of one part: exactly one is taken.
        const both = await Promise.all(
            ['ab', 'AB'].map((text) => call('PATCH', path, { headers: { ...part, 'upload-offset': '0' }, body: Buffer.from(text) })),
        );
        expect(both.map((b) => b.status).sort()).toEqual([204, 409]);
        expect(
            (
                await call('POST', path, {
                    headers: { ...part, 'upload-offset': '2', 'x-http-method-override': 'PATCH' },
                    body: Buffer.from('cde'),
                })
            ).headers.get('upload-offset'),
        ).toBe('5');
        expect((await call('DELETE', path, { headers: tus })).status).toBe(204);
        expect((await call('HEAD', path, { headers: tus })).status).toBe(404);
    });
});

async function count(prefix: string): Promise<number> {
    let found = 0;
    for await (const _ of store.container.listBlobsFlat({ prefix })) found += _ ? 1 : 0;
    return found;
}

const at = '2026-01-01T00:00:00.000Z';
const line = (index: number, outcome: OutcomeKind = 'succeeded', output = '"x"') =>
    outcomeLine(
        {
            index,
            outcome,
            key: index,
            attempts: outcome === 'cancelled' ? 0 : 1,
            ms: 1,
            at,
            ...(outcome === 'failed' ? { error: { code: 'E', message: 'm' } } : {}),
        },
        outcome === 'succeeded' ? output : undefined,
    );

/** A job of 2 partitions of 3 items each, as its own slices would leave it. */
async function makeJob(id: string, parts: string[][]) {
    const spec = jobSpec.parse({ name: id, source: { items: [1] }, process: { http: { url: 'http://127.0.0.1/x' } } });
    await store.createJob({ id, createdAt: at, spec: { ...spec, source: { inline: 6 } } });
    const items = Array.from({ length: 6 }, (_, i) => `{"n":${i}}\n`).join('');
    await store.container.getBlockBlobClient(blobs.items(id, 'p')).upload(items, items.length);
    await store.createPlan({
        jobId: id,
        items: blobs.items(id, 'p'),
        total: 6,
        invalid: 0,
        partitions: [
            { offset: 0, bytes: 24, items: 3, firstIndex: 0 },
            { offset: 24, bytes: 24, items: 3, firstIndex: 3 },
        ],
        createdAt: at,
    });
    for (const [i, content] of parts.entries()) {
        await store.createOutcomes(id, i);
        await store.appendOutcomes(id, i, 0, 0, Buffer.from(content.join('')));
    }
}

describe('results', () => {
    const fence = '{"fence":1,"run":"r"}\n';
    const attempt =
        '{"attempt":1,"index":1,"at":"2026-01-01T00:00:00.000Z","ms":5,"status":429,"error":{"code":"HTTP_STATUS","message":"m"},"retryAt":"2026-01-01T00:00:01.000Z"}\n';

    test('a reader that comes back with the cursor sees every outcome once, and nothing else', async () => {
        await makeJob('r1', [[fence, line(2), attempt, line(0)], [fence]]);
        ledgerState = {
            ...newLedger('r1'),
            state: 'running',
            next: 2,
            parked: [
                [0, 0, 0, 0, 0, 0, 0],
                [1, 0, 0, 0, 0, 0, 0],
            ],
        };
        const first = await call('GET', 'jobs/r1/results');
        expect(lines(first.text).map((o) => o.index)).toEqual([2, 0]);
        const [zero, one] = await store.listOutcomes('r1');
        await store.appendOutcomes('r1', 0, 0, zero!.bytes, Buffer.from(line(1, 'failed')));
        await store.appendOutcomes('r1', 1, 0, one!.bytes, Buffer.from(line(3) + line(4)));
        ledgerState = { ...(ledgerState as object), parked: [[1, 0, 0, 0, 0, 0, 0]] };
        const second = await call('GET', `jobs/r1/results?cursor=${first.headers.get('x-fanfold-cursor')}`);
        expect(lines(second.text).map((o) => o.index)).toEqual([1, 3, 4]);
        const third = await call('GET', `jobs/r1/results?cursor=${second.headers.get('x-fanfold-cursor')}`);
        expect(third).toMatchObject({ status: 200, text: '' });
        expect(lines((await call('GET', 'jobs/r1/results?order=input')).text).map((o) => o.index)).toEqual([0, 1, 2, 3, 4]);
        expect(lines((await call('GET', 'jobs/r1/results?outcome=failed')).text).map((o) => o.index)).toEqual([1]);
        const csv = await call('GET', 'jobs/r1/results', { headers: { accept: 'text/csv' } });
        expect(csv.headers.get('content-type')).toMatch('text/csv');
        expect(csv.text.split('\r\n')).toHaveLength(7);
        ledgerState = null;
    });

    test('a fingerprint lists the items that failed so, in any order and form', async () => {
        const failedLine = (index: number, message: string, status = 404) =>
            outcomeLine({
                ...{ index, outcome: 'failed', key: `k${index}`, attempts: 1, status, ms: 1, at: '2026-01-01T00:00:00.000Z' },
                error: { code: 'HTTP_STATUS', message: `HTTP ${status}: ${message}` },
                ...(index % 2 ? { request: `GET http://h/${index}` } : {}),
            });
        const gone = [5, 0, 3, 8].map((index) => failedLine(index, `no city ${index}`));
        const others = [failedLine(1, 'no city 1', 410), failedLine(2, 'no town 2'), line(4), line(6), line(7)];
        await makeJob('r7', [
            [fence, attempt, gone[0]!, others[0]!, gone[1]!, gone[2]!, others[1]!, others[2]!],
            [fence, others[3]!, gone[3]!, others[4]!],
        ]);
        const { fingerprint } = new FailureKinds().of({ code: 'HTTP_STATUS', status: 404, message: 'HTTP 404: no city 99' });
        const asked = async (query = '') => (await call('GET', `jobs/r7/results?fingerprint=${fingerprint}${query}`)).text;
        expect(await asked()).toBe(gone.join(''));
        expect(lines(await asked('&order=input&outcome=failed')).map((o) => o.index)).toEqual([0, 3, 5, 8]);
        const csv = await asked('&format=csv');
        expect(
            csv
                .split('\r\n')
                .slice(1, -1)
                .map((record) => record.split(',')[0]),
        ).toEqual(['5', '0', '3', '8']);
        expect(csv.split('\r\n')[0]).toBe('index,key,outcome,attempts,status,ms,at,error_code,error_message,output,truncated,output_bytes');
        // Of a cursor, only what has come since.
        const answer = await call('GET', `jobs/r7/results?fingerprint=${fingerprint}`);
        const [, one] = await store.listOutcomes('r7');
        await store.appendOutcomes('r7', 1, 0, one!.bytes, Buffer.from(failedLine(9, 'no city 9') + failedLine(10, 'no town')));
        expect(lines(await asked(`&cursor=${answer.headers.get('x-fanfold-cursor')}`)).map((o) => o.index)).toEqual([9]);
        // Nothing is left out without it.
        expect(lines((await call('GET', 'jobs/r7/results')).text)).toHaveLength(11);
        expect(await asked('&outcome=failed')).not.toBe((await call('GET', 'jobs/r7/results?outcome=failed')).text);
        expect((await call('GET', 'jobs/r7/results?fingerprint=000000000000')).text).toBe('');
        const item = await call('GET', 'jobs/r7/items/1');
        expect(item.json).toMatchObject({ outcome: { request: 'GET http://h/1' }, attempts: [{ attempt: 1 }, { attempt: 1 }] });
    });

    test.each([
        ['fingerprint=other', /"other" is what is left/],
        ['fingerprint=', /"" is none/],
        ['fingerprint=ABCDEF012345', /12 hex digits in lower case/],
        ['fingerprint=abcdef01234', /"abcdef01234" is none/],
        ['fingerprint=abcdef012345&outcome=succeeded', /of items that failed/],
    ])('%s is refused, and the answer says what is allowed', async (query, why) => {
        const answer = await call('GET', `jobs/r7/results?${query}`);
        expect(answer).toMatchObject({ status: 400, json: { code: 'BAD_PARAMETER', errors: [{ pointer: '/query/fingerprint' }] } });
        expect(answer.text.replaceAll('\\"', '"')).toMatch(why);
    });

    test('order=input holds for outputs far beyond what is sorted at once', async () => {
        await makeJob('r2', []);
        await store.createOutcomes('r2', 0);
        let position = 0;
        for (const index of [2, 0, 1]) {
            const data = Buffer.from(line(index, 'succeeded', JSON.stringify(String(index).repeat(3.9 * MB))));
            expect(await store.appendOutcomes('r2', 0, 0, position, data)).not.toBeNull();
            position += data.length;
        }
        const { text } = await call('GET', 'jobs/r2/results?order=input');
        expect(text.length).toBe(position);
        expect(lines(text).map((o) => [o.index, o.output[0]])).toEqual([
            [0, '0'],
            [1, '1'],
            [2, '2'],
        ]);
    });

    test('one item shows its input, outcome and attempts', async () => {
        await makeJob('r3', [[fence, attempt, line(1)]]);
        expect((await call('GET', 'jobs/r3/items/1')).json).toMatchObject({
            index: 1,
            item: { n: 1 },
            state: 'succeeded',
            attempts: [
                { attempt: 1, status: 429 },
                { attempt: 1, ms: 1 },
            ],
        });
        expect((await call('GET', 'jobs/r3/items/5')).json).toMatchObject({ item: { n: 5 }, state: 'pending', attempts: [] });
        expect(await call('GET', 'jobs/r3/items/6')).toMatchObject({ status: 404, json: { code: 'ITEM_NOT_FOUND' } });
        expect(await call('GET', 'jobs/r3/manifest')).toMatchObject({ status: 409, json: { code: 'NOT_READY' } });
    });

    test('one item shows how often it was called without using up an attempt, and since when it waits for that', async () => {
        const waits = { throttled: 3, waitedMs: 1_200 };
        const held = (index: number, tried: number) =>
            heldLine({ held: index, tried, ...waits, since: '2026-01-01T00:00:02.000Z', retryAt: '2026-01-01T00:00:09.000Z' });
        const error = { code: 'HTTP_STATUS', message: 'm' };
        const told = { at, ms: 5, status: 500, error };
        const tried = (index: number) => attemptLine({ attempt: 1, index, ...told, ...waits, retryAt: at });
        const done = outcomeLine({ index: 3, outcome: 'succeeded', key: 3, attempts: 1, ms: 1, at, throttled: 8, waitedMs: 90_000 }, '"x"');
        await makeJob('r6', [
            [fence, held(0, 1), tried(1), held(1, 2), held(2, 1), tried(2)],
            [fence, held(3, 1), done, held(4, 1), line(4, 'cancelled')],
        ]);
        const item = async (index: number) => {
            const { state, attempts, held: now } = (await call('GET', `jobs/r6/items/${index}`)).json;
            return { state, attempts, held: now };
        };
        const view = { ...waits, since: '2026-01-01T00:00:02.000Z', retryAt: '2026-01-01T00:00:09.000Z' };
        const attemptView = { attempt: 1, at, ms: 5, status: 500, error, ...waits, retryAt: at };
        expect(await item(0)).toEqual({ state: 'waiting', attempts: [], held: view });
        expect(await item(1)).toEqual({ state: 'waiting', attempts: [attemptView], held: view });
        // What the line after it says, it says of the wait too.
        expect(await item(2)).toEqual({ state: 'waiting', attempts: [attemptView], held: undefined });
        expect(await item(3)).toEqual({
            ...{ state: 'succeeded', held: undefined },
            attempts: [{ attempt: 1, at, ms: 1, throttled: 8, waitedMs: 90_000 }],
        });
        expect(await item(4)).toEqual({ state: 'cancelled', attempts: [], held: undefined });
        const { text } = await call('GET', 'jobs/r6/results');
        expect(lines(text).map(({ index, throttled, waitedMs }) => [index, throttled, waitedMs])).toEqual([
            [3, 8, 90_000],
            [4, undefined, undefined],
        ]);
    });

    test('a job that storage let nobody record all of says how many items have no line, and so does its proof', async () => {
        const content = [fence, line(0), line(1)];
        await makeJob('r5', [content]);
        const counts = { ...noCounts(), succeeded: 2 };
        const bytes = Buffer.from(content.join(''));
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const part = { part: 0, name: blobs.outcomes('r5', 0), bytes: bytes.length, items: 3, sha256, counts };
        await store.writeManifest({ jobId: 'r5', total: 3, counts, parts: [part], createdAt: at });
        const error = { code: 'STORAGE_REFUSED', message: 'storage answered 403' };
        const end = { total: 3, counts: { ...counts, unrecorded: 1 }, invalid: 0, failures: [], endedAt: at, error };
        await store.createSummary({ jobId: 'r5', state: 'failed', ...end });
        expect((await call('GET', 'jobs/r5')).json.counts).toMatchObject({ total: 3, succeeded: 2, unrecorded: 1 });
        const verdict = (await call('POST', 'jobs/r5/verify')).json;
        expect(verdict).toMatchObject({ ok: false, unrecorded: 1 });
        expect(verdict.problems.map((p: { code: string }) => p.code)).toContain('MISSING');
    });

    test('verify proves a whole job and names what is wrong with a broken one', async () => {
        const parts = [
            [fence, line(2), line(0), line(1, 'failed')],
            [line(3), line(5), line(4)],
        ];
        await makeJob('r4', parts);
        const manifestParts = parts.map((content, i) => ({
            part: i,
            name: blobs.outcomes('r4', i),
            bytes: Buffer.byteLength(content.join('')),
            items: 3,
            sha256: createHash('sha256').update(content.join('')).digest('hex'),
            counts: { ...noCounts(), succeeded: i === 0 ? 2 : 3, failed: i === 0 ? 1 : 0 },
        }));
        await store.writeJson(blobs.manifest('r4'), {
            jobId: 'r4',
            total: 6,
            counts: { ...noCounts(), succeeded: 5, failed: 1 },
            parts: manifestParts,
            createdAt: at,
        });
        expect((await call('POST', 'jobs/r4/verify')).json).toMatchObject({ ok: true, total: 6, parts: 2, problems: [] });
        await store.appendOutcomes('r4', 1, 0, manifestParts[1]!.bytes, Buffer.from(line(3)));
        const broken = (await call('POST', 'jobs/r4/verify')).json;
        expect(broken.ok).toBe(false);
        expect(broken.problems.map((p: { code: string }) => p.code)).toEqual(
            expect.arrayContaining(['DUPLICATE', 'SHA256', 'BYTES', 'ITEMS', 'CONSERVATION']),
        );
    });
});

describe('jobs', () => {
    const spec = (over: object = {}) =>
        Buffer.from(
            JSON.stringify({
                name: 'n',
                source: { items: [{ id: 1 }] },
                process: { http: { url: 'https://example.com/{id}' } },
                tags: { team: 'maps' },
                ...over,
            }),
        );

    test('a start stores, begins and answers once, however often it is sent with its key', async () => {
        const headers = { 'idempotency-key': 'k-1' };
        const first = await call('POST', 'jobs', { body: spec(), headers });
        expect(first).toMatchObject({ status: 202, json: { state: 'planning', counts: { total: null }, tags: { team: 'maps' } } });
        expect(first.headers.get('location')).toBe(`/api/jobs/${first.json.id}`);
        const again = await call('POST', 'jobs', { body: spec(), headers });
        expect(again.json.id).toBe(first.json.id);
        expect(again.headers.get('idempotency-replayed')).toBe('true');
        expect(started.filter((id) => id === first.json.id)).toHaveLength(1);
        expect(await call('POST', 'jobs', { body: spec({ name: 'other' }), headers })).toMatchObject({
            status: 422,
            json: { code: 'IDEMPOTENCY_CONFLICT' },
        });
    });

    test('a start that broke off behind its key is finished as the same job', async () => {
        const body = spec({ name: 'torn' });
        const jobId = '11111111-aaaa-bbbb-cccc-000000000000';
        const bodyHash = createHash('sha256').update(body).digest('hex');
        await store.createJson(blobs.idempotency(createHash('sha256').update('torn').digest('hex')), { jobId, bodyHash, createdAt: at });
        const answer = await call('POST', 'jobs', { body, headers: { 'idempotency-key': 'torn' } });
        expect(answer).toMatchObject({ status: 202, json: { id: jobId, createdAt: at } });
        expect(started).toContain(jobId);
    });

    test('a refused spec leaves nothing in storage', async () => {
        const before = await count('');
        const keyed = { headers: { 'idempotency-key': 'refused' } };
        expect(await call('POST', 'jobs', { body: spec({ key: 'nope' }), ...keyed })).toMatchObject({
            status: 400,
            json: { code: 'BAD_SPEC', errors: [{ pointer: '/source/items/0' }] },
        });
        expect(await call('POST', 'jobs', { body: spec({ source: { upload: 'none' } }), ...keyed })).toMatchObject({
            status: 400,
            json: { errors: [{ pointer: '/source/upload' }] },
        });
        expect(await call('POST', 'jobs', { body: spec({ bogus: 1 }), ...keyed })).toMatchObject({
            status: 400,
            json: { errors: [{ pointer: '/bogus' }] },
        });
        expect(await call('POST', 'jobs', { body: Buffer.from('{'), ...keyed })).toMatchObject({ status: 400, json: { code: 'BAD_JSON' } });
        expect(await count('')).toBe(before);
    });

    test('the list is newest first, filtered and paged', async () => {
        const ids: string[] = [];
        for (let i = 0; i < 5; i++)
            ids.unshift((await call('POST', 'jobs', { body: spec({ name: `list${i % 2}`, tags: { run: 'l' } }) })).json.id);
        const found: string[] = [];
        for (let next = ''; ;) {
            const page = (await call('GET', `jobs?tag=run:l&limit=2${next && `&continuation=${next}`}`)).json;
            found.push(...page.jobs.map((j: { id: string }) => j.id));
            if (!page.next) break;
            next = page.next;
        }
        expect(new Set(found)).toEqual(new Set(ids));
        expect(found).toHaveLength(5);
        expect((await call('GET', 'jobs?name=list1&tag=run:l')).json.jobs).toHaveLength(2);
        expect((await call('GET', 'jobs?state=completed&tag=run:l')).json.jobs).toHaveLength(0);
        expect((await call('GET', 'jobs?tag=run:l&createdBefore=2020-01-01')).json.jobs).toHaveLength(0);
        expect((await call('GET', 'jobs?tag=run:l&createdAfter=2020-01-01')).json.jobs).toHaveLength(5);
        expect(await call('GET', 'jobs?continuation=zzz')).toMatchObject({ status: 400, json: { code: 'BAD_PARAMETER' } });
        expect(await call('GET', 'jobs?state=odd')).toMatchObject({ status: 400, json: { errors: [{ pointer: '/query/state' }] } });
    });

    test('progress is not written over that of a later epoch', async () => {
        const told = (epoch: number, n: number) => ({
            ...{ worker: 'r1w0', epoch, first: 1, inFlight: 0, rate: 1, calls: noCalls(), before: null, at },
            parts: [{ part: 0, counts: { ...noCounts(), succeeded: n } }],
        });
        const first = await store.writeProgress('z1', told(1, 3), null);
        expect(first).not.toBeNull();
        // Its process hangs; the lease is given again, and the next run reads what stands there.
        const there = (await store.glanceAtProgress('z1', 'r1w0'))!;
        expect(await store.writeProgress('z1', told(2, 5), there.etag)).not.toBeNull();
        expect(await store.writeProgress('z1', told(1, 4), first)).toBeNull();
        const { slices } = await store.readProgress('z1');
        expect(slices).toMatchObject([{ epoch: 2, parts: [{ counts: { succeeded: 5 } }] }]);
        // Nobody has told the run what stands there: it finds out.
        expect(await store.writeProgress('z1', told(3, 6), null)).not.toBeNull();
    });

    test('cancel shows at once, and an ended job refuses it', async () => {
        await makeJob('c1', []);
        expect(await call('POST', 'jobs/c1/cancel')).toMatchObject({ status: 202, json: { state: 'cancelling' } });
        expect(await store.readControl('c1')).toMatchObject({ desired: 'cancel', generation: 1 });
        await store.writeJson(blobs.summary('c1'), {
            jobId: 'c1',
            state: 'cancelled',
            total: 6,
            counts: noCounts(),
            invalid: 0,
            failures: [],
            endedAt: at,
        });
        expect(await call('POST', 'jobs/c1/cancel')).toMatchObject({
            status: 409,
            json: { code: 'ILLEGAL_MOVE', state: 'cancelled', allowed: [] },
        });
        expect(await call('GET', 'jobs/c1?wait=60')).toMatchObject({ status: 200, json: { ended: true } });
    });

    test('unknown jobs, paths and methods are problems', async () => {
        for (const path of [
            'jobs/none',
            'jobs/none/results',
            'jobs/none/items/0',
            'jobs/none/invalid',
            'jobs/none/manifest',
            'jobs/a%20b',
        ]) {
            expect(await call('GET', path)).toMatchObject({ status: 404, json: { code: 'JOB_NOT_FOUND' } });
        }
        expect(await call('GET', 'nothing/here')).toMatchObject({ status: 404, json: { code: 'ROUTE_NOT_FOUND' } });
        const wrong = await call('DELETE', 'jobs');
        expect(wrong).toMatchObject({ status: 405, json: { code: 'METHOD_NOT_ALLOWED' } });
        expect(wrong.headers.get('allow')).toBe('POST, GET');
        expect((await call('GET', 'health')).json).toEqual({ status: 'ok' });
    });
});
