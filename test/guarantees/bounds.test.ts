// Promise 7: what the engine carries does not grow with the number of items. Promise 8: secrets stay out of everything that is kept.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { TableClient, TableServiceClient } from '@azure/data-tables';
import { startTarget, type Target } from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';
import { ended, guaranteesApp, startJob } from './support';

const SECRET = 'correct-horse-battery-staple';

let host: RunningHost | undefined;
let target: Target;
const folder = mkdtempSync(path.join(os.tmpdir(), 'promises-'));
beforeEach(async () => {
    target = await startTarget({ latencyMs: 0 });
});
afterEach(async () => {
    await host?.stop();
    host = undefined;
    await target.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Sizes {
    history: number;
    payload: number;
}

async function sizesOf(total: number): Promise<Sizes> {
    const file = path.join(folder, `${total}.json`);
    host = await startHost({ app: guaranteesApp, env: { PROMISES_SIZES: file } });
    const items = Array.from({ length: total }, (_, id) => ({ id }));
    // Partitions of which the smaller job too has several for each worker: what a lease came to goes with the one after it.
    const id = await startJob(host, items, { process: { processor: 'digest' }, key: 'id', partition: { items: 500 } });
    expect(await ended(host, id, 150_000)).toMatchObject({ state: 'completed', counts: { succeeded: total } });
    // The job has ended for its user a moment before its orchestration has.
    const instance = `${host.url}/runtime/webhooks/durabletask/instances/${id}`;
    await until(
        async () => (await fetch(instance)).status === 200,
        () => `the orchestration of ${id} has not ended`,
    );
    await host.stop();
    host = undefined;
    return JSON.parse(readFileSync(file, 'utf8')) as Sizes;
}

test('the longest history and the largest payload of a job of 100,000 items are those of one of 10,000', async () => {
    const small = await sizesOf(10_000);
    const large = await sizesOf(100_000);
    expect(large.history).toBeLessThanOrEqual(small.history);
    expect(large.payload).toBeLessThan(16 * 1024);
    // Numbers have more digits in a larger job; nothing else may be longer.
    expect(large.payload).toBeLessThanOrEqual(small.payload + 256);
}, 300_000);

/** Everything that storage holds, as one text. */
async function everythingIn(storage: string): Promise<string> {
    const texts: string[] = [];
    const blobs = BlobServiceClient.fromConnectionString(storage);
    for await (const { name } of blobs.listContainers()) {
        const container = blobs.getContainerClient(name);
        for await (const blob of container.listBlobsFlat({ includeMetadata: true })) {
            texts.push(JSON.stringify(blob.metadata ?? {}));
            if ((blob.properties.contentLength ?? 0) > 0)
                texts.push((await container.getBlobClient(blob.name).downloadToBuffer()).toString());
        }
    }
    const tables = TableServiceClient.fromConnectionString(storage, { allowInsecureConnection: true });
    for await (const { name } of tables.listTables()) {
        for await (const row of TableClient.fromConnectionString(storage, name!, { allowInsecureConnection: true }).listEntities())
            texts.push(JSON.stringify(row));
    }
    return texts.join('\n');
}

test('a secret reaches the target, and nothing else', async () => {
    host = await startHost({ app: guaranteesApp, env: { TARGET_TOKEN: SECRET, FANFOLD_SECRETS: 'TARGET_TOKEN@127.0.0.1' } });
    const process = { http: { url: `${target.url}/x`, headers: { authorization: { secret: 'TARGET_TOKEN' } } } };
    // It breaks every connection.
    const broken = await startTarget({ badShare: 1, badStatus: 'reset' });
    const failing = { http: { ...process.http, url: `${broken.url}/x` } };
    for (const spec of [{ process }, { process: failing, retry: { attempts: 2, initialDelay: 'PT0S' } }]) {
        const id = await startJob(host, [{ id: 1 }, { id: 2 }], spec);
        const end = await ended(host, id, 60_000);
        expect(end.state).toBe('completed');
        expect(JSON.stringify(end)).not.toContain(SECRET);
    }
    await broken.stop();
    expect(target.headers().authorization).toBe(SECRET);
    const kept = await everythingIn(host.storage);
    expect(kept).toContain('TARGET_TOKEN'); // the name is there, so the search looks in the right place
    expect(kept).not.toContain(SECRET);
    expect(host.output()).not.toContain(SECRET);
}, 120_000);
