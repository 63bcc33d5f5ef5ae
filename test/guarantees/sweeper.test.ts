// A job that was stored runs, though the process that was to start it died, its orchestration was taken away, and nobody asks for it.
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { startTarget, type Target } from '../../samples/target';
import { jobSpec } from '../../src/contracts/jobSpec';
import { blobs } from '../../src/contracts/names';
import { JobStore } from '../../src/storage/jobStore';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';
import { breaches, clientOf, results, startJob } from './support';

const env: Record<string, string> = { FANFOLD_SWEEP_SCHEDULE: '* * * * * *' };
let host: RunningHost;
let store: JobStore;
let target: Target;
beforeAll(async () => {
    target = await startTarget({ latencyMs: 200 });
    host = await startHost({ app: path.resolve(__dirname, '../..'), env });
    const container = BlobServiceClient.fromConnectionString(host.storage).getContainerClient('fanfold');
    await container.createIfNotExists();
    store = new JobStore(container);
});
afterAll(async () => {
    await host?.stop();
    await target?.stop();
});

/** Looks at storage alone: a question to the API would start the job. */
const summaryOf = (id: string) =>
    until(
        () => store.readSummary(id),
        () => `job ${id} has no summary\n${host.output()}`,
    );
const isMarked = async (id: string) => (await store.etagOf(blobs.live(id))) !== null;
const unmarked = (id: string) =>
    until(
        async () => !(await isMarked(id)),
        () => `job ${id} is still marked`,
    );

test('a job that was stored by a process which died before it started it', async () => {
    const id = randomUUID();
    const lines = '{"id":1}\n{"id":2}\n';
    await store.container.getBlockBlobClient(blobs.source(id)).upload(lines, lines.length);
    await store.markLive(id);
    const spec = {
        ...jobSpec.parse({ source: { items: [0] }, process: { processor: 'digest' } }),
        source: { inline: 2 },
    };
    await store.createJob({ id, createdAt: new Date().toISOString(), spec });
    expect(await summaryOf(id)).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 2 } });
    await unmarked(id);
    const { jobs } = await clientOf(host).listPage();
    expect(jobs.map((j) => j.id)).toContain(id);
});

test('a running job whose orchestration is terminated', async () => {
    const items = Array.from({ length: 60 }, (_, i) => ({ id: i }));
    const id = await startJob(host, items, { process: { http: { url: `${target.url}/x` } }, key: 'id', concurrency: { max: 4 } });
    expect(await isMarked(id)).toBe(true);
    await until(
        () => target.stats().requests > 4,
        () => 'nothing was called',
    );
    const terminated = await fetch(`${host.url}/runtime/webhooks/durabletask/instances/${id}/terminate?reason=test`, { method: 'POST' });
    expect(terminated.status).toBe(202);
    expect(await summaryOf(id)).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 60 } });
    expect(breaches(await results(host, id), 60)).toEqual([]);
    await unmarked(id);
});

test('a running job whose whole task hub is gone', async () => {
    const before = target.stats().requests;
    const items = Array.from({ length: 60 }, (_, i) => ({ id: i }));
    const id = await startJob(host, items, {
        process: { http: { url: `${target.url}/x` } },
        key: 'id',
        concurrency: { max: 4 },
        partition: { items: 20 },
    });
    await until(
        () => target.stats().requests > before + 8,
        () => 'nothing was called',
    );
    await host.kill9();
    env.AzureFunctionsJobHost__extensions__durableTask__hubName = 'AnotherHub';
    await host.restart();
    expect(await summaryOf(id)).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 60 } });
    expect(breaches(await results(host, id), 60)).toEqual([]);
});
