// Planning against real blob storage (Azurite), without a Functions host.
import { Readable } from 'node:stream';
import timers from 'node:timers/promises';
import { BlobClient, RestError, type BlobGetPropertiesResponse } from '@azure/storage-blob';
import { planJob } from '../../src/activities/planJob';
import { jobSpec, type StoredSpec } from '../../src/contracts/jobSpec';
import { blobs } from '../../src/contracts/names';
import { moved } from '../../src/core/control';
import type { JobStore } from '../../src/storage/jobStore';
import { storeWhole } from '../../src/storage/uploads';
import { startStore } from '../support/blobStorage';

let store: JobStore;
let stop: (() => Promise<void>) | undefined;
let jobs = 0;

beforeAll(async () => {
    ({ store, stop } = await startStore());
}, 60_000);

afterAll(() => stop?.());

/** Stores a file and a job over it; gives the job's id. */
async function job(file: string | Readable | null, over: object = {}, name = 'in.csv'): Promise<string> {
    const id = `plan-${++jobs}`;
    const blob = `inbox/${id}/${name}`;
    const client = store.container.getBlockBlobClient(blob);
    if (file instanceof Readable) await client.uploadStream(file, 4 * 1024 * 1024, 2);
    else if (file !== null) await client.upload(file, Buffer.byteLength(file));
    const spec = jobSpec.parse({ source: { blob }, process: { processor: 'digest' }, ...over }) as StoredSpec;
    await store.createJob({ id, createdAt: new Date().toISOString(), spec });
    return id;
}

const plan = (jobId: string) => planJob({ jobId }, store);
const itemsOf = async (jobId: string) => {
    const found = [];
    for await (const blob of store.container.listBlobsFlat({ prefix: `jobs/${jobId}/items.` })) found.push(blob.name);
    return found;
};
const invalid = async (jobId: string) => {
    const text = (await store.container.getBlobClient(blobs.invalid(jobId)).downloadToBuffer()).toString();
    return text
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l) as { line: number; code: string; message: string });
};

