// What the recordings have no scenario for, on real Azurite.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';

const app = path.resolve(__dirname, '../fixtures/features-app');
let host: RunningHost;
beforeAll(async () => {
    host = await startHost({ app });
});
afterAll(() => host?.stop());

interface Status {
    instanceId: string;
    runtimeStatus: string;
    output: unknown;
    customStatus: unknown;
    createdTime: string;
}

const api = (rest: string) => `${host.url}/runtime/webhooks/durabletask/${rest}`;
const get = (rest: string, headers: Record<string, string> = {}) => fetch(api(rest), { headers });
const post = async (rest: string, body?: unknown): Promise<number> =>
    (await fetch(api(rest), { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })).status;
const remove = async (rest: string): Promise<[number, unknown]> => {
    const response = await fetch(api(rest), { method: 'DELETE' });
    return [response.status, await response.text().then((text) => (text ? (JSON.parse(text) as unknown) : ''))];
};

async function start(name: string, input?: unknown, id: string = randomUUID()): Promise<string> {
    expect(await post(`orchestrators/${name}/${id}`, input)).toBe(202);
    return id;
}

const status = async (id: string): Promise<Status> => (await (await get(`instances/${id}`)).json()) as Status;

/** When an instance is as it should be; while the host starts again, nobody answers. */
async function when(id: string, is: (s: Status) => boolean, timeout = 60_000): Promise<Status> {
    let last: Status | undefined;
    await until(
        async () => (last = await status(id).catch(() => undefined)) !== undefined && is(last),
        () => `${id}: ${JSON.stringify(last)?.slice(0, 2000)}`,
        timeout,
    );
    return last!;
}
const ended = (id: string, timeout?: number) => when(id, (s) => ['Completed', 'Failed', 'Terminated'].includes(s.runtimeStatus), timeout);
const completed = (output: unknown) => expect.objectContaining({ runtimeStatus: 'Completed', output });

describe('retries', () => {
    const file = () => path.join(os.tmpdir(), `devhost-tries-${randomUUID()}`);
    const tries = (f: string) => readFileSync(f, 'utf8').trim().split('\n').map(Number);

    test('that run out fail with the last error, after as many tries as allowed, each later than the one before', async () => {
        const f = file();
        const end = await ended(await start('retryActivity', { file: f }));
        expect(end.runtimeStatus).toBe('Failed');
        expect(end.output).toMatch(/^Orchestrator function 'retryActivity' failed: Activity function 'fails' failed: {2}no luck/);
        const [first, second, third, ...more] = tries(f) as [number, number, number];
        expect(more).toEqual([]);
        expect([second - first >= 50, third - second >= 100]).toEqual([true, true]);
    });

    test('of sub-orchestrations too', async () => {
        const f = file();
        const end = await ended(await start('retryChild', { file: f }));
        expect(end).toEqual(completed("Orchestrator function 'failing' failed: the child gives up"));
        expect(tries(f)).toHaveLength(3);
    });
});

describe('timers', () => {
    const DAY = 86_400_000;

    test('due after more than setTimeout can count do not fire at once, nor after a restart', async () => {
        const ids = await Promise.all([25, 60].map((days) => start('far', days * DAY)));
        // A timer that overflows fires in a millisecond: these have ended long after that.
        await ended(await start('naps', 3));
        await host.kill9();
        await host.restart();
        await ended(await start('naps', 3));
        for (const id of ids) {
            expect(await status(id)).toMatchObject({ runtimeStatus: 'Running' });
            expect(await post(`instances/${id}/raiseEvent/go`, id)).toBe(202);
            expect(await ended(id)).toEqual(completed(id));
        }
    });

    test('that are cancelled hold no end, before a restart or after', async () => {
        const [before, after] = [await start('far', 3_600_000), await start('far', 3_600_000)];
        await post(`instances/${before}/raiseEvent/go`, 1);
        expect(await ended(before)).toEqual(completed(1));
        await when(after, (s) => s.runtimeStatus === 'Running');
        await host.kill9();
        await host.restart();
        await post(`instances/${after}/raiseEvent/go`, 2);
        expect(await ended(after)).toEqual(completed(2));
    });
});

