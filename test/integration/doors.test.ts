// What a caller names, against real blob storage (Azurite): what is read is what was checked, or nothing.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BlobServiceClient } from '@azure/storage-blob';
import { planJob } from '../../src/activities/planJob';
import { jobSpec, type StoredFile, type StoredSpec } from '../../src/contracts/jobSpec';
import type { StoredJob } from '../../src/contracts/documents';
import { blobs } from '../../src/contracts/names';
import { JobStore } from '../../src/storage/jobStore';
import { startBlobStorage } from '../support/blobStorage';
import { callRoute, EngineDouble, type Sent } from '../support/routes';

let storage: Awaited<ReturnType<typeof startBlobStorage>>;
let store: JobStore;
const env = { ...process.env };

beforeAll(async () => {
    storage = await startBlobStorage();
    Object.assign(process.env, {
        FANFOLD_DATA_CONNECTION: storage.connection,
        FANFOLD_SOURCE_PREFIXES: 'inbox/,drop/',
        FANFOLD_SECRETS: 'GEO_KEY,BOUND_KEY@api.example.com,UNRESOLVED_KEY,UNSET_KEY',
        GEO_KEY: 'geo-key-value',
        BOUND_KEY: 'bound-key-value',
        UNRESOLVED_KEY: '@Microsoft.KeyVault(SecretUri=https://kv.example/secrets/UNRESOLVED-KEY)',
        SQLCONNSTR_MAIN: 'Server=example',
    });
    store = await JobStore.open();
}, 60_000);

afterAll(async () => {
    process.env = env;
    await storage.stop();
});

const call = (method: string, path: string, sent?: Sent) => callRoute(new EngineDouble(), method, path, sent);
const post = (spec: object) => call('POST', 'jobs', { body: Buffer.from(JSON.stringify({ process: { processor: 'digest' }, ...spec })) });
const put = (name: string, text: string) => store.container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
const storedJob = async (id: string) => (await store.readJob(id)) as StoredJob & { spec: { source: StoredFile } };

describe('source.blob', () => {
    test.each([
        'inbox/../jobs/victim/source.ndjson',
        '../neighbour/private.ndjson',
        'inbox/../../neighbour/private.ndjson',
        'inbox/..\\..\\neighbour\\private.ndjson',
        'inbox\\a.ndjson',
        'inbox/./a.ndjson',
        'inbox/%2e%2e/jobs/victim/source.ndjson',
        'inbox//a.ndjson',
        '/inbox/a.ndjson',
        'inbox/a.ndjson/',
        'inbox/a.ndjson\n',
        'inbox/\ud800.ndjson',
        'jobs/victim/source.ndjson',
        'elsewhere/a.ndjson',
        'inboxes/a.ndjson',
        '',
        `inbox/${'x'.repeat(1020)}`,
    ])('of %j is refused with a pointer, and nothing is stored', async (blob) => {
        const neighbour = storage.service.getContainerClient('neighbour');
        await neighbour.createIfNotExists();
        for (const there of [
            neighbour.getBlockBlobClient('private.ndjson'),
            ...['jobs/victim/source.ndjson', 'inbox/a.ndjson', 'elsewhere/a.ndjson', 'inboxes/a.ndjson'].map((name) =>
                store.container.getBlockBlobClient(name),
            ),
        ])
            await there.upload('{}\n', 3);
        const before = await specs();
        const answer = await post({ source: { blob } });
        expect(answer).toMatchObject({ status: 400, json: { code: 'BAD_SPEC', errors: [{ pointer: '/source/blob' }] } });
        expect(await specs()).toBe(before);
    });

    test('under an allowed prefix is read, and pinned to what stands there when the job is posted', async () => {
        for (const name of ['inbox/Größe 100% (1) + ‘x’.ndjson', 'drop/b.ndjson']) {
            await put(name, '{"id":1}\n{"id":2}\n');
            const { status, json } = await post({ source: { blob: name } });
            expect(status).toBe(202);
            expect((await storedJob(json.id)).spec.source).toMatchObject({ blob: name, etag: await store.etagOf(name) });
            expect(await planJob({ jobId: json.id }, store)).toMatchObject({ ok: true, total: 2 });
        }
    });

    test('that is replaced after the job was posted fails it, and no item of either is kept', async () => {
        await put('inbox/c.ndjson', '{"id":1}\n');
        const { json } = await post({ source: { blob: 'inbox/c.ndjson' } });
        await put('inbox/c.ndjson', '{"id":"another"}\n');
        expect(await planJob({ jobId: json.id }, store)).toMatchObject({ ok: false, error: { code: 'SOURCE_CHANGED' } });
        expect(await store.readPlan(json.id)).toBeNull();
        // Taken away altogether, it is not there.
        await store.container.getBlobClient('inbox/c.ndjson').delete();
        expect(await planJob({ jobId: json.id }, store)).toMatchObject({ ok: false, error: { code: 'SOURCE_NOT_FOUND' } });
    });

    test('that storage refuses to read once, as if it were replaced, is what it was: the job is tried again', async () => {
        await put('inbox/f.ndjson', '{"id":1}\n');
        const { json } = await post({ source: { blob: 'inbox/f.ndjson' } });
        const stored = await storedJob(json.id);
        // As a refusal of storage that passes: the version asked for is not there, and yet it is.
        const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
        const etagOf = jest.spyOn(store, 'etagOf').mockResolvedValue(stored.spec.source.etag!);
        await put('inbox/f.ndjson', '{"id":2}\n');
        expect(await planJob({ jobId: json.id }, store)).not.toHaveProperty('error');
        etagOf.mockRestore();
        warn.mockRestore();
        expect(await planJob({ jobId: json.id }, store)).toMatchObject({ ok: false, error: { code: 'SOURCE_CHANGED' } });
    });

    test('of a job that an older version stored is checked again when it is read', async () => {
        const stored = async (id: string, blob: string) => {
            const spec = { ...jobSpec.parse({ source: { items: [1] }, process: { processor: 'digest' } }), source: { blob } } as StoredSpec;
            await store.createJob({ id, createdAt: new Date().toISOString(), spec });
            return planJob({ jobId: id }, store);
        };
        await put('jobs/victim/source.ndjson', '{}\n');
        for (const [i, blob] of ['inbox/../jobs/victim/source.ndjson', 'jobs/victim/source.ndjson', 'elsewhere/a.ndjson'].entries())
            expect(await stored(`older-${i}`, blob)).toMatchObject({ ok: false, error: { code: 'SOURCE_NOT_ALLOWED' } });
        await put('inbox/d.ndjson', '{}\n');
        expect(await stored('older-ok', 'inbox/d.ndjson')).toMatchObject({ ok: true });
    });
});

