import type { Target } from '../../samples/target';
import { until } from '../support/until';
import { api, body, ended, expectConserved, job, post, results, run, start, startTarget, upload, useHost, type Outcome } from './support';

useHost();

let target: Target;
beforeAll(async () => {
    target = await startTarget({ latencyMs: 5 });
});

const cities = Array.from({ length: 40 }, (_, i) => ({ id: `c${i}`, lat: i, lon: -i }));
const http = (path = '/x/{id}', more = {}) => ({ http: { url: `${target.url}${path}`, ...more } });
const quick = { initialDelay: 'PT0.05S', maxDelay: 'PT0.2S' };

describe('a job', () => {
    test('calls every inline item and gives each exactly one result', async () => {
        const j = await run({ name: 'inline', source: { items: cities }, process: http(), key: 'id', tags: { suite: 'e2e' } });
        expect(j).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { total: 40, succeeded: 40, failed: 0, pending: 0 } });
        const all = await expectConserved(j);
        expect(all.find((o) => o.key === 'c7')).toMatchObject({
            index: 7,
            outcome: 'succeeded',
            status: 200,
            attempts: 1,
            output: { distanceKm: expect.any(Number) },
        });
        const manifest = await body(api(`/jobs/${j.id}/manifest`));
        expect(manifest).toMatchObject({ total: 40, parts: [{ items: 40, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }] });
        expect(await body(post(`/jobs/${j.id}/verify`, ''))).toMatchObject({ ok: true });
    });

    test.each([
        ['cities.csv', '\ufeffid,city\r\n1,"Lyon, France"\r\n2,"a ""quoted"" name"\r\n', { id: '2', city: 'a "quoted" name' }],
        ['cities.ndjson', '{"id":1}\n\n{"id":"2","deep":{"x":[1]}}', { id: '2', deep: { x: [1] } }],
        ['cities.json', '[{"id":1},\n {"id":"2","n":null}]', { id: '2', n: null }],
    ])('reads an uploaded %s', async (name, content, second) => {
        const j = await run({ source: { upload: await upload(content, name) }, process: { processor: 'digest' } });
        expect(j).toMatchObject({ state: 'completed', counts: { total: 2, succeeded: 2 } });
        expect((await body(api(`/jobs/${j.id}/items/1`))).item).toEqual(second);
    });

    test('is cut into partitions, worked by several workers, and still conserves', async () => {
        const items = Array.from({ length: 700 }, (_, i) => ({ id: i }));
        const j = await run({ source: { items }, process: http('/x'), partition: { items: 50 }, concurrency: { max: 128 } });
        expect(j).toMatchObject({ state: 'completed', counts: { total: 700, succeeded: 700 } });
        await expectConserved(j);
        const sorted = await results(j.id, '?order=input');
        expect(sorted.map((o) => o.index)).toEqual([...Array(700).keys()]);
    });

    test('repeats failed attempts with the same Idempotency-Key, and tells every one of them', async () => {
        const flaky = await startTarget({ latencyMs: 2, rate500: 0.4 });
        const j = await run({
            source: { items: cities },
            process: { http: { url: `${flaky.url}/x` } },
            key: 'id',
            retry: { ...quick, attempts: 15 },
        });
        const { perKey } = flaky.stats();
        expect(j).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 40 } });
        const all = await expectConserved(j);
        const retried = all.filter((o) => o.attempts > 1);
        expect(retried.length).toBeGreaterThan(0);
        expect(j.counts.retries).toBe(all.reduce((n, o) => n + o.attempts - 1, 0));
        for (const o of all) expect(perKey[`${j.id}:${o.key}`]).toMatchObject({ calls: o.attempts, succeeded: 1 });
        const item = await body(api(`/jobs/${j.id}/items/${retried[0]!.index}`));
        expect(item.attempts).toHaveLength(retried[0]!.attempts);
        expect(item.attempts[0]).toMatchObject({ attempt: 1, error: { code: 'HTTP_STATUS' } });
    });

    test('fails items that cannot succeed, and completes partially', async () => {
        const j = await run({
            source: { items: [{ ok: 1 }, { ok: 0 }] },
            process: http('/x', { body: '{ok: ok}', success: 'status == `200` && body.nothing == `1`' }),
            retry: { attempts: 2, ...quick },
        });
        expect(j).toMatchObject({
            state: 'completed',
            outcome: 'partial',
            counts: { succeeded: 0, failed: 2 },
            failures: [{ code: 'UNSUCCESSFUL', count: 2 }],
        });
        const failed = await results(j.id, '?outcome=failed');
        expect(failed).toHaveLength(2);
        expect(await results(j.id, '?outcome=succeeded')).toEqual([]);
        const csv = await (await api(`/jobs/${j.id}/results?format=csv`)).text();
        expect(csv.split('\n')[0]).toMatch(/^index,key,.*,truncated,output_bytes/);
        expect(csv.trim().split('\n')).toHaveLength(3);
    });

    test('waits as long as Retry-After says, loses no attempt by that, and tells how often and how long', async () => {
        const throttling = await startTarget({ latencyMs: 2, limits: [{ kind: 'bucket', perSecond: 10, burst: 5, retryAfter: 2 }] });
        const j = await run({
            source: { items: cities },
            process: { http: { url: throttling.url } },
            retry: { ...quick, attempts: 1 },
            // Of calls side by side, one that is refused late has the target asked once more in between, to see whether it meant that.
            concurrency: { max: 1, adaptive: false },
        });
        expect(j).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { retries: 0 } });
        const all = await results(j.id);
        const { perKey } = throttling.stats();
        for (const o of all) expect(perKey[`${j.id}:${o.index}`]).toMatchObject({ calls: 1 + Number(o.throttled ?? 0), succeeded: 1 });
        const held = all.find((o) => Number(o.throttled) > 0)!;
        expect(held).toMatchObject({ attempts: 1 });
        expect(held.waitedMs).toBeGreaterThanOrEqual(1900);
        const { attempts } = await body(api(`/jobs/${j.id}/items/${held.index}`));
        expect(attempts).toEqual([
            expect.objectContaining({ attempt: 1, status: 200, throttled: held.throttled, waitedMs: held.waitedMs }),
        ]);
    });

    test('runs a processor with its options, and refuses options that it does not know', async () => {
        const items = [{ url: `${target.url}/there` }, { url: 7 }];
        const j = await run({ source: { items }, process: { processor: 'checkLink', options: { method: 'GET' } } });
        expect(j).toMatchObject({ outcome: 'partial', counts: { succeeded: 1, failed: 1, retries: 0 } });
        const [there, none] = await results(j.id, '?order=input');
        expect(there).toMatchObject({ index: 0, output: { status: 200, alive: true } });
        expect(none).toMatchObject({ index: 1, error: { code: 'PROCESSOR_FATAL' } });
        const refused = await post('/jobs', { source: { items }, process: { processor: 'checkLink', options: { metod: 'GET' } } });
        expect(refused.status).toBe(400);
        expect(await body(refused)).toMatchObject({ errors: [{ pointer: expect.stringMatching(/^\/process\/options/) }] });
    });

    test('holds the reply to ?wait until the state changes', async () => {
        const j = await start({ source: { items: cities }, process: http() });
        const seen = [j.state];
        await until(
            async () => {
                const next = await body(api(`/jobs/${j.id}?wait=20`));
                seen.push(next.state);
                return next.ended;
            },
            () => `the job is not over: ${seen.join()}`,
        );
        expect(seen.at(-1)).toBe('completed');
        expect(new Set(seen).size).toBeGreaterThan(1);
    });

    test('keeps what it is told to keep of the answers', async () => {
        const keep = async (spec: object) =>
            (await results((await run({ source: { items: [1] }, process: http('/x'), results: spec })).id))[0];
        expect(await keep({ keep: 'none' })).not.toHaveProperty('output');
        expect(await keep({ maxOutputBytes: 4 })).toMatchObject({ output: '{"ok', truncated: true, outputBytes: 11 });
        expect(await keep({ keep: 'failed' })).not.toHaveProperty('output');
        const failing = { source: { items: [1] }, process: http('/x', { success: 'status == `204`' }), retry: { attempts: 1 } };
        const failed = async (spec: object) => (await results((await run({ ...failing, results: spec })).id))[0];
        expect(await failed({ keep: 'failed' })).toMatchObject({ outcome: 'failed', output: { ok: true } });
        expect(await failed({ keep: 'none' })).not.toHaveProperty('output');
    });

    test('gives results while it runs, with a cursor to go on from', async () => {
        const slow = await startTarget({ latencyMs: 100 });
        const j = await start({
            source: { items: Array.from({ length: 120 }, (_, i) => i) },
            process: { http: { url: slow.url } },
            concurrency: { max: 8 },
            partition: { items: 20 },
        });
        const seen: Outcome[] = [];
        let cursor = '';
        let over = false;
        await until(
            async () => {
                over = (await job(j.id)).ended;
                const response = await api(`/jobs/${j.id}/results${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`);
                cursor = response.headers.get('x-fanfold-cursor') ?? cursor;
                seen.push(
                    ...(await response.text())
                        .split('\n')
                        .filter(Boolean)
                        .map((l) => JSON.parse(l) as Outcome),
                );
                return over;
            },
            () => 'the job has not ended',
        );
        expect(seen.map((o) => o.index).sort((a, b) => a - b)).toEqual([...Array(120).keys()]);
    });

    test('stops within two seconds of a cancel; every item still has one outcome', async () => {
        const slow = await startTarget({ latencyMs: 200 });
        const j = await start({
            source: { items: Array.from({ length: 2000 }, (_, i) => ({ id: i })) },
            process: { http: { url: slow.url } },
            concurrency: { max: 8 },
        });
        await until(
            () => slow.stats().requests > 10,
            () => 'no calls are made',
        );
        const answered = await post(`/jobs/${j.id}/cancel`, '');
        expect(answered.status).toBe(202);
        // The promise is about time: two seconds after the answer, no call begins any more.
        await new Promise((resolve) => setTimeout(resolve, 2000));
        const then = slow.stats().requests;
        const end = await ended(j.id);
        expect(slow.stats().requests).toBe(then);
        expect(end.state).toBe('cancelled');
        expect(end.counts.cancelled).toBeGreaterThan(0);
        await expectConserved(end);
        const again = await post(`/jobs/${j.id}/cancel`, '');
        expect(again.status).toBe(409);
        expect(await body(again)).toMatchObject({ code: 'ILLEGAL_MOVE', state: 'cancelled', allowed: [] });
    });
});

