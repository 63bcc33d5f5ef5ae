// What users want of a job that is posted: pause, resume and cancel, in every state, with every body; and its timeline.
import { fallen } from '../support/fallen';
import type { ObservedTarget } from '../support/observedTarget';
import { DEADLINE_MS, PAUSE_MS, until } from '../support/until';
import { BITES_MS, called, inMs, paused, pointersOf, seen, slowKey, slowRows, specOf, WAKES_MS } from './controlSupport';
import {
    api,
    body,
    ended,
    expectConserved,
    job,
    move,
    observe,
    past,
    patch,
    post,
    results,
    run,
    start,
    story,
    timeline,
    upload,
    useHost,
    type Job,
} from './support';

useHost();

const moves = ['pause', 'resume', 'cancel'] as const;

/** Notes every count that goes down while it looks; `stop` gives them. */
function watch(id: string): { stop: () => Promise<string[]> } {
    const wrong: string[] = [];
    let last: Job | null = null;
    let over = false;
    const looking = until(
        async () => {
            const next = await job(id);
            if (last) wrong.push(...fallen(last, next));
            last = next;
            return over || next.ended;
        },
        () => `job ${id} is watched for longer than it may take`,
        DEADLINE_MS,
        PAUSE_MS,
    );
    return {
        stop: async () => {
            over = true;
            await looking;
            return wrong;
        },
    };
}

const expectOncePerItem = (target: ObservedTarget, count: number) =>
    expect(target.calls.map(({ key }) => Number(key)).sort((a, b) => a - b)).toEqual([...Array(count).keys()]);

