// When a job may run: a start to come, a deadline, and windows for its calls.
import { BITES_MS, called, inMs, paused, pointersOf, seen, slowKey, slowRows, specOf, WAKES_MS } from './controlSupport';
import { api, body, ended, expectConserved, move, observe, past, patch, post, results, start, story, upload, useHost } from './support';

useHost();

describe('a deadline', () => {
    test('ends the rest of a job as expired, so long after it was posted', async () => {
        const target = await observe({ latencyMs: 100 });
        const j = await start(specOf(target, 400, { concurrency: { max: 2 }, deadline: 'PT3S', partition: { items: 50 } }));
        const deadline = Date.parse(j.createdAt) + 3_000;
        expect(j).toMatchObject({ limits: { deadline: 'PT3S', deadlineAt: new Date(deadline).toISOString() } });
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'expired', ending: 'expired', ended: true, allowed: [], counts: { total: 400, cancelled: 0 } });
        expect(end.counts.succeeded).toBe(target.calls.length);
        expect(end.counts.succeeded).toBeGreaterThan(0);
        expect(end.counts.expired).toBe(400 - target.calls.length);
        expect(Date.parse(end.endedAt!)).toBeGreaterThanOrEqual(deadline);
        expect(target.between(deadline + BITES_MS, Infinity)).toEqual([]);
        await expectConserved(end);

        const rest = await results(j.id, '?outcome=expired');
        expect(rest).toHaveLength(end.counts.expired);
        expect(rest[0]).toMatchObject({ outcome: 'expired', attempts: 0, key: rest[0]!.index });
        const csv = (await (await api(`/jobs/${j.id}/results?format=csv&outcome=expired`)).text()).trim().split('\r\n');
        expect(csv).toHaveLength(1 + end.counts.expired);
        expect(csv[1]).toMatch(/^\d+,\d+,expired,0,,/);
        expect((await body(api(`/jobs/${j.id}/items/${rest[0]!.index}`))).state).toBe('expired');
        expect(await body(post(`/jobs/${j.id}/verify`, ''))).toMatchObject({ ok: true, counts: { expired: end.counts.expired } });
        expect(await story(j.id)).toEqual(['planning', 'running', 'expire', 'cancelling', 'folding', 'expired']);
        for (const name of ['pause', 'resume', 'cancel'])
            expect(await move(j.id, name)).toMatchObject({ status: 409, said: { state: 'expired', allowed: [] } });
        const listed = await body(api('/jobs?state=expired&limit=100'));
        expect(listed.jobs.map(({ id }: { id: string }) => id)).toContain(j.id);
    });

    test('given as a time ends a job that is paused', async () => {
        const { target, standing: j } = await paused(500);
        const deadline = inMs(2_500);
        const asked = await patch(j.id, { deadline });
        expect(asked).toMatchObject({ status: 200, said: { state: 'paused', limits: { deadline, deadlineAt: deadline } } });
        await seen(j.id, 'waiting until its deadline', ({ waiting, ended: over }) => over || waiting?.until === deadline);
        const calls = target.calls.length;
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'expired', counts: { succeeded: calls, expired: 500 - calls } });
        expect(Date.parse(end.entered.cancelling!)).toBeGreaterThanOrEqual(Date.parse(deadline));
        await expectConserved(end);
    });

    test('that is put off, or taken away, does not end the job', async () => {
        const target = await observe({ latencyMs: 50 });
        const j = await start(specOf(target, 400, { concurrency: { max: 4 }, deadline: 'PT4S' }));
        await called(target, 1);
        expect((await patch(j.id, { deadline: 'PT1H' })).said.limits.deadline).toBe('PT1H');
        const { said } = await patch(j.id, { deadline: null });
        expect(said.limits).not.toHaveProperty('deadline');
        expect(said.limits).not.toHaveProperty('deadlineAt');
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'completed', counts: { succeeded: 400, expired: 0 } });
        expect(Date.parse(end.endedAt!)).toBeGreaterThan(Date.parse(j.createdAt) + 4_000);
        expect(await story(j.id)).not.toContain('expire');
    });

    test('that comes before the source is read to its end ends a job, with what had become items', async () => {
        const source = await upload(slowRows(15_000), 'slow.ndjson');
        const j = await start({ source: { upload: source }, key: slowKey, process: { processor: 'digest' }, deadline: 'PT1S' });
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'expired', ending: 'expired' });
        if (end.counts.total === null) expect(end.error).toMatchObject({ code: 'EXPIRED' });
        else expect(await body(post(`/jobs/${j.id}/verify`, ''))).toMatchObject({ ok: true });
    });
});

