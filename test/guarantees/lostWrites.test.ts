// Promise 3 when storage itself forgets: outcomes that it had acknowledged are gone, as after a failover to a copy that lags behind.
import { startTarget, type Target } from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import { breaches, ended, guaranteesApp, results, startJob, type Job } from './support';

let host: RunningHost;
let target: Target;
beforeEach(async () => {
    target = await startTarget({ latencyMs: 1 });
});
afterEach(async () => {
    await host?.stop();
    await target?.stop();
});

const total = 3_000;

async function jobThatIsForgotten(env: Record<string, string>): Promise<{ id: string; end: Job }> {
    host = await startHost({ app: guaranteesApp, env: { PROMISES_FORGET: '1', ...env } });
    const items = Array.from({ length: total }, (_, id) => ({ id }));
    const id = await startJob(host, items, { process: { http: { url: `${target.url}/x` } }, key: 'id', partition: { items: 500 } });
    return { id, end: await ended(host, id, 60_000) };
}

test('the job finds out when it is folded, calls those items again under the same keys, and ends whole', async () => {
    const { id, end } = await jobThatIsForgotten({});
    expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { total, succeeded: total } });
    expect(breaches(await results(host, id), total)).toEqual([]);
    const { perKey, requests } = target.stats();
    expect(Object.keys(perKey)).toHaveLength(total);
    expect(requests).toBe(total + 500);
});

test('without that, the job is not whole, and says so', async () => {
    const { id, end } = await jobThatIsForgotten({ PROMISES_BREAK: 'repair' });
    expect(end).toMatchObject({ state: 'failed', error: { code: 'NOT_CONSERVED' } });
    expect(breaches(await results(host, id), total)).toContain('500 is missing');
});