describe('a source with bad rows', () => {
    const ragged = 'id,n\n1,2\n3\n4,5,6\n7,8\n';

    test('refuses the job and lists the rows by line', async () => {
        const j = await run({ source: { upload: await upload(ragged, 'a.csv') }, process: { processor: 'digest' } });
        expect(j).toMatchObject({ state: 'failed', error: { code: 'SOURCE_INVALID' }, counts: { invalid: 2 } });
        const invalid = (await (await api(`/jobs/${j.id}/invalid`)).text())
            .trim()
            .split('\n')
            .map((l) => JSON.parse(l));
        expect(invalid).toEqual([
            expect.objectContaining({ line: 3, code: 'CSV_RAGGED' }),
            expect.objectContaining({ line: 4, code: 'CSV_RAGGED' }),
        ]);
    });

    test('is worked without them where the spec says skip', async () => {
        const j = await run({ source: { upload: await upload(ragged, 'a.csv') }, process: { processor: 'digest' }, onInvalid: 'skip' });
        expect(j).toMatchObject({ state: 'completed', counts: { total: 2, succeeded: 2, invalid: 2 } });
    });

    test.each([
        ['empty.csv', '', 'SOURCE_EMPTY'],
        ['header-only.csv', 'id,n\n', 'SOURCE_EMPTY'],
        ['empty.ndjson', '\n\n', 'SOURCE_EMPTY'],
        ['broken.ndjson', '{"a":1}\n{"a":\n', 'SOURCE_INVALID'],
        ['quote.csv', 'id,n\n1,"a"b\n', 'SOURCE_INVALID'],
        ['object.json', '{"a":1}', 'JSON_NOT_ARRAY'],
        ['latin1.csv', Buffer.from('id,n\n1,caf\xe9\n', 'latin1'), 'NOT_UTF8'],
        ['twice.csv', 'id,id\n1,2\n', 'CSV_HEADER'],
        ['large.ndjson', `{"a":"${'x'.repeat(5_000_000)}"}\n`, 'SOURCE_INVALID'],
    ])('%s ends in a failure that says what is wrong', async (name, content, code) => {
        if (content === '') {
            expect((await api(`/uploads?name=${name}`, { method: 'POST', body: '' })).status).toBe(400);
            return;
        }
        const j = await run({ source: { upload: await upload(content, name) }, process: { processor: 'digest' } });
        expect(j).toMatchObject({ state: 'failed', error: { code } });
    });
});

