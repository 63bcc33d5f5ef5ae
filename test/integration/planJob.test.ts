// Planning against real blob storage (Azurite), without a Functions host.
import { Readable } from 'node:stream';
import { planJob } from '../../src/activities/planJob';
import { jobSpec, type StoredSpec } from '../../src/core/spec';
import { names, JobStore } from '../../src/storage/jobStore';
import { startBlobStorage } from '../support/blobStorage';

let storage: Awaited<ReturnType<typeof startBlobStorage>>;
let store: JobStore;
let jobs = 0;

beforeAll(async () => {
    storage = await startBlobStorage();
    const container = storage.service.getContainerClient('plan');
    await container.createIfNotExists();
    store = new JobStore(container);
}, 60_000);

afterAll(() => storage.stop());

/** Stores a file and a job over it; gives the job's id. */
async function job(file: string | Readable | null, over: object = {}, name = 'in.csv'): Promise<string> {
    const id = `plan-${++jobs}`;
    const blob = `inbox/${id}/${name}`;
    const client = store.container.getBlockBlobClient(blob);
    if (file instanceof Readable) await client.uploadStream(file, 4 * 1024 * 1024, 2);
    else if (file !== null) await client.upload(file, Buffer.byteLength(file));
    const spec = jobSpec.parse({ source: { blob }, process: { processor: 'digest' }, ...over }) as StoredSpec;
    await store.writeJob({ id, createdAt: new Date().toISOString(), spec });
    return id;
}

const plan = (jobId: string) => planJob({ jobId }, store);
const itemsOf = async (jobId: string) => {
    const found = [];
    for await (const blob of store.container.listBlobsFlat({ prefix: `jobs/${jobId}/items.` })) found.push(blob.name);
    return found;
};
const invalid = async (jobId: string) => {
    const text = (await store.container.getBlobClient(names.invalid(jobId)).downloadToBuffer()).toString();
    return text
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l) as { line: number; code: string; message: string });
};

test('partitions hold every item once, in order', async () => {
    const id = await job(`id,name\n${Array.from({ length: 25 }, (_, i) => `${i},Gräz ${i}`).join('\n')}\n`, { partition: { items: 10 } });
    expect(await plan(id)).toEqual({ ok: true, total: 25, invalid: 0, partitions: 3, concurrency: 64 });
    const stored = (await store.readPlan(id))!;
    expect(stored.partitions.map(([, , items, first]) => [items, first])).toEqual([
        [10, 0],
        [10, 10],
        [5, 20],
    ]);
    const parts = await Promise.all(stored.partitions.map((_, p) => store.readPartition(stored, p)));
    const items = parts.flatMap((p) => p.toString().trimEnd().split('\n')).map((l) => JSON.parse(l) as unknown);
    expect(items).toEqual(Array.from({ length: 25 }, (_, i) => ({ id: String(i), name: `Gräz ${i}` })));
});

test('a partition is cut at 8 MB, however few its items', async () => {
    const line = JSON.stringify('x'.repeat(1_000_000)) + '\n';
    const id = await job(Readable.from(Array.from({ length: 20 }, () => line)), {}, 'big.ndjson');
    expect(await plan(id)).toMatchObject({ ok: true, total: 20, partitions: 3 });
    const stored = (await store.readPlan(id))!;
    for (const [p, [, bytes]] of stored.partitions.entries()) {
        expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
        const text = (await store.readPartition(stored, p)).toString();
        expect(text.startsWith('"x') && text.endsWith('x"\n')).toBe(true);
    }
});

test('bad rows refuse the job, are listed with their lines, and leave no items behind', async () => {
    const id = await job('id,b\n1,2\n3\n,4\n5,6\n', { key: 'id' });
    expect(await plan(id)).toMatchObject({
        ok: false,
        error: { code: 'SOURCE_INVALID', invalid: 2, message: expect.stringContaining('line 3') },
    });
    expect((await invalid(id)).map((r) => [r.line, r.code])).toEqual([
        [3, 'CSV_RAGGED'],
        [4, 'KEY_MISSING'],
    ]);
    expect(await itemsOf(id)).toEqual([]);
    expect(await store.readPlan(id)).toBeNull();
});

