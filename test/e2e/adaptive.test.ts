// Adaptive concurrency in real time: what a job settles at, how fast it rises, and what the next job knows of it.
import { PAUSE_MS, until } from '../support/until';
import { seen } from './controlSupport';
import { client, ended, job, move, past, start, startTarget, useHost } from './support';

useHost();

const specAt = (url: string, count: number, max: number) => ({
    source: { items: Array.from({ length: count }, (_, id) => ({ id })) },
    ...{ process: { http: { url: `${url}/x` } }, key: 'id', concurrency: { max } },
});

/** Looks at the calls in flight for so long, and gives all that was seen. */
async function watched(id: string, forMs: number): Promise<number[]> {
    const found: number[] = [];
    const end = Date.now() + forMs;
    await until(
        async () => {
            const { workers, state } = await job(id);
            found.push(workers.inFlight);
            return Date.now() >= end || state === 'completed';
        },
        () => 'it is looked at for longer than it may take',
        forMs + 10_000,
        PAUSE_MS,
    );
    return found;
}

const mean = (numbers: number[]): number => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

const limiterOf = (url: string) => client({ forMs: 5_000 }).limiter(new URL(url).host);

test('against a target of 24 threads a job settles near that, and the next job begins there', async () => {
    const target = await startTarget({ latency: { kind: 'queue', threads: 24, baseMs: 50 } });
    const first = await start(specAt(target.url, 19_000, 128));
    await seen(first.id, 'at work', ({ workers }) => workers.inFlight > 0);
    await past(Date.now() + 20_000);
    const [before, began] = [target.stats(), Date.now()];
    const inFlight = await watched(first.id, 12_000);
    const after = target.stats();
    const rate = ((after.statuses['200'] ?? 0) - (before.statuses['200'] ?? 0)) / ((Date.now() - began) / 1_000);
    expect(mean(inFlight)).toBeGreaterThanOrEqual(12);
    // Four slices settle higher than one: each takes a little more latency for none.
    expect(mean(inFlight)).toBeLessThanOrEqual(64);
    expect(rate).toBeGreaterThanOrEqual(0.8 * 480);

    // A slice that ends tells what it has learned.
    const learned = await until(
        async () => (await limiterOf(target.url).catch(() => null))?.inFlight.learned,
        () => 'nothing was learned',
    );
    expect(learned).toBeGreaterThanOrEqual(10);
    expect(learned).toBeLessThanOrEqual(96);
    await move(first.id, 'cancel');
    await ended(first.id);

    const quiet = await until(() => (target.stats().inFlight === 0 ? target.stats() : null));
    const second = await start(specAt(target.url, 3_000, 128));
    await until(() => target.stats().requests > quiet.requests + 100);
    const soon = (await watched(second.id, 3_000)).filter((n) => n > 0);
    // Without it the first slice begins with eight, and doubles until it is far beyond.
    expect(Math.max(...soon)).toBeLessThanOrEqual(Math.max(40, 1.3 * learned));
    await move(second.id, 'cancel');
    await ended(second.id);
});

test('against a target that bears 512 a job has three hundred in flight within a minute', async () => {
    const target = await startTarget({ latencyMs: 20 });
    const { id } = await start(specAt(target.url, 200_000, 512));
    const began = Date.now();
    await until(
        async () => {
            const { workers } = await job(id);
            const found = Math.max(workers.inFlight, target.stats().maxInFlight);
            return found >= 300 ? { found, afterMs: Date.now() - began } : null;
        },
        () => `there were at most ${target.stats().maxInFlight} calls in flight`,
        60_000,
    );
    await move(id, 'cancel');
    await ended(id);
});
