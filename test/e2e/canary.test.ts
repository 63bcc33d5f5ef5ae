// The first items of a job run alone; then somebody says whether the rest is called, or the share of failures does.
import type { ObservedTarget } from '../support/observedTarget';
import { called, inMs, pointersOf, seen, specOf, WAKES_MS } from './controlSupport';
import {
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
    start,
    story,
    timeline,
    useHost,
    type Job,
} from './support';

useHost();

/** A job of 40 items whose canary is the first ten; `fails` says which items the target refuses. */
async function withCanary(canary: object, { fails = () => false, more = {} }: { fails?: (key: number) => boolean; more?: object } = {}) {
    const target = await observe({ status: (key) => (fails(Number(key)) ? 422 : 200) });
    const spec = specOf(target, 40, { canary: { items: 10, ...canary }, retry: { attempts: 1 }, ...more });
    return { target, id: (await start(spec)).id };
}

// Somebody has a minute at least: its job waits while the others run.
let overdue: { target: ObservedTarget; id: string };
beforeAll(async () => (overdue = await withCanary({ timeout: 'PT1M' })));

const awaiting = (id: string): Promise<Job> => seen(id, 'waiting for approval', (s) => s.state === 'awaitingApproval');

const keysOf = (target: ObservedTarget): number[] => target.calls.map(({ key }) => Number(key)).sort((a, b) => a - b);
const upTo = (count: number): number[] => [...Array(count).keys()];

