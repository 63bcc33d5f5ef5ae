// The routes of limiters against real blob storage (Azurite), without a Functions host.
import { RestError } from '@azure/storage-blob';
import { renewed, type Renewal } from '../../src/core/limiter/register';
import { jobSpec } from '../../src/contracts/jobSpec';
import { newLedger } from '../../src/core/ledger';
import type { JobStore } from '../../src/storage/jobStore';
import { limiterBlob } from '../../src/storage/limiterStore';
import { useBlobStorage } from '../support/blobStorage';
import { renewal } from '../support/renewal';
import { callRoute, EngineDouble, type Answer, type Sent } from '../support/routes';

let store: JobStore;

useBlobStorage((opened) => (store = opened));
afterEach(() => jest.restoreAllMocks());

const call = (method: string, path: string, sent: Sent = {}): Promise<Answer> => callRoute({}, method, path, sent);
const at = (name: string): string => `limiters/${encodeURIComponent(name)}`;
const put = (name: string, settings: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    call('PUT', at(name), { body: Buffer.from(typeof settings === 'string' ? settings : JSON.stringify(settings)), headers });
const get = (name: string): Promise<Answer> => call('GET', at(name));

/** Every limiter that the list has, in pages of this size. */
async function listed(limit: number): Promise<{ names: string[]; pages: number }> {
    const names: string[] = [];
    for (let [pages, continuation] = [1, '']; ; pages++) {
        const { status, json } = await call('GET', `limiters?limit=${limit}${continuation && `&continuation=${continuation}`}`);
        expect(status).toBe(200);
        expect(json.limiters.length).toBeLessThanOrEqual(limit);
        names.push(...json.limiters.map(({ name }: { name: string }) => name));
        if (json.next === undefined) return { names, pages };
        continuation = encodeURIComponent(json.next);
    }
}

describe('a limiter', () => {
    test('that nothing has limited is not there, and the answer says what that means', async () => {
        const { status, json } = await get('nobody.example');
        expect([status, json.code]).toEqual([404, 'LIMITER_NOT_FOUND']);
        expect(json.remedy).toMatch(/^Nothing has limited it yet/);
        expect((await call('GET', 'limiters')).json).toEqual({ limiters: [] });
    });

    test('is what was set, as GET gives it; what is left out is not limited', async () => {
        const made = await put('api.example.com', { rate: ['10000/day', '50/1s'], inFlight: 64 });
        expect(made).toMatchObject({ status: 200, json: { name: 'api.example.com', setBy: 'api' } });
        expect(made.json).toMatchObject({
            rate: { configured: ['50/s', '10000/day'], by: 'set', learned: null, hinted: null, paced: 47.5 },
            inFlight: { limit: 64, now: 0, learned: null },
            windows: [{ rate: '10000/day', used: 0, held: 0, left: 10_000, freeAt: null }],
            gate: { state: 'open', until: null, since: null, scoutsLeft: 0, scoutAt: null },
            overstates: null,
            breaker: { state: 'closed', since: null, failingSince: null, why: null, probeAt: null, failed: 0 },
            holders: [],
            log: [{ kind: 'set', by: 'api', at: made.json.setAt }],
        });
        expect(Date.now() - Date.parse(made.json.setAt)).toBeLessThan(60_000);
        expect((await get('api.example.com')).json).toEqual(made.json);

        const changed = await put('api.example.com', { rate: '7/s', inFlight: null });
        expect(changed.json).toMatchObject({ rate: { configured: ['7/s'], paced: 6.65 }, inFlight: { limit: null }, windows: [] });
        const none = await put('api.example.com', {});
        expect(none.json).toMatchObject({ rate: { configured: [], by: null, paced: null }, inFlight: { limit: null }, setBy: null });
        expect(none.json.log).toHaveLength(3);
    });

    test.each<[string, unknown, string[]]>([
        ['a rate that is none', { rate: 'fast' }, ['/rate']],
        ['one that is none among others', { rate: ['1/s', '0/s'] }, ['/rate/1']],
        ['two rates of one length', { rate: ['60/min', '5/60s'] }, ['/rate/1']],
        ['six rates', { rate: ['1/s', '1/2s', '1/3s', '1/4s', '1/5s', '1/6s'] }, ['/rate']],
        ['a number for a rate', { rate: 50 }, ['/rate']],
        ['no call at once', { inFlight: 0 }, ['/inFlight']],
        ['half a call at once', { inFlight: 1.5 }, ['/inFlight']],
        ['too many at once', { inFlight: 100_001 }, ['/inFlight']],
        ['an unknown field', { rates: ['1/s'] }, ['/rates']],
        ['a field twice', '{"rate":"1/s","rate":"2/s"}', ['/rate']],
        ['the name __proto__', '{"__proto__":{"rate":"1/s"}}', ['/__proto__']],
        ['a list', [], ['']],
        ['several faults', { rate: 'x', inFlight: 'y', colour: 1 }, ['/colour', '/inFlight', '/rate']],
    ])('is not changed by %s', async (_what, body, pointers) => {
        const before = (await get('api.example.com')).json;
        const { status, json } = await put('api.example.com', body);
        expect([status, json.code, json.errors.map(({ pointer }: { pointer: string }) => pointer).sort()]).toEqual([
            400,
            'BAD_BODY',
            pointers,
        ]);
        expect((await get('api.example.com')).json).toEqual(before);
    });

    test('is not changed by what is no JSON, is not said to be, or comes from elsewhere', async () => {
        const before = (await get('api.example.com')).json;
        expect(await put('api.example.com', '{"rate":')).toMatchObject({ status: 400, json: { code: 'BAD_JSON' } });
        // Nothing at all does not mean that nothing is limited.
        expect(await put('api.example.com', '')).toMatchObject({ status: 400, json: { code: 'BAD_JSON' } });
        expect(await put('api.example.com', {}, { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
        expect(await put('api.example.com', {}, { origin: 'https://evil.example' })).toMatchObject({ status: 403 });
        expect(await put('api.example.com', { rate: Array(20_000).fill('1/s') })).toMatchObject({ status: 413 });
        expect(await call('DELETE', at('api.example.com'))).toMatchObject({ status: 405 });
        expect((await get('api.example.com')).json).toEqual(before);
    });

    test.each(['host:8443', '[::1]:7080', 'a', 'Billing', 'billing', '-_.-', '...', 'x'.repeat(200)])('may be named %s', async (name) => {
        expect((await put(name, { inFlight: 3 })).json).toMatchObject({ name, inFlight: { limit: 3 } });
        expect((await get(name)).json).toMatchObject({ name, inFlight: { limit: 3 } });
        expect((await call('GET', `limiters/${name}`)).json).toMatchObject({ name });
    });

    test.each(['a/b', 'a b', '%', '%2', '%25', '%61', 'ä', 'x'.repeat(201), '..\\..', 'a?b', "a'b"])(
        'may not be named %s',
        async (name) => {
            for (const answer of [await get(name), await put(name, {})])
                expect(answer).toMatchObject({ status: 400, json: { code: 'BAD_PARAMETER', errors: [{ pointer: '/path/name' }] } });
        },
    );

    test('shows who calls, and only whose share is still valid', async () => {
        await put('shared.example', { rate: '10/s', inFlight: 8 });
        const told = (holder: string): Renewal =>
            renewal(holder, 1, { ms: 0, jobs: { [`job of ${holder}`]: { want: null, inFlight: 2 } } });
        await store.limiters.change('shared.example', (register, date) => renewed(register, told('dead'), date - 60_000).register);
        await store.limiters.change('shared.example', (register, date) => renewed(register, told('alive'), date).register);
        const { json } = await get('shared.example');
        expect(json.inFlight).toMatchObject({ limit: 8, now: 2 });
        expect(json.holders).toEqual([
            {
                ...{ process: 'alive', until: expect.any(String), rate: 9.5, inFlight: 8, quota: null, rates: [] },
                jobs: [{ id: 'job of alive', want: null, inFlight: 2 }],
            },
        ]);
    });
});

describe('many at once', () => {
    test('set twenty limiters, and the list has each once, whatever its pages', async () => {
        const before = (await listed(100)).names;
        const names = Array.from({ length: 20 }, (_, i) => `at-once-${i}`);
        const answers = await Promise.all(names.map((name, i) => put(name, { rate: `${i + 1}/s` })));
        expect(answers.map(({ status, json }) => [status, json.rate.configured])).toEqual(names.map((_, i) => [200, [`${i + 1}/s`]]));
        for (const limit of [1, 7, 100]) {
            const { names: all, pages } = await listed(limit);
            expect(all.sort()).toEqual([...before, ...names].sort());
            expect(pages).toBeGreaterThanOrEqual(Math.ceil(all.length / limit));
        }
    });

    test('set one limiter, and none is lost: the last one stands, and the log has all of them', async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => put('contended', { inFlight: i + 1 })));
        expect(answers.map(({ status, json }) => [status, json.inFlight?.limit])).toEqual(answers.map((_, i) => [200, i + 1]));
        const { json } = await get('contended');
        expect(json.log).toHaveLength(20);
        // Each answer is what stood there after its own change: one more event than the one before.
        const last = answers.find(({ json: its }) => its.log.length === 20)!;
        expect(json.inFlight.limit).toBe(last.json.inFlight.limit);
        expect(answers.map(({ json: its }) => its.log.length).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    });

    test('who is never first is told so, and nothing of it is done', async () => {
        jest.spyOn(store.limiters.constructor.prototype as JobStore['limiters'], 'replace').mockResolvedValue({ written: false });
        const refused = await put('contended', { inFlight: 99 });
        expect(refused).toMatchObject({ status: 503, json: { code: 'STORAGE_UNAVAILABLE' } });
        expect(refused.headers.get('retry-after')).toBe('1');
        jest.restoreAllMocks();
        expect((await get('contended')).json.inFlight.limit).not.toBe(99);
    }, 30_000);
});

test('a position that this list did not give is refused', async () => {
    for (const word of ['x', '', Buffer.from('abcdefghij.x').toString('base64url')])
        expect(await call('GET', `limiters?continuation=${word}`)).toMatchObject({ status: 400, json: { code: 'BAD_PARAMETER' } });
    expect(await call('GET', 'limiters?limit=101')).toMatchObject({ status: 400, json: { code: 'BAD_PARAMETER' } });
});

test('a register of a newer version is left alone', async () => {
    const text = JSON.stringify({ v: 99, anything: true });
    await store.container.getBlockBlobClient(limiterBlob('newer.example')).upload(text, text.length);
    for (const answer of [await get('newer.example'), await put('newer.example', {}), await call('GET', 'limiters?limit=100')])
        expect(answer).toMatchObject({ status: 503, json: { code: 'NEWER_VERSION' } });
    const stands = await store.container.getBlobClient(limiterBlob('newer.example')).downloadToBuffer();
    expect(stands.toString()).toBe(text);
    await store.container.getBlobClient(limiterBlob('newer.example')).delete();
});

test('storage that does not answer in time is away, not something that went wrong here', async () => {
    const late = Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' });
    for (const error of [late, new RestError('reset'), new RestError('busy', { statusCode: 503 })]) {
        jest.spyOn(store.limiters.constructor.prototype as JobStore['limiters'], 'read').mockRejectedValueOnce(error);
        expect(await get('api.example.com')).toMatchObject({ status: 503, json: { code: 'STORAGE_UNAVAILABLE' } });
    }
});

describe('the status of a job', () => {
    const engine = new EngineDouble();
    const statusOf = async (id: string) => (await callRoute(engine, 'GET', `jobs/${id}`)).json;
    /** A job that runs, and at whose target `rate` is set. */
    async function makeJob(id: string, process: object, rate?: string) {
        const spec = jobSpec.parse({ source: { items: [1] }, process });
        await store.createJob({ id, createdAt: new Date().toISOString(), spec: { ...spec, source: { inline: 1 } } });
        engine.instances.set(id, 'Running');
        engine.ledger = { ...newLedger(id), state: 'running', startedAt: Date.now(), total: 1, partitions: 1 };
        if (rate) await put(`${id}.example`, { rate: [rate, '100/day'] });
    }

    test('names its limiter, and while it runs says what that allows', async () => {
        await makeJob('job-a', { http: { url: 'https://job-a.example/x' } }, '20/s');
        const allowed = { gate: 'open', breaker: 'closed', paced: 19, learned: null, quotaLeft: 100 };
        expect((await statusOf('job-a')).limiter).toEqual({ name: 'job-a.example', ...allowed });
        engine.ledger = { ...engine.ledger!, state: 'folding' };
        expect((await statusOf('job-a')).limiter).toEqual({ name: 'job-a.example' });
        await makeJob('job-b', { http: { url: 'https://job-b.example/x' } });
        expect((await statusOf('job-b')).limiter).toEqual({ name: 'job-b.example' });
        await makeJob('job-c', { processor: 'digest' });
        expect((await statusOf('job-c')).limiter).toEqual({ name: null });
    });

    test('does not hang on its limiter: where that cannot be read it says the rest; and the list does not ask', async () => {
        await makeJob('job-d', { http: { url: 'https://job-d.example/x' } }, '20/s');
        const read = jest.spyOn(store.limiters.constructor.prototype as JobStore['limiters'], 'read');
        for (const error of [new RestError('forbidden', { statusCode: 403 }), new Error('a stray')]) {
            read.mockRejectedValueOnce(error);
            expect(await statusOf('job-d')).toMatchObject({ state: 'running', limiter: { name: 'job-d.example' } });
            read.mockRejectedValueOnce(error);
            expect((await statusOf('job-d')).limiter).toEqual({ name: 'job-d.example' });
        }
        read.mockClear();
        expect((await callRoute(engine, 'GET', 'jobs')).status).toBe(200);
        expect(read).not.toHaveBeenCalled();
    });
});
