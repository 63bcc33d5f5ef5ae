import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ContainerClient } from '@azure/storage-blob';
import { JobStore } from '../../src/storage/jobStore';

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