describe('a start to come', () => {
    test('has the source read then, and the deadline counted from then', async () => {
        const target = await observe({ latencyMs: 5 });
        const startAt = inMs(4_000);
        const j = await start(specOf(target, 20, { startAt, deadline: 'PT1H' }));
        expect(j).toMatchObject({
            state: 'scheduled',
            startAt,
            allowed: ['cancel'],
            waiting: { code: 'SCHEDULED', until: startAt },
            eta: null,
            counts: { total: null, pending: null },
            limits: { deadlineAt: new Date(Date.parse(startAt) + 3_600_000).toISOString() },
            entered: { scheduled: j.createdAt },
        });
        expect((await body(api(`/jobs/${j.id}/items/0`))).code).toBe('NOT_READY');
        const early = await patch(j.id, { deadline: inMs(2_000) });
        expect([early.status, early.said.code, pointersOf(early.said)]).toEqual([400, 'BAD_SPEC', ['/deadline']]);
        const retuned = await patch(j.id, { concurrency: { max: 3 } });
        expect(retuned).toMatchObject({ status: 200, said: { state: 'scheduled', limits: { concurrency: { max: 3 } } } });
        const listed = await body(api('/jobs?state=scheduled&limit=100'));
        expect(listed.jobs.map(({ id }: { id: string }) => id)).toContain(j.id);
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'completed', counts: { succeeded: 20 } });
        expect(Object.keys(end.entered)).toEqual(['scheduled', 'planning', 'running', 'folding', 'completed']);
        expect(Date.parse(end.entered.planning!)).toBeGreaterThanOrEqual(Date.parse(startAt));
        expect(target.between(0, Date.parse(startAt))).toEqual([]);
        expect(target.calls[0]!.at).toBeLessThan(Date.parse(startAt) + WAKES_MS);
        expect(Math.max(...target.calls.map(({ open }) => open))).toBe(3);
        expect(await story(j.id)).toEqual(['scheduled', 'retune', 'planning', 'running', 'folding', 'completed']);
    });

    test('that has gone by is one at once', async () => {
        const j = await start({ source: { items: [1] }, process: { processor: 'digest' }, startAt: '2020-01-01T00:00:00+01:00' });
        expect(j.state).toBe('planning');
        expect(await ended(j.id)).toMatchObject({ state: 'completed', startAt: '2020-01-01T00:00:00+01:00' });
    });

    test.each<[string, object, string]>([
        ['a start without a time zone', { startAt: '2099-01-01T00:00:00' }, '/startAt'],
        ['a start that is none', { startAt: 'PT1H' }, '/startAt'],
        ['a start in two years', { startAt: inMs(730 * 86_400_000) }, '/startAt'],
        ['a deadline before the start', { startAt: inMs(7_200_000), deadline: inMs(3_600_000) }, '/deadline'],
        ['a deadline that is over', { deadline: '2020-01-01T00:00:00Z' }, '/deadline'],
        ['a deadline of no time', { deadline: 'PT0S' }, '/deadline'],
        ['a deadline of two years', { deadline: 'P730D' }, '/deadline'],
        ['a window that is none', { calling: { windows: ['25:00-26:00'] } }, '/calling/windows/0'],
        ['an offset for a time zone', { calling: { windows: ['Mon'], timeZone: '+01:00' } }, '/calling/timeZone'],
        ['an unknown field of windows', { calling: { windows: ['Mon'], zone: 'UTC' } }, '/calling/zone'],
    ])('is refused: %s', async (_what, more, pointer) => {
        const answer = await post('/jobs', { source: { items: [1] }, process: { processor: 'digest' }, ...more });
        const said = await body(answer);
        expect([answer.status, said.code, pointersOf(said)]).toEqual([400, 'BAD_SPEC', [pointer]]);
    });
});

