// What becomes of a job whose start goes wrong: handlers and sweeper against real blob storage (Azurite) and an engine in memory.
import { quiet } from '../support/log';
import { createHash, randomUUID } from 'node:crypto';
import { BlockBlobClient, RestError } from '@azure/storage-blob';
import { sweep } from '../../src/application/sweep';
import { moved } from '../../src/core/control';
import { noCounts } from '../../src/core/counts';
import { newLedger } from '../../src/core/ledger';
import { engineOf } from '../../src/api/durableEngine';
import { STORING_MS } from '../../src/application/idempotency';
import { blobs } from '../../src/contracts/names';
import { JobStore } from '../../src/storage/jobStore';
import { useBlobStorage } from '../support/blobStorage';
import { callRoute, EngineDouble, type Sent } from '../support/routes';

let store: JobStore;
let engine: EngineDouble;

useBlobStorage((opened) => (store = opened));
beforeEach(() => void (engine = new EngineDouble()));

const call = (method: string, path: string, sent?: Sent) => callRoute(engine, method, path, sent);
const spec = (over: object = {}) =>
    Buffer.from(JSON.stringify({ source: { items: [{ id: 1 }] }, process: { processor: 'digest' }, ...over }));
const post = (key?: string, body = spec()) => call('POST', 'jobs', { body, headers: key ? { 'idempotency-key': key } : {} });
const sweepNow = (clock = Date.now) => sweep(store, engineOf(engine as never), clock, quiet);
const count = async (prefix: string) => {
    let n = 0;
    for await (const { name } of store.container.listBlobsFlat({ prefix })) n += name ? 1 : 0;
    return n;
};
const end = (id: string) =>
    store.writeJson(blobs.summary(id), {
        jobId: id,
        state: 'completed',
        total: 1,
        counts: noCounts(),
        invalid: 0,
        failures: [],
        endedAt: new Date().toISOString(),
    });

describe('a job that was stored and whose start failed', () => {
    const unstarted = async (key?: string): Promise<string> => {
        engine.refuses = new Error('connect ECONNREFUSED');
        const answer = await post(key);
        // Accepted: an error would have the caller post it again, and this one runs all the same.
        expect(answer).toMatchObject({ status: 202, json: { state: 'planning' } });
        engine.refuses = null;
        expect(engine.starts).toEqual([]);
        return answer.json.id;
    };

    test('is listed, and started by who asks for its status', async () => {
        const id = await unstarted();
        expect((await call('GET', 'jobs?limit=1')).json.jobs[0]).toMatchObject({ id, state: 'planning' });
        expect((await call('GET', `jobs/${id}`)).json.state).toBe('planning');
        expect(engine.starts).toEqual([id]);
    });

    test('is started by a cancel, which ends it', async () => {
        const id = await unstarted();
        expect(await call('POST', `jobs/${id}/cancel`)).toMatchObject({ status: 202, json: { state: 'cancelling' } });
        expect(engine.starts).toEqual([id]);
        expect(engine.told).toMatchObject([{ op: 'cancel', generation: 1, desired: 'cancel' }]);
        expect(await store.readControl(id)).toMatchObject({ desired: 'cancel' });
    });

    test('is started by a repeated request with its key', async () => {
        const id = await unstarted('started-later');
        const again = await post('started-later');
        expect(again).toMatchObject({ status: 202, json: { id } });
        expect(again.headers.get('idempotency-replayed')).toBe('true');
        expect(engine.starts).toEqual([id]);
    });

    test('is started by the sweeper, which lists it too and looks until it has ended', async () => {
        const id = await unstarted();
        for await (const { name } of store.container.listBlobsFlat({ prefix: 'index/' }))
            if (name.endsWith(id)) await store.container.getBlobClient(name).deleteIfExists();
        expect((await sweepNow()).started).toContain(id);
        expect((await call('GET', 'jobs?limit=1')).json.jobs[0]).toMatchObject({ id });
        expect((await sweepNow()).started).not.toContain(id);
        expect(await count(blobs.live(id))).toBe(1);
        await end(id);
        engine.instances.set(id, 'Completed');
        await sweepNow();
        expect(await count(blobs.live(id))).toBe(0);
    });
});

