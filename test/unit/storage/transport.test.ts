// Storage that answers strangely or not at all, as a server of the test's own, and what its client makes of that.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { AnonymousCredential, ContainerClient, newPipeline, StorageRetryPolicyType } from '@azure/storage-blob';
import { readBlob, readInto, type ReadOptions } from '../../../src/storage/readBlob';
import { LimitedTransport } from '../../../src/storage/transport';
import { diagnose, messageOf } from '../../../src/storage/trouble';

type Answer = (req: http.IncomingMessage, res: http.ServerResponse) => void;

let answers: Answer[] = [];
let seen: string[] = [];
let server: http.Server;
/** Waits for an answer long enough for a machine that is busy. */
let container: ContainerClient;
/** Gives up soon. */
let hasty: ContainerClient;

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));

/** As storage does: the range asked for, under an ETag. */
const serve: Answer = (req, res) => {
    const [, first = '0', last = ''] = /bytes=(\d+)-(\d*)/.exec(String(req.headers['x-ms-range'] ?? req.headers.range ?? '')) ?? [];
    if (Number(first) >= bytes.length) return void res.writeHead(416).end();
    const body = bytes.subarray(Number(first), last === '' ? undefined : Number(last) + 1);
    res.writeHead(200, { 'content-length': body.length, etag: '"1"', 'x-ms-blob-type': 'BlockBlob' });
    res.end(body);
};
const status =
    (code: number): Answer =>
    (_req, res) =>
        void res.writeHead(code, { 'x-ms-error-code': 'Injected', 'content-length': 0 }).end();
const never: Answer = () => undefined;
const reset: Answer = (req) => void req.socket.destroy();
const noHttp: Answer = (req) => void req.socket.end('this is no HTTP\r\n\r\n');
/** Says how much comes and stops half way, with or without closing. */
const half =
    (close: boolean): Answer =>
    (req, res) => {
        const [, first = '0'] = /bytes=(\d+)-/.exec(String(req.headers['x-ms-range'] ?? '')) ?? [];
        const body = bytes.subarray(Number(first));
        res.writeHead(200, { 'content-length': body.length, etag: '"1"' });
        res.write(body.subarray(0, body.length / 2), () => close && setImmediate(() => req.socket.destroy()));
    };