describe('windows for calls', () => {
    const MINUTE = 60_000;
    /** Minutes of the hour and the day that a clock shows so many minutes from now, so far ahead of UTC. */
    const clock = (minutes: number, aheadMinutes = 0) =>
        new Date(Date.now() + (minutes + aheadMinutes) * MINUTE).toISOString().slice(11, 16);
    /** From so many minutes from now to so many, on the clock of UTC, or of one that is ahead. */
    const window = (from: number, to: number, ahead = 0) => `${clock(from, ahead)}-${clock(to, ahead)}`;
    const minuteIn = (minutes: number) => new Date(Math.floor((Date.now() + minutes * MINUTE) / MINUTE) * MINUTE).toISOString();

    test('that are closed hold every call off until the next one opens, and a change opens them', async () => {
        const target = await observe({ latencyMs: 20 });
        const [windows, opens] = [[window(90, 120), window(30, 60)], minuteIn(30)];
        const j = await start(specOf(target, 50, { calling: { windows } }));
        expect(j.limits.calling).toEqual({ windows, timeZone: 'UTC' });
        const waiting = await seen(j.id, 'waiting for a window', (s) => s.waiting?.code === 'OUTSIDE_WINDOWS' && s.workers.active === 0);
        expect(waiting).toMatchObject({
            state: 'running',
            allowed: ['pause', 'cancel'],
            waiting: { until: opens },
            eta: null,
            counts: { pending: 50 },
        });
        expect(target.calls).toEqual([]);
        const other = { windows: [window(-30, 30, 330)], timeZone: 'Asia/Kolkata' };
        expect(await patch(j.id, { calling: other })).toMatchObject({ status: 200, said: { limits: { calling: other } } });
        await called(target, 1, WAKES_MS);
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'completed', counts: { succeeded: 50 } });
        await expectConserved(end);
    });

    test('that a change closes stop calls within two seconds; without them they go on', async () => {
        const target = await observe({ latencyMs: 50 });
        const j = await start(specOf(target, 300, { calling: { windows: [window(-30, 30)] } }));
        await called(target, 10);
        const [windows, opens] = [[window(45, 60, 330)], minuteIn(45)];
        expect((await patch(j.id, { calling: { windows, timeZone: 'Asia/Kolkata' } })).status).toBe(200);
        const closed = Date.now() + BITES_MS;
        await past(closed);
        const waiting = await seen(j.id, 'waiting for a window', (s) => s.waiting?.code === 'OUTSIDE_WINDOWS' && s.workers.active === 0);
        expect(waiting).toMatchObject({ waiting: { until: opens }, counts: { succeeded: target.calls.length } });
        const reopened = Date.now();
        expect((await patch(j.id, { calling: null })).said.limits).not.toHaveProperty('calling');
        await called(target, waiting.counts.succeeded + 1, WAKES_MS);
        const end = await ended(j.id);
        expect(target.between(closed, reopened)).toEqual([]);
        expect(end).toMatchObject({ state: 'completed', counts: { succeeded: 300 } });
        expect(target.calls).toHaveLength(300);
        await expectConserved(end);
    });

    test('that are closed hold off neither a pause nor a cancel nor a deadline', async () => {
        const target = await observe();
        const calling = { windows: [window(30, 60)] };
        const closed = async (more: object = {}) => {
            const j = await start(specOf(target, 20, { calling, ...more }));
            await seen(j.id, 'waiting for a window', (s) => s.waiting?.code === 'OUTSIDE_WINDOWS');
            return j.id;
        };
        const id = await closed();
        expect(await move(id, 'pause')).toMatchObject({ status: 202, said: { state: 'paused', waiting: { code: 'PAUSED' } } });
        expect(await move(id, 'resume')).toMatchObject({ status: 202, said: { state: 'running' } });
        await seen(id, 'waiting for a window again', (s) => s.state === 'running' && s.waiting?.code === 'OUTSIDE_WINDOWS');
        expect((await move(id, 'cancel')).status).toBe(202);
        expect(await ended(id)).toMatchObject({ state: 'cancelled', counts: { cancelled: 20 } });
        expect(await ended(await closed({ deadline: 'PT4S' }))).toMatchObject({ state: 'expired', counts: { expired: 20 } });
        expect(target.calls).toEqual([]);
    });
});