test('with skip they are counted and the rest is planned', async () => {
    const id = await job('{"id":1}\n{broken\n\n{"id":{}}\n{"id":"x"}\n', { onInvalid: 'skip', key: 'id' }, 'in.ndjson');
    expect(await plan(id)).toMatchObject({ ok: true, total: 2, invalid: 2 });
    expect((await invalid(id)).map((r) => [r.line, r.code])).toEqual([
        [2, 'NDJSON_SYNTAX'],
        [4, 'KEY_MISSING'],
    ]);
});

test('a key expression that does not fit an item makes it a bad row, not a broken plan', async () => {
    const id = await job('{"id":1}\n{"id":["a","b"]}\n', { onInvalid: 'skip', key: "join('-', id)" }, 'in.ndjson');
    expect(await plan(id)).toMatchObject({ ok: true, total: 1, invalid: 1 });
});

test('ten thousand bad rows are listed and all are counted; refusing, a thousand are enough', async () => {
    const file = `a,b\n${'1\n'.repeat(100_000)}1,2\n`;
    const skipping = await job(file, { onInvalid: 'skip' });
    expect(await plan(skipping)).toMatchObject({ ok: true, total: 1, invalid: 100_000 });
    expect(await invalid(skipping)).toHaveLength(10_000);
    const reply = await plan(await job(file));
    expect(reply).toMatchObject({ ok: false, error: { code: 'SOURCE_INVALID' } });
    expect(!reply.ok && reply.error.invalid).toBe(1_000);
});

test.each([
    ['', 'in.csv', 'SOURCE_EMPTY'],
    ['a,b\n', 'in.csv', 'SOURCE_EMPTY'],
    ['[]', 'in.json', 'SOURCE_EMPTY'],
    ['\n\n', 'in.ndjson', 'SOURCE_EMPTY'],
    ['{}', 'in.json', 'JSON_NOT_ARRAY'],
    [null, 'in.csv', 'SOURCE_NOT_FOUND'],
    ['a,b\n1,2\n', 'in.txt', 'FORMAT_UNKNOWN'],
])('a source of %j as %s is %s', async (file, name, code) => {
    const id = await job(file, {}, name);
    expect(await plan(id)).toMatchObject({ ok: false, error: { code } });
    expect(await itemsOf(id)).toEqual([]);
});

test('two runs of planning at once give one plan, and one items blob', async () => {
    const id = await job(`id\n${Array.from({ length: 1000 }, (_, i) => i).join('\n')}\n`);
    const replies = await Promise.all([plan(id), plan(id), plan(id)]);
    expect(new Set(replies.map((r) => JSON.stringify(r))).size).toBe(1);
    expect(replies[0]).toMatchObject({ ok: true, total: 1000 });
    expect(await itemsOf(id)).toEqual([(await store.readPlan(id))!.items]);
    expect(await plan(id)).toEqual(replies[0]);
});

test('a job cancelled while it is planned stops reading', async () => {
    const line = JSON.stringify({ text: 'x'.repeat(1000) }) + '\n';
    const id = await job(Readable.from(Array.from({ length: 100 }, () => line.repeat(1000))), {}, 'long.ndjson');
    await store.writeControl(id, { cancelled: true, generation: 1 });
    expect(await plan(id)).toMatchObject({ ok: false, error: { code: 'CANCELLED' } });
    expect(await itemsOf(id)).toEqual([]);
});

test('a million rows are planned in bounded memory', async () => {
    const rows = 1_000_000;
    function* csv(): Generator<Buffer> {
        yield Buffer.from('id,name,city\n');
        for (let i = 0; i < rows; i += 1000)
            yield Buffer.from(Array.from({ length: 1000 }, (_, k) => `${i + k},customer ${i + k},Lyon\n`).join(''));
    }
    const id = await job(Readable.from(csv()));
    const before = process.memoryUsage().rss;
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 50);
    const began = Date.now();
    const reply = await plan(id);
    clearInterval(watch);
    if (process.env.FANFOLD_BENCH)
        process.stdout.write(
            `planned ${Math.round(rows / ((Date.now() - began) / 1000))} rows/s, ${Math.round((peak - before) / 1e6)} MB more\n`,
        );
    expect(reply).toMatchObject({ ok: true, total: rows, partitions: 200 });
    // The items alone are 60 MB as text and many times that as values.
    expect(peak - before).toBeLessThan(400 * 1024 * 1024);
});
