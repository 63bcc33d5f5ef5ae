import { startTarget, type Target } from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import { breaches, ended, promisesApp, results, startJob } from './support';

let host: RunningHost;
let target: Target;
beforeAll(async () => {
    target = await startTarget({ latencyMs: 2 });
    // A heap that is soon full: the test is of what follows, not of how much memory there is.
    host = await startHost({ app: promisesApp, env: { NODE_OPTIONS: '--max-old-space-size=200' } });
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
