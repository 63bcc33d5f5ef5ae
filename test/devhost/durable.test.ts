import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';

const app = path.resolve(__dirname, '../fixtures/durable-app');
let host: RunningHost;
beforeAll(async () => {
    host = await startHost({ app });
});
afterAll(() => host?.stop());

interface Status {
    runtimeStatus: string;
    // Whatever an orchestrator returns; each test says what it expects.
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    output: any;
    customStatus: unknown;
    historyEvents?: { EventType: string }[];
}

const api = (id: string, rest = '') => `${host.url}/runtime/webhooks/durabletask/instances/${id}${rest}`;
/** While the host starts again nobody answers: that is no status. */
const status = async (id: string): Promise<Status> => {
    const response = await fetch(api(id)).catch(() => null);
    return response ? ((await response.json()) as Status) : { runtimeStatus: 'no host', output: null, customStatus: null };
};
const post = (url: string, body?: unknown) => fetch(url, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

async function start(name: string, input?: unknown, id: string = randomUUID()): Promise<string> {
    const response = await post(`${host.url}/api/start/${name}/${id}`, input);
    expect(response.status).toBe(200);
    return id;
}

async function ended(id: string, timeout = 30_000): Promise<Status> {
    let last: Status;
    await until(
        async () => ['Completed', 'Failed', 'Terminated'].includes((last = await status(id)).runtimeStatus),
        () => JSON.stringify(last),
        timeout,
    );
    return last!;
}

const run = async (name: string, input?: unknown, timeout?: number) => ended(await start(name, input), timeout);
const completed = (output: unknown) => expect.objectContaining({ runtimeStatus: 'Completed', output });

test('activities one after another', async () => expect(await run('chain', 1)).toEqual(completed(6)));
test('a fan-out of 1,000 activities', async () => expect(await run('fan', 1000)).toEqual(completed(500_500)), 60_000);
test('retries succeed, and give up with the last error', async () =>
    expect(await run('retry')).toEqual(completed(['well', "Activity function 'broken' failed:  boom", 'after'])));
test('sub-orchestrations return and fail', async () => {
    const id = await start('parent');
    expect((await ended(id)).output).toEqual([expect.stringContaining(`child of ${id}: x`), "Orchestrator function 'child' failed: no"]);
});
test('a generation after another', async () => expect(await run('again', { left: 5, sum: 0 })).toEqual(completed(5)));
test('values arrive as on the real host, a bare boolean as text', async () =>
    expect(await run('types')).toEqual(completed(['7', 'True', 1, 'text', null, { a: [1] }, [2]])));
test('a payload that does not fit a table row', async () => expect(await run('big', 3_000_000)).toEqual(completed(3_000_000)));

test('timers fire, events arrive, a cancelled timer does not hold the end', async () => {
    const id = await start('timer');
    await until(async () => (await status(id)).customStatus === 'waiting');
    expect((await post(api(id, '/raiseEvent/go'), { a: 1 })).status).toBe(202);
    expect(await ended(id)).toEqual(completed({ a: 1 }));
    expect((await post(api(id, '/raiseEvent/go'), 1)).status).toBe(410);
});

test('entities: signals before calls, signals between entities', async () => {
    expect((await run('entities')).output).toEqual([5, null, 5]);
    const other = `${host.url}/runtime/webhooks/durabletask/entities/counter/other`;
    await until(async () => (await fetch(other)).status === 200);
    expect(await (await fetch(other)).json()).toBe(1);
});

test('critical sections exclude each other, and end with the orchestration', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => start('locks', 'shared')));
    for (const id of ids) expect(await ended(id)).toEqual(completed(1));
    const shared = await fetch(`${host.url}/runtime/webhooks/durabletask/entities/counter/shared-a`);
    expect(await shared.json()).toBe(6);
});

test('a task that is yielded again while pending fails the orchestration, and says why', async () => {
    const { runtimeStatus, output } = await run('twice');
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(/yielded a second time/);
});

test('an unknown activity fails its task, an unknown orchestrator its instance', async () => {
    expect(await run('unknown')).toMatchObject({ runtimeStatus: 'Failed', output: expect.stringContaining('thereIsNone') });
    expect(await run('noSuch')).toMatchObject({ runtimeStatus: 'Failed', output: expect.stringContaining('noSuch') });
});

test('terminate, suspend, resume, purge', async () => {
    const id = await start('timer');
    await until(async () => (await status(id)).customStatus === 'waiting');
    await post(api(id, '/suspend?reason=x'));
    await until(async () => (await status(id)).runtimeStatus === 'Suspended');
    await post(api(id, '/raiseEvent/go'), 7);
    await post(api(id, '/resume?reason=x'));
    expect(await ended(id)).toEqual(completed(7));
    expect((await fetch(api(id), { method: 'DELETE' })).status).toBe(200);
    expect((await fetch(api(id))).status).toBe(404);
    const other = await start('timer');
    expect((await post(`${host.url}/runtime/webhooks/durabletask/orchestrators/timer/${other}`)).status).toBe(409);
    await post(api(other, '/terminate?reason=enough'));
    expect(await ended(other)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
    await start('chain', 1, other);
    expect(await ended(other)).toEqual(completed(6));
});

test('a worker that dies fails its running activity, and the orchestration goes on', async () => {
    const id = randomUUID();
    // The process may be gone before it has answered.
    await post(`${host.url}/api/start/dies/${id}`).catch(() => null);
    expect((await ended(id)).output).toMatch(/^Activity function 'die' failed: {2}node exited with code 3/);
});

test('a kill of everything loses nothing: unfinished activities run again', async () => {
    const file = path.join(os.tmpdir(), `devhost-notes-${randomUUID()}`);
    const id = await start('notes', { file, count: 60, ms: 100 });
    await until(() => existsSync(file) && readFileSync(file, 'utf8').split('\n').length > 15);
    await host.kill9();
    await host.restart();
    expect(await ended(id)).toEqual(completed(60));
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(new Set(lines).size).toBe(60);
    expect(lines.length).toBeLessThan(60 + 30);
});