describe('the API', () => {
    test('names every problem of a spec with a pointer, and stores nothing', async () => {
        const response = await post('/jobs', {
            source: { items: [1] },
            process: http('x', { method: 'FETCH' }),
            concurrency: { max: 0 },
            retry: { maxDelay: 'soon' },
            colour: 'red',
        });
        expect(response.status).toBe(400);
        expect(response.headers.get('content-type')).toContain('application/problem+json');
        const { errors } = await body(response);
        expect(errors.map((e: { pointer: string }) => e.pointer).sort()).toEqual([
            '/colour',
            '/concurrency/max',
            '/process/http/method',
            '/retry/maxDelay',
        ]);
    });

    test.each([
        ['a body that is not JSON', '{"source":', 400, 'BAD_JSON'],
        ['no source', { process: { processor: 'digest' } }, 400, 'BAD_SPEC'],
        ['an unknown processor', { source: { items: [1] }, process: { processor: 'nope' } }, 400, 'BAD_SPEC'],
        [
            'a secret that is not set',
            { source: { items: [1] }, process: { http: { url: 'http://127.0.0.1:1/', headers: { a: { secret: 'NO_SUCH_SECRET' } } } } },
            400,
            'BAD_SPEC',
        ],
        [
            'a setting that is no secret',
            { source: { items: [1] }, process: { http: { url: 'http://127.0.0.1:1/', headers: { a: { secret: 'PATH' } } } } },
            400,
            'BAD_SPEC',
        ],
        [
            'a blob of another container',
            { source: { blob: 'inbox/../../azure-webjobs-hosts/x.csv' }, process: { processor: 'digest' } },
            400,
            'BAD_SPEC',
        ],
        [
            'a blob that no deployment allows',
            { source: { blob: 'jobs/x/source.ndjson' }, process: { processor: 'digest' } },
            400,
            'BAD_SPEC',
        ],
        ['a blob that is not there', { source: { blob: 'inbox/none.csv' }, process: { processor: 'digest' } }, 400, 'BAD_SPEC'],
        ['an upload that is not there', { source: { upload: 'none' }, process: { processor: 'digest' } }, 400, 'BAD_SPEC'],
        ['a broken template', { source: { items: [1] }, process: { http: { url: 'http://127.0.0.1:1/{id' } } }, 400, 'BAD_SPEC'],
        ['an item of 5 MB', { source: { items: ['x'.repeat(5_000_000)] }, process: { processor: 'digest' } }, 400, 'BAD_SPEC'],
    ])('refuses %s', async (_what, spec, status, code) => {
        const response = await post('/jobs', spec);
        expect(response.status).toBe(status);
        expect(await body(response)).toMatchObject({ code, status });
    });

    test.each([
        ['a job that is not said to be JSON', '/jobs', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA'],
        [
            'a job from a page of another origin',
            '/jobs',
            { 'content-type': 'application/json', origin: 'https://evil.example' },
            403,
            'FOREIGN_ORIGIN',
        ],
        ['a cancel from a page of another origin', '/jobs/none/cancel', { origin: 'https://evil.example' }, 403, 'FOREIGN_ORIGIN'],
        [
            'a parallel upload',
            '/uploads',
            { 'tus-resumable': '1.0.0', 'upload-length': '9', 'upload-concat': 'partial' },
            400,
            'BAD_UPLOAD',
        ],
    ])('refuses %s', async (_what, route, headers, status, code) => {
        const response = await api(route, { method: 'POST', headers: headers as Record<string, string>, body: '{}' });
        expect(response.status).toBe(status);
        expect(await body(response)).toMatchObject({ code });
    });

    test.each([
        ['GET', '/jobs/none', 404, 'JOB_NOT_FOUND'],
        ['GET', '/jobs/none/results', 404, 'JOB_NOT_FOUND'],
        ['POST', '/jobs/none/cancel', 404, 'JOB_NOT_FOUND'],
        ['GET', '/nothing/here', 404, 'ROUTE_NOT_FOUND'],
        ['DELETE', '/jobs', 405, 'METHOD_NOT_ALLOWED'],
        ['GET', '/uploads/none', 404, 'UPLOAD_NOT_FOUND'],
    ])('%s %s is %i %s', async (method, route, status, code) => {
        const response = await api(route, { method });
        expect(response.status).toBe(status);
        expect(await body(response)).toMatchObject({ code });
    });

    test('gives the same job for the same Idempotency-Key and body, and refuses another body', async () => {
        const key = `e2e-${Date.now()}-${Math.random()}`;
        const spec = { source: { items: [1, 2] }, process: { processor: 'digest' } };
        const [first, second] = [await start(spec, { 'idempotency-key': key }), await start(spec, { 'idempotency-key': key })];
        expect(second.id).toBe(first.id);
        expect((await post('/jobs', { ...spec, name: 'other' }, { 'idempotency-key': key })).status).toBe(422);
        await ended(first.id);
    });

    test('lists jobs, newest first, page by page, by name and tag', async () => {
        const name = `listed ${Date.now()}`;
        const ids: string[] = [];
        for (const n of [1, 2, 3])
            ids.unshift((await run({ name, tags: { n: String(n) }, source: { items: [1] }, process: { processor: 'digest' } })).id);
        const found: string[] = [];
        for (let next: string | undefined = ''; next !== undefined;) {
            const page: { jobs: { id: string }[]; next?: string } = await body(
                await api(`/jobs?name=${encodeURIComponent(name)}&limit=2${next ? `&continuation=${encodeURIComponent(next)}` : ''}`),
            );
            found.push(...page.jobs.map((j) => j.id));
            next = page.next;
        }
        expect(found).toEqual(ids);
        const tagged = await body(api(`/jobs?name=${encodeURIComponent(name)}&tag=n:2`));
        expect(tagged.jobs.map((j: { id: string }) => j.id)).toEqual([ids[1]]);
    });

    test('is healthy', async () => {
        expect(await body(api('/health'))).toMatchObject({ status: 'ok' });
    });
});
