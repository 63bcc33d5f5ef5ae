// Outages in simulated time: a whole job with its ledger, its slices and its limiter, at a target that goes away, or that fails for some items for good.
import type { Register } from '../../../src/core/limiter/state';
import { fine, JobBench, refused, status, timeout, type Answer, type MadeCall } from '../../support/jobBench';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const LATENCY = 50;
const retry = { attempts: 3, initialDelay: 'PT1S', maxDelay: 'PT10S', factor: 2 };

/** The target goes away shortly after the `nth` call, and answers so until it is back; what was in flight then is cut off too. */
function goesAway(bench: JobBench, nth: number, forMs: number, gone: () => Answer): { from: number; to: number } {
    const away = { from: Infinity, to: Infinity };
    bench.answer = ({ at }) => {
        if (bench.calls.length === nth) Object.assign(away, { from: at + 500, to: at + 500 + forMs });
        return at + LATENCY > away.from && at < away.to ? gone() : fine(LATENCY);
    };
    return away;
}

const kindsOf = (register: Register | null): string[] => (register?.log ?? []).map(({ kind }) => kind);

/** Requests that slices have made at storage. */
const requestsOf = (bench: JobBench): number =>
    Object.values(bench.slices.requests).reduce((sum, n) => sum + n, 0) + bench.registers.reads + bench.registers.writes;

/** Probes may come so much later than their time (ms): storage shows whole seconds, and looks are made now and then. */
const LATE = 3 * SECOND;

describe('an outage of three minutes in the middle of a job', () => {
    const aways: [string, () => Answer][] = [
        ['answers 500', () => status(500)],
        ['answers 503 without Retry-After', () => status(503)],
        ['does not answer within 30 s', () => timeout()],
        ['refuses connections', () => refused()],
    ];

    test.each(aways)('in which the target %s costs no item more than the attempt in flight, and hardly any calls', async (_how, gone) => {
        const bench = new JobBench({ partitions: 30, items: 100, max: 64, spec: { retry } });
        const away = goesAway(bench, 1_000, 3 * MINUTE, gone);
        bench.start();
        await bench.ended();
        const outcomes = bench.outcomes();
        expect(outcomes.filter(({ outcome }) => outcome !== 'succeeded')).toEqual([]);
        // An attempt that was used up belongs to a call that was in flight when it went.
        const again = outcomes.filter(({ attempts }) => attempts! > 1).map(({ index }) => index!);
        const inFlight = new Set(bench.between(away.from - LATENCY, away.from).map(({ index }) => index));
        expect(again.filter((index) => !inFlight.has(index))).toEqual([]);
        expect(Math.max(...outcomes.map(({ attempts }) => attempts!))).toBeLessThanOrEqual(2);

        // Once the breaker is open: one call after 1 s, then after 2, 4, … and 60.
        const opened = bench.registers.openings[0]!;
        const probes = bench.between(opened + SECOND / 2, away.to).map(({ at }) => at);
        const gaps = probes.map((at, i) => at - (probes[i - 1] ?? opened));
        expect(gaps.length).toBeGreaterThan(3);
        for (const [i, gap] of gaps.entries()) {
            const every = Math.min(MINUTE, 2 ** i * SECOND);
            expect([i, gap >= every - SECOND]).toEqual([i, true]);
            expect(gap).toBeLessThan(every * 1.1 + LATE + 30 * SECOND);
        }
        // The job goes on within one interval of the return, and with all that it has.
        const back = bench.calls.filter(({ at }) => at >= away.to).map(({ at }) => at);
        expect(back[0]! - probes.at(-1)!).toBeLessThan(MINUTE + LATE + 30 * SECOND);
        expect(back[0]! - away.to).toBeLessThan(MINUTE + LATE);
        expect(back[200]! - back[0]!).toBeLessThan(20 * SECOND);
        expect(bench.ledger.timeline.last.concat(bench.ledger.timeline.first).map(({ kind }) => kind)).toEqual(
            expect.arrayContaining(['held', 'released']),
        );
    });

    test('that two processes see opens one breaker, and one of them probes at a time', async () => {
        const bench = new JobBench({ partitions: 60, items: 50, max: 256, processes: 2, spec: { retry } });
        const away = goesAway(bench, 1_000, 3 * MINUTE, () => refused());
        bench.start();
        await bench.ended();
        expect(bench.outcomes().every(({ outcome }) => outcome === 'succeeded')).toBe(true);
        const opened = bench.registers.openings[0]!;
        const probes = bench.between(opened + SECOND / 2, away.to).map(({ at }) => at);
        expect(probes.length).toBeLessThanOrEqual(8);
        for (const [i, at] of probes.slice(1).entries()) expect(at - probes[i]!).toBeGreaterThan(2 ** i * SECOND);
    });

    test('probes with items that nobody has called, as long as there are some', async () => {
        const bench = new JobBench({ partitions: 30, items: 100, max: 64, spec: { retry } });
        const away = goesAway(bench, 1_000, 3 * MINUTE, () => refused());
        bench.start();
        await bench.ended();
        const probes = bench.between(bench.registers.openings[0]! + SECOND / 2, away.to);
        expect(probes.length).toBeGreaterThan(3);
        const before = (probe: MadeCall) => bench.calls.filter(({ at, index }) => index === probe.index && at < probe.at).length;
        expect(probes.map((probe) => [probe.attempt, before(probe)])).toEqual(probes.map(() => [1, 0]));
    });
});