test.each([
    ['the sweeper', () => sweepNow()],
    ['who asks for its status', (id: string) => call('GET', `jobs/${id}`)],
])('a cancel whose writer died before it could tell the ledger is told by %s, once', async (_who, look) => {
    const { id } = (await post()).json;
    await store.changeControl(id, (now) => moved(now, 'cancel', { by: 'test', at: 1 }));
    engine.told.length = 0;
    await look(id);
    expect(engine.told).toMatchObject([{ op: 'cancel', generation: 1 }]);
    engine.ledger = { ...newLedger(id), state: 'cancelling', generation: 1 };
    await sweepNow();
    engine.ledger = null;
    expect(engine.told).toHaveLength(1);
});

test('a job that can be neither listed nor marked runs all the same', async () => {
    const upload: BlockBlobClient['upload'] = Reflect.get(BlockBlobClient.prototype, 'upload');
    const refusing = jest.spyOn(BlockBlobClient.prototype, 'upload').mockImplementation(async function (this: BlockBlobClient, ...sent) {
        if (this.name.startsWith('index/') || (this.name.startsWith('live/') && sent[1] > 0))
            throw new RestError('no', { statusCode: 403 });
        return upload.apply(this, sent);
    });
    try {
        const { id } = (await post()).json;
        expect(engine.starts).toEqual([id]);
    } finally {
        refusing.mockRestore();
    }
});

test('a job that storage does not let be listed runs all the same, and is listed by the sweeper', async () => {
    const upload: BlockBlobClient['upload'] = Reflect.get(BlockBlobClient.prototype, 'upload');
    const refusing = jest.spyOn(BlockBlobClient.prototype, 'upload').mockImplementation(function (this: BlockBlobClient, ...sent) {
        if (this.name.startsWith('index/')) throw new RestError('no', { statusCode: 403 });
        return upload.apply(this, sent);
    });
    let id: string;
    try {
        const answer = await post();
        expect(answer.status).toBe(202);
        id = answer.json.id;
        expect(engine.starts).toEqual([id]);
    } finally {
        refusing.mockRestore();
    }
    const isListed = async () => (await call('GET', 'jobs?limit=1')).json.jobs[0].id === id;
    expect(await isListed()).toBe(false);
    await sweepNow();
    expect(await isListed()).toBe(true);
});

describe('an orchestration that has ended', () => {
    test.each(['Failed', 'Terminated', 'Canceled', 'Completed'])(
        'as %s without a summary is started again by whoever looks',
        async (as) => {
            const { id } = (await post()).json;
            engine.instances.set(id, as);
            await call('GET', `jobs/${id}`);
            expect(engine.starts).toEqual([id, id]);
            engine.instances.set(id, as);
            expect((await sweepNow()).started).toEqual(expect.arrayContaining([id]));
        },
    );

    test.each(['Failed', 'Terminated', 'Completed'])('as %s with a summary is left alone', async (as) => {
        const { id } = (await post('ended-' + as)).json;
        engine.instances.set(id, as);
        await end(id);
        await call('GET', `jobs/${id}`);
        await post('ended-' + as);
        expect(await call('POST', `jobs/${id}/cancel`)).toMatchObject({ status: 409 });
        await sweepNow();
        expect(engine.starts.filter((started) => started === id)).toHaveLength(1);
    });

    test.each(['Pending', 'Running', 'ContinuedAsNew', 'Suspended'])('is another matter than one that is %s', async (as) => {
        const { id } = (await post()).json;
        engine.instances.set(id, as);
        await call('GET', `jobs/${id}`);
        await sweepNow();
        expect(engine.starts.filter((started) => started === id)).toHaveLength(1);
    });

    test('is looked for once in 15 s however often a job is asked for', async () => {
        const { id } = (await post()).json;
        const asked = jest.spyOn(engine, 'getStatus');
        for (let i = 0; i < 5; i++) await call('GET', `jobs/${id}`);
        expect(asked).toHaveBeenCalledTimes(1);
    });

    test('cannot be told while the engine does not answer: the status is answered all the same', async () => {
        const { id } = (await post()).json;
        jest.spyOn(engine, 'getStatus').mockRejectedValue(new Error('The operation failed with an unexpected status code: 500.'));
        expect(await call('GET', `jobs/${id}`)).toMatchObject({ status: 200 });
        expect(await sweepNow()).toMatchObject({ started: [] });
        expect((await sweepNow()).failed).toBeGreaterThan(0);
    });
});