test('an upload is pinned too', async () => {
    const made = await call('POST', 'uploads?name=a.csv', { body: Buffer.from('id\n1\n') });
    const { json } = await post({ source: { upload: made.json.id, format: 'csv' } });
    expect((await storedJob(json.id)).spec.source.etag).toBe(await store.etagOf(blobs.upload(made.json.id)));
    await put(blobs.upload(made.json.id), 'id\n2\n');
    expect(await planJob({ jobId: json.id }, store)).toMatchObject({ ok: false, error: { code: 'SOURCE_CHANGED' } });
});

test('a source that is replaced while it is read fails the job, though the connection breaks in between', async () => {
    await put('inbox/e.ndjson', '{"id":1}\n'.repeat(400_000));
    const { json } = await post({ source: { blob: 'inbox/e.ndjson' } });
    // A way to storage that breaks off within the file, once, after which another file stands there.
    let broken = false;
    const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        const url = new URL(request.url!, storage.service.url);
        const answer = await fetch(url, { method: request.method!, headers: headersOf(request.headers), ...(await bodyOf(request)) });
        const data = Buffer.from(await answer.arrayBuffer());
        const { 'content-length': length = String(data.length), ...headers } = headersOf(Object.fromEntries(answer.headers));
        response.writeHead(answer.status, { ...headers, 'content-length': length });
        if (broken || !request.url!.includes('inbox/e.ndjson') || request.method !== 'GET') return void response.end(data);
        broken = true;
        await new Promise((resolve) => response.write(data.subarray(0, 1_000_000), resolve));
        await put('inbox/e.ndjson', '{"id":2}\n'.repeat(400_000));
        response.destroy();
    };
    const proxy = createServer((request, response) => {
        pass(request, response).catch((error: Error) => response.destroy(error));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const at = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const through = storage.connection.replace(/BlobEndpoint=http:\/\/127\.0\.0\.1:\d+/, `BlobEndpoint=${at}`);
    const container = BlobServiceClient.fromConnectionString(through).getContainerClient('fanfold');
    try {
        expect(await planJob({ jobId: json.id }, new JobStore(container))).toMatchObject({ ok: false, error: { code: 'SOURCE_CHANGED' } });
        expect(broken).toBe(true);
    } finally {
        proxy.closeAllConnections();
        proxy.close();
    }
});

describe('secrets', () => {
    const withSecret = (secret: string, url = 'https://api.example.com/{id}') =>
        post({ source: { items: [{ id: 1 }] }, process: { http: { url, headers: { 'x-key': { secret } } } } });

    test('that are listed and have a value may be named', async () => {
        expect((await withSecret('GEO_KEY')).status).toBe(202);
        expect((await withSecret('BOUND_KEY')).status).toBe(202);
    });

    test.each(['SQLCONNSTR_MAIN', 'PATH', 'HOME', 'FANFOLD_DATA_CONNECTION', 'NO_SUCH_SETTING', 'UNSET_KEY', 'UNRESOLVED_KEY'])(
        '%s is refused by its name, at the header, without its value',
        async (name) => {
            const { status, json, text } = await withSecret(name);
            expect([status, json.code]).toEqual([400, 'BAD_SPEC']);
            expect(json.errors).toEqual([
                expect.objectContaining({ pointer: '/process/http/headers/x-key/secret', message: expect.stringContaining(name) }),
            ]);
            expect(text).not.toMatch(/Server=|kv\.example/);
        },
    );

    test.each([
        'https://evil.example/{id}',
        'https://api.example.com.evil.example/',
        'https://evil.example/?u=https://api.example.com',
        'http://{+host}api.example.com/',
    ])('that are bound to a host are refused for %s', async (url) => {
        const { status, json } = await withSecret('BOUND_KEY', url);
        expect(status).toBe(400);
        if (!url.includes('{+'))
            expect(json.errors).toEqual([
                expect.objectContaining({ pointer: '/process/http/headers/x-key/secret', allowed: 'calls to api.example.com' }),
            ]);
    });
});

describe('tus', () => {
    const send = (method: string, path: string, headers: Record<string, string>, body?: AsyncIterable<Uint8Array>) =>
        call(method, path, { headers: { 'tus-resumable': '1.0.0', ...headers }, ...(body ? { body } : {}) });

    test.each([
        ['Upload-Concat', 'partial'],
        ['Upload-Concat', 'final;/api/uploads/a /api/uploads/b'],
        ['Upload-Checksum', 'sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0='],
        ['Upload-Checksum', 'crc32 x'],
        ['Trailer', 'Upload-Checksum'],
    ])('%s: %s is refused when the upload is made, which is not made', async (name, value) => {
        const before = await count('uploads/');
        const answer = await send('POST', 'uploads', { 'upload-length': '120000000', [name]: value });
        expect(answer).toMatchObject({ status: 400, json: { code: 'BAD_UPLOAD', detail: expect.stringContaining('is not supported') } });
        expect(answer.headers.get('tus-resumable')).toBe('1.0.0');
        expect(await count('uploads/')).toBe(before);
    });

    test('a part with a checksum is refused before a byte of it is read, and the rest of it is read after the answer', async () => {
        const at = (await send('POST', 'uploads', { 'upload-length': '10' })).headers.get('location')!.replace('/api/', '');
        let answered = false;
        let readBefore = 0;
        let readToItsEnd = () => {};
        const whole = new Promise<void>((resolve) => (readToItsEnd = resolve));
        const body = (async function* () {
            for (let i = 0; i < 10; i++) {
                if (!answered) readBefore++;
                yield Buffer.from('x');
                // Held until the answer is there: a handler that waits for the body would wait for ever.
                while (!answered) await new Promise((resolve) => setImmediate(resolve));
            }
            readToItsEnd();
        })();
        const headers = { 'content-type': 'application/offset+octet-stream', 'upload-offset': '0', 'upload-checksum': 'sha1 x' };
        expect(await send('PATCH', at, headers, body)).toMatchObject({ status: 400, json: { code: 'BAD_UPLOAD' } });
        answered = true;
        await whole;
        expect(readBefore).toBeLessThanOrEqual(1);
        expect((await send('HEAD', at, {})).headers.get('upload-offset')).toBe('0');
    });
});

describe('what is refused at the door', () => {
    test('a page of another origin starts, cancels, verifies, uploads and deletes nothing', async () => {
        for (const [method, path] of [
            ['POST', 'jobs'],
            ['POST', 'jobs/x/cancel'],
            ['POST', 'jobs/x/verify'],
            ['POST', 'uploads'],
            ['DELETE', 'uploads/x'],
            ['PATCH', 'uploads/x'],
            ['POST', 'uploads/x'],
        ] as const) {
            const headers = { origin: 'https://evil.example', 'content-type': 'application/json' };
            expect(await call(method, path, { headers, body: Buffer.from('{}') })).toMatchObject({
                status: 403,
                json: { code: 'FOREIGN_ORIGIN' },
            });
        }
    });

    test('a job that does not come as JSON is 415, an upload comes as it likes', async () => {
        const spec = Buffer.from(JSON.stringify({ source: { items: [1] }, process: { processor: 'digest' } }));
        for (const type of ['text/plain', 'application/x-www-form-urlencoded', '', 'application/json; charset=utf-16'])
            expect(await call('POST', 'jobs', { headers: { 'content-type': type }, body: spec })).toMatchObject({
                status: 415,
                json: { code: 'UNSUPPORTED_MEDIA', detail: expect.stringContaining('application/json') },
            });
        for (const type of ['text/csv', 'application/x-www-form-urlencoded', ''])
            expect((await call('POST', 'uploads?name=a.csv', { headers: { 'content-type': type }, body: spec })).status).toBe(201);
    });
});

async function count(prefix: string): Promise<number> {
    let found = 0;
    for await (const blob of store.container.listBlobsFlat({ prefix })) found += blob ? 1 : 0;
    return found;
}
async function specs(): Promise<number> {
    let found = 0;
    for await (const blob of store.container.listBlobsFlat({ prefix: 'jobs/' })) if (blob.name.endsWith('/spec.json')) found++;
    return found;
}

/** Headers that speak of more than one connection. */
const headersOf = (headers: object): Record<string, string> =>
    Object.fromEntries(
        (Object.entries(headers) as [string, string][]).filter(
            ([name]) => !['connection', 'keep-alive', 'transfer-encoding'].includes(name),
        ),
    );
async function bodyOf(request: IncomingMessage): Promise<{ body?: Buffer }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return request.method === 'GET' || request.method === 'HEAD' ? {} : { body: Buffer.concat(chunks) };
}
