// Targets that go away while jobs call them: what that costs, what is seen of it, and how the job goes on.
import type { Target } from '../../samples/target';
import type { Limiter } from '../../src/client';
import { DEADLINE_MS, until } from '../support/until';
import { BITES_MS, seen, WAKES_MS } from './controlSupport';
import {
    client,
    ended,
    expectConserved,
    job,
    move,
    observe,
    results,
    start,
    startTarget,
    testAtOnce,
    timeline,
    useHost,
    type Job,
} from './support';

useHost();

const items = (count: number) => Array.from({ length: count }, (_, id) => ({ id }));
const specAt = (url: string, count: number, more: object = {}, http: object = {}) => ({
    source: { items: items(count) },
    process: { http: { url: `${url}/x`, ...http } },
    key: 'id',
    concurrency: { max: 32, adaptive: false },
    ...more,
});

/** What the limiter of a target says; null: nothing was ever limited. */
const limiterOf = (url: string): Promise<Limiter | null> =>
    client()
        .limiter(new URL(url).host)
        .catch((error: { status?: number }) => (error.status === 404 ? null : Promise.reject(error as Error)));
const openings = async (url: string): Promise<number> =>
    ((await limiterOf(url))?.log ?? []).filter(({ kind }) => kind === 'breakerOpened').length;

/** Waits until the breaker holds the job, and gives its status then. */
const heldBack = (id: string): Promise<Job> =>
    seen(id, 'held by the breaker', ({ waiting }) => waiting?.code === 'BREAKER_OPEN' && Date.parse(waiting.until!) > Date.now());

/** Is done when so many calls have come. */
const cameTo = (target: Target, calls: number) =>
    until(
        () => target.stats().requests >= calls,
        () => `there were ${target.stats().requests} calls, not ${calls}`,
    );

const AWAY_MS = 25_000;

/** What is left when a target was away in the middle of a job. */
interface Gone {
    end: Job;
    target: Target;
    /** Calls that had been answered a while after it went, and when the first was answered after its return, in ms from then. */
    meanwhile: number;
    backAfterMs: number;
    held: Job;
}

/** Runs a job whose target goes away in its middle. */
async function outageIn(how: 'refuse' | 'hang' | '503', http: object): Promise<Gone> {
    const target = await startTarget({ latencyMs: 150, record: true });
    const retry = { attempts: 2, initialDelay: 'PT0.5S', maxDelay: 'PT1S' };
    const { id } = await start(specAt(target.url, 2_000, { retry }, http));
    await cameTo(target, 500);
    await target.goAway({ how, forMs: AWAY_MS });
    const held = await heldBack(id);
    const end = await ended(id, DEADLINE_MS * 2);
    const { calls, outages } = target.stats();
    const [outage] = outages;
    const back = outage!.to!;
    const first = calls.find(({ at, status }) => at >= back && status === 200);
    return { end, target, held, meanwhile: outage!.calls, backAfterMs: first!.at - back };
}

test('a target that is away for 25 s in the middle of a job costs no item more than the attempt that was in flight, and few calls', async () => {
    const gone = await Promise.all([outageIn('refuse', {}), outageIn('hang', { timeout: 'PT2S' }), outageIn('503', {})]);
    for (const [i, { end, target, held, meanwhile, backAfterMs }] of gone.entries()) {
        const how = ['refuse', 'hang', '503'][i]!;
        expect([how, end.state, end.outcome, end.counts.succeeded]).toEqual([how, 'completed', 'succeeded', 2_000]);
        // Full speed until a hundred have failed, then a few until the breaker opens, and probes.
        expect([how, meanwhile < 400]).toEqual([how, true]);
        // Those in flight when it went: nobody could know that it was not their own fault.
        expect([how, end.counts.retries <= 32]).toEqual([how, true]);
        await expectConserved(end);
        expect(held.waiting!.for).not.toBe('');
        expect(held.eta).toBeNull();
        expect(backAfterMs).toBeLessThan(WAKES_MS + 5_000);
        const kinds = (await timeline(end.id)).filter((event) => event.code === 'BREAKER_OPEN').map(({ kind }) => kind);
        expect([how, kinds.slice(0, 2)]).toEqual([how, ['held', 'released']]);
        expect(await openings(target.url)).toBeGreaterThan(0);
        expect((await limiterOf(target.url))!.breaker.state).toBe('closed');
    }
});

// From here on each waits for its target, and all of them at once: the three jobs of the test before them are by themselves, for it counts their calls and when they come back.