describe('one key', () => {
    test('twelve times at once gives one job and no 500', async () => {
        const answers = await Promise.all(Array.from({ length: 12 }, () => post('twelve')));
        const accepted = answers.filter((a) => a.status === 202);
        expect(new Set(accepted.map((a) => a.json.id)).size).toBe(1);
        for (const a of answers.filter((x) => x.status !== 202)) {
            expect(a).toMatchObject({ status: 409, json: { code: 'IDEMPOTENCY_IN_PROGRESS' } });
            expect(a.headers.get('retry-after')).toBe('1');
        }
        const { id } = accepted[0]!.json;
        expect(engine.starts).toEqual([id]);
        expect(await post('twelve')).toMatchObject({ status: 202, json: { id } });
        expect(await post('"twelve"')).toMatchObject({ status: 202, json: { id } });
        expect(engine.starts).toEqual([id]);
    });

    test('whose first request is still storing is told so; once that is too long ago, it is finished', async () => {
        const body = spec({ name: 'broken off' });
        const record = (createdAt: number) => ({
            jobId: randomUUID(),
            bodyHash: createHash('sha256').update(body).digest('hex'),
            createdAt: new Date(createdAt).toISOString(),
        });
        const key = createHash('sha256').update('stored-midway').digest('hex');
        const young = record(Date.now());
        await store.writeJson(blobs.idempotency(key), young);
        expect(await post('stored-midway', body)).toMatchObject({
            status: 409,
            json: { code: 'IDEMPOTENCY_IN_PROGRESS', jobId: young.jobId },
        });
        expect(await post('stored-midway', spec())).toMatchObject({ status: 422, json: { code: 'IDEMPOTENCY_CONFLICT' } });
        const old = record(Date.now() - STORING_MS);
        await store.writeJson(blobs.idempotency(key), old);
        expect(await post('stored-midway', body)).toMatchObject({ status: 202, json: { id: old.jobId, createdAt: old.createdAt } });
        expect(engine.starts).toEqual([old.jobId]);
    });

    test('whose first request could not store the job is finished by the next at once', async () => {
        const body = spec();
        const refused = jest.spyOn(store, 'createJob').mockRejectedValueOnce(new Error('refused'));
        const shared = jest.spyOn(JobStore, 'open').mockResolvedValue(store);
        try {
            expect(await post('stored-badly', body)).toMatchObject({ status: 500 });
            expect(await post('stored-badly', body)).toMatchObject({ status: 202 });
        } finally {
            refused.mockRestore();
            shared.mockRestore();
        }
    });
});

test('a mark without a job is left for a day, then taken away', async () => {
    const id = randomUUID();
    await store.markLive(id);
    await sweepNow();
    expect(await count(blobs.live(id))).toBe(1);
    await sweepNow(() => Date.now() + 2 * 86_400_000);
    expect(await count(blobs.live(id))).toBe(0);
});

test('of changes of the control document at the same time none is lost', async () => {
    const id = randomUUID();
    await Promise.all(Array.from({ length: 8 }, () => store.changeControl(id, (now) => ({ ...now, generation: now.generation + 1 }))));
    expect(await store.readControl(id)).toMatchObject({ generation: 8 });
});

test('inline items are stored one a line, as they came', async () => {
    const items = '[ {"__proto__": {"a b": 1},\n "n": 9007199254740993} , 1.10, 1e400, [ "\\\\"],["]"] ]';
    const { id } = (await post(undefined, Buffer.from(`{"source":{"items":${items}},"process":{"processor":"digest"}}`))).json;
    const stored = await store.container.getBlobClient(blobs.source(id)).downloadToBuffer();
    expect(stored.toString()).toBe('{"__proto__":{"a b":1},"n":9007199254740993}\n1.10\n1e400\n["\\\\"]\n["]"]\n');
    expect((await store.readJob(id))!.spec.source).toEqual({ inline: 5 });
});
