import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ApiError, fileOfStream, NetworkError, type UploadContent, type UploadProgress } from '../../../src/client';
import { openFile } from '../../../src/client/file';
import { serving, stopServers, type Answer, type Asked } from './support';

const folder = mkdtempSync(path.join(os.tmpdir(), 'client-'));
afterEach(stopServers);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = 'id,city\n1,Zürich\n2,Bern\n';
const bytes = Buffer.from(text);

/** A store of one upload that speaks tus; `before` may answer in its place, and `takes` so many bytes of a part before the connection breaks. */
function tusServer(before: (asked: Asked, n: number) => Answer | { takes: number } | undefined = () => undefined) {
    let stored: Buffer = Buffer.alloc(0);
    let length = bytes.length;
    const answer = (asked: Asked, n: number): Answer => {
        const instead = before(asked, n);
        if (instead !== undefined && !('takes' in (instead as object))) return instead as Answer;
        const tus = { 'upload-offset': String(stored.length), 'upload-length': String(length) };
        if (asked.method === 'POST') {
            length = Number(asked.headers['upload-length']);
            return [201, undefined, { location: '/api/uploads/u1' }];
        }
        if (asked.method === 'HEAD') return [200, undefined, tus];
        if (asked.method === 'GET') return [200, { id: 'u1', bytes: stored.length, complete: stored.length === length }];
        if (Number(asked.headers['upload-offset']) !== stored.length) return [409, { code: 'UPLOAD_CONFLICT', detail: 'elsewhere' }];
        stored = Buffer.concat([stored, asked.body.subarray(0, (instead as { takes: number } | undefined)?.takes)]);
        return instead ? 'hangUp' : [204, undefined, { 'upload-offset': String(stored.length) }];
    };
    return { answer, stored: () => stored.toString(), preset: (part: Buffer) => void (stored = part) };
}

const patches = (asked: Asked[]) =>
    asked.filter((a) => a.method === 'PATCH').map((a) => [Number(a.headers['upload-offset']), a.body.length]);

test.each<[string, () => Blob | Uint8Array | string | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>]>([
    ['a text', () => text],
    ['bytes', () => bytes],
    ['a Blob', () => new Blob([bytes])],
    ['a stream', () => new Blob([bytes]).stream() as ReadableStream<Uint8Array>],
    [
        'an iterable',
        async function* () {
            yield bytes.subarray(0, 3);
            yield bytes.subarray(3);
        },
    ],
])('%s is uploaded in one request', async (_what, content) => {
    const { client, server } = await serving(() => [201, { id: 'u1' }]);
    expect((await client.upload(content(), { name: 'a b.csv' })).id).toBe('u1');
    expect(server.asked).toMatchObject([{ method: 'POST', url: '/api/uploads?name=a+b.csv' }]);
    expect(server.asked[0]!.body.toString()).toBe(text);
});

test('an upload in one request that breaks off is not sent again', async () => {
    const { client, server } = await serving(() => 'hangUp');
    await expect(client.upload(text)).rejects.toThrow(NetworkError);
    expect(server.asked).toHaveLength(1);
});

const sources: [string, () => Promise<UploadContent>][] = [
    ['a text', async () => text],
    ['bytes', async () => bytes],
    ['a Blob', async () => new Blob([bytes])],
    ['a stream', async () => fileOfStream(new Blob([bytes]).stream() as ReadableStream<Uint8Array>, bytes.length)],
    [
        'a file of the disk',
        async () => {
            writeFileSync(path.join(folder, 'cities.csv'), text);
            return openFile(path.join(folder, 'cities.csv'));
        },
    ],
];

