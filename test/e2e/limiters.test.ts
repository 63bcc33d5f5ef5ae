// Limits of targets over HTTP: what is set, what is shown while a job runs, and when a change is felt.
import { randomUUID } from 'node:crypto';
import type { ApiError } from '../../src/client';
import { until } from '../support/until';
import { BITES_MS, seen, seenLimiter, specOf, WAKES_MS } from './controlSupport';
import { api, client, ended, expectConserved, job, observe, patch, start, startTarget, testAtOnce, useHost } from './support';

useHost();

/** A name that no other run has had. */
const newName = (): string => `e2e-${randomUUID()}:8443`;
const hostOf = (url: string): string => new URL(url).host;

test('a limiter is not there, is set, is shown and listed, and is set back', async () => {
    const name = newName();
    const missing = await client()
        .limiter(name)
        .catch((error: unknown) => error);
    expect(missing).toMatchObject({ status: 404, code: 'LIMITER_NOT_FOUND' } satisfies Partial<ApiError>);
    const made = await client().setLimiter(name, { rate: ['50/s', '10000/day'], inFlight: 7 });
    expect(made).toMatchObject({
        ...{ name, rate: { configured: ['50/s', '10000/day'], by: 'set', paced: 47.5 }, inFlight: { limit: 7, now: 0 } },
        ...{ windows: [{ rate: '10000/day', used: 0, left: 10_000 }], gate: { state: 'open' }, breaker: { state: 'closed' }, holders: [] },
    });
    expect(await client().limiter(name)).toEqual(made);
    const listed: string[] = [];
    for await (const limiter of client().limiters({ limit: 1 })) listed.push(limiter.name);
    expect(listed.filter((one) => one === name)).toHaveLength(1);
    expect(await client().setLimiter(name, {})).toMatchObject({
        rate: { configured: [], by: null, paced: null },
        inFlight: { limit: null },
    });
});

