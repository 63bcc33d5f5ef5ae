import { ApiError, FanfoldClient, isUnavailable, JobEnded, NetworkError, WaitTimeout, type Job } from '../../../src/client';
import { FakeClock } from '../../support/fakeClock';
import { fastClock, serving, stopServers, type Answer } from './support';

afterEach(stopServers);

const conflict = {
    type: 'urn:fanfold:problem:ILLEGAL_MOVE',
    title: 'The job is in a state that does not allow this',
    status: 409,
    code: 'ILLEGAL_MOVE',
    detail: 'The job is completed.',
    instance: '/api/jobs/a/cancel',
    remedy: 'See "state".',
    allowed: [],
};
const away: Answer = [503, { code: 'STORAGE_UNAVAILABLE', detail: 'Try again.' }, { 'retry-after': '2' }];
const job = (more: Partial<Job> = {}): Partial<Job> => ({ id: 'a', state: 'running', ended: false, ...more });
const over = job({ state: 'completed', ended: true });

async function thrown<T extends Error>(promise: Promise<unknown>, type: abstract new (...args: never[]) => T): Promise<T> {
    const error: unknown = await promise.then(
        () => new Error('nothing was thrown'),
        (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(type);
    return error as T;
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const value of values) found.push(value);
    return found;
}

describe('a request', () => {
    test.each(['', '/', '/api', '/api/'])(
        'goes to the API, whether the URL ends with "%s" or not; with key, headers and body',
        async (end) => {
            const { server } = await serving(() => [202, job()]);
            const client = new FanfoldClient({ url: server.url + end, key: 'k', appKey: 'a', headers: { authorization: 'Bearer t' } });
            await client.startJob({ source: { items: [1] }, process: { processor: 'digest' } }, { idempotencyKey: 'once' });
            expect(server.asked[0]).toMatchObject({
                method: 'POST',
                url: '/api/jobs',
                headers: {
                    'x-functions-key': 'k',
                    'x-fanfold-key': 'a',
                    authorization: 'Bearer t',
                    'content-type': 'application/json',
                    'idempotency-key': 'once',
                },
            });
            expect(JSON.parse(server.asked[0]!.body.toString())).toEqual({ source: { items: [1] }, process: { processor: 'digest' } });
        },
    );

    test('of a spec that is a text sends it to the letter', async () => {
        const { client, server } = await serving(() => [202, job()]);
        await client.startJob('{"n": 1.10}');
        expect(server.asked[0]!.body.toString()).toBe('{"n": 1.10}');
    });

    test('whose id or key is strange stays in its place', async () => {
        const { client, server } = await serving(() => [200, job()]);
        await client.getJob('../a?b', { waitSeconds: 20 });
        await client.listPage({ name: 'a&b', tags: { x: '1', y: '2:3' }, state: 'failed', limit: 5 });
        expect(server.asked.map((a) => a.url)).toEqual([
            '/api/jobs/..%2Fa%3Fb?wait=20',
            '/api/jobs?name=a%26b&state=failed&limit=5&tag=x%3A1&tag=y%3A2%3A3',
        ]);
    });
});

describe('limiters', () => {
    test('are listed page by page, looked at and set by their names, whatever those hold', async () => {
        const pages: Record<string, object> = {
            '/api/limiters?limit=2': { limiters: [{ name: 'a' }, { name: 'b' }], next: 'p/2' },
            '/api/limiters?limit=2&continuation=p%2F2': { limiters: [{ name: 'c' }] },
        };
        const { client, server } = await serving(({ url }) => [200, pages[url] ?? { name: '[::1]:7080' }]);
        expect((await all(client.limiters({ limit: 2 }))).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
        expect(await client.limiter('[::1]:7080')).toEqual({ name: '[::1]:7080' });
        await client.setLimiter('[::1]:7080', { rate: ['50/s', '10000/day'], inFlight: null });
        expect(
            server.asked.slice(2).map(({ method, url, headers, body }) => [method, url, headers['content-type'], body.toString()]),
        ).toEqual([
            ['GET', '/api/limiters/%5B%3A%3A1%5D%3A7080', undefined, ''],
            ['PUT', '/api/limiters/%5B%3A%3A1%5D%3A7080', 'application/json', '{"rate":["50/s","10000/day"],"inFlight":null}'],
        ]);
    });

    test('are set again where storage was away: a second PUT does what one does', async () => {
        const { client, server } = await serving((_asked, n) => (n === 1 ? away : [200, { name: 'a' }]));
        expect(await client.setLimiter('a', { rate: '1/s' })).toEqual({ name: 'a' });
        expect(server.asked.map(({ method }) => method)).toEqual(['PUT', 'PUT']);
    });
});

describe('an error', () => {
    test('of the API has all that its problem document says', async () => {
        const { client } = await serving(() => [409, conflict]);
        const error = await thrown(client.cancelJob('a'), ApiError);
        expect(error.message).toBe('POST /api/jobs/a/cancel answered 409 ILLEGAL_MOVE: The job is completed.');
        const { status, code, title, detail, remedy, errors, problem } = error;
        const { title: itsTitle, detail: itsDetail, remedy: itsRemedy } = conflict;
        expect({ status, code, title, detail, remedy, errors, problem }).toEqual({
            status: 409,
            code: 'ILLEGAL_MOVE',
            title: itsTitle,
            detail: itsDetail,
            remedy: itsRemedy,
            errors: [],
            problem: conflict,
        });
    });

    test('tells each wrong field', async () => {
        const errors = [{ pointer: '/key', message: 'missing' }];
        const { client } = await serving(() => [400, { ...conflict, code: 'BAD_SPEC', errors }]);
        expect((await thrown(client.startJob('{}'), ApiError)).errors).toEqual(errors);
    });

    test.each<[string, [number, string, Record<string, string>?]]>([
        ['a proxy', [502, '<html>Bad gateway</html>', { 'content-type': 'text/html' }]],
        ['something that answers success and is no API', [200, '<html>Bad gateway</html>']],
    ])('of %s has no code, and shows what was said', async (_who, answer) => {
        const { client } = await serving(() => answer);
        const error = await thrown(client.getJob('a'), ApiError);
        expect([error.code, error.problem, error.message]).toEqual([
            null,
            null,
            `GET /api/jobs/a answered ${answer[0]}: <html>Bad gateway</html>`,
        ]);
    });

    test('of the network names the URL and why', async () => {
        const { client, server } = await serving(() => [200, {}]);
        await server.stop();
        const error = await thrown(client.getJob('a', { retry: { forMs: 0 } }), NetworkError);
        expect(error.url).toBe(`${server.url}/api/jobs/a`);
        expect(error.message).toMatch(/^GET http:\/\/127\.0\.0\.1:\d+\/api\/jobs\/a was not answered: .*ECONNREFUSED/);
    });

    test('of a request that is not answered in time says the limit', async () => {
        const { client } = await serving(() => 'never', { timeoutMs: 5_000, retry: { forMs: 0 } });
        const error = await thrown(client.getJob('a'), NetworkError);
        expect(error.message).toContain('no answer within 5 s');
    });
});

describe('asking again', () => {
    test('a read is asked again after a broken connection and after a 503 that says when, and waits for as long as it says', async () => {
        const clock = fastClock();
        const answers: Answer[] = ['hangUp', away, [200, over]];
        const { client, server } = await serving((_, n) => answers[n - 1]!, { clock });
        expect(await client.getJob('a')).toEqual(over);
        expect(server.asked).toHaveLength(3);
        expect(clock.pauses).toEqual([100, 2_000]);
    });

    test('gives up after its time, with the last error', async () => {
        const { client, server } = await serving(() => away, { retry: { forMs: 7_000 } });
        expect((await thrown(client.getJob('a'), ApiError)).code).toBe('STORAGE_UNAVAILABLE');
        // At 0, 2, 4 and 6 s; 8 s would be late.
        expect(server.asked).toHaveLength(4);
    });

    test.each<[string, Answer]>([
        ['a 503 that does not say when', [503, conflict]],
        ['a 500', [500, conflict]],
        ['a 404', [404, conflict]],
    ])('is not done after %s, unless the user says so', async (_what, answer) => {
        const { client, server } = await serving(() => answer);
        await thrown(client.getJob('a'), ApiError);
        expect(server.asked).toHaveLength(1);
        await thrown(client.getJob('a', { retry: { forMs: 500, on: () => true } }), ApiError);
        // At 0, 100 and 300 ms; 700 ms would be late.
        expect(server.asked).toHaveLength(4);
    });

    test('a POST that would do something twice is asked once, but with a key; each call can choose', async () => {
        const { client, server } = await serving((_, n) => (n % 2 === 1 ? 'hangUp' : [202, job()]));
        await thrown(client.startJob('{}'), NetworkError);
        expect(server.asked).toHaveLength(1);
        await client.cancelJob('a');
        await client.startJob('{}', { idempotencyKey: 'k' });
        expect(server.asked).toHaveLength(4);
        await thrown(client.cancelJob('a'), NetworkError);
        expect(server.asked).toHaveLength(5);
    });

    test('is done as the client was told: any 5xx, and never', async () => {
        const host = await serving((_, n) => (n === 1 ? [500, 'starting'] : [200, over]), { retry: { forMs: 1_000, on: isUnavailable } });
        expect(await host.client.getJob('a')).toEqual(over);
        const never = await serving(() => 'hangUp', { retry: { forMs: 0 } });
        await thrown(never.client.getJob('a'), NetworkError);
        expect(never.server.asked).toHaveLength(1);
    });

    test('ends when it is aborted, with the reason', async () => {
        const stop = new AbortController();
        const { client, server } = await serving(
            (_, n) => {
                if (n === 3) stop.abort(new Error('enough'));
                return 'hangUp';
            },
            { retry: { forMs: Infinity } },
        );
        await expect(client.getJob('a', { signal: stop.signal })).rejects.toThrow('enough');
        expect(server.asked).toHaveLength(3);
    });
});

test('an aborted call throws the reason, before and while it is answered', async () => {
    const stop = new AbortController();
    const { client, server } = await serving(() => {
        stop.abort(new Error('enough'));
        return 'never';
    });
    await expect(client.getJob('a', { signal: stop.signal })).rejects.toThrow('enough');
    await expect(client.getJob('a', { signal: stop.signal })).rejects.toThrow('enough');
    expect(server.asked).toHaveLength(1);
});

describe('the list', () => {
    const pages = (asked: { url: string }): Answer => {
        const at = new URL(asked.url, 'http://x').searchParams.get('continuation');
        if (at === null) return [200, { jobs: [{ id: 'a' }, { id: 'b' }], next: 'p 2' }];
        return at === 'p 2' ? [200, { jobs: [], next: 'p3' }] : [200, { jobs: [{ id: 'c' }] }];
    };

    test('is gone through page by page, over a page without jobs, with its filter', async () => {
        const { client, server } = await serving(pages);
        expect((await all(client.listJobs({ name: 'n' }))).map((j) => j.id)).toEqual(['a', 'b', 'c']);
        expect(server.asked.map((a) => a.url)).toEqual([
            '/api/jobs?name=n',
            '/api/jobs?name=n&continuation=p+2',
            '/api/jobs?name=n&continuation=p3',
        ]);
    });

    test('asks for no page that is not come to', async () => {
        const { client, server } = await serving(pages);
        for await (const { id } of client.listJobs()) if (id === 'b') break;
        expect(server.asked).toHaveLength(1);
    });
});

describe('waiting', () => {
    const steps = [job({ state: 'planning' }), job(), over];
    const inSteps = (_: unknown, n: number): Answer => [200, steps[Math.min(n, 3) - 1]];

    test('looks until the job has ended, and tells of every look', async () => {
        const clock = fastClock();
        const { client } = await serving(inSteps, { clock });
        const seen: string[] = [];
        expect(await client.waitUntil('a', undefined, { everyMs: 250, onProgress: (j) => seen.push(j.state) })).toEqual(over);
        expect(seen).toEqual(['planning', 'running', 'completed']);
        expect(clock.pauses).toEqual([250, 250]);
    });

    test('is over when what is waited for holds, and when it never will', async () => {
        const { client } = await serving(inSteps);
        expect((await client.waitUntil('a', (j) => j.state === 'running')).ended).toBe(false);
        const error = await thrown(
            client.waitUntil('a', (j) => j.state === 'failed'),
            JobEnded,
        );
        expect(error.job).toEqual(over);
    });

    test('ends at its deadline with what was seen last, also while nothing answers', async () => {
        const clock = new FakeClock();
        const { client } = await serving((_, n) => (n === 1 ? [200, steps[1]] : 'never'), { clock, timeoutMs: 100_000 });
        let waits: Promise<WaitTimeout>;
        await new Promise<void>((resolve) => {
            waits = thrown(client.waitUntil('a', undefined, { timeoutMs: 90_000, onProgress: () => resolve() }), WaitTimeout);
        });
        await clock.pass(90_000);
        const error = await waits!;
        expect(error.job).toEqual(steps[1]);
        expect(error.message).toMatch(/^job a .* after 90000 ms: /);
    });

    test('goes on over a host that is away, for as long as the user says', async () => {
        const { client, server } = await serving((_, n) => (n < 10 ? 'hangUp' : [200, over]));
        expect(await client.waitUntil('a', undefined, { retry: { forMs: Infinity } })).toEqual(over);
        expect(server.asked).toHaveLength(10);
    });

    test('ends when it is aborted, and with what onProgress throws', async () => {
        const stop = new AbortController();
        const { client } = await serving(() => [200, job()]);
        const waits = client.waitUntil('a', undefined, { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
        await expect(waits).rejects.toThrow('enough');
        const onProgress = () => {
            throw new Error('stalled');
        };
        await expect(client.waitUntil('a', undefined, { onProgress })).rejects.toThrow('stalled');
    });
});

describe('results', () => {
    const line = (index: number, key: unknown, more = '') =>
        `{"index":${index},"outcome":"succeeded","key":${typeof key === 'string' ? JSON.stringify(key) : String(key)},"attempts":1${more}}`;
    const text = [line(0, 'ä'), line(1, '9"'), line(2, 7), line(3, 'last')].join('\n');

    test('come line by line, or as a page with the cursor to go on from', async () => {
        const { client, server } = await serving(() => [200, `${text}\n`, { 'x-fanfold-cursor': 'c1' }]);
        expect((await all(client.results('a', { order: 'input', outcome: 'succeeded' }))).map((o) => o.key)).toEqual([
            'ä',
            '9"',
            7,
            'last',
        ]);
        const { outcomes, cursor } = await client.resultsPage('a', { cursor: 'c0' });
        expect([outcomes.length, cursor]).toEqual([4, 'c1']);
        expect(server.asked.map((a) => a.url)).toEqual([
            '/api/jobs/a/results?outcome=succeeded&order=input&format=ndjson',
            '/api/jobs/a/results?cursor=c0&format=ndjson',
        ]);
    });

    test('may be none', async () => {
        const { client } = await serving(() => [200, '']);
        expect(await all(client.results('a'))).toEqual([]);
        expect(await all(client.invalidRows('a'))).toEqual([]);
    });

    test('that break off in the middle are an error that names the URL', async () => {
        const { client } = await serving(() => ({ breaksAfter: text }));
        const error = await thrown(all(client.results('a')), NetworkError);
        expect(error.message).toContain('/api/jobs/a/results');
    });

    test('lead to an item by its key, to the last digit', async () => {
        const lines = [
            line(0, '7'),
            line(1, '9007199254740992'),
            line(2, 'a,"b'),
            `{"index":3,"outcome":"failed","key":9007199254740993,"attempts":1}`,
        ];
        const { client, server } = await serving(({ url }) => (url.includes('/results') ? [200, lines.join('\n')] : [200, { index: 0 }]));
        expect(await client.getItemByKey('a', '9007199254740993')).toEqual({ index: 0 });
        expect(await client.getItemByKey('a', 7)).toEqual({ index: 0 });
        expect(await client.getItemByKey('a', 'a,"b')).toEqual({ index: 0 });
        expect(await client.getItemByKey('a', 'none')).toBeNull();
        expect(server.asked.map((a) => a.url).filter((u) => u.includes('/items/'))).toEqual([
            '/api/jobs/a/items/3',
            '/api/jobs/a/items/0',
            '/api/jobs/a/items/2',
        ]);
    });
});

test('health is an answer, also where storage does not answer; another 503 is an error', async () => {
    const answers: Answer[] = [
        [200, { status: 'ok' }],
        [503, '{"status":"unavailable"}'],
        [503, '{}'],
    ];
    const { client } = await serving((_, n) => answers[n - 1]!);
    expect(await client.health()).toEqual({ status: 'ok' });
    expect((await client.health()).status).toBe('unavailable');
    expect((await thrown(client.health(), ApiError)).status).toBe(503);
});