describe('a job that runs', () => {
    test('is paused within two seconds, and resumed: nothing is called in between, and every item once in all', async () => {
        const target = await observe({ latencyMs: 150 });
        const j = await start(specOf(target, 300, { partition: { items: 40 } }));
        const counts = watch(j.id);
        await called(target, 20);
        const asked = await move(j.id, 'pause', { reason: 'the target is being mended' });
        const accepted = Date.now();
        expect(asked).toMatchObject({
            status: 202,
            said: {
                state: 'paused',
                ended: false,
                allowed: ['resume', 'cancel'],
                eta: null,
                waiting: { code: 'PAUSED', until: null },
                entered: { paused: expect.any(String) },
            },
        });
        await past(accepted + BITES_MS);
        // What was in flight is recorded, and nobody works.
        const standing = await seen(j.id, 'standing still', (s) => s.workers.active === 0 && s.counts.succeeded === target.calls.length);
        expect(standing).toMatchObject({ state: 'paused', workers: { active: 0, inFlight: 0 }, counts: { total: 300 } });
        expect(await results(j.id)).toHaveLength(target.calls.length);

        const before = await timeline(j.id);
        const again = await move(j.id, 'pause', { reason: 'asked once more' });
        expect(again).toMatchObject({ status: 200, said: { state: 'paused', entered: standing.entered } });
        expect(await timeline(j.id)).toEqual(before);

        await past(accepted + 2 * BITES_MS);
        const wanted = Date.now();
        const calls = target.calls.length;
        const resumed = await move(j.id, 'resume');
        expect(resumed).toMatchObject({ status: 202, said: { state: 'running', allowed: ['pause', 'cancel'] } });
        await until(
            () => target.calls.length > calls,
            () => 'nothing is called after the resume',
            WAKES_MS,
        );
        expect(await move(j.id, 'resume')).toMatchObject({ status: 200, said: { allowed: ['pause', 'cancel'] } });
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { total: 300, succeeded: 300, pending: 0 } });
        expect(target.between(accepted + BITES_MS, wanted)).toEqual([]);
        expectOncePerItem(target, 300);
        await expectConserved(end);
        expect(await body(post(`/jobs/${j.id}/verify`, ''))).toMatchObject({ ok: true });
        expect(await counts.stop()).toEqual([]);
    });

    test('goes on within two seconds where its slices still wait for answers; those are recorded while it is paused', async () => {
        const target = await observe({ latencyMs: 40, held: ['0', '1'] });
        const j = await start(specOf(target, 400));
        await called(target, 20);
        await move(j.id, 'pause', {});
        const accepted = Date.now();
        await past(accepted + BITES_MS);
        target.release('0');
        await until(
            async () => (await results(j.id)).some(({ index }) => index === 0),
            () => 'what was in flight is not recorded',
        );
        const waiting = await seen(j.id, 'waiting for the other', ({ workers }) => workers.inFlight === 1);
        expect(waiting).toMatchObject({ state: 'paused', workers: { active: 1 } });
        const asked = Date.now();
        const calls = target.calls.length;
        expect(await move(j.id, 'resume')).toMatchObject({ status: 202 });
        await until(
            () => target.calls.length > calls,
            () => 'nothing is called after the resume',
            BITES_MS,
        );
        target.release('1');
        expect(await ended(j.id)).toMatchObject({ state: 'completed', counts: { succeeded: 400 } });
        expect(target.between(accepted + BITES_MS, asked)).toEqual([]);
        expectOncePerItem(target, 400);
    });

    test('is resumed without being paused, and nothing changes', async () => {
        const target = await observe({ held: ['0'] });
        const j = await start(specOf(target, 2));
        await called(target, 2);
        const before = await timeline(j.id);
        expect(await move(j.id, 'resume', { reason: 'to be sure' })).toMatchObject({ status: 200, said: { state: 'running' } });
        expect(await timeline(j.id)).toEqual(before);
        target.release('0');
        expect(await ended(j.id)).toMatchObject({ state: 'completed', allowed: [] });
    });

    test('paused twelve times at once is paused once', async () => {
        const target = await observe({ held: ['0'] });
        const j = await start(specOf(target, 50, { concurrency: { max: 1 } }));
        await called(target, 1);
        const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => move(j.id, 'pause', { reason: `request ${i}` })));
        expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(11).fill(200), 202]);
        expect((await story(j.id)).filter((word) => word === 'pause')).toHaveLength(1);
        expect((await move(j.id, 'cancel')).status).toBe(202);
        target.release('0');
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'cancelled', counts: { succeeded: target.calls.length } });
        await expectConserved(end);
    });

    test('is cancelled with a reason; while it is, and after, no other move is legal', async () => {
        const target = await observe({ held: ['0'] });
        const j = await start(specOf(target, 500, { concurrency: { max: 2 } }));
        await called(target, 5);
        expect(await move(j.id, 'cancel', { reason: 'wrong list' })).toMatchObject({
            status: 202,
            said: { state: 'cancelling', ending: 'cancelled', allowed: [], ended: false },
        });
        expect(await move(j.id, 'cancel')).toMatchObject({ status: 200, said: { state: 'cancelling' } });
        const refused = (state: string, name: string) => ({
            status: 409,
            said: { code: 'ILLEGAL_MOVE', jobId: j.id, state, move: name, allowed: [] },
        });
        for (const name of ['pause', 'resume'] as const) expect(await move(j.id, name)).toMatchObject(refused('cancelling', name));
        expect(await patch(j.id, { concurrency: { max: 4 } })).toMatchObject(refused('cancelling', 'retune'));
        target.release('0');
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'cancelled', ending: 'cancelled', allowed: [], entered: { cancelled: end.endedAt } });
        await expectConserved(end);
        for (const name of moves) expect(await move(j.id, name)).toMatchObject(refused('cancelled', name));
        expect(await patch(j.id, { concurrency: { max: 4 } })).toMatchObject(refused('cancelled', 'retune'));
        expect(await timeline(j.id)).toContainEqual(expect.objectContaining({ kind: 'move', move: 'cancel', reason: 'wrong list' }));
    });
});