describe('a canary that a person looks at', () => {
    test('runs alone and settles with its retries; nothing more is called until it is approved, and then everything is', async () => {
        const target = await observe({
            status: (key) => (key === '3' && target.calls.filter((call) => call.key === '3').length < 3 ? 503 : 200),
        });
        const retry = { attempts: 5, initialDelay: 'PT0.2S', maxDelay: 'PT0.5S' };
        const { id } = await start(specOf(target, 40, { canary: { items: 10 }, retry }));
        const waiting = await awaiting(id);
        expect(waiting).toMatchObject({
            counts: { total: 40, succeeded: 10, failed: 0, pending: 30 },
            allowed: ['cancel', 'approve', 'reject'],
            waiting: { code: 'APPROVAL' },
            workers: { active: 0, inFlight: 0 },
        });
        const left = Date.parse(waiting.waiting!.until!) - Date.parse(waiting.entered.awaitingApproval!);
        expect(Math.abs(left - 86_400_000)).toBeLessThan(5_000);
        expect(new Set(keysOf(target))).toEqual(new Set(upTo(10)));

        const before = target.calls.length;
        await past(Date.now() + 3_000);
        expect(target.calls).toHaveLength(before);
        expect((await move(id, 'pause')).said).toMatchObject({ code: 'ILLEGAL_MOVE', allowed: ['cancel', 'approve', 'reject'] });

        const asked = Date.now();
        const approved = await move(id, 'approve', { reason: 'ten of ten' });
        expect(approved).toMatchObject({ status: 202, said: { state: 'running' } });
        // The same word again, of whoever did not get the answer.
        expect(await move(id, 'approve', { reason: 'ten of ten' })).toMatchObject({ status: 200, said: { id } });
        await called(target, before + 1, WAKES_MS);
        expect(Date.now() - asked).toBeLessThan(WAKES_MS);
        const end = await ended(id);
        expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 40 } });
        await expectConserved(end);
        const events = await timeline(id);
        expect(events.find((event) => event.kind === 'move')).toMatchObject({
            move: 'approve',
            reason: 'ten of ten',
            by: expect.any(String),
        });
        expect(await story(id)).toEqual(['planning', 'canary', 'awaitingApproval', 'approve', 'running', 'folding', 'completed']);
        expect((await move(id, 'approve')).status).toBe(409);
    });

    test('that is rejected ends its job: the rest is skipped, and nothing of it was called', async () => {
        const { target, id } = await withCanary({}, { fails: (key) => key < 4 });
        const waiting = await awaiting(id);
        expect(waiting.counts).toMatchObject({ succeeded: 6, failed: 4 });
        // What whoever is to decide sees.
        expect(waiting.canary).toMatchObject({
            ...{ items: 10, approval: 'manual', counts: { succeeded: 6, failed: 4 }, statusCodes: { 200: 6, 422: 4 } },
            failures: [{ count: 4, share: 1 }],
            estimate: { calls: 30, duration: { earliest: expect.stringMatching(/^PT/), latest: expect.stringMatching(/^PT/) } },
            until: waiting.waiting!.until,
        });
        const { samples } = waiting.canary!;
        expect(samples.map(({ index, outcome }) => [index, outcome])).toEqual([
            ...[0, 1, 2].map((index) => [index, 'failed']),
            ...[4, 5].map((index) => [index, 'succeeded']),
        ]);
        const whole = await results(id, '?order=input');
        expect(samples).toEqual(samples.map(({ index }) => whole[index]));
        const rejected = await move(id, 'reject', { reason: 'four have no address' });
        expect(rejected).toMatchObject({ status: 202, said: { endedBy: 'reject' } });
        // Said once more it does no harm, while the job ends; and then it is over.
        expect([200, 409]).toContain((await move(id, 'reject')).status);
        const end = await ended(id);
        expect(end).toMatchObject({
            state: 'cancelled',
            ending: 'cancelled',
            endedBy: 'reject',
            counts: { succeeded: 6, failed: 4, skipped: 30 },
            canary: { counts: { succeeded: 6, skipped: 0 }, estimate: null, decision: { is: 'rejected', reason: 'four have no address' } },
        });
        expect(end).not.toHaveProperty('outcome');
        await expectConserved(end);
        const skipped = await results(id, '?outcome=skipped&order=input');
        expect(skipped.map(({ key }) => key)).toEqual(upTo(40).slice(10));
        expect(new Set(skipped.map(({ error }) => error?.code))).toEqual(new Set(['NOT_APPROVED']));
        expect(keysOf(target)).toEqual(upTo(10));
        expect(await body(post(`/jobs/${id}/verify`, ''))).toMatchObject({ ok: true });
        expect((await move(id, 'approve')).status).toBe(409);
    });

    test('is not asked about where nothing comes after it', async () => {
        const target = await observe({ status: (key) => (Number(key) < 5 ? 422 : 200) });
        const end = await ended((await start(specOf(target, 8, { canary: { items: 50 }, retry: { attempts: 1 } }))).id);
        expect(end).toMatchObject({ state: 'completed', outcome: 'partial', counts: { succeeded: 3, failed: 5 } });
    });

    test('may be cancelled, or meet its deadline, while it waits', async () => {
        const cancelled = await withCanary({});
        const expiring = await withCanary({}, { more: { deadline: inMs(12_000) } });
        await Promise.all([awaiting(cancelled.id), awaiting(expiring.id)]);
        await move(cancelled.id, 'cancel');
        expect(await ended(cancelled.id)).toMatchObject({
            state: 'cancelled',
            endedBy: 'cancel',
            counts: { succeeded: 10, cancelled: 30 },
        });
        expect(await ended(expiring.id)).toMatchObject({ state: 'expired', endedBy: 'deadline', counts: { succeeded: 10, expired: 30 } });
    });

    test('goes on where it was paused, and asks then', async () => {
        const target = await observe({ latencyMs: 200 });
        const { id } = await start(specOf(target, 60, { canary: { items: 30 }, concurrency: { max: 1 } }));
        await called(target, 3);
        expect(await job(id)).toMatchObject({ state: 'canary', allowed: ['pause', 'cancel'] });
        expect((await move(id, 'approve')).said).toMatchObject({ code: 'ILLEGAL_MOVE', state: 'canary' });
        await move(id, 'pause');
        await seen(id, 'standing still', (s) => s.state === 'paused' && s.workers.active === 0);
        expect(target.calls.length).toBeLessThan(30);
        expect((await move(id, 'resume')).said).toMatchObject({ state: 'canary' });
        expect((await awaiting(id)).counts.succeeded).toBe(30);
        expect(keysOf(target)).toEqual(upTo(30));
        expect((await patch(id, { concurrency: { max: 8 } })).status).toBe(200);
        await move(id, 'approve');
        expect(await ended(id)).toMatchObject({ state: 'completed', counts: { succeeded: 60 } });
    });
});

