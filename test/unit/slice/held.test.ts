// Items that wait without having used up an attempt, and failures of which nobody can say at first whose fault they are.
import { suspicion } from '../../../src/core/poison';
import type { SliceDone } from '../../../src/core/ledger';
import { fine, JobBench, refused, status, type Line } from '../../support/jobBench';
import { newWriter } from '../../support/writers';

const retry = { attempts: 3, initialDelay: 'PT1S', maxDelay: 'PT4S', factor: 2 };
const of = (lines: Line[], index: number): Line[] => lines.filter((line) => line.index === index || line.held === index);

describe('a call that the target throttles', () => {
    test('uses up no attempt, and the next line of its item says how often that was and for how long it waited', async () => {
        const bench = new JobBench({ partitions: 1, items: 10, spec: { retry } });
        const refusals = new Map([
            [3, 2],
            [4, 1],
        ]);
        bench.answer = ({ index, at }) => {
            const left = refusals.get(index) ?? 0;
            refusals.set(index, left - 1);
            // Item 4 fails for itself when it is called at last.
            if (left > 0) return status(429);
            return index === 4 && at < 60_000 && left === 0 ? status(500) : fine();
        };
        bench.start();
        await bench.ended();
        const lines = bench.lines();
        const [third] = of(lines, 3);
        expect(third).toMatchObject({ outcome: 'succeeded', attempts: 1, throttled: 2 });
        const times = bench.calls.filter(({ index }) => index === 3).map(({ at }) => at);
        expect(times).toHaveLength(3);
        // From when it was refused until it was called, both times.
        expect(Math.abs(third!.waitedMs! - (times[2]! - times[0]! - 100))).toBeLessThanOrEqual(2);
        // The line of an attempt says it, and the outcome does not say it once more.
        const fourth = of(lines, 4);
        expect(fourth).toMatchObject([
            { attempt: 1, throttled: 1 },
            { outcome: 'succeeded', attempts: 2 },
        ]);
        expect(fourth[1]).not.toHaveProperty('throttled');
        expect(lines.filter(({ held }) => held !== undefined)).toEqual([]);
        expect(bench.ledger.counts).toMatchObject({ succeeded: 10, retries: 1 });
    });

    test('over several slices: a line tells of the wait when a slice ends, and the next slice goes on from there', async () => {
        const bench = new JobBench({ partitions: 1, items: 4, spec: { retry } });
        bench.answer = ({ at, index }) => (index === 2 && at < 50_000 ? status(429, { retryAfterMs: 20_000 }) : fine());
        bench.start();
        await bench.ended();
        const lines = of(bench.lines(), 2);
        const held = lines.filter((line) => line.held !== undefined);
        expect(held.length).toBeGreaterThanOrEqual(2);
        expect(held[0]).toMatchObject({ held: 2, tried: 1 });
        expect(held[0]!.throttled).toBeGreaterThanOrEqual(1);
        expect(lines.at(-1)).toMatchObject({ outcome: 'succeeded', attempts: 1 });
        const calls = bench.calls.filter(({ index }) => index === 2);
        expect(calls.map(({ attempt }) => attempt)).toEqual(calls.map(() => 1));
        expect(lines.at(-1)!.throttled).toBe(calls.length - 1);
        expect(lines.at(-1)!.waitedMs! + 50 * calls.length).toBeGreaterThan(50_000);
        expect(lines.at(-1)!.waitedMs!).toBeLessThanOrEqual(calls.at(-1)!.at - calls[0]!.at);
        expect(bench.began.length).toBeGreaterThan(1);
    });

    test('a slice that does not know of a limiter holds it just so', async () => {
        const bench = new JobBench({ partitions: 1, items: 4, spec: { retry } });
        bench.slices.atTarget = () => null;
        bench.answer = ({ index, at }) => (index === 1 && at < 3_000 ? status(429) : fine());
        expect(((await bench.slices.slice()) as SliceDone).counts).toMatchObject({ succeeded: 4, retries: 0 });
        expect(of(bench.lines(), 1)).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
    });
});

