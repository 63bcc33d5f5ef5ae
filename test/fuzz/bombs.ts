// Files and answers that are far more than they look: each is uploaded and planned, or answered to a call, and its job must end.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { FanfoldClient, JobSpec } from '../../src/client';

const MIB = 1_048_576;

export interface Bomb {
    what: string;
    /** Uploads or answers it, and gives the id of the job that meets it; null where it is refused at once. */
    set: (client: FanfoldClient, targetUrl: string) => Promise<string | null>;
}

const file = (what: string, name: string, content: () => Buffer | string): Bomb => ({
    what,
    set: async (client, targetUrl) => {
        const { id } = await client.upload(Buffer.from(content()), { name });
        return (await client.startJob(specOf({ upload: id }, `${targetUrl}/x`))).id;
    },
});

/** Paths of `startBombs`. */
const answer = (what: string, path: string): Bomb => ({
    what,
    set: async (client, targetUrl) => (await client.startJob(specOf({ items: [{ id: 1 }] }, `${targetUrl}${path}`))).id,
});

const specOf = (source: object, url: string): JobSpec =>
    ({ source, process: { http: { url, timeout: 'PT10S' } }, retry: { attempts: 1 }, budget: { failedItems: 50 } }) as unknown as JobSpec;

export const bombs: readonly Bomb[] = [
    file('gzip that is called CSV', 'a.csv', () => gzipSync(Buffer.alloc(64 * MIB))),
    file('gzip of lines that is called NDJSON', 'a.ndjson', () => gzipSync('{"a":1}\n'.repeat(1_000_000))),
    file('one line of 16 MiB', 'a.ndjson', () => `{"a":"${'x'.repeat(16 * MIB)}"}\n`),
    file('one line without an end', 'a.csv', () => `a\n"${'x'.repeat(16 * MIB)}`),
    file(
        'a row of 300,000 columns',
        'a.csv',
        () => `${Array.from({ length: 300_000 }, (_, i) => `c${i}`).join()}\n${'1,'.repeat(299_999)}1\n`,
    ),
    file('200,000 nested lists', 'a.ndjson', () => `${'['.repeat(200_000)}${']'.repeat(200_000)}\n`),
    file('a JSON document of a nest of objects', 'a.json', () => `[${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}]`),
    file('an object of 60,000 fields', 'a.ndjson', () => `{${Array.from({ length: 60_000 }, (_, i) => `"k${i}":${i}`).join()}}\n`),
    file('lists of a hundred thousand small objects', 'a.ndjson', () => `{"a":[${Array.from({ length: 100_000 }, () => '{}').join()}]}\n`),
    file('a number of a million digits', 'a.ndjson', () => `{"a":${'9'.repeat(1_000_000)}}\n`),
    file('200,000 bad rows', 'a.ndjson', () => '{"a":\n'.repeat(200_000)),
    file('a million quotes', 'a.csv', () => `a,b\n${'"'.repeat(1_000_000)}\n`),
    file('NULs', 'a.csv', () => Buffer.alloc(4 * MIB)),
    file('escapes of one text', 'a.ndjson', () => `{"a":"${'\\u0000'.repeat(170_000)}"}\n`),
    answer('an answer of 1 GiB in 1 MiB of gzip', '/gzip'),
    answer('an answer without an end', '/endless'),
    answer('an answer of a nest', '/nest'),
    answer('an answer of many headers', '/headers'),
    answer('an answer that comes a byte at a time', '/slow'),
    answer('an answer packed twenty times', '/packed'),
];

/** A target that answers with them. */
export async function startBombs(): Promise<{ url: string; stop: () => Promise<void> }> {
    const zeros = gzipSync(Buffer.alloc(1_024 * MIB), { level: 9 });
    const server: Server = createServer((request, response) => {
        request.resume();
        response.on('error', () => undefined);
        switch (request.url) {
            case '/gzip':
                return void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(zeros);
            case '/endless': {
                const chunk = Buffer.alloc(MIB, '[');
                const more = (): void =>
                    void (response.destroyed || (response.write(chunk) ? setImmediate(more) : response.once('drain', more)));
                return more();
            }
            case '/nest':
                return void response.writeHead(200, { 'content-type': 'application/json' }).end('[{"a":'.repeat(500_000));
            case '/headers':
                for (let i = 0; i < 2_000; i++) response.setHeader(`x-${i}`, 'y'.repeat(50));
                return void response.end('{}');
            case '/slow': {
                const timer = setInterval(() => response.write(' '), 200);
                return void response.on('close', () => clearInterval(timer));
            }
            case '/packed': {
                let body = Buffer.from('{}');
                for (let i = 0; i < 20; i++) body = gzipSync(body);
                return void response.writeHead(200, { 'content-encoding': Array(20).fill('gzip').join(', ') }).end(body);
            }
            case undefined:
            default:
                return void response.end('{}');
        }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        stop: async () => {
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
        },
    };
}