test('partitions hold every item once, in order', async () => {
    const id = await job(`id,name\n${Array.from({ length: 25 }, (_, i) => `${i},Gräz ${i}`).join('\n')}\n`, { partition: { items: 10 } });
    expect(await plan(id)).toEqual({ ok: true, total: 25, invalid: 0, partitions: 3, concurrency: 64, deadline: null });
    const stored = (await store.readPlan(id))!;
    expect(stored.partitions.map(({ items, firstIndex }) => [items, firstIndex])).toEqual([
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
    for (const [p, { bytes }] of stored.partitions.entries()) {
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
    expect(reply).toMatchObject({ error: { invalid: 1_000 } });
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
    await store.changeControl(id, (now) => moved(now, 'cancel', { by: 'test', at: 1 }));
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

describe('inline items', () => {
    const inline = async (lines: string, over: object = {}): Promise<string> => {
        const id = `plan-${++jobs}`;
        await store.container.getBlockBlobClient(blobs.source(id)).upload(lines, Buffer.byteLength(lines));
        const spec = { ...jobSpec.parse({ source: { items: [0] }, process: { processor: 'digest' }, ...over }), source: { inline: 2 } };
        await store.createJob({ id, createdAt: new Date().toISOString(), spec });
        return id;
    };

    test('are read as those of a file are', async () => {
        const lines = '{"__proto__":{"a":1},"n":9007199254740993}\n1.10\n1e400\n';
        const id = await inline(lines);
        expect(await plan(id)).toMatchObject({ ok: true, total: 3 });
        expect((await store.readPartition((await store.readPlan(id))!, 0)).toString()).toBe(lines);
    });

    test('that are no items are told by their position, or passed over', async () => {
        const lines = `1\n${JSON.stringify('x'.repeat(1_048_576))}\n3\n`;
        expect(await plan(await inline(lines))).toMatchObject({ ok: false, error: { code: 'SOURCE_INVALID' } });
        const id = await inline(lines, { onInvalid: 'skip' });
        expect(await plan(id)).toMatchObject({ ok: true, total: 2, invalid: 1 });
        expect(await invalid(id)).toMatchObject([{ line: 2, code: 'ITEM_TOO_LARGE' }]);
    });
});

test('an upload that storage denies after it was opened is trouble with storage, not a file without a format', async () => {
    const id = 'plan-denied';
    const { id: upload } = (await storeWhole(store, Readable.from([Buffer.from('{}\n')]), 'in.ndjson'))!;
    const spec = jobSpec.parse({ source: { upload }, process: { processor: 'digest' } }) as StoredSpec;
    await store.createJob({ id, createdAt: new Date().toISOString(), spec });
    const head = jest.spyOn(BlobClient.prototype, 'getProperties');
    head.mockResolvedValueOnce({} as BlobGetPropertiesResponse).mockRejectedValueOnce(new RestError('gone', { statusCode: 404 }));
    try {
        expect(await plan(id)).toMatchObject({ ok: false, trouble: { code: 'STORAGE_REFUSED', message: expect.stringContaining('404') } });
        expect(await plan(id)).toMatchObject({ ok: true, total: 1 });
    } finally {
        head.mockRestore();
    }
});

describe('a variable of the URL that no item has', () => {
    const http = (url: string, more: object = {}) => ({ process: { http: { url: `http://h.example${url}`, ...more } } });
    const told = async (file: string | Readable, spec: object, name = 'in.ndjson') => {
        const id = await job(file, spec, name);
        const reply = await plan(id);
        if (!reply.ok) expect(await itemsOf(id)).toEqual([]);
        return reply;
    };
    const unknown = (text: string) => ({
        ok: false,
        error: { code: 'VARIABLE_UNKNOWN', message: expect.stringContaining(text) as string },
    });

    test.each<[string, string, object, string | null]>([
        ['in the path', '{"id":1}\n{"id":2}\n', http('/c/{idd}'), '"idd"'],
        ['in the query', '{"id":1}\n', http('/c/{id}{?pgae}'), '"pgae"'],
        ['of two', '{"id":1}\n', http('/c/{a}/{b}'), '"a" and "b"'],
        ['by the column that there is', '{"Customer ID":1}\n', http('/c/{Customer%20ID}'), 'The first has "Customer ID"'],
        ['whose expression finds nothing', '{"id":1}\n', http('/c/{id}', { vars: { id: '"Id"' } }), '"id"'],
        ['whose expression fits no item', '{"id":1}\n', http('/c/{id}', { vars: { id: 'length(id)' } }), '"id"'],
        ['where the items are no objects', '1\n2\n', http('/c/{id}'), 'no object with fields'],
        ['that every object inherits', '{"id":1}\n', http('/c/{constructor}'), '"constructor"'],
        ['but another has', '{"id":1}\n{"q":1}\n', http('/c/{id}{?q}'), null],
        ['but it is null there', '{"id":1,"q":null}\n', http('/c/{id}{?q}'), null],
        ['but which may be absent', '{"id":1}\n', http('/c/{id}{?q}', { optional: ['q'] }), null],
        ['but its expression finds it', '{"Customer ID":1}\n', http('/c/{id}', { vars: { id: '"Customer ID"' } }), null],
        ['but the item itself is it', '1\n', http('/c/{item}'), null],
        ['but its name is __proto__', '{"__proto__":1}\n', http('/c/{__proto__}'), null],
    ])('%s', async (_what, file, spec, text) => expect(await told(file, spec)).toMatchObject(text === null ? { ok: true } : unknown(text)));

    test('in the first thousand: one further on does not count, nor do rows that are no items', async () => {
        const without = (count: number) => '{"id":1}\n'.repeat(count);
        expect(await told(`${without(1_000)}{"q":1}\n`, http('/c/{id}{?q}'))).toMatchObject(
            unknown('none of the first 1000 items has "q"'),
        );
        expect(await told(`${without(999)}{broken\n{"q":1}\n`, { ...http('/c/{id}{?q}'), onInvalid: 'skip' })).toMatchObject({
            ok: true,
            total: 1_000,
        });
    });

    test('is no verdict where bad rows ended the reading: what is behind them may have it', async () => {
        const file = `{"id":1}\n${'{broken\n'.repeat(1_000)}{"id":1,"q":1}\n`;
        expect(await told(file, http('/c/{id}{?q}'))).toMatchObject({ ok: false, error: { code: 'SOURCE_INVALID', invalid: 1_000 } });
        expect(await told('{"id":1}\n{broken\n', http('/c/{idd}'))).toMatchObject({
            ok: false,
            error: { code: 'VARIABLE_UNKNOWN', invalid: 1 },
        });
    });

    test('is looked for with bounded work', async () => {
        const file = `{"list":[${Array(300).fill(1).join()}]}\n`.repeat(1_000);
        const named = (count: number, expression: string) => {
            const names = Array.from({ length: count }, (_, i) => `v${i}`);
            const vars = Object.fromEntries(names.map((name) => [name, expression]));
            return http(`/c${names.map((name) => `/{${name}}`).join('')}`, { vars });
        };
        const finds = 'list[?@ > `1`] | [0]';
        expect(await told(file, named(2, finds))).toMatchObject(unknown('"v0" and "v1"'));
        // What costs more than a key may, or with all others more than there is for looking, is not looked for: the items will tell.
        expect(await told(file, named(1, `[${Array(30).fill('list[?@ > `1`]').join()}] | [0][0]`))).toMatchObject({ ok: true });
        expect(await told(file, named(50, finds))).toMatchObject({ ok: true });
    });

    test('is looked for beside other work of the process', async () => {
        const gaveWay = jest.spyOn(timers, 'setImmediate');
        let now = 0;
        const clock = jest.spyOn(performance, 'now').mockImplementation(() => (now += 60));
        try {
            expect(await told('{"id":1}\n'.repeat(10), http('/c/{idd}'))).toMatchObject(unknown('"idd"'));
            expect(gaveWay.mock.calls.length).toBeGreaterThanOrEqual(5);
        } finally {
            clock.mockRestore();
            gaveWay.mockRestore();
        }
    });
});