describe('in isolation', () => {
    const isolated = (epoch: number) => ({ epoch, mode: 'isolated' as const, concurrency: 4 });

    test('an attempt that was announced and throttled has its end on storage: it is no crash', async () => {
        const bench = new JobBench({ partitions: 1, items: 6, spec: { retry } });
        // For longer than a slice.
        bench.answer = ({ index, at }) => (index === 1 && at < 40_000 ? status(429) : fine());
        const report = (await bench.slices.slice(isolated(1))) as SliceDone;
        expect(report.open).toHaveLength(1);
        const writer = newWriter({
            store: bench.slices.outcomes[0]!.store,
            jobId: bench.slices.jobId,
            items: 6,
            epoch: 2,
            runId: 'next',
            clock: bench.slices.clock,
        });
        await writer.takeOver();
        expect(writer.waiting.get(1)).toMatchObject({ attempts: 0 });
        expect(suspicion(writer.intents, writer.hasEnded).kind).toBe('none');
        for (let epoch = 3; epoch < 20 && !bench.lines().some(({ index, outcome }) => index === 1 && outcome); epoch++) {
            await bench.pass(5_000);
            await bench.slices.slice(isolated(epoch));
        }
        const told = of(bench.lines(), 1).at(-1)!;
        expect(told).toMatchObject({ outcome: 'succeeded', attempts: 1 });
        expect(told.throttled).toBe(bench.calls.filter(({ index }) => index === 1).length - 1);
    });

    test('every attempt that was announced has its end on storage while the target is away', async () => {
        const bench = new JobBench({ partitions: 1, items: 30, spec: { retry } });
        bench.answer = () => refused();
        bench.slices.atTarget = bench.atTargetOf(0);
        await bench.slices.slice({ ...isolated(1), concurrency: 12 });
        const writer = newWriter({
            store: bench.slices.outcomes[0]!.store,
            jobId: bench.slices.jobId,
            items: 30,
            epoch: 2,
            runId: 'next',
            clock: bench.slices.clock,
        });
        await writer.takeOver();
        expect(writer.intents.length).toBeGreaterThan(0);
        expect(suspicion(writer.intents, writer.hasEnded).kind).toBe('none');
    });
});

describe('a failure of which nobody can say yet whose fault it is', () => {
    const soon = { attempts: 3, initialDelay: 'PT0.1S', maxDelay: 'PT0.2S', factor: 2 };

    test('waits for the next success, and then it is the item’s', async () => {
        const bench = new JobBench({ partitions: 1, items: 3, max: 3, spec: { retry: soon } });
        // Items 0 and 1 fail at once; the answer to 2, which was called with them, comes a second later.
        const linesThen: number[] = [];
        bench.answer = ({ index, attempt }) => {
            if (attempt > 1) return fine();
            return index < 2 ? status(500) : fine(1_000);
        };
        bench.start();
        await bench.pass(900);
        linesThen.push(bench.lines().filter(({ attempt }) => attempt !== undefined).length, bench.calls.length);
        // No line, and no further call.
        expect(linesThen).toEqual([0, 3]);
        await bench.ended();
        expect(
            bench
                .outcomes()
                .map(({ index, attempts }) => [index, attempts])
                .sort(),
        ).toEqual([
            [0, 2],
            [1, 2],
            [2, 1],
        ]);
    });

    test('is the target’s when the breaker opens: no line, and no attempt', async () => {
        const bench = new JobBench({ partitions: 2, items: 20, max: 8, spec: { retry: soon } });
        bench.answer = ({ at }) => (at < 10_000 ? refused() : fine());
        bench.start();
        await bench.until('open', () => bench.registers.openings.length > 0, 1_000);
        await bench.ended();
        expect(bench.lines().filter(({ attempt }) => attempt !== undefined)).toEqual([]);
        expect(bench.outcomes().map(({ outcome, attempts }) => [outcome, attempts])).toEqual(bench.outcomes().map(() => ['succeeded', 1]));
    });

    test('is the item’s when nothing is left that could say more, and few have failed', async () => {
        const bench = new JobBench({ partitions: 1, items: 5, max: 4, spec: { retry: soon } });
        bench.answer = () => status(500);
        bench.start();
        await bench.ended(60_000);
        expect(bench.outcomes().map(({ outcome, attempts }) => [outcome, attempts])).toEqual(Array(5).fill(['failed', 3]));
    });

    test('is the item’s at the end of a slice, whether or not others are left, where few have failed', async () => {
        const bench = new JobBench({ partitions: 1, items: 40, max: 2, spec: { retry: soon } });
        bench.answer = ({ index }) => (index < 2 ? status(500, { ms: 20_000 }) : fine());
        const report = (await bench.slices.slice({ concurrency: 2 })) as SliceDone;
        // Asked to end while both were in flight: a slice takes no open failure with it.
        expect(report.counts.succeeded + report.open.reduce((sum, { counts }) => sum + counts.succeeded, 0)).toBe(0);
        expect(bench.lines().filter(({ attempt }) => attempt !== undefined)).toHaveLength(2);
    });
});
