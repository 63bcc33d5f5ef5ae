// What a job tells of itself as a whole: its timeline, and when it entered its states.
import { until } from '../support/until';
import { api, body, ended, job, move, observe, patch, run, start, story, timeline, useHost } from './support';

useHost();

test('the timeline tells of states, moves and retunes in their order, with who, why and what; as JSON and as NDJSON', async () => {
    const target = await observe({ latencyMs: 50, held: ['0'] });
    const items = Array.from({ length: 60 }, (_, id) => ({ id }));
    const spec = { source: { items }, process: { http: { url: `${target.url}/x` } }, key: 'id', concurrency: { max: 2 } };
    const j = await start(spec);
    await until(() => target.calls.length > 5);
    await move(j.id, 'pause', { reason: 'lunch' });
    await patch(j.id, { concurrency: { max: 3 }, deadline: 'PT1H', reason: 'more hands' });
    await move(j.id, 'resume', { reason: 'back' });
    target.release('0');
    const end = await ended(j.id);

    const events = await timeline(j.id);
    const order = await story(j.id);
    const wanted = ['planning', 'running', 'pause', 'retune', 'resume', 'folding', 'completed'];
    expect(order.filter((word) => wanted.includes(word) && word !== 'running')).toEqual(wanted.filter((word) => word !== 'running'));
    // The ledger may hear of pause and resume at once, and then was never paused; if it was, it says so behind the pause, and runs again behind that.
    expect(order.filter((word) => word === 'running').length).toBe(1 + order.filter((word) => word === 'paused').length);
    expect(order.indexOf('running')).toBeLessThan(order.indexOf('pause'));
    expect(events.find(({ move: made }) => made === 'pause')).toMatchObject({ kind: 'move', by: expect.any(String), reason: 'lunch' });
    expect(events.find(({ move: made }) => made === 'resume')).toMatchObject({ reason: 'back' });
    expect(events.find(({ kind }) => kind === 'retune')).toEqual({
        at: expect.any(String),
        kind: 'retune',
        by: expect.any(String),
        reason: 'more hands',
        changes: [
            { field: '/concurrency/max', from: 2, to: 3 },
            { field: '/deadline', from: null, to: 'PT1H' },
        ],
    });
    expect(events[0]).toEqual({ at: j.createdAt, kind: 'state', state: 'planning', by: expect.any(String) });
    expect(events.at(-1)).toEqual({ at: end.endedAt, kind: 'state', state: 'completed' });

    const asLines = async (route: string, headers: Record<string, string> = {}) => {
        const answer = await api(route, { headers });
        expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
        const text = await answer.text();
        expect(text.endsWith('\n')).toBe(true);
        return text
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as unknown);
    };
    const route = `/jobs/${j.id}/timeline`;
    expect(await asLines(`${route}?format=ndjson`)).toEqual(events);
    expect(await asLines(route, { accept: 'application/x-ndjson' })).toEqual(events);
    // What is asked for by name holds over what is accepted.
    expect(await body(api(`${route}?format=json`, { headers: { accept: 'application/x-ndjson' } }))).toEqual({ jobId: j.id, events });
    for (const accept of ['*/*', 'application/json', 'text/html, application/json;q=0.9'])
        expect(await body(api(route, { headers: { accept } }))).toEqual({ jobId: j.id, events });
});

test('the times at which a job entered its states are those of its timeline, in their order', async () => {
    const j = await run({ source: { items: [1, 2] }, process: { processor: 'digest' } });
    const { entered } = await job(j.id);
    expect(Object.keys(entered)).toEqual(['planning', 'running', 'folding', 'completed']);
    const states = (await timeline(j.id)).filter(({ kind }) => kind === 'state');
    expect(Object.fromEntries(states.map(({ state, at }) => [state, at]))).toEqual(entered);
    expect(states.map(({ at }) => at)).toEqual(states.map(({ at }) => at).sort());
    expect(entered).toMatchObject({ planning: j.createdAt, completed: j.endedAt });
});

test('the status of a job at work and at its end tells of its calls, its workers, and when it may end', async () => {
    const target = await observe({ latencyMs: 100 });
    const items = Array.from({ length: 600 }, (_, id) => ({ id }));
    const spec = { source: { items }, process: { http: { url: `${target.url}/x` } }, concurrency: { max: 4, adaptive: false } };
    const { id } = await start(spec);
    const live = await until(
        async () => {
            const s = await job(id);
            return s.eta && s.calls.count > 8 ? s : null;
        },
        () => 'the status never tells when it may end',
    );
    expect(live).toMatchObject({
        state: 'running',
        allowed: ['pause', 'cancel'],
        workers: { active: 1, silent: 0, inFlight: expect.any(Number), crashes: 0 },
        calls: { statuses: { 200: live.calls.count } },
        limits: { concurrency: { max: 4, adaptive: false }, retry: { attempts: 5 } },
        repairs: 0,
    });
    expect(live.workers.inFlight).toBeLessThanOrEqual(4);
    const { p50, p95, p99 } = live.calls.latencyMs!;
    expect(p50).toBeGreaterThan(90);
    expect(p95).toBeGreaterThanOrEqual(p50);
    expect(p99).toBeGreaterThanOrEqual(p95);
    const { earliest, latest, reason } = live.eta!;
    expect(Date.parse(earliest)).toBeGreaterThan(Date.parse(live.startedAt!));
    expect(Date.parse(latest)).toBeGreaterThanOrEqual(Date.parse(earliest));
    expect(reason).not.toBe('');
    await patch(id, { concurrency: { max: 64 } });
    const end = await ended(id);
    expect(end).toMatchObject({ eta: null, calls: { count: 600, statuses: { 200: 600 } }, workers: { active: 0, inFlight: 0 } });
});

test.each<[string, string, Record<string, string>, number, string]>([
    ['of no job', '/jobs/none/timeline', {}, 404, 'JOB_NOT_FOUND'],
    ['in a form that there is not', '/jobs/ID/timeline?format=csv', {}, 400, 'BAD_PARAMETER'],
    ['in a form that there is not, by Accept', '/jobs/ID/timeline', { accept: 'text/csv' }, 406, 'NOT_ACCEPTABLE'],
])('a timeline %s is refused', async (_what, route, headers, status, code) => {
    const { id } = await run({ source: { items: [1] }, process: { processor: 'digest' } });
    const answer = await api(route.replace('ID', id), { headers });
    expect([answer.status, (await body(answer)).code]).toEqual([status, code]);
});