describe('a job that does not run', () => {
    test('is cancelled while it is paused, and every item has its outcome', async () => {
        const { target, standing: j } = await paused(200);
        const calls = target.calls.length;
        expect(await move(j.id, 'cancel')).toMatchObject({ status: 202, said: { state: 'cancelling' } });
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'cancelled', counts: { succeeded: calls, cancelled: 200 - calls } });
        await expectConserved(end);
        expect(target.calls).toHaveLength(calls);
        expect(await body(post(`/jobs/${j.id}/verify`, ''))).toMatchObject({ ok: true });
    });

    test('is scheduled: it can be cancelled, and neither paused nor resumed', async () => {
        const j = await start({ source: { items: [1] }, process: { processor: 'digest' }, startAt: inMs(3_600_000) });
        expect(j).toMatchObject({ state: 'scheduled', allowed: ['cancel'] });
        for (const name of ['pause', 'resume'] as const)
            expect(await move(j.id, name)).toMatchObject({
                status: 409,
                said: { code: 'ILLEGAL_MOVE', jobId: j.id, state: 'scheduled', move: name, allowed: ['cancel'] },
            });
        expect((await move(j.id, 'cancel', { reason: 'not today' })).status).toBe(202);
        expect(await ended(j.id)).toMatchObject({ state: 'cancelled', counts: { total: null, succeeded: 0 } });
    });

    test('has ended: every move is refused, and says what the job is', async () => {
        const j = await run({ source: { items: [1] }, process: { processor: 'digest' } });
        for (const name of moves)
            expect(await move(j.id, name)).toMatchObject({
                status: 409,
                said: { code: 'ILLEGAL_MOVE', jobId: j.id, state: 'completed', move: name, allowed: [] },
            });
        expect(await story(j.id)).toEqual(['planning', 'running', 'folding', 'completed']);
    });
});

describe('a job whose source is being read', () => {
    const slow = { key: slowKey, process: { processor: 'digest' } };
    let source: string;
    beforeAll(async () => {
        source = await upload(slowRows(15_000), 'slow.ndjson');
    });

    test('is paused when it is read: nothing is called before it is resumed', async () => {
        const j = await start({ ...slow, source: { upload: source } });
        const asked = await move(j.id, 'pause', { reason: 'look at it first' });
        expect(asked).toMatchObject({ status: 202, said: { state: 'planning', wanted: 'pause', allowed: ['resume', 'cancel'] } });
        expect(await move(j.id, 'pause')).toMatchObject({ status: 200, said: { state: 'planning', wanted: 'pause' } });
        const standing = await seen(j.id, 'paused', ({ state }) => state === 'paused');
        expect(standing).toMatchObject({ counts: { total: 15_000, succeeded: 0 }, allowed: ['resume', 'cancel'], calls: { count: 0 } });
        expect(standing).not.toHaveProperty('wanted');
        const order = await story(j.id);
        expect(order.filter((word) => ['pause', 'paused'].includes(word))).toEqual(['pause', 'paused']);
        expect((await move(j.id, 'resume')).status).toBe(202);
        await seen(j.id, 'at work', ({ counts }) => counts.succeeded > 0);
        // Digests are quick: the job may be through before it is asked.
        expect([202, 409]).toContain((await move(j.id, 'cancel')).status);
        await expectConserved(await ended(j.id));
    });

    test('is not paused when that is taken back before', async () => {
        const j = await start({ ...slow, source: { upload: source } });
        expect(await move(j.id, 'pause')).toMatchObject({ status: 202, said: { state: 'planning', wanted: 'pause' } });
        const back = await move(j.id, 'resume');
        expect(back).toMatchObject({ status: 202, said: { state: 'planning', allowed: ['pause', 'cancel'] } });
        expect(back.said).not.toHaveProperty('wanted');
        await seen(j.id, 'at work', ({ counts }) => counts.succeeded > 0);
        expect(await story(j.id)).not.toContain('paused');
        expect([202, 409]).toContain((await move(j.id, 'cancel')).status);
        await expectConserved(await ended(j.id));
    });

    test('is cancelled: nothing is called, and what had become items is recorded', async () => {
        const j = await start({ ...slow, source: { upload: source } });
        expect(await move(j.id, 'cancel')).toMatchObject({ status: 202, said: { allowed: [], ending: 'cancelled' } });
        const end = await ended(j.id);
        expect(end).toMatchObject({ state: 'cancelled', ending: 'cancelled', calls: { count: 0 } });
        // The source may have been read to its end in the same moment.
        expect([null, 15_000]).toContain(end.counts.total);
        if (end.counts.total === null) expect(end.error).toMatchObject({ code: 'CANCELLED' });
        else await expectConserved(end);
    });
});

