// Who reaches the local host, and what of it.
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { addressesOf, isNamed, namesOf } from '../../devhost/doors';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';

const app = path.resolve(__dirname, '../fixtures/durable-app');

interface Asked {
    method?: string;
    headers?: Record<string, string>;
    host?: string;
}
/** By node's own client: `fetch` does not let a test say what the Host is. */
function ask(port: number, route: string, { method = 'GET', headers = {}, host = '127.0.0.1' }: Asked = {}): Promise<number> {
    return new Promise((resolve, reject) => {
        const request = http.request({ host, port, path: route, method, headers, agent: false }, (answer) => {
            answer.resume();
            answer.on('end', () => resolve(answer.statusCode!));
        });
        request.on('error', reject).end();
    });
}
const reaches = (address: string, port: number): Promise<boolean> =>
    new Promise((resolve) => {
        const socket = net.connect({ host: address, port, timeout: 2000 }, () => (socket.destroy(), resolve(true)));
        socket.on('error', () => resolve(false)).on('timeout', () => (socket.destroy(), resolve(false)));
    });
/** Addresses of this machine that are not those of loopback that the host listens on. 127.0.0.2 is one on Linux alone. */
const others = [
    '127.0.0.2',
    ...Object.values(os.networkInterfaces())
        .flat()
        .flatMap((i) => (i && !i.internal && i.family === 'IPv4' ? [i.address] : [])),
];
const management = '/runtime/webhooks/durabletask/instances/none';

describe('by default', () => {
    let host: RunningHost;
    let port: number;
    beforeAll(async () => {
        host = await startHost({ app });
        port = Number(new URL(host.url).port);
    });
    afterAll(() => host?.stop());

    test('the host listens on loopback only, by IPv4 and IPv6', async () => {
        for (const address of others) expect([address, await reaches(address, port)]).toEqual([address, false]);
        const six = Object.values(os.networkInterfaces()).some((all) => all?.some((i) => i.address === '::1'));
        expect([await reaches('127.0.0.1', port), await reaches('::1', port)]).toEqual([true, six]);
        expect((await fetch(`http://localhost:${port}/api/ticks`)).status).toBe(200);
    });

    test('it is called by localhost or an address; a name that was made to lead here is refused, on every page', async () => {
        for (const name of ['localhost', 'LOCALHOST', '127.0.0.1', '[::1]', 'app.localhost', '10.1.2.3'])
            expect([name, await ask(port, '/api/ticks', { headers: { host: `${name}:${port}` } })]).toEqual([name, 200]);
        for (const name of ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', 'evil.example:80@localhost', os.hostname()])
            for (const route of ['/api/ticks', '/', '/admin/host/status', management])
                expect([name, await ask(port, route, { headers: { host: name } })]).toEqual([name, 403]);
    });

    test('the durable HTTP API answers no page of another origin', async () => {
        const refused = { origin: 'https://evil.example' };
        for (const base of ['/runtime/webhooks/durabletask', '/durabletask-rpc']) {
            expect(await ask(port, `${base}/instances/none/terminate`, { method: 'POST', headers: refused })).toBe(403);
            expect(await ask(port, `${base}/orchestrators/x`, { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } })).toBe(403);
            expect(await ask(port, `${base}/instances/none`, { headers: { 'sec-fetch-site': 'same-site' } })).toBe(403);
            expect(await ask(port, `${base}/instances/none`)).toBe(404);
            expect(await ask(port, `${base}/instances/none`, { headers: { origin: `http://127.0.0.1:${port}` } })).toBe(404);
        }
    });

    test('a path that names another host, or is not well encoded, is no fault of the host', async () => {
        expect(await ask(port, 'http://evil.example/api/ticks')).toBe(400);
        expect(await ask(port, '//evil.example/api/ticks')).toBe(404);
        expect(await ask(port, '//')).toBe(404);
        expect(await ask(port, '/api/echo/%zz')).toBe(200);
        expect(await ask(port, '/runtime/webhooks/durabletask/instances/%zz')).toBe(400);
        expect(host.output()).not.toMatch(/TypeError|URIError/);
    });
});

test('opened to others, it says so, answers to names that it was given, and keeps the durable HTTP API to this machine', async () => {
    const host = await startHost({ app, args: ['--host', '0.0.0.0', '--allow-host', 'box.example'] });
    try {
        const port = Number(new URL(host.url).port);
        const reachable = [];
        for (const address of others) if (await reaches(address, port)) reachable.push(address);
        expect(reachable).not.toEqual([]);
        // It says so behind what tells that it runs.
        await until(
            () => host.output().includes('no key is asked for without --auth'),
            () => `it does not say so:\n${host.output()}`,
        );
        expect(await ask(port, '/api/ticks', { headers: { host: 'box.example' } })).toBe(200);
        expect(await ask(port, '/api/ticks', { headers: { host: 'evil.example' } })).toBe(403);
        const outside = reachable.find((address) => !address.startsWith('127.'));
        if (outside) expect(await ask(port, management, { host: outside })).toBe(403);
        expect(await ask(port, management)).toBe(404);
    } finally {
        await host.stop();
    }
});

test('with --auth the durable HTTP API asks for its system key, of which the key of functions is none', async () => {
    const host = await startHost({ app, auth: true });
    try {
        const port = Number(new URL(host.url).port);
        const keyOf = (line: RegExp): string => line.exec(host.output())![1]!;
        const [system, functions] = [keyOf(/System key[^:]*: (\S+)/), keyOf(/Function key: (\S+)/)];
        for (const key of [undefined, 'local', functions, `${system}x`]) {
            expect(await ask(port, key === undefined ? management : `${management}?code=${key}`)).toBe(401);
            expect(await ask(port, management, { headers: key === undefined ? {} : { 'x-functions-key': key } })).toBe(401);
            expect(await ask(port, `/durabletask-rpc/${key ?? 'instances'}/instances/none`)).toBe(404);
        }
        const stop = { method: 'POST' };
        expect(await ask(port, `${management}/terminate`, stop)).toBe(401);
        expect(await ask(port, '/durabletask-rpc/orchestrators/chain', stop)).toBe(404);
        // 404 by the API itself: there is no such instance.
        expect(await ask(port, `${management}?code=${system}`)).toBe(404);
        expect(await ask(port, '/runtime/webhooks/durabletask/instances', { headers: { 'x-functions-key': system } })).toBe(200);
    } finally {
        await host.stop();
    }
});

test('where it listens, by what it is told', () => {
    for (const local of ['localhost', '127.0.0.1', '::1']) expect(addressesOf(local)).toEqual(['127.0.0.1', '::1']);
    for (const all of ['0.0.0.0', '::', '*']) expect(addressesOf(all)).toEqual([undefined]);
    expect(addressesOf('192.0.2.1')).toEqual(['127.0.0.1', '::1', '192.0.2.1']);
});

test('of any Host header, only a name of ours, localhost or an address is taken', () => {
    const part = fc.constantFrom(
        'localhost',
        'evil.example',
        '127.0.0.1',
        '[::1]',
        '.',
        ':',
        '@',
        '/',
        '#',
        '?',
        '\\',
        '%',
        '1',
        'x',
        ' ',
        '80',
        'box.example',
    );
    fc.assert(
        fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
            const header = parts.join('');
            if (!isNamed(header, namesOf('localhost', ['Box.example']))) return;
            // As a browser that had this page open would have called it.
            const { hostname } = new URL(`http://${header}`);
            expect(hostname).toMatch(/^(localhost|.*\.localhost|box\.example|[\d.]+|\[[\da-f:]+\])$/);
        }),
        { numRuns: 3000 },
    );
});
