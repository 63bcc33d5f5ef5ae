import path from 'node:path';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';

let host: RunningHost;
beforeAll(async () => {
    host = await startHost({ app: path.resolve(__dirname, '../fixtures/durable-app'), auth: true });
});
afterAll(() => host?.stop());

const get = (route: string, init?: RequestInit) => fetch(`${host.url}${route}`, init);

test('parameters, a catch-all, a query and a body reach the handler', async () => {
    const response = await get(`/api/echo/a/b%20c?x=1&code=${host.key}`, { method: 'PUT', body: 'text' });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ms-invocation-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await response.json()).toMatchObject({ rest: 'a/b c', query: { x: '1' }, body: 'text' });
});

test('with --auth a function asks for its key, an anonymous one does not', async () => {
    expect((await get('/api/echo')).status).toBe(401);
    expect((await get('/api/echo', { headers: { 'x-functions-key': host.key! } })).status).toBe(200);
    expect((await get('/api/ticks')).status).toBe(200);
});

test('a wrong method or route is 404, a handler that throws 500 without a body, a long URL 414, the root a page', async () => {
    expect((await get('/api/ticks', { method: 'DELETE' })).status).toBe(404);
    expect((await get('/api/nothing')).status).toBe(404);
    const thrown = await get('/api/throws');
    expect([thrown.status, await thrown.text()]).toEqual([500, '']);
    expect((await get(`/api/ticks?${'x'.repeat(9000)}`)).status).toBe(414);
    expect((await get('/')).status).toBe(200);
});

test('more than a hundred headers, or 40 KiB of them, are 431, as the real host has it', async () => {
    const many = (count: number) => ({ headers: Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-h${i}`, '1'])) });
    // fetch adds some of its own.
    expect((await get('/api/ticks', many(90))).status).toBe(200);
    expect((await get('/api/ticks', many(101))).status).toBe(431);
    expect((await get('/api/ticks', many(1_500))).status).toBe(431);
    expect((await get('/api/ticks', { headers: { 'x-long': 'a'.repeat(41_000) } })).status).toBe(431);
});

test('a body over 100 MB is refused with a bare 500, and the host lives on', async () => {
    const chunk = new Uint8Array(10 * 1024 * 1024);
    let left = 11;
    const body = new ReadableStream({ pull: (c) => (left-- > 0 ? c.enqueue(chunk) : c.close()) });
    const response = await get(`/api/echo?code=${host.key}`, { method: 'PUT', body, duplex: 'half' });
    expect([response.status, await response.text()]).toEqual([500, '']);
    expect((await get('/api/ticks')).status).toBe(200);
});

test('timer functions tick', async () => {
    await until(async () => Number(await (await get('/api/ticks')).text()) >= 2);
});