describe('a move', () => {
    let id: string;
    let standing: Awaited<ReturnType<typeof timeline>>;
    beforeAll(async () => {
        id = (await paused(1_000)).standing.id;
        standing = await timeline(id);
    });
    afterAll(() => move(id, 'cancel'));

    const json = { 'content-type': 'application/json' };
    test.each<[string, string | object, string, string[]]>([
        ['a list', [], 'BAD_BODY', ['']],
        ['a number', '7', 'BAD_BODY', ['']],
        ['a text', '"because"', 'BAD_BODY', ['']],
        ['null', 'null', 'BAD_BODY', ['']],
        ['an empty reason', { reason: '' }, 'BAD_BODY', ['/reason']],
        ['a reason of 501 characters', { reason: 'x'.repeat(501) }, 'BAD_BODY', ['/reason']],
        ['a reason that is a number', { reason: 7 }, 'BAD_BODY', ['/reason']],
        ['a reason that is null', { reason: null }, 'BAD_BODY', ['/reason']],
        ['a field that it does not know', { reason: 'x', why: 'y' }, 'BAD_BODY', ['/why']],
        ['the name __proto__', '{"__proto__":{"reason":"x"}}', 'BAD_BODY', ['/__proto__']],
        ['the name constructor', { constructor: 'x' }, 'BAD_BODY', ['/constructor']],
        ['two reasons', '{"reason":"x","reason":"y"}', 'BAD_BODY', ['/reason']],
        ['several faults', { reason: '', how: 1, '~/': 2 }, 'BAD_BODY', ['/how', '/reason', '/~0~1']],
        ['half a document', '{"reason":', 'BAD_JSON', []],
        ['what is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'BAD_JSON', []],
    ])('with %s is refused, and nothing changes', async (_what, asked, code, pointers) => {
        for (const name of moves) {
            const answer = await api(`/jobs/${id}/${name}`, {
                method: 'POST',
                headers: json,
                body: typeof asked === 'string' || Buffer.isBuffer(asked) ? asked : JSON.stringify(asked),
            });
            const said = await body(answer);
            expect([name, answer.status, said.code, pointersOf(said)]).toEqual([name, 400, code, pointers]);
        }
        expect(await timeline(id)).toEqual(standing);
    });

    test('with a body of another type, or of another size, is refused', async () => {
        for (const name of moves) {
            const other = await move(id, name, '{"reason":"x"}', { 'content-type': 'text/plain' });
            expect(other).toMatchObject({ status: 415, said: { code: 'UNSUPPORTED_MEDIA' } });
            const latin = await move(id, name, '{}', { 'content-type': 'application/json; charset=latin1' });
            expect(latin).toMatchObject({ status: 415, said: { code: 'UNSUPPORTED_MEDIA' } });
            const large = await move(id, name, { reason: 'x'.repeat(70_000) });
            expect(large).toMatchObject({ status: 413, said: { code: 'TOO_LARGE' } });
        }
        expect(await timeline(id)).toEqual(standing);
    });

    test('from a page of another origin, of no job, and by another method is refused', async () => {
        for (const name of moves) {
            const foreign = await move(id, name, undefined, { origin: 'https://evil.example' });
            expect(foreign).toMatchObject({ status: 403, said: { code: 'FOREIGN_ORIGIN' } });
            expect(await move('none', name)).toMatchObject({ status: 404, said: { code: 'JOB_NOT_FOUND' } });
            const got = await api(`/jobs/${id}/${name}`);
            expect([got.status, got.headers.get('allow'), await body(got)]).toMatchObject([405, 'POST', { code: 'METHOD_NOT_ALLOWED' }]);
        }
        expect(await timeline(id)).toEqual(standing);
    });

    test.each<[string, string | undefined, Record<string, string>]>([
        ['no body', undefined, {}],
        ['an empty body that is said to be JSON', '', json],
        ['an empty object', '{}', json],
        ['a reason of 500 characters', JSON.stringify({ reason: 'x'.repeat(500) }), json],
        ['a charset', '{"reason":"für später"}', { 'content-type': 'application/json; charset=utf-8' }],
    ])('with %s is taken', async (_what, asked, headers) => {
        expect(await move(id, 'pause', asked, headers)).toMatchObject({ status: 200, said: { state: 'paused' } });
    });
});