describe('events', () => {
    test('early ones wait in their order, late ones are refused', async () => {
        const id = randomUUID();
        expect(await post(`instances/${id}/raiseEvent/item`, 0)).toBe(404);
        await start('gather', 3, id);
        for (const n of [1, 2, 3]) expect(await post(`instances/${id}/raiseEvent/item`, n)).toBe(202);
        expect(await ended(id)).toEqual(completed([1, 2, 3]));
        expect(await post(`instances/${id}/raiseEvent/item`, 4)).toBe(410);
    });

    test('need a body that is JSON', async () => {
        const id = await start('gather', 1);
        for (const body of ['', '{'])
            expect((await fetch(api(`instances/${id}/raiseEvent/item`), { method: 'POST', body })).status).toBe(400);
        await post(`instances/${id}/terminate?reason=done`);
    });

    test('that come to a suspended instance wait, also through a restart', async () => {
        const id = await start('gather', 2);
        await when(id, (s) => s.runtimeStatus === 'Running');
        await post(`instances/${id}/suspend?reason=x`);
        await when(id, (s) => s.runtimeStatus === 'Suspended');
        for (const n of [1, 2]) await post(`instances/${id}/raiseEvent/item`, n);
        await host.kill9();
        await host.restart();
        await ended(await start('naps', 2));
        expect(await status(id)).toMatchObject({ runtimeStatus: 'Suspended', output: null });
        await post(`instances/${id}/resume?reason=x`);
        expect(await ended(id)).toEqual(completed([1, 2]));
    });
});

test('a lock excludes others, and is given back when its holder is terminated', async () => {
    const first = await start('holder');
    await when(first, (s) => s.customStatus === 'holds');
    const second = await start('holder');
    // Signals wait too: the one that waits is not let through by what comes from outside.
    expect(await post('entities/tally/held?op=add', 10)).toBe(202);
    await ended(await start('naps', 2));
    expect((await status(second)).customStatus).toBeNull();
    expect((await get('entities/tally/held')).status).toBe(404);
    await post(`instances/${first}/terminate?reason=enough`);
    expect(await ended(first)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
    await when(second, (s) => s.customStatus === 'holds');
    await post(`instances/${second}/raiseEvent/end`, 'bye');
    expect(await ended(second)).toEqual(completed('bye'));
    await until(async () => (await (await get('entities/tally/held')).text()) === '11');
});

test('of many starts with one id one wins', async () => {
    const id = randomUUID();
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(`orchestrators/gather/${id}`, 1)));
    expect(answers.sort()).toEqual([202, ...Array.from({ length: 7 }, () => 409)]);
    await post(`instances/${id}/terminate?reason=x`);
});

test('1 MB goes through everything that takes a payload', async () => {
    const text = 'ä'.repeat(500_000);
    const id = await start('large', text);
    await post(`instances/${id}/raiseEvent/text`, text);
    const end = await ended(id);
    expect(end.runtimeStatus).toBe('Completed');
    expect(end.output === text).toBe(true);
    expect((await (await get(`entities/tally/${id}`)).json()) === text).toBe(true);
});