test('a path that names none is refused, and so is a method that is not there', async () => {
    for (const path of ['/limiters/a%20b', '/limiters/%C3%A4', '/limiters/a%2Fb', `/limiters/${'x'.repeat(201)}`])
        expect([path, (await api(path)).status]).toEqual([path, 400]);
    const refused = await api(`/limiters/${encodeURIComponent(newName())}`, { method: 'DELETE' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, PUT']);
});

testAtOnce('a job goes at its rate, and its limiter shows who holds it back', async () => {
    const target = await startTarget({ latencyMs: 20, record: true });
    const name = hostOf(target.url);
    const { id } = await start({
        source: { items: Array.from({ length: 100 }, (_, i) => ({ id: i })) },
        ...{ process: { http: { url: `${target.url}/x` } }, key: 'id', rate: '20/s' },
    });
    const limiter = await seenLimiter(name, 'held', ({ holders }) => holders.some(({ jobs }) => jobs.some((its) => its.id === id)));
    expect(limiter).toMatchObject({ rate: { configured: ['20/s'], by: 'jobs', paced: 19 }, setBy: null });
    expect(limiter.holders.reduce((sum, { rate }) => sum + rate!, 0)).toBeLessThanOrEqual(19);
    // The job says the same of it, and that it is what its end depends on.
    const running = await seen(id, 'held back', ({ eta }) => eta !== null);
    expect(running.limiter).toEqual({ name, gate: 'open', breaker: 'closed', paced: 19, learned: null, quotaLeft: null });
    expect(running.eta!.reason).toContain(`the limiter ${name} allows 19 calls/s`);

    const end = await ended(id);
    expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', limiter: { name } });
    await expectConserved(end);
    const { calls, perSecond } = target.stats();
    // Ninety-nine pauses of a nineteenth of a second.
    const tookMs = calls.at(-1)!.at - calls[0]!.at;
    expect(tookMs).toBeGreaterThan(5_000);
    expect(tookMs).toBeLessThan(9_000);
    expect(Math.max(...perSecond.map(({ accepted }) => accepted))).toBeLessThanOrEqual(21);
    // Nobody calls any more: the share is free at once, or when it has run out.
    await seenLimiter(name, 'free', ({ holders }) => holders.length === 0);
});

testAtOnce('a change of the rate is felt: by PATCH, and by PUT, which comes before it', async () => {
    const target = await observe({ latencyMs: 20 });
    const name = hostOf(target.url);
    const { id } = await start(specOf(target, 3_000, { concurrency: { max: 32, adaptive: false }, rate: '20/s' }));
    /** Calls in the last second are these many; within this time. */
    const goesAt = (least: number, most: number, withinMs: number) =>
        until(
            () => {
                const calls = target.between(Date.now() - 1_000, Date.now()).length;
                return calls >= least && calls <= most;
            },
            () => `there were ${target.between(Date.now() - 1_000, Date.now()).length} calls in the last second, not ${least} to ${most}`,
            withinMs,
        );
    await goesAt(15, 21, WAKES_MS);
    expect(await patch(id, { rate: '100/s' })).toMatchObject({ status: 200, said: { limits: { rate: ['100/s'] } } });
    await goesAt(80, 105, WAKES_MS);
    expect((await job(id)).limiter).toMatchObject({ name, paced: 95 });

    await client().setLimiter(name, { rate: '10/s' });
    await goesAt(7, 11, 6_000 + BITES_MS);
    expect(await client().limiter(name)).toMatchObject({ rate: { configured: ['10/s'], by: 'set', paced: 9.5 } });
    // The job may ask for less, and for more: what is set counts.
    await patch(id, { rate: null });
    await client().setLimiter(name, {});
    const end = await ended(id);
    expect(end).toMatchObject({ state: 'completed', counts: { succeeded: 3_000 } });
});

testAtOnce(
    'a target that is away is left alone, the job says so, and goes on when it is back: no item has lost an attempt but those in flight',
    async () => {
        const target = await startTarget({ latencyMs: 50, record: true });
        const name = hostOf(target.url);
        const { id } = await start({
            source: { items: Array.from({ length: 3_000 }, (_, i) => ({ id: i })) },
            ...{ process: { http: { url: `${target.url}/x` } }, key: 'id', concurrency: { max: 16, adaptive: false } },
        });
        await until(
            () => target.stats().requests > 200,
            () => 'the job does not call',
        );
        await target.goAway({ how: 'refuse' });
        const waiting = await seen(id, 'waiting for its target', (j) => j.waiting?.code === 'BREAKER_OPEN');
        expect(waiting).toMatchObject({ state: 'running', eta: null, limiter: { name, breaker: 'open' } });
        // A slice knows that nothing succeeds a moment before it has heard why from the limiter: then both say the same.
        const { log } = await until(
            async () => {
                const [its, limiter] = [await job(id), await client().limiter(name)];
                return limiter.breaker.state === 'open' && limiter.breaker.why === its.waiting?.for ? limiter : null;
            },
            () => 'job and limiter do not say the same of the target',
        );
        expect(log[0]).toMatchObject({ kind: 'breakerOpened' });
        await target.comeBack();

        const end = await ended(id);
        expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 3_000 } });
        expect(end.counts.retries).toBeLessThanOrEqual(16);
        const after = await client().limiter(name);
        expect(after).toMatchObject({ breaker: { state: 'closed' } });
        expect(after.log[0]).toMatchObject({ kind: 'breakerClosed' });
        // An item that was called meanwhile says how often, and how long it waited.
        const held = (await expectConserved(end)).find(({ throttled }) => (throttled ?? 0) > 0)!;
        expect(held).toMatchObject({ outcome: 'succeeded', waitedMs: expect.any(Number) });
        const { attempts } = await client().getItem(id, held.index);
        expect(attempts.at(-1)).toMatchObject({ throttled: held.throttled, waitedMs: held.waitedMs });
    },
);
