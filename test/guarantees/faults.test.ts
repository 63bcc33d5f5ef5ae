// Promises 1 to 3 under a plan of faults: zombies, activities twice, answers late and twice, storage that fails, forgets its answer, or stops.
import { startTarget, type Target } from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';
import { breaches, ended, job, guaranteesApp, results, startJob } from './support';

let host: RunningHost;
let target: Target;
beforeEach(async () => {
    target = await startTarget({ latencyMs: 5, rate500: 0.02 });
});
afterEach(async () => {
    await host?.stop();
    await target?.stop();
});

const plan = {
    seed: 20_261_124,
    rules: [
        { at: 'activity', match: 'processSlice', do: 'zombie', ms: 400, rate: 0.25 },
        { at: 'activity', match: 'processSlice', do: 'twice', rate: 0.2 },
        { at: 'activity', do: 'delay', ms: 200, rate: 0.2 },
        { at: 'reply', do: 'delay', ms: 300, rate: 0.1 },
        { at: 'reply', do: 'twice', rate: 0.1 },
        { at: 'timer', do: 'early', ms: 500 },
        { at: 'storage', match: 'comp=appendblock', do: 'lose', rate: 0.05 },
        { at: 'storage', match: 'comp=appendblock', do: 'fail', status: 503, rate: 0.05 },
        { at: 'storage', match: '/outcomes/', do: 'fail', status: 500, rate: 0.02 },
        { at: 'storage', match: '/outcomes/', do: 'fail', rate: 0.01 },
        { at: 'storage', match: 'GET /devstoreaccount1/fanfold', do: 'fail', status: 503, rate: 0.02 },
    ],
};

test('a job under the plan, its host killed three times, ends by itself with every item once', async () => {
    host = await startHost({ app: guaranteesApp, env: { DEVHOST_FAULTS: JSON.stringify(plan) } });
    const total = 6_000;
    const items = Array.from({ length: total }, (_, id) => ({ id }));
    const id = await startJob(host, items, {
        process: { http: { url: `${target.url}/x` } },
        key: 'id',
        partition: { items: 500 },
        retry: { initialDelay: 'PT0.1S', attempts: 10 },
    });
    for (const mark of [1_000, 3_000, 4_500]) {
        await until(
            async () => target.stats().requests >= mark || (await job(host, id))?.ended,
            () => `the target sees no more calls\n${host.output()}`,
            60_000,
        );
        await host.kill9();
        await host.restart();
    }
    const end = await ended(host, id, 150_000);
    expect(end).toMatchObject({ state: 'completed', counts: { total, succeeded: total } });
    expect(breaches(await results(host, id), total)).toEqual([]);
    expect(end.workers).toBeDefined();
    const { perKey } = target.stats();
    expect(Object.keys(perKey)).toHaveLength(total);
    expect(Object.keys(perKey).every((key) => key.startsWith(`${id}:`))).toBe(true);
}, 300_000);

test('a host that dies within a slice, between an append and its answer, and between an answer and its append, ends the job whole', async () => {
    const crashes = {
        rules: [
            { at: 'point', match: 'append.done', do: 'crash', nth: 4, lives: 1 },
            { at: 'point', match: 'partition.fenced', do: 'crash', nth: 2, lives: 2 },
            { at: 'point', match: 'call.answered', do: 'crash', nth: 300, lives: 3 },
        ],
    };
    host = await startHost({ app: guaranteesApp, env: { DEVHOST_FAULTS: JSON.stringify(crashes) } });
    const total = 3_000;
    const items = Array.from({ length: total }, (_, id) => ({ id }));
    const id = await startJob(host, items, {
        process: { http: { url: `${target.url}/x` } },
        key: 'id',
        partition: { items: 500 },
        retry: { initialDelay: 'PT0.1S', attempts: 10 },
    });
    const end = await ended(host, id, 120_000);
    expect(host.output().split('The host process ended with SIGKILL')).toHaveLength(4);
    expect(end).toMatchObject({ state: 'completed', counts: { total, succeeded: total } });
    expect(breaches(await results(host, id), total)).toEqual([]);
}, 200_000);

test('storage that stops for half a minute stops nothing for good', async () => {
    const pause = { rules: [{ at: 'storage', match: 'comp=appendblock', do: 'pause', ms: 30_000, nth: 5 }] };
    host = await startHost({ app: guaranteesApp, env: { DEVHOST_FAULTS: JSON.stringify(pause) } });
    const items = Array.from({ length: 3_000 }, (_, id) => ({ id }));
    const id = await startJob(host, items, {
        process: { http: { url: `${target.url}/x` } },
        retry: { initialDelay: 'PT0.1S', attempts: 10 },
    });
    const end = await ended(host, id, 120_000);
    expect(end).toMatchObject({ state: 'completed', counts: { total: 3_000, succeeded: 3_000 } });
    expect(breaches(await results(host, id), 3_000)).toEqual([]);
}, 200_000);