test('a day without the target: probes at most ten minutes apart, six short slices and three hundred requests at storage an hour', async () => {
    const bench = new JobBench({ partitions: 30, items: 100, max: 256, processes: 2, spec: { retry } });
    const away = goesAway(bench, 500, 24 * HOUR, () => refused());
    bench.start();
    await bench.until('away', () => away.to < Infinity, MINUTE);
    await bench.pass(2 * HOUR);
    const figures = { slices: [] as number[], requests: [] as number[], probes: [] as number[] };
    for (let hour = 2; hour < 23; hour++) {
        const [slices, requests, calls] = [bench.began.length, requestsOf(bench), bench.calls.length];
        await bench.pass(HOUR);
        figures.slices.push(bench.began.length - slices);
        figures.requests.push(requestsOf(bench) - requests);
        figures.probes.push(bench.calls.length - calls);
    }
    const most = Object.fromEntries(Object.entries(figures).map(([name, values]) => [name, Math.max(...values)]));
    expect(most.slices).toBeLessThanOrEqual(6);
    expect(most.requests).toBeLessThanOrEqual(300);
    const probes = bench.between(away.from + HOUR, away.to).map(({ at }) => at);
    expect(Math.max(...probes.slice(1).map((at, i) => at - probes[i]!))).toBeLessThan(10 * MINUTE + 10 * SECOND);
    expect(bench.ledger.waiting).toMatchObject({ code: 'BREAKER_OPEN' });
    await bench.ended(3 * HOUR, SECOND);
    expect(bench.outcomes().every(({ outcome }) => outcome === 'succeeded')).toBe(true);
    expect(bench.calls.filter(({ at }) => at >= away.to)[0]!.at - away.to).toBeLessThan(10 * MINUTE + LATE);
}, 300_000);

test('longer than the job bears: it pauses by outage and says why, and after a resume it tries for as long again', async () => {
    const bench = new JobBench({ partitions: 4, items: 1_000, spec: { retry, outage: { giveUpAfter: 'PT6H' } } });
    const away = goesAway(bench, 100, 20 * HOUR, () => refused());
    bench.start();
    const isPaused = () => bench.slices.control.desired === 'pause';
    await bench.until('paused', isPaused, 7 * HOUR, SECOND);
    expect(bench.now - away.from).toBeGreaterThanOrEqual(6 * HOUR - SECOND);
    expect(bench.now - away.from).toBeLessThan(6 * HOUR + 11 * MINUTE);
    expect(bench.slices.control.changes.first.at(-1)).toMatchObject({
        ...{ kind: 'move', move: 'pause', by: 'outage' },
        reason: expect.stringContaining('nothing has succeeded for PT6H: no answer'),
    });
    await bench.pass(MINUTE);
    expect(bench.ledger.state).toBe('paused');
    const [calls, slices] = [bench.calls.length, bench.began.length];
    await bench.pass(HOUR);
    expect([bench.calls.length, bench.began.length]).toEqual([calls, slices]);
    // Resumed while the target is still away.
    const resumed = bench.now;
    bench.move('resume');
    await bench.pass(HOUR);
    expect(bench.calls.length).toBeGreaterThan(calls);
    await bench.until('paused again', isPaused, 7 * HOUR, SECOND);
    expect(bench.now - resumed).toBeGreaterThanOrEqual(6 * HOUR - SECOND);
    await bench.pass(away.to - bench.now + MINUTE);
    bench.move('resume');
    await bench.ended(HOUR, SECOND);
    expect(bench.outcomes().every(({ outcome }) => outcome === 'succeeded')).toBe(true);
}, 300_000);

describe('items that fail for good', () => {
    const soon = { attempts: 3, initialDelay: 'PT0.01S', maxDelay: 'PT0.05S', factor: 2 };
    const later = { attempts: 3, initialDelay: 'PT2S', maxDelay: 'PT1M', factor: 2 };
    const late = { attempts: 3, initialDelay: 'P1D', maxDelay: 'P2D', factor: 2 };
    const isBad: Record<string, (index: number) => boolean> = {
        '5 %': (index) => index % 20 === 7,
        '30 %': (index) => (index * 7) % 10 < 3,
        '95 %': (index) => index % 20 !== 7,
        'the last hundred': (index) => index >= 900,
        'the last 150': (index) => index >= 850,
        'the first hundred': (index) => index < 100,
    };
    const kinds: Record<string, () => Answer> = {
        '500': () => status(500),
        timeout: () => timeout(2_000),
        'no connection': () => refused(),
    };
    const cases = [
        ...Object.keys(isBad).flatMap((which) => ['soon', 'later', 'late'].map((when) => [which, when, '500'] as [string, string, string])),
        ...['timeout', 'no connection'].map((how) => ['30 %', 'soon', how] as [string, string, string]),
    ];

    test.each(cases)(
        '%s of them, tried again %s, by %s: the job ends, and they have failed after exactly their attempts',
        async (which, when, how) => {
            const bench = new JobBench({ partitions: 10, items: 100, max: 64, spec: { retry: { soon, later, late }[when]! } });
            bench.answer = ({ index }) => (isBad[which]!(index) ? kinds[how]!() : fine(LATENCY));
            bench.start();
            await (when !== 'late' ? bench.ended(10 * MINUTE) : bench.ended(8 * 24 * HOUR, MINUTE));
            for (const { index, outcome, attempts } of bench.outcomes())
                expect([index, outcome, attempts]).toEqual([index, ...(isBad[which]!(index!) ? ['failed', 3] : ['succeeded', 1])]);
            expect(kindsOf(bench.register)).not.toContain('opened');
        },
    );
});
