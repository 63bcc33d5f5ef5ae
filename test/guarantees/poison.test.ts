import { startTarget, type Target } from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import { breaches, ended, guaranteesApp, results, startJob } from './support';

let host: RunningHost;
let target: Target;
beforeAll(async () => {
    target = await startTarget({ latencyMs: 2 });
    // A heap that is soon full: the test is of what follows, not of how much memory there is.
    host = await startHost({ app: guaranteesApp, env: { NODE_OPTIONS: '--max-old-space-size=200' } });
});
afterAll(async () => {
    await host?.stop();
    await target?.stop();
});

test.each([
    ['ends the process', 'exit'],
    ['fills the memory', 'memory'],
])('an item that %s every time is found and failed as poison; the rest completes', async (_what, poison) => {
    const items = Array.from({ length: 300 }, (_, id) => (id === 137 ? { id, poison } : { id }));
    const spec = {
        process: { processor: 'fragile', options: { url: `${target.url}/x` } },
        key: 'id',
        partition: { items: 100 },
        concurrency: { max: 64 },
    };
    const id = await startJob(host, items, spec);
    const end = await ended(host, id, 110_000);
    expect(end).toMatchObject({ state: 'completed', outcome: 'partial', counts: { total: 300, succeeded: 299, failed: 1 } });
    const all = await results(host, id);
    expect(breaches(all, 300)).toEqual([]);
    expect(all.find((o) => o.index === 137)).toMatchObject({ outcome: 'failed', error: { code: 'POISON' } });
});

test('an item that ends the process at its second attempt is found as well; the rest completes', async () => {
    const items = Array.from({ length: 60 }, (_, id) => (id === 7 ? { id, poison: 'second' } : { id }));
    const id = await startJob(host, items, {
        process: { processor: 'fragile', options: { url: `${target.url}/x` } },
        key: 'id',
        partition: { items: 20 },
        retry: { attempts: 5, initialDelay: 'PT1S', maxDelay: 'PT1S' },
    });
    const end = await ended(host, id, 110_000);
    expect(end).toMatchObject({ state: 'completed', outcome: 'partial', counts: { total: 60, succeeded: 59, failed: 1 } });
    const all = await results(host, id);
    expect(breaches(all, 60)).toEqual([]);
    expect(all.find((o) => o.index === 7)).toMatchObject({ outcome: 'failed', error: { code: 'POISON' } });
}, 150_000);

test('items of a job that never dies are innocent, however often another job ends the process that they are in', async () => {
    const slow = { process: { processor: 'fragile', options: { url: `${target.url}/x` } }, key: 'id' };
    const innocent = await startJob(
        host,
        [0, 1, 2].map((id) => ({ id, ms: 4_000 })),
        slow,
    );
    const guilty = await startJob(
        host,
        Array.from({ length: 40 }, (_, id) => (id === 3 ? { id, poison: 'exit' } : { id })),
        slow,
    );
    expect(await ended(host, guilty, 150_000)).toMatchObject({ state: 'completed', counts: { succeeded: 39, failed: 1 } });
    expect(await ended(host, innocent, 150_000)).toMatchObject({ state: 'completed', counts: { succeeded: 3, failed: 0 } });
}, 320_000);
