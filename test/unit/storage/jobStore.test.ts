import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AnonymousCredential, ContainerClient, newPipeline } from '@azure/storage-blob';
import { controlDocument } from '../../../src/contracts/documents';
import { noCalls } from '../../../src/core/callStats';
import { noCounts } from '../../../src/core/counts';
import { moved, newControl } from '../../../src/core/control';
import { JobStore } from '../../../src/storage/jobStore';
import { LimitedTransport } from '../../../src/storage/transport';
import { StorageContradiction } from '../../../src/storage/trouble';

/** A blob that somebody replaces between any two requests, each time with a longer document. */
let server: Server;
let store: JobStore;

beforeAll(async () => {
    let version = 0;
    server = createServer((request, response) => {
        const whole = Buffer.from(JSON.stringify({ version: ++version, pad: 'x'.repeat(version) }));
        const range = /bytes=(\d+)-(\d*)/.exec(request.headers['x-ms-range']?.toString() ?? '');
        const part = range ? whole.subarray(Number(range[1]), range[2] ? Number(range[2]) + 1 : whole.length) : whole;
        response.writeHead(range ? 206 : 200, { 'content-length': part.length, etag: `"${version}"` });
        response.end(request.method === 'HEAD' ? undefined : part);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    store = new JobStore(new ContainerClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/account/container`));
});

afterAll(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
});

test('a document that is replaced while it is read comes whole, in one of its versions', async () => {
    for (let i = 1; i <= 3; i++) expect(await store.readJson('progress.json')).toEqual({ version: i, pad: 'x'.repeat(i) });
});

describe('a document that is created', () => {
    /** One blob, on a server that answers the first creation as the test says. */
    let stands: string | null;
    let first: 'done, answer lost' | 'refused' | 'taken' = 'refused';
    let blobs: Server;
    let box: JobStore;
    beforeAll(async () => {
        blobs = createServer((request, response) => {
            let body = '';
            request.on('data', (chunk: Buffer) => (body += chunk.toString()));
            request.on('end', () => {
                if (request.method !== 'PUT') {
                    if (stands === null) return response.writeHead(404, { 'content-length': 0 }).end();
                    return response.writeHead(200, { 'content-length': Buffer.byteLength(stands), etag: '"1"' }).end(stands);
                }
                if (first === 'done, answer lost') {
                    first = 'taken';
                    stands = body;
                    return request.socket.destroy();
                }
                if (stands !== null || first === 'refused') return response.writeHead(409, { 'content-length': 0 }).end();
                stands = body;
                response.writeHead(201, { 'content-length': 0, etag: '"1"' }).end();
            });
        });
        await new Promise<void>((resolve) => blobs.listen(0, '127.0.0.1', resolve));
        const retryOptions = { retryDelayInMs: 1, maxTries: 3 };
        const pipeline = newPipeline(new AnonymousCredential(), { httpClient: new LimitedTransport(), retryOptions });
        box = new JobStore(new ContainerClient(`http://127.0.0.1:${(blobs.address() as AddressInfo).port}/account/box`, pipeline));
    });
    afterAll(() => {
        blobs.closeAllConnections();
        return new Promise((resolve) => blobs.close(resolve));
    });

    test('and whose answer is lost is known to be created', async () => {
        [stands, first] = [null, 'done, answer lost'];
        expect(await box.createJson('plan.json', { items: 'mine' })).toEqual({ created: true, stands: { items: 'mine' } });
    });

    test('after another stays that of the other, which is given back', async () => {
        [stands, first] = ['{"items":"another’s"}', 'taken'];
        expect(await box.createJson('plan.json', { items: 'mine' })).toEqual({ created: false, stands: { items: 'another’s' } });
    });

    test('of a canary stays the first that was stored, with every digit of its samples', async () => {
        [stands, first] = [null, 'taken'];
        const findings = {
            ...{ items: 1, counts: noCounts(), failures: [], calls: noCalls(), seconds: 1.5, settledAt: 'T' },
            samples: ['{"index":0,"output":9007199254740993}'],
        };
        expect(await box.createCanary('j', findings)).toEqual(findings);
        expect(await box.createCanary('j', { ...findings, items: 2, samples: [] })).toEqual(findings);
        expect(await box.readCanary('j')).toEqual(findings);
        stands = null;
        expect(await box.readCanary('j')).toBeNull();
    });

    test('and is refused though nothing stands there is trouble, not somebody else’s document', async () => {
        [stands, first] = [null, 'refused'];
        await expect(box.createJson('plan.json', { items: 'mine' })).rejects.toBeInstanceOf(StorageContradiction);
    });
});

describe('storage that says of one blob that it is there, and that it is not', () => {
    let contradicting: Server;
    let box: JobStore;
    beforeAll(async () => {
        contradicting = createServer((request, response) => {
            const isThere = request.method === 'HEAD';
            response.writeHead(isThere ? 200 : 404, { 'content-length': isThere ? 10 : 0, etag: '"1"' }).end();
        });
        await new Promise<void>((resolve) => contradicting.listen(0, '127.0.0.1', resolve));
        box = new JobStore(new ContainerClient(`http://127.0.0.1:${(contradicting.address() as AddressInfo).port}/account/container`));
    });
    afterAll(() => {
        contradicting.closeAllConnections();
        return new Promise((resolve) => contradicting.close(resolve));
    });
    const read = async (stream: AsyncGenerator<Buffer>) => {
        while (!(await stream.next()).done);
    };

    test('is not read as a partition without outcomes, and told with what it answered', async () => {
        const name = 'jobs/j/outcomes/00001.ndjson';
        for (const stream of [box.readSegment('j', 1, 0), box.readOutcomes({ segments: [{ name, bytes: 10 }] })]) {
            const reading = read(stream);
            await expect(reading).rejects.toThrow(StorageContradiction);
            await expect(reading).rejects.toThrow(`storage answered 404 to GET ${name}`);
        }
    });

    test('a partition that nobody has begun has none', async () => {
        await read(box.readOutcomes({ segments: [{ name: 'jobs/j/outcomes/00002.ndjson', bytes: 0 }] }));
    });
});

test('what must not stand yet is created under that condition, whatever was written before', async () => {
    const conditions: string[] = [];
    const taking = createServer((request, response) => {
        conditions.push(`${request.url!.replace(/.*\//, '')} ${request.headers['if-none-match'] ?? 'unconditional'}`);
        request.resume().on('end', () => response.writeHead(201, { 'content-length': 0, etag: '"1"' }).end());
    });
    await new Promise<void>((resolve) => taking.listen(0, '127.0.0.1', resolve));
    try {
        const box = new JobStore(new ContainerClient(`http://127.0.0.1:${(taking.address() as AddressInfo).port}/account/box`));
        for (let round = 0; round < 2; round++) {
            expect(await box.createOutcomes('j', round)).toBe(true);
            expect(await box.createJson(`${round}.json`, {})).toMatchObject({ created: true });
            await box.createSource('j', Buffer.from('1\n'));
            await box.writeInvalid('j', '');
            await box.writeJson('summary.json', {});
        }
    } finally {
        taking.closeAllConnections();
        taking.close();
    }
    const round = (n: number) => [
        `0000${n}.ndjson *`,
        `${n}.json *`,
        'source.ndjson *',
        'invalid.ndjson unconditional',
        'summary.json unconditional',
    ];
    expect(conditions).toEqual([...round(0), ...round(1)]);
});

describe('a control document of which storage says that it is there, and that it is not', () => {
    const stands = moved(newControl(), 'pause', { by: 'test', at: 1 })!;
    const text = JSON.stringify(controlDocument.write(stands));
    let lies: { to: string; times: number };
    const written: string[] = [];
    let contrary: Server;
    let box: JobStore;
    beforeAll(async () => {
        contrary = createServer((request, response) => {
            if (request.method === lies.to && lies.times-- > 0) return response.writeHead(404, { 'content-length': 0 }).end();
            if (request.method === 'PUT') {
                written.push(String(request.headers['if-match']));
                request.resume().on('end', () => response.writeHead(201, { 'content-length': 0, etag: '"2"' }).end());
            } else
                response.writeHead(200, { 'content-length': text.length, etag: '"1"' }).end(request.method === 'HEAD' ? undefined : text);
        });
        await new Promise<void>((resolve) => contrary.listen(0, '127.0.0.1', resolve));
        box = new JobStore(new ContainerClient(`http://127.0.0.1:${(contrary.address() as AddressInfo).port}/account/box`));
    });
    afterAll(() => {
        contrary.closeAllConnections();
        return new Promise((resolve) => contrary.close(resolve));
    });
    const resume = () => box.changeControl('j', (now) => moved(now, 'resume', { by: 'test', at: 2 }));

    test.each(['HEAD', 'GET'])('once, to %s, is asked again, and changed as it stands', async (to) => {
        lies = { to, times: 1 };
        expect(await resume()).toMatchObject({ generation: 2, desired: 'run' });
        expect(written.splice(0)).toEqual(['"1"']);
    });

    test.each(['HEAD', 'GET'])('for good, to %s, is neither changed nor taken for one that says nothing', async (to) => {
        lies = { to, times: Infinity };
        await expect(resume()).rejects.toThrow(StorageContradiction);
        expect(written).toEqual([]);
    });
});