describe('a canary that is judged by its failures', () => {
    test('goes on by itself where no larger share has failed than may', async () => {
        const { id } = await withCanary({ approval: 'automatic', maxPercent: 10 }, { fails: (key) => key === 4 });
        expect(await ended(id)).toMatchObject({ state: 'completed', outcome: 'partial', counts: { succeeded: 39, failed: 1 } });
        const said = (await timeline(id)).find((event) => event.kind === 'move');
        expect(said).toMatchObject({ move: 'approve', by: 'canary', reason: expect.stringContaining('1 of 10') });
        expect(await story(id)).not.toContain('awaitingApproval');
    });

    test('is rejected where more have', async () => {
        const { target, id } = await withCanary({ approval: 'automatic', maxPercent: 10 }, { fails: (key) => key < 2 });
        expect(await ended(id)).toMatchObject({ state: 'cancelled', endedBy: 'reject', counts: { succeeded: 8, failed: 2, skipped: 30 } });
        const said = (await timeline(id)).find((event) => event.kind === 'move');
        expect(said).toMatchObject({ move: 'reject', by: 'canary', reason: expect.stringContaining('2 of 10') });
        expect(keysOf(target)).toEqual(upTo(10));
    });

    test('is the first items in the order of the source, also over several partitions', async () => {
        const target = await observe();
        const spec = specOf(target, 40, { canary: { items: 10 }, partition: { items: 4 }, concurrency: { max: 64 } });
        const { id } = await start(spec);
        await awaiting(id);
        expect(keysOf(target)).toEqual(upTo(10));
        await move(id, 'approve');
        await expectConserved(await ended(id));
    });
});

test('a canary that cannot be one is refused where it is wrong, and approval of a job that has none is no move of it', async () => {
    const target = await observe();
    const wrong = await post(
        '/jobs',
        specOf(target, 5, { canary: { items: 0, approval: 'maybe', maxPercent: 101, timeout: 'P3Y', size: 5 } }),
    );
    expect(wrong.status).toBe(400);
    expect(pointersOf(await body(wrong))).toEqual([
        '/canary/approval',
        '/canary/items',
        '/canary/maxPercent',
        '/canary/size',
        '/canary/timeout',
    ]);
    const none = await post('/jobs', specOf(target, 5, { canary: {} }));
    expect(pointersOf(await body(none))).toEqual(['/canary/items']);
    const { id } = await start(specOf(target, 5));
    expect((await move(id, 'approve')).status).toBe(409);
    expect((await move(id, 'reject')).status).toBe(409);
    expect(await ended(id)).toMatchObject({ state: 'completed' });
});

test('a canary is rejected when nobody says anything in time, and says so', async () => {
    const { target, id } = overdue;
    const end = await ended(id, 120_000);
    const until = Date.parse(end.entered.awaitingApproval!) + 60_000;
    expect(end).toMatchObject({ state: 'cancelled', endedBy: 'reject', counts: { succeeded: 10, skipped: 30 } });
    expect(Date.parse(end.entered.cancelling!)).toBeGreaterThanOrEqual(until - 1_000);
    expect(Date.parse(end.entered.cancelling!)).toBeLessThan(until + WAKES_MS);
    const said = (await timeline(id)).find((event) => event.kind === 'move');
    expect(said).toMatchObject({ move: 'reject', by: 'timeout', reason: expect.stringContaining('PT1M') });
    expect(keysOf(target)).toEqual(upTo(10));
});
