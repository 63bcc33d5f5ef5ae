// What a deployment takes at most, by setting: handlers, planning and sweeper against real blob storage (Azurite) and an engine in memory.
import { Readable } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { planJob } from '../../src/activities/planJob';
import { countJobs } from '../../src/application/jobRoom';
import { findUpload, sweepUploads } from '../../src/application/uploadAge';
import { jobSpec, type StoredSpec } from '../../src/contracts/jobSpec';
import { blobs } from '../../src/contracts/names';
import { noCounts } from '../../src/core/counts';
import type { JobStore } from '../../src/storage/jobStore';
import { createParts, listUploads, noteUse, readUpload, storeWhole, usedAt } from '../../src/storage/uploads';
import { useBlobStorage } from '../support/blobStorage';
import { quiet } from '../support/log';
import { callRoute, EngineDouble, type Sent } from '../support/routes';
import { until } from '../support/until';

let store: JobStore;
const engine = new EngineDouble();
const DAY = 86_400_000;

useBlobStorage((opened) => (store = opened));
afterEach(() => {
    for (const name of Object.keys(process.env)) if (/^FANFOLD_(MAX|UPLOAD)_/.test(name)) delete process.env[name];
});

const call = (method: string, path: string, sent?: Sent) => callRoute(engine, method, path, sent);
const post = (items: unknown[], headers: Record<string, string> = {}) =>
    call('POST', 'jobs', { body: Buffer.from(JSON.stringify({ source: { items }, process: { processor: 'digest' } })), headers });
const tus = (length: number) => call('POST', 'uploads', { headers: { 'tus-resumable': '1.0.0', 'upload-length': String(length) } });
const uploadsNow = async () => {
    let n = 0;
    for await (const page of listUploads(store)) n += page.length;
    return n;
};
const openUploads = async () => {
    let n = 0;
    for await (const page of listUploads(store)) n += page.filter((u) => !u.complete).length;
    return n;
};
const whole = async (text = '1\n') => (await storeWhole(store, Readable.from([Buffer.from(text)]), 'in.ndjson'))!;

async function jobWith(source: object, isMarked = false): Promise<string> {
    const id = randomUUID();
    const spec = jobSpec.parse({ source, process: { processor: 'digest' } }) as StoredSpec;
    if (isMarked) await store.markLive(id);
    await store.createJob({ id, createdAt: new Date().toISOString(), spec });
    return id;
}

test('as many items as the setting says are taken, and no more', async () => {
    process.env.FANFOLD_MAX_ITEMS = '3';
    const refused = await post([1, 2, 3, 4]);
    expect(refused).toMatchObject({ status: 413, json: { code: 'TOO_MANY_ITEMS', limit: 3, setting: 'FANFOLD_MAX_ITEMS' } });
    expect(refused.json.remedy).toMatch(/several jobs/);
    expect((await post([1, 2, 3])).status).toBe(202);
});

test('a file with more items fails its job before anything is called', async () => {
    process.env.FANFOLD_MAX_ITEMS = '3';
    const planned = async (lines: number) => {
        const { id } = await whole('1\n'.repeat(lines));
        const jobId = await jobWith({ upload: id });
        return { jobId, reply: await planJob({ jobId }, store) };
    };
    const { jobId, reply } = await planned(4);
    expect(reply).toMatchObject({ ok: false, error: { code: 'TOO_MANY_ITEMS', message: expect.stringMatching(/FANFOLD_MAX_ITEMS/) } });
    for await (const { name } of store.container.listBlobsFlat({ prefix: `jobs/${jobId}/items.` })) throw new Error(name);
    expect((await planned(3)).reply).toMatchObject({ ok: true, total: 3 });
});