beforeAll(async () => {
    server = http.createServer((req, res) => {
        seen.push(`${req.method} ${String(req.headers['x-ms-range'] ?? '')}`.trim());
        (answers.shift() ?? serve)(req, res);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const retryOptions = { retryPolicyType: StorageRetryPolicyType.FIXED, maxTries: 3, retryDelayInMs: 1 };
    const withLimit = (ms: number) => {
        const pipeline = newPipeline(new AnonymousCredential(), { httpClient: new LimitedTransport(ms), retryOptions });
        return new ContainerClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/account/box`, pipeline);
    };
    container = withLimit(500);
    hasty = withLimit(100);
});
afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
    answers = [];
    seen = [];
});

async function read(options: ReadOptions = {}, from = container): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of readBlob(from, 'b', { silenceMs: 100, ...options })) chunks.push(chunk);
    return Buffer.concat(chunks);
}

test.each<[string, Answer]>([
    ['never answered', never],
    ['reset', reset],
    ['answered with what is no HTTP', noHttp],
    ['answered 500', status(500)],
    ['answered 503', status(503)],
])('a request that is %s is made again', async (_what, answer) => {
    answers = [answer];
    expect((await read()).equals(bytes)).toBe(true);
    answers = [answer];
    await expect(container.getBlobClient('b').getProperties()).resolves.toMatchObject({ etag: '"1"' });
});

test.each<[string, Answer]>([
    ['ends', half(true)],
    ['falls silent', half(false)],
])('a read whose answer %s half way goes on where it stood', async (_what, answer) => {
    answers = [answer, answer];
    expect((await read()).equals(bytes)).toBe(true);
    expect(seen[1]).toMatch(/bytes=[1-9]\d+-/);
});

test('a stretch is read as far as asked, into a buffer too', async () => {
    answers = [half(true)];
    const buffer = Buffer.alloc(5_000);
    await readInto(container, 'b', buffer, 1_000);
    expect(buffer).toEqual(bytes.subarray(1_000, 6_000));
    await expect(readInto(container, 'b', Buffer.alloc(10), 199_995)).rejects.toMatchObject({ statusCode: 416 });
});

test('a request that is never answered is given up after its tries, within their limits', async () => {
    answers = Array.from({ length: 10 }, () => never);
    await expect(read({}, hasty)).rejects.toMatchObject({ code: 'REQUEST_SEND_ERROR' });
    expect(seen).toHaveLength(3);
});

test('an answer that comes by the byte is given up: no read is held for as long as bytes come', async () => {
    let sent = 0;
    const trickle: Answer = (_req, res) => {
        res.writeHead(200, { 'content-length': bytes.length, etag: '"1"' });
        const timer = setInterval(() => res.write(bytes.subarray(sent, ++sent)), 10);
        res.on('close', () => clearInterval(timer));
    };
    answers = Array.from({ length: 50 }, () => trickle);
    await expect(read({ slackMs: 300, silenceMs: 1_000 })).rejects.toMatchObject({
        code: 'REQUEST_SEND_ERROR',
        message: expect.stringContaining('too slowly') as string,
    });
    // Where the machine makes a gap between two bytes the read goes on from there; it is given up all the same.
    expect(seen.length).toBeLessThan(20);
});

test('answers that break off after a byte each are not gone on with for ever', async () => {
    const oneByte: Answer = (req, res) => {
        res.writeHead(200, { 'content-length': bytes.length, etag: '"1"' });
        res.write(bytes.subarray(0, 1), () => setImmediate(() => req.socket.destroy()));
    };
    answers = Array.from({ length: 1_000 }, () => oneByte);
    await expect(read({ slackMs: 500 })).rejects.toMatchObject({ code: 'REQUEST_SEND_ERROR' });
    expect(seen.length).toBeLessThan(20);
});

test('what the caller calls off is not tried again', async () => {
    const caller = new AbortController();
    answers = Array.from({ length: 10 }, () => () => caller.abort());
    await expect(read({ abortSignal: caller.signal })).rejects.toThrow();
    expect(seen).toHaveLength(1);
});

test('a reader that leaves early leaves no connection open', async () => {
    answers = [half(false)];
    for await (const chunk of readBlob(container, 'b')) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
    }
    const open = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    // The broken-off connection is closed by the client; idle ones may be kept.
    for (let turns = 0; turns < 100 && (await open()) > 1; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(await open()).toBeLessThanOrEqual(1);
});

describe('what an error means', () => {
    const failure = async (...given: Answer[]) => {
        answers = given;
        return container
            .getBlobClient('jobs/1/plan.json')
            .download()
            .then(
                () => null,
                (error: unknown) => error,
            );
    };

    test('a status that refuses is a refusal, told with document and answer', async () => {
        const trouble = await diagnose(await failure(status(403)), container);
        expect(trouble).toEqual({ code: 'STORAGE_REFUSED', message: 'storage answered 403 Injected to GET jobs/1/plan.json' });
    });

    test('no answer is an outage only while storage answers nothing else', async () => {
        const error = await failure(reset, reset, reset);
        expect(await diagnose(error, container)).toMatchObject({ code: 'STORAGE_REFUSED' });
        answers = Array.from({ length: 10 }, () => reset);
        expect(await diagnose(error, container)).toMatchObject({ code: 'STORAGE_AWAY' });
    });

    test('the query of an address, which may hold a signature, is never told', async () => {
        const error = (await failure(status(404))) as { request: { url: string } };
        error.request.url += '?sig=secret';
        expect(messageOf(error)).not.toContain('secret');
    });
});