describe.each(sources)('%s in parts', (_what, open) => {
    let content: UploadContent;
    beforeEach(async () => void (content = await open()));
    afterEach(async () => {
        if (typeof content === 'object' && 'close' in content) await (content.close as () => Promise<void>)();
    });

    test('is sent part after part, and told of', async () => {
        const { answer, stored } = tusServer();
        const { client, server } = await serving(answer);
        const told: UploadProgress[] = [];
        const done = await client.uploadInParts(content, { name: 'ä.csv', partBytes: 10, onProgress: (p) => told.push(p) });
        expect([done.complete, stored()]).toEqual([true, text]);
        expect(server.asked[0]!.headers).toMatchObject({
            'tus-resumable': '1.0.0',
            'upload-length': String(bytes.length),
            'upload-metadata': `filename ${Buffer.from('ä.csv').toString('base64')}`,
        });
        expect(patches(server.asked)).toEqual([
            [0, 10],
            [10, 10],
            [20, bytes.length - 20],
        ]);
        expect(told).toEqual([0, 10, 20, bytes.length].map((sent) => ({ id: 'u1', sent, total: bytes.length })));
    });

    test('goes on within a part of which some has arrived when the connection broke', async () => {
        let broken = false;
        const { answer, stored } = tusServer((asked) => {
            if (asked.method !== 'PATCH' || broken || asked.headers['upload-offset'] !== '10') return undefined;
            broken = true;
            return { takes: 4 };
        });
        const { client, server } = await serving(answer);
        await client.uploadInParts(content, { partBytes: 10 });
        expect(stored()).toBe(text);
        expect(patches(server.asked).map(([offset]) => offset)).toEqual([0, 10, 14, 24]);
    });
});

test('an upload that was begun goes on from where it stands', async () => {
    const { answer, stored, preset } = tusServer();
    preset(bytes.subarray(0, 12));
    const { client, server } = await serving(answer);
    await client.uploadInParts(bytes, { resume: 'u1' });
    expect(stored()).toBe(text);
    expect(server.asked.map((a) => a.method)).toEqual(['HEAD', 'PATCH', 'GET']);
    await expect(client.uploadInParts('another file', { resume: 'u1' })).rejects.toThrow(/is of \d+ bytes; the content has 12/);
});

test('what was still being written when the offset was asked for is waited for', async () => {
    let asked = 0;
    const { answer, stored } = tusServer(({ method }) => {
        if (method === 'PATCH' && asked++ === 0) return [409, { code: 'UPLOAD_CONFLICT', detail: 'elsewhere' }];
        return undefined;
    });
    const { client } = await serving(answer);
    await client.uploadInParts(bytes);
    expect(stored()).toBe(text);
});

test('an upload of which nothing more is stored is given up, with its id told before', async () => {
    const { answer } = tusServer(({ method }) => (method === 'PATCH' ? 'hangUp' : undefined));
    const { client } = await serving(answer);
    const told: string[] = [];
    await expect(client.uploadInParts(bytes, { onProgress: ({ id }) => told.push(id) })).rejects.toThrow(NetworkError);
    expect(told).toEqual(['u1']);
});

test('an answer that will not change is not asked for again', async () => {
    const { answer } = tusServer(({ method }) => (method === 'PATCH' ? [413, { code: 'TOO_LARGE', detail: 'no' }] : undefined));
    const { client, server } = await serving(answer);
    await expect(client.uploadInParts(bytes)).rejects.toThrow(ApiError);
    expect(patches(server.asked)).toHaveLength(1);
});

test('an aborted upload throws the reason', async () => {
    const stop = new AbortController();
    const { client, server } = await serving(tusServer().answer);
    const onProgress = ({ sent }: UploadProgress) => sent === 10 && stop.abort(new Error('enough'));
    await expect(client.uploadInParts(bytes, { partBytes: 10, signal: stop.signal, onProgress })).rejects.toThrow('enough');
    expect(patches(server.asked)).toEqual([[0, 10]]);
});

test.each([0, 64 * 1024 * 1024 + 1, NaN])('parts of %d bytes are refused', async (partBytes) => {
    const { client, server } = await serving(() => 'hangUp');
    await expect(client.uploadInParts(bytes, { partBytes })).rejects.toThrow(RangeError);
    expect(server.asked).toEqual([]);
});

test.each([
    ['shorter', 99, /ended after 25 bytes, not after 99/],
    ['already further on', 25, /cannot go back/],
])('a stream that is %s says so', async (_what, size, says) => {
    const stream = fileOfStream(new Blob([bytes]).stream() as ReadableStream<Uint8Array>, size);
    const read = async () => {
        await stream.read(0, 10);
        await stream.read(10, Math.max(20, size));
        await stream.read(5, 10);
    };
    await expect(read()).rejects.toThrow(says);
});