test('a body is as long as the setting says', async () => {
    process.env.FANFOLD_MAX_BODY_BYTES = '1024';
    const refused = await post(['x'.repeat(2_000)]);
    expect(refused).toMatchObject({ status: 413, json: { code: 'TOO_LARGE', limit: 1024, setting: 'FANFOLD_MAX_BODY_BYTES' } });
    expect((await post(['x'.repeat(500)])).status).toBe(202);
});

test('beyond the jobs that may be at work a post is told to come again; one that repeats another is not', async () => {
    const standing = await countJobs(store, Infinity);
    process.env.FANFOLD_MAX_JOBS = String(standing + 2);
    const first = await post([1], { 'idempotency-key': 'caps-1' });
    expect(first.status).toBe(202);
    expect((await post([2])).status).toBe(202);
    const refused = await post([3]);
    expect(refused).toMatchObject({ status: 429, json: { code: 'TOO_MANY_JOBS', limit: standing + 2, setting: 'FANFOLD_MAX_JOBS' } });
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(await post([1], { 'idempotency-key': 'caps-1' })).toMatchObject({ status: 202, json: { id: first.json.id } });
    // Its marker stands until the sweeper comes; that it has ended is seen all the same.
    const endedAt = new Date().toISOString();
    const summary = { state: 'completed', total: 1, counts: noCounts(), invalid: 0, failures: [], endedAt };
    await store.writeJson(blobs.summary(first.json.id), { jobId: first.json.id, ...summary });
    await until(
        async () => (await post([4])).status === 202,
        () => 'there is no room for a job, though one has ended',
    );
    expect((await post([5])).status).toBe(429);
});

test('a marker whose job was never stored counts as a job for as long as its POST may last, and no longer', async () => {
    const before = await countJobs(store, 0);
    await store.markLive(randomUUID());
    await jobWith({ items: [1] }, true);
    expect(await countJobs(store, 1)).toBe(before + 2);
    expect(await countJobs(store, 1, Date.now() + 590_000)).toBe(before + 2);
    // Others of this file are stored, and still count.
    expect(await countJobs(store, 1, Date.now() + 610_000)).toBe(before + 1);
});

test('an upload has as many bytes as the setting says, and of a larger one nothing is kept', async () => {
    process.env.FANFOLD_MAX_UPLOAD_BYTES = '10';
    const before = await uploadsNow();
    const limit = { code: 'TOO_LARGE', limit: 10, setting: 'FANFOLD_MAX_UPLOAD_BYTES' };
    expect(await call('POST', 'uploads', { body: Buffer.from('12345678901') })).toMatchObject({ status: 413, json: limit });
    const parts = await tus(11);
    expect(parts).toMatchObject({ status: 413, json: limit });
    expect(parts.headers.get('tus-max-size')).toBe('10');
    expect((await call('OPTIONS', 'uploads')).headers.get('tus-max-size')).toBe('10');
    expect(await uploadsNow()).toBe(before);
    expect((await call('POST', 'uploads', { body: Buffer.from('1234567890') })).status).toBe(201);
    expect((await tus(10)).status).toBe(201);
});

test('an upload that is refused for its metadata takes no place', async () => {
    process.env.FANFOLD_MAX_UPLOADS = String((await openUploads()) + 1);
    const headers = { 'tus-resumable': '1.0.0', 'upload-length': '5' };
    for (let i = 0; i < 3; i++)
        expect((await call('POST', 'uploads', { headers: { ...headers, 'upload-metadata': 'a b c' } })).json.code).toBe('BAD_UPLOAD');
    expect((await call('POST', 'uploads', { headers })).status).toBe(201);
});

test('beyond the uploads that may be open none is begun; one in a single request is', async () => {
    const open = await openUploads();
    process.env.FANFOLD_MAX_UPLOADS = String(open + 1);
    expect((await tus(5)).status).toBe(201);
    const refused = await tus(5);
    expect(refused).toMatchObject({ status: 429, json: { code: 'TOO_MANY_UPLOADS', limit: open + 1, setting: 'FANFOLD_MAX_UPLOADS' } });
    expect([refused.headers.get('retry-after'), refused.headers.get('tus-resumable')]).toEqual(['60', '1.0.0']);
    expect((await call('POST', 'uploads', { body: Buffer.from('1') })).status).toBe(201);
});

