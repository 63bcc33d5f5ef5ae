// Files as people have them, planned against real blob storage (Azurite), and what is said of them when a job is posted.
import { planJob } from '../../src/activities/planJob';
import { jobSpec, parseSpec, type StoredSpec } from '../../src/contracts/jobSpec';
import { checkSource } from '../../src/application/checkSource';
import { blobs } from '../../src/contracts/names';
import type { JobStore } from '../../src/storage/jobStore';
import { startStore } from '../support/blobStorage';

let store: JobStore;
let stop: (() => Promise<void>) | undefined;
let jobs = 0;

beforeAll(async () => {
    ({ store, stop } = await startStore());
}, 60_000);

afterAll(() => stop?.());

const process = { processor: 'digest' };

async function put(file: string, name: string): Promise<string> {
    const blob = `inbox/${++jobs}/${name}`;
    await store.container.getBlockBlobClient(blob).upload(file, Buffer.byteLength(file));
    return blob;
}

async function plan(file: string, name: string, { source, ...over }: { source?: object; onInvalid?: string } = {}) {
    const id = `files-${jobs + 1}`;
    const spec = jobSpec.parse({ source: { blob: await put(file, name), ...source }, process, ...over }) as StoredSpec;
    await store.createJob({ id, createdAt: new Date().toISOString(), spec });
    return { id, reply: await planJob({ jobId: id }, store) };
}

async function itemsOf(id: string): Promise<string[]> {
    const stored = (await store.readPlan(id))!;
    const parts = await Promise.all(stored.partitions.map((_, p) => store.readPartition(stored, p)));
    return parts.flatMap((part) => part.toString().trimEnd().split('\n'));
}

test('the elements of a JSON array are planned as they are written, each on one line', async () => {
    const elements = ['{"id":9007199254740993,"price":1.10}', '1e400', '-0', '{"__proto__":{"a":1}}', '{"a":1,"a":2}', '"\\u00e9"'];
    const { id, reply } = await plan(`[\r\n  ${elements.join(',\r\n  ')}\r\n]`, 'in.json');
    expect(reply).toMatchObject({ ok: true, total: elements.length });
    expect(await itemsOf(id)).toEqual(elements);
});

test('rows are not lost where line ends are mixed', async () => {
    const { id, reply } = await plan(
        `id\r\n${Array.from({ length: 1_000 }, (_, i) => `${i}${['\n', '\r', '\r\n'][i % 3]}`).join('')}`,
        'in.csv',
    );
    expect(reply).toMatchObject({ ok: true, total: 1_000, invalid: 0 });
    expect((await itemsOf(id))[999]).toBe('{"id":"999"}');
});

test('the lines that a bad quote takes with it are all counted', async () => {
    const { id, reply } = await plan('a,b\n1,"never\n2,x\n3,"ok"\n4,y\n', 'in.csv', { onInvalid: 'skip' });
    expect(reply).toMatchObject({ ok: true, total: 1, invalid: 3 });
    const listed = (await store.container.getBlobClient(blobs.invalid(id)).downloadToBuffer()).toString().trim().split('\n');
    expect(listed.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([2, 3, 4]);
});

test('empty and short rows are bad rows, or what the spec says', async () => {
    const file = 'a,b\n1,2\n3\n,\n,,,\n';
    expect((await plan(file, 'in.csv')).reply).toMatchObject({ ok: false, error: { code: 'SOURCE_INVALID', invalid: 3 } });
    const { id, reply } = await plan(file, 'in.csv', { source: { csv: { emptyRows: 'skip', shortRows: 'fill' } } });
    expect(reply).toMatchObject({ ok: true, total: 2, invalid: 0 });
    expect(await itemsOf(id)).toEqual(['{"a":"1","b":"2"}', '{"a":"3","b":""}']);
});

test.each([
    ['sep=;\nid;n\n1;2\n', 'in.csv', 'CSV_HEADER'],
    ['{"type":"FeatureCollection","features":[{}]}', 'in.json', 'JSON_NOT_ARRAY'],
    ['[{"a":1}]', 'in.ndjson', 'NDJSON_NOT_LINES'],
    [Buffer.from('id,n\n1,2\n', 'utf16le').toString('latin1'), 'in.csv', 'NOT_UTF8'],
    ['%PDF-1.7 ', 'in.csv', 'NOT_TEXT'],
])('%j as %s ends in %s', async (file, name, code) => {
    expect((await plan(file, name, { onInvalid: 'skip' })).reply).toMatchObject({ ok: false, error: { code } });
});

test('a single inline item that is an array is an item', async () => {
    const id = 'files-inline';
    await store.container.getBlockBlobClient(blobs.source(id)).upload('[1,2]\n', 6);
    const spec = { ...jobSpec.parse({ source: { items: [0] }, process }), source: { inline: 1 } };
    await store.createJob({ id, createdAt: new Date().toISOString(), spec });
    expect(await planJob({ jobId: id }, store)).toMatchObject({ ok: true, total: 1 });
    expect(await itemsOf(id)).toEqual(['[1,2]']);
});

describe('when the job is posted', () => {
    const check = async (name: string, more: object = {}) =>
        (await checkSource({ source: { blob: await put('id\n1\n', name), ...more } }, store)).errors;

    test.each(['in.txt', 'in.tsv', 'in.TSV', 'in', 'in.csv.bak'])('%s is asked for its format', async (name) => {
        const [error] = await check(name);
        expect(error).toMatchObject({ pointer: '/source/format', allowed: 'csv | ndjson | json' });
        if (/tsv/i.test(name)) expect(error!.message).toMatch(/Tabs are not read/);
        expect(await check(name, { format: 'csv' })).toEqual([]);
    });

    test('options for CSV are for CSV', async () => {
        const csv = { emptyRows: 'skip' };
        expect(await check('in.csv', { csv })).toEqual([]);
        expect(await check('in.txt', { csv, format: 'csv' })).toEqual([]);
        expect(await check('in.json', { csv })).toMatchObject([{ pointer: '/source/csv', message: expect.stringContaining('json') }]);
    });

    test.each([
        [{ csv: { emptyRows: 'drop' } }, '/source/csv/emptyRows', 'reject | skip'],
        [{ csv: { shortRows: 'skip' } }, '/source/csv/shortRows', 'reject | fill'],
        [{ csv: { delimiter: ';' } }, '/source/csv/delimiter', 'emptyRows, shortRows'],
    ])('%j is refused with its place', (more, pointer, allowed) => {
        for (const file of [{ blob: 'inbox/in.csv' }, { upload: 'u1' }])
            expect(parseSpec({ source: { ...file, ...more }, process })).toMatchObject({ ok: false, errors: [{ pointer, allowed }] });
        expect(parseSpec({ source: { items: [1], csv: {} }, process })).toMatchObject({ ok: false, errors: [{ pointer: '/source/csv' }] });
    });
});