describe('lists and purges', () => {
    const of = (listed: Status[]) => listed.map((s) => s.instanceId);
    const list = async (query: string) => of((await (await get(`instances/?${query}`)).json()) as Status[]);
    const prefix = `list-${randomUUID()}-`;
    let waiting: string[];
    let done: string[];
    let middle: string;
    beforeAll(async () => {
        done = [];
        for (const n of [1, 2, 3, 4, 5]) done.push(await start('sum', n, `${prefix}${n}`));
        for (const id of done) await ended(id);
        // The API tells times by the second: the next second begins.
        const last = Date.parse((await status(done[4]!)).createdTime);
        await until(() => Date.now() >= last + 1000);
        middle = new Date(Date.now()).toISOString();
        waiting = [];
        for (const n of [6, 7]) waiting.push(await start('gather', 1, `${prefix}${n}`));
        for (const id of waiting) await when(id, (s) => s.runtimeStatus === 'Running');
    });
    const ours = `instanceIdPrefix=${prefix}`;

    test('by state, by time, by the beginning of the id', async () => {
        expect(await list(ours)).toEqual([...done, ...waiting]);
        expect(await list(`${ours}&runtimeStatus=Completed`)).toEqual(done);
        expect(await list(`${ours}&runtimeStatus=Running,Pending`)).toEqual(waiting);
        expect(await list(`${ours}&createdTimeTo=${middle}`)).toEqual(done);
        expect(await list(`${ours}&createdTimeFrom=${middle}`)).toEqual(waiting);
        expect(await list(`${ours}&runtimeStatus=Failed`)).toEqual([]);
    });

    test('page by page', async () => {
        const pages: string[][] = [];
        for (let token: string | null = ''; token !== null;) {
            const page = await get(`instances/?${ours}&top=3`, token ? { 'x-ms-continuation-token': token } : {});
            pages.push(of((await page.json()) as Status[]));
            token = page.headers.get('x-ms-continuation-token');
        }
        expect(pages).toEqual([done.slice(0, 3), [...done.slice(3), waiting[0]], [waiting[1]]]);
    });

    test('what runs is not purged; what has ended is, one by one or by a filter, and stays away after a restart', async () => {
        expect(await remove(`instances/${waiting[0]}`)).toEqual([404, '']);
        expect(await remove(`instances/${done[0]}`)).toEqual([200, { instancesDeleted: 1 }]);
        expect(await remove(`instances/?${ours}&createdTimeFrom=2020-01-01T00:00:00Z`)).toEqual([200, { instancesDeleted: 4 }]);
        expect(await remove(`instances/?${ours}&createdTimeFrom=2020-01-01T00:00:00Z`)).toEqual([404, '']);
        await host.kill9();
        await host.restart();
        expect(await list(ours)).toEqual(waiting);
        expect((await get(`instances/${done[1]}`)).status).toBe(404);
        for (const id of waiting) await post(`instances/${id}/terminate?reason=x`);
    });
});

test('a fan-out of 10,000 activities', async () => {
    const count = 10_000;
    expect(await ended(await start('wide', { count }), 240_000)).toEqual(completed((count * (count - 1)) / 2));
}, 300_000);

test('whatever runs completes, however often everything is killed on the way', async () => {
    const plan: [string, unknown, unknown][] = [
        ['sum', 40, 40],
        ['wide', { count: 60, ms: 50 }, 1770],
        ['tree', 4, 16],
        ['generations', { left: 25, done: 0 }, 25],
        ['tallies', 25, 25],
        ['naps', 30, 30],
        ['gather', 2, ['a', 'b']],
    ];
    const started: [string, unknown][] = [];
    for (const [name, input, output] of [...plan, ...plan, ...plan]) started.push([await start(name, input), output]);
    const gathering = started.filter(([, output]) => Array.isArray(output)).map(([id]) => id);
    for (const id of gathering) expect(await post(`instances/${id}/raiseEvent/item`, 'a')).toBe(202);

    let open = started.map(([id]) => id);
    let kills = 0;
    for (; open.length > gathering.length; kills++) {
        // A kill may come at any time, also while the host still recovers from the last one.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 1500));
        await host.kill9();
        await host.restart();
        const states = await Promise.all(open.map(status));
        open = states.filter((s) => !['Completed', 'Failed', 'Terminated'].includes(s.runtimeStatus)).map((s) => s.instanceId);
        expect(kills).toBeLessThan(200);
    }
    for (const id of gathering) expect(await post(`instances/${id}/raiseEvent/item`, 'b')).toBe(202);
    for (const [id, output] of started) expect(await ended(id)).toEqual(completed(output));
    // Three times 25 calls, each counted once, though their callers and the entity were killed between.
    expect(await (await get('entities/tally/all')).text()).toBe('75');
    expect(kills).toBeGreaterThan(2);
}, 300_000);