describe('an upload of a certain age', () => {
    const AGE = 7 * DAY;
    const later = (ms: number) => () => Date.now() + ms;
    const isThere = async (id: string) => (await readUpload(store, id)) !== null;

    test('that nobody has completed is gone for its sender, and deleted an hour later', async () => {
        const id = await createParts(store, 5, 'a.csv', undefined);
        expect(await findUpload(store, id, Date.now() + AGE - 60_000)).not.toBeNull();
        expect(await findUpload(store, id, Date.now() + AGE + 2_000)).toBeNull();
        await sweepUploads(store, later(AGE + 1_800_000), AGE, quiet);
        expect(await isThere(id)).toBe(true);
        await sweepUploads(store, later(AGE + DAY), AGE, quiet);
        expect(await isThere(id)).toBe(false);
    });

    test('is refused over HTTP as one that is not there', async () => {
        const [open, complete] = [await createParts(store, 5, 'a.csv', undefined), (await whole()).id];
        const real = Date.now;
        const clock = jest.spyOn(Date, 'now').mockImplementation(() => real() + AGE + 60_000);
        const headers = { 'tus-resumable': '1.0.0', 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };
        try {
            expect((await call('HEAD', `uploads/${open}`, { headers })).status).toBe(404);
            expect((await call('PATCH', `uploads/${open}`, { headers, body: Buffer.from('12345') })).status).toBe(404);
            expect((await call('GET', `uploads/${complete}`)).status).toBe(404);
            const spec = { source: { upload: complete }, process: { processor: 'digest' } };
            expect(await call('POST', 'jobs', { body: Buffer.from(JSON.stringify(spec)) })).toMatchObject({
                status: 400,
                json: { errors: [{ pointer: '/source/upload', message: expect.stringMatching(/there is no upload/) }] },
            });
        } finally {
            clock.mockRestore();
        }
        expect((await call('PATCH', `uploads/${open}`, { headers, body: Buffer.from('12345') })).status).toBe(204);
    });

    test('that a job has used is kept from then on, and one that a job has yet to read for as long as that takes', async () => {
        const [used, named, unused] = [await whole(), await whole(), await whole()];
        // Storage tells times by the second.
        const { changedAt } = (await readUpload(store, unused.id))!;
        const at = await until(
            async () => {
                await noteUse(store, used.id);
                const last = await usedAt(store, used.id);
                return last !== null && last > changedAt ? last : null;
            },
            () => 'the use of an upload is not noted',
        );
        expect(await findUpload(store, used.id, at + AGE - 1)).not.toBeNull();
        expect(await findUpload(store, unused.id, at + AGE + 5_000)).toBeNull();
        const jobId = await jobWith({ upload: named.id }, true);
        const clock = () => at + AGE + 3_600_000 - 1;
        await sweepUploads(store, clock, AGE, quiet);
        expect(await Promise.all([used, named, unused].map(({ id }) => isThere(id)))).toEqual([true, true, false]);
        expect(await planJob({ jobId }, store)).toMatchObject({ ok: true });
        await sweepUploads(store, later(AGE + DAY), AGE, quiet);
        expect(await Promise.all([used, named].map(({ id }) => isThere(id)))).toEqual([false, false]);
        expect(await usedAt(store, used.id)).toBeNull();
    });

    test('that a posted job names has its use noted', async () => {
        const { id } = await whole();
        const spec = { source: { upload: id }, process: { processor: 'digest' } };
        expect((await call('POST', 'jobs', { body: Buffer.from(JSON.stringify(spec)) })).status).toBe(202);
        expect(await usedAt(store, id)).not.toBeNull();
    });
});
