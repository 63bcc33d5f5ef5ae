// What the API document offers and no other test here has reason to ask for: every field of a job spec and of a patch, every word that a parameter may say.
import { randomUUID } from 'node:crypto';
import { api, body, ended, move, patch, post, run, start, startTarget, upload, useHost } from './support';
import { inMs } from './controlSupport';

useHost();

const http = (more: object = {}) => ({ http: { url: 'http://127.0.0.1:1/x', ...more } });
const items = [{ id: 1 }];
/** Of a job that is only looked at: it does not start while the test runs. */
const later = { startAt: inMs(9e7) };
const everyLimit = {
    retry: { attempts: 2, initialDelay: 'PT1S', maxDelay: 'PT10S', factor: 2 },
    concurrency: { max: 3, adaptive: false },
    deadline: 'P2D',
    calling: { windows: ['Mon-Fri 06:00-20:00'], timeZone: 'Europe/Berlin' },
    outage: { giveUpAfter: 'PT2H' },
    rate: ['5/s', '100/min'],
    budget: { failures: 5, percent: 50, minimum: 10, codes: { TIMEOUT: 3 }, then: 'cancel' },
};

/** Posts a job that waits for its time, and has it cancelled. */
async function scheduled(spec: object, meanwhile: (id: string) => Promise<void> = async () => undefined): Promise<void> {
    const { id, state } = await start({ source: { items }, process: http(), ...later, ...spec });
    expect(state).toBe('scheduled');
    await meanwhile(id);
    expect((await move(id, 'cancel')).status).toBe(202);
}

test('a job may say all that there is to say, and all of its limits may be changed', async () => {
    const spec = {
        name: 'all of it',
        tags: { team: 'maps' },
        key: 'id',
        onInvalid: 'skip',
        partition: { items: 10 },
        canary: { items: 5, approval: 'manual', maxPercent: 1, timeout: 'PT1H' },
        limiter: `document-${randomUUID()}`,
        results: { keep: 'failed', maxOutputBytes: 1024 },
        process: http({
            method: 'PUT',
            headers: { 'x-a': 'b' },
            body: '@',
            vars: { v: 'id' },
            url: 'http://127.0.0.1:1/x{?v}',
            optional: ['v'],
            success: 'ok',
            timeout: 'PT5S',
        }),
        ...everyLimit,
    };
    await scheduled(spec, async (id) => {
        expect((await patch(id, { ...everyLimit, reason: 'because' })).status).toBe(200);
        const other = { ...everyLimit, rate: '9/s', deadline: inMs(1.7e8), budget: { ...everyLimit.budget, then: 'pause' } };
        expect((await patch(id, other, { 'content-type': 'application/json' })).status).toBe(200);
        expect((await patch(id, Object.fromEntries(Object.keys(everyLimit).map((name) => [name, null])))).status).toBe(200);
        expect((await patch(id, { more: 1 })).said).toMatchObject({ code: 'BAD_SPEC' });
    });
});

test.each([
    { process: http({ method: 'GET' }), results: { keep: 'none' }, rate: '1/s', onInvalid: 'reject', deadline: inMs(1.7e8) },
    { process: http({ method: 'POST' }), results: { keep: 'all' }, budget: { failures: 1, then: 'pause' } },
    { process: http({ method: 'PATCH' }), canary: { items: 1, approval: 'automatic' }, budget: { codes: { TIMEOUT: 1 } } },
    { process: http({ method: 'DELETE' }), budget: { percent: 1 } },
    { process: http({ method: 'HEAD' }) },
    { process: { processor: 'digest', options: {}, timeout: 'PT5S' } },
])('a job may say %j', (spec) => scheduled(spec));

test.each([
    ['csv', { emptyRows: 'skip', shortRows: 'fill' }, 'id,n\n1\n\n'],
    ['csv', { emptyRows: 'reject', shortRows: 'reject' }, 'id,n\n1,2\n'],
    ['ndjson', undefined, '{"id":1}\n'],
    ['json', undefined, '[{"id":1}]'],
])('a file may be said to be %s, %j', async (format, csv, content) => {
    const source = { upload: await upload(content, 'file'), format, ...(csv ? { csv } : {}) };
    await scheduled({ source });
});

