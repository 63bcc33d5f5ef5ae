// Limits that hold, as a target sees them: a rate, two jobs that share it, a window that is used up, calls at once, and a small job beside a large one.
import type { Target } from '../../samples/target';
import { mostASecond, mostWithin, Stillness, within } from '../support/callTimes';
import { until } from '../support/until';
import { BITES_MS, called, seen, specOf, WAKES_MS } from './controlSupport';
import { client, ended, expectConserved, job, move, observe, past, patch, start, startTarget, useHost } from './support';

useHost();

const stillness = new Stillness();
const started: string[] = [];
afterEach(async () => {
    // What a test has left, also one that has failed, must not be in the way of the next.
    for (const id of started.splice(0)) await move(id, 'cancel');
});
afterAll(() => stillness.stop());

/** A job of so many items, whose keys begin with its name. */
async function begin(target: { url: string }, name: string, items: number, more: object = {}): Promise<string> {
    const { id } = await start({
        source: { items: Array.from({ length: items }, (_, i) => ({ id: `${name}${i}` })) },
        ...{ process: { http: { url: `${target.url}/x` } }, key: 'id', ...more },
    });
    started.push(id);
    return id;
}

/** When calls came, in ms; of the job with this name. */
const timesOf = (target: Target, name = ''): number[] =>
    target
        .stats()
        .calls.filter(({ key }) => key!.startsWith(name))
        .map(({ at }) => at);

/** Waits until so many calls of the job have come. */
const came = (target: Target, name: string, count: number, withinMs?: number) =>
    until(
        () => timesOf(target, name).length >= count,
        () => `job "${name}" has made ${timesOf(target, name).length} calls, not ${count}`,
        withinMs,
    );

/** A twentieth more than the rate allows, and a call. */
const most = (rate: number): number => rate * 1.05 + 1;

test('a rate is kept to in every second, and used', async () => {
    const target = await startTarget({ latencyMs: 20, record: true });
    const end = await ended(await begin(target, 'a', 300, { rate: '40/s' }));
    expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 300, retries: 0 } });
    await expectConserved(end);

    const times = timesOf(target);
    expect(times).toHaveLength(300);
    const [first, last] = [times[0]!, times.at(-1)!];
    expect(mostASecond(times, first, Infinity, stillness).calls).toBeLessThanOrEqual(most(40));
    const [from, to] = [first + 1_000, last - 1_000];
    const used = within(times, from, to) / ((40 * (to - from)) / 1_000);
    expect(used).toBeGreaterThanOrEqual(0.88);
});

test('a job that comes to a target which another is calling has its half of the rate within seconds', async () => {
    const target = await startTarget({ latencyMs: 20, record: true });
    const large = await begin(target, 'large', 2_000, { rate: '40/s' });
    await came(target, 'large', 60);
    const asked = Date.now();
    const small = await begin(target, 'small', 120, { rate: '40/s' });
    await came(target, 'small', 1, WAKES_MS);
    expect((await ended(small)).counts.succeeded).toBe(120);

    const times = timesOf(target, 'small');
    const first = times[0]!;
    expect(first - asked).toBeLessThan(WAKES_MS);
    // 40 % of the rate, over two seconds that are over ten seconds after its first call.
    const half = 2 * 0.4 * 40;
    expect(
        mostWithin(
            times.filter((at) => at < first + 10_000),
            2_000,
        ),
    ).toBeGreaterThanOrEqual(half);
    // The other has its half, too: from when the small one has it until its end.
    const haveBoth = times.find((at) => within(times, at - 2_000, at) >= half)!;
    const beside = within(timesOf(target, 'large'), haveBoth, times.at(-1)!) / ((times.at(-1)! - haveBoth) / 1_000);
    expect(beside).toBeGreaterThanOrEqual(0.35 * 40);
    await move(large, 'cancel');
    const all = timesOf(target);
    expect(mostASecond(all, all[0]!, Infinity, stillness).calls).toBeLessThanOrEqual(most(40));
});