testAtOnce('a target that is away when the job begins: no item loses an attempt by it', async () => {
    const target = await startTarget({ latencyMs: 20, outages: [{ fromMs: 0, toMs: 20_000, how: 'refuse' }] });
    await until(() => target.stats().outages.length > 0);
    const { id } = await start(specAt(target.url, 200, { retry: { attempts: 2, initialDelay: 'PT0.1S', maxDelay: 'PT1S' } }));
    const held = await heldBack(id);
    expect(held.counts).toMatchObject({ succeeded: 0, failed: 0 });
    const end = await ended(id);
    expect(end).toMatchObject({ outcome: 'succeeded', counts: { succeeded: 200, retries: 0 } });
});

testAtOnce(
    'items that fail for good among others are no outage: the job ends, and they have failed after exactly their attempts',
    async () => {
        const target = await startTarget({ latencyMs: 20, badShare: 0.3 });
        const retry = { attempts: 3, initialDelay: 'PT0.2S', maxDelay: 'PT0.5S' };
        const end = await ended((await start(specAt(target.url, 600, { retry }))).id);
        const bad = items(600).filter(({ id }) => target.isBad(String(id))).length;
        expect(bad).toBeGreaterThan(120);
        expect(end).toMatchObject({ state: 'completed', outcome: 'partial', counts: { succeeded: 600 - bad, failed: bad } });
        const outcomes = await expectConserved(end);
        for (const { key, outcome, attempts } of outcomes)
            expect([outcome, attempts]).toEqual(target.isBad(String(key)) ? ['failed', 3] : ['succeeded', 1]);
        const { perKey } = target.stats();
        expect(Object.entries(perKey).filter(([key, { calls }]) => calls !== (target.isBad(key.split(':')[1]!) ? 3 : 1))).toEqual([]);
        expect(await openings(target.url)).toBe(0);
    },
);

testAtOnce('a job whose last hundred items are all bad ends, those items failed after exactly their attempts', async () => {
    const target = await observe({ latencyMs: 20, status: (key) => (Number(key) >= 900 ? 500 : 200) });
    const retry = { attempts: 3, initialDelay: 'PT0.2S', maxDelay: 'PT0.5S' };
    const end = await ended((await start(specAt(target.url, 1_000, { retry }))).id);
    expect(end).toMatchObject({ state: 'completed', outcome: 'partial', counts: { succeeded: 900, failed: 100 } });
    const failed = (await results(end.id, '?outcome=failed&limit=200')).map(({ key, attempts }) => [key, attempts] as const);
    expect(failed.filter(([key, attempts]) => Number(key) < 900 || attempts !== 3)).toEqual([]);
});

testAtOnce('a job pauses when its target is away for longer than it bears, says so, and goes on when it is resumed', async () => {
    const target = await startTarget({ latencyMs: 100 });
    const { id } = await start(
        specAt(target.url, 600, { outage: { giveUpAfter: 'PT1M' }, retry: { attempts: 2, initialDelay: 'PT0.5S' } }),
    );
    await cameTo(target, 100);
    await target.goAway({ how: 'refuse', forMs: 10 * 60_000 });
    const paused = await until(
        async () => {
            const found = await job(id);
            return found.state === 'paused' ? found : null;
        },
        () => 'the job has not paused',
        DEADLINE_MS * 2,
    );
    expect(paused.counts.failed).toBe(0);
    const pause = (await timeline(id)).find(({ kind, move: made }) => kind === 'move' && made === 'pause');
    expect(pause).toMatchObject({ by: 'outage', reason: expect.stringMatching(/PT1M/) });
    await target.comeBack();
    expect((await move(id, 'resume')).status).toBe(202);
    const end = await ended(id, DEADLINE_MS * 2);
    expect(end).toMatchObject({ outcome: 'succeeded', counts: { succeeded: 600, failed: 0 } });
});

testAtOnce.each(['cancel', 'pause'])('%s bites while the breaker is open', async (name) => {
    const target = await startTarget({ latencyMs: 100 });
    const { id } = await start(specAt(target.url, 1_000));
    await cameTo(target, 100);
    await target.goAway({ how: 'refuse', forMs: 10 * 60_000 });
    await heldBack(id);
    const asked = Date.now();
    await move(id, name);
    const state = name === 'cancel' ? 'cancelled' : 'paused';
    await seen(id, state, (found) => found.state === state);
    expect(Date.now() - asked).toBeLessThan(WAKES_MS + BITES_MS);
    if (name === 'pause') await move(id, 'cancel');
    await ended(id);
});
