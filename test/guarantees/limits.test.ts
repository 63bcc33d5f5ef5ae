// Limits hold across processes: two hosts on one storage, each with a task hub of its own and so with jobs of its own, call one target. One of them dies.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startAzurite } from '../../devhost/azurite';
import { startTarget, type Target } from '../../samples/target';
import { mostASecond, mostWithin, Stillness, within } from '../support/callTimes';
import { startHost, type RunningHost } from '../support/host';
import { freePorts } from '../support/ports';
import { DEADLINE_MS, past, until } from '../support/until';
import { clientOf, job, startJob } from './support';

jest.setTimeout(DEADLINE_MS * 4);

const app = path.resolve(__dirname, '../..');
const stillness = new Stillness();
let data: string;
let azurite: ChildProcess;
let first: RunningHost;
let second: RunningHost;
let target: Target;

beforeAll(async () => {
    data = mkdtempSync(path.join(os.tmpdir(), 'azurite-'));
    const [blob, queue, table] = (await freePorts(3)) as [number, number, number];
    azurite = await startAzurite(app, { blob, queue, table }, data);
    const hostOf = (hub: string) =>
        startHost({
            app,
            env: {
                ...{ AZURITE_BLOB_PORT: String(blob), AZURITE_QUEUE_PORT: String(queue), AZURITE_TABLE_PORT: String(table) },
                AzureFunctionsJobHost__extensions__durableTask__hubName: hub,
                // Each would start the other's jobs in its own hub.
                FANFOLD_SWEEP_SCHEDULE: '0 0 0 1 1 *',
            },
        });
    [first, second] = await Promise.all([hostOf('FirstHub'), hostOf('SecondHub')]);
});
afterAll(async () => {
    stillness.stop();
    await Promise.all([first?.stop(), second?.stop()]);
    if (azurite) {
        const gone = once(azurite, 'exit');
        azurite.kill('SIGKILL');
        await gone;
    }
    rmSync(data, { recursive: true, force: true });
});
beforeEach(async () => void (target = await startTarget({ latencyMs: 20, record: true })));
afterEach(() => target.stop());

/** A job of many items whose keys begin with its name. */
const begin = (host: RunningHost, name: string, rate?: string | string[]): Promise<string> =>
    startJob(
        host,
        Array.from({ length: 4_000 }, (_, i) => ({ id: `${name}${i}` })),
        { process: { http: { url: `${target.url}/x` } }, key: 'id', ...(rate ? { rate } : {}) },
    );

/** When calls came, in ms; of the job with this name. */
const timesOf = (name = ''): number[] =>
    target
        .stats()
        .calls.filter(({ key }) => key!.startsWith(name))
        .map(({ at }) => at);

const came = (name: string, count: number) =>
    until(
        () => timesOf(name).length >= count,
        () => `job "${name}" has made ${timesOf(name).length} calls, not ${count}\n${first.output()}\n${second.output()}`,
    );

/** Calls a second of the last three, of the job with this name. */
const lately = (name = ''): number => within(timesOf(name), Date.now() - 3_000, Date.now()) / 3;

/** Starts a host again that was killed: its hub is taken until the last of its processes is gone. */
const comeBack = (host: RunningHost): Promise<unknown> =>
    until(
        () =>
            host.restart().then(
                () => true,
                (error: unknown) => {
                    if (!String(error).includes('is in use by another local host')) throw error;
                    return false;
                },
            ),
        () => 'the hub is still in use',
        20_000,
    );

test('two processes share a rate, and one that is killed leaves its share to the other within 15 s', async () => {
    const rate = 50;
    const a = await begin(first, 'a', `${rate}/s`);
    await came('a', 150);
    const b = await begin(second, 'b', `${rate}/s`);
    await came('b', 1);
    await until(
        () => lately('b') >= 0.4 * rate,
        () => `the second process makes ${lately('b')} calls a second`,
        10_000,
    );
    const from = Date.now();
    await past(from + 6_000);
    const to = Date.now();
    for (const name of ['a', 'b']) expect(within(timesOf(name), from, to) / ((to - from) / 1_000)).toBeGreaterThanOrEqual(0.4 * rate);
    expect(within(timesOf(), from, to) / ((to - from) / 1_000)).toBeGreaterThanOrEqual(0.88 * rate);

    await first.kill9();
    const killed = Date.now();
    await until(
        () => lately('b') >= 0.85 * rate,
        () => `the process that is left makes ${lately('b')} calls a second`,
        15_000 + 3_000,
    );
    // While it was not known that the other is dead, its share stayed its own: nobody had it.
    expect(within(timesOf('b'), killed + 1_000, killed + 5_000) / 4).toBeLessThanOrEqual(0.6 * rate);
    await past(Date.now() + 2_000);
    const times = timesOf();
    expect(mostASecond(times, times[0]!, Infinity, stillness).calls).toBeLessThanOrEqual(rate * 1.05);

    await comeBack(first);
    for (const [host, id] of [
        [first, a],
        [second, b],
    ] as const)
        await clientOf(host).cancelJob(id);
});

test('a minute allows so many calls and no more, though both processes die in it, and come back', async () => {
    const rates = ['30/s', '500/min'];
    const a = await begin(first, 'a', rates);
    const b = await begin(second, 'b', rates);
    await came('', 80);
    await Promise.all([first.kill9(), second.kill9()]);
    const before = timesOf().length;
    await Promise.all([comeBack(first), comeBack(second)]);
    const isUsedUp = async (host: RunningHost, id: string) => {
        const { waiting } = await job(host, id);
        return waiting?.code === 'NO_SHARE' && waiting.for.includes('500/min');
    };
    await until(
        async () => (await isUsedUp(first, a)) && (await isUsedUp(second, b)),
        () => `there is still something of the minute left: ${timesOf().length} calls`,
    );
    // Longer than a share lasts.
    await past(Date.now() + 15_000);
    const times = timesOf();
    // They came back within the minute: else this would show nothing.
    expect(times.at(-1)! - times[0]!).toBeLessThan(60_000);
    expect(times.length).toBeGreaterThan(before);
    expect(mostWithin(times, 60_000)).toBeLessThanOrEqual(500);
    for (const [host, id] of [
        [first, a],
        [second, b],
    ] as const)
        await clientOf(host).cancelJob(id);
});

test('a pause that a target has asked one process for is kept by another that comes later', async () => {
    target.setLimits([{ kind: 'window', calls: 50, perMs: 60_000, retryAfter: true, alignedTo: 'start' }]);
    const a = await begin(first, 'a');
    const isClosed = async (host: RunningHost, id: string) => (await job(host, id)).waiting?.code === 'GATE_CLOSED';
    const closed = (host: RunningHost, id: string) =>
        until(
            () => isClosed(host, id),
            () => `no gate is closed for job ${id}\n${host.output()}`,
        );
    await closed(first, a);
    // The last scout goes eight seconds after the gate has closed; then nobody calls until it opens.
    await past(target.stats().calls.find(({ status }) => status === 429)!.at + 10_000);
    const b = await begin(second, 'b');
    await closed(second, b);
    await past(Date.now() + 3_000);
    expect(Date.now()).toBeLessThan(target.began + 60_000);
    expect(timesOf('b')).toEqual([]);
    await Promise.all([clientOf(first).cancelJob(a), clientOf(second).cancelJob(b)]);
});