test('a window that is used up keeps calls off, and the status says which, and until when', async () => {
    const target = await startTarget({ latencyMs: 20, record: true });
    const id = await begin(target, 'a', 150, { rate: ['50/s', '60/min'] });
    const standing = await seen(id, 'waiting for a window', ({ waiting }) => waiting?.code === 'NO_SHARE');
    expect(standing.waiting!.for).toContain('60/min');
    const { until: at } = standing.waiting!;
    expect(Date.parse(at!)).toBeGreaterThan(Date.now());
    expect(Date.parse(at!)).toBeLessThan(Date.now() + 75_000);
    expect(standing.limiter).toMatchObject({ quotaLeft: 0 });
    expect(standing.counts).toMatchObject({ failed: 0, retries: 0 });
    // Longer than anybody renews: nobody is given another call.
    await past(Date.now() + 7_000);
    const { length } = timesOf(target);
    expect(length).toBeLessThanOrEqual(60);
    expect(length).toBeGreaterThanOrEqual(54);
    await move(id, 'cancel');
    expect((await ended(id)).state).toBe('cancelled');
    expect(timesOf(target)).toHaveLength(length);
});

test('calls at once that are set for a target are few within seconds, and more again when that is taken back', async () => {
    const target = await observe({ latencyMs: 250 });
    const name = new URL(target.url).host;
    const { id } = await start(specOf(target, 5_000, { concurrency: { max: 24, adaptive: false } }));
    started.push(id);
    const open = (count: number, withinMs?: number) =>
        until(
            () => target.open() >= count,
            () => `there are ${target.open()} calls in flight`,
            withinMs,
        );
    await open(24);
    await client().setLimiter(name, { inFlight: 3 });
    // Six seconds after PUT it is in force where a slice runs; then calls are over that had begun before.
    await past(Date.now() + 6_000 + BITES_MS);
    const from = Date.now();
    await past(from + 3_000);
    const few = target.between(from, from + 3_000);
    expect(Math.max(...few.map((call) => call.open))).toBeLessThanOrEqual(3);
    // All three are used: twelve calls a second, four for each place.
    expect(few.length).toBeGreaterThan(18);
    expect(await client().limiter(name)).toMatchObject({ inFlight: { limit: 3 } });
    await client().setLimiter(name, {});
    await open(20, WAKES_MS);
});

test('a rate that is lowered while a job runs is kept to within eight seconds, and one that is taken away is none', async () => {
    const target = await startTarget({ latencyMs: 20, record: true });
    const id = await begin(target, 'a', 3_000, { rate: '100/s', concurrency: { max: 32, adaptive: false } });
    await came(target, 'a', 100);
    expect(await patch(id, { rate: ['20/s', '100000/day'] })).toMatchObject({
        status: 200,
        said: { limits: { rate: ['20/s', '100000/day'] } },
    });
    const lowered = Date.now() + 6_000 + BITES_MS;
    await past(lowered + 4_000);
    const times = timesOf(target);
    expect(mostASecond(times, lowered, lowered + 4_000, stillness).calls).toBeLessThanOrEqual(most(20));
    expect(within(times, lowered, lowered + 4_000)).toBeGreaterThanOrEqual(0.8 * 4 * 20);
    expect((await job(id)).limiter).toMatchObject({ paced: 19 });

    const before = timesOf(target).length;
    expect(await patch(id, { rate: null })).toMatchObject({ status: 200 });
    const end = await ended(id);
    expect(end).toMatchObject({ state: 'completed', counts: { succeeded: 3_000, retries: 0 } });
    // Hundreds a second: at twenty it would have taken minutes.
    expect(within(timesOf(target), Date.now() - 60_000, Infinity)).toBeGreaterThan(before);
    await expectConserved(end);
});

test('a job of three items makes its first call within ten seconds beside one that has 512 calls out', async () => {
    const slow = await observe({ latencyMs: 1_000 });
    const { id } = await start(specOf(slow, 5_000, { concurrency: { max: 512, adaptive: false } }));
    started.push(id);
    await called(slow, 250);
    const target = await observe();
    const asked = Date.now();
    const small = await start(specOf(target, 3));
    started.push(small.id);
    await called(target, 1, 10_000);
    expect(target.calls[0]!.at - asked).toBeLessThan(10_000);
    expect(await ended(small.id)).toMatchObject({ state: 'completed', counts: { succeeded: 3 } });
    // The large one is still at work: it was not its end that made room.
    expect((await job(id)).counts.pending).toBeGreaterThan(0);
    await move(id, 'cancel');
    expect((await ended(id)).state).toBe('cancelled');
});