test('jobs are listed by each of their states, and by when they were made', async () => {
    const states = ['scheduled', 'planning', 'canary', 'awaitingApproval', 'running', 'paused', 'cancelling', 'folding', 'completed'];
    for (const state of [...states, 'failed', 'cancelled', 'expired'])
        expect((await api(`/jobs?state=${state}&limit=1&createdAfter=${inMs(-9e8)}&createdBefore=${inMs(9e8)}`)).status).toBe(200);
});

test('results are given by each outcome, and for a spreadsheet; a timeline line by line', async () => {
    const refusing = await startTarget({ badShare: 1, badStatus: 404 });
    const { id } = await run({ source: { items }, process: http({ url: `${refusing.url}/x` }) });
    for (const outcome of ['succeeded', 'failed', 'cancelled', 'expired', 'skipped'])
        expect((await api(`/jobs/${id}/results?outcome=${outcome}&format=ndjson`)).status).toBe(200);
    for (const spreadsheet of ['true', 'false']) {
        const answer = await api(`/jobs/${id}/results?format=csv&spreadsheet=${spreadsheet}`);
        expect(await answer.text()).toContain('HTTP_STATUS');
    }
    expect(await body(post(`/jobs/${id}/verify`, {}))).toMatchObject({ ok: true });
    const { failures } = await ended(id);
    expect((await api(`/jobs/${id}/results?fingerprint=${failures[0]!.fingerprint}`)).status).toBe(200);
    expect((await (await api(`/jobs/${id}/timeline?format=ndjson`)).text()).trim().split('\n').length).toBeGreaterThan(1);
    expect(await body(api(`/jobs/${id}/items/1`))).toMatchObject({ code: 'ITEM_NOT_FOUND' });
});

test('what a job has only when it has run is not there before', async () => {
    await scheduled({}, async (id) => {
        expect(await body(api(`/jobs/${id}/items/0`))).toMatchObject({ code: 'NOT_READY' });
        expect(await body(api(`/jobs/${id}/manifest`))).toMatchObject({ code: 'NOT_READY' });
        expect(await body(api(`/jobs/${id}/verify`, { method: 'POST' }))).toMatchObject({ code: 'NOT_READY' });
        for (const name of ['pause', 'resume', 'approve', 'reject'])
            expect((await move(id, name, { reason: 'too early' })).said).toMatchObject({ code: 'ILLEGAL_MOVE', move: name });
    });
});

test('a limiter is set, seen and listed a page at a time', async () => {
    const names = [randomUUID(), randomUUID()].map((id) => `document-${id}`);
    for (const name of names) {
        const put = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"rate":["5/s","100/day"],"inFlight":3}' };
        expect((await api(`/limiters/${name}`, put)).status).toBe(200);
    }
    const { next } = await body(api('/limiters?limit=1'));
    expect((await api(`/limiters?limit=1&continuation=${encodeURIComponent(next)}`)).status).toBe(200);
});

test('a file may have its name in a header', async () => {
    const headers = { 'content-disposition': 'attachment; filename="a.csv"', 'content-type': 'text/csv' };
    expect(await body(api('/uploads', { method: 'POST', headers, body: 'id\n1\n' }))).toMatchObject({ name: 'a.csv' });
});

test('the API document is not sent to who has it', async () => {
    const etag = (await api('/openapi.json')).headers.get('etag')!;
    expect((await api('/openapi.json', { headers: { 'if-none-match': etag } })).status).toBe(304);
});

test('a key in use is known by its job', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const spec = { source: { items }, process: http(), ...later };
    const { id } = await body(post('/jobs', spec, headers));
    expect((await post('/jobs', spec, headers)).headers.get('idempotency-replayed')).toBe('true');
    expect(await body(post('/jobs', { ...spec, name: 'other' }, headers))).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', jobId: id });
    await move(id, 'cancel');
});
