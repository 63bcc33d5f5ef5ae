// How long calls took and how they were answered: what is read from the counts is near the truth, they add up in any order, and they stay small.
import * as fc from 'fast-check';
import { addCalls, CallCounter, MAX_STATUSES, noCalls, summaryOf, type CallStats } from '../../../src/core/callStats';
import { runs } from '../../support/runs';

type Call = readonly [ms: number | null, answer: string | number];

function statsOf(calls: readonly Call[]): CallStats {
    const counter = new CallCounter();
    for (const [ms, answer] of calls) counter.add(ms, answer);
    return counter.stats;
}

/** The least value that so great a share of them does not exceed. */
const exactly = (values: number[], share: number): number => [...values].sort((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;

/** Whole ms, up to the ten minutes that a call may take; most of them short. */
const latency = fc.tuple(fc.nat(600_000), fc.constantFrom(1, 10, 100, 1_000, 100_000)).map(([ms, by]) => Math.floor(ms / by));
const latencies = fc.array(latency, { minLength: 1, maxLength: 400, size: 'max' });
const shares = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

test('percentiles are within five per cent of the exact ones', () => {
    fc.assert(
        fc.property(latencies, (all) => {
            const { latencyMs } = summaryOf(statsOf(all.map((ms) => [ms, 200])));
            for (const name of ['p50', 'p95', 'p99'] as const) {
                const exact = exactly(all, shares[name]);
                const off = Math.abs(latencyMs![name] - exact);
                if (off > 0.05 * exact) throw new Error(`${name} is ${exact}, and told as ${latencyMs![name]}`);
            }
        }),
        { numRuns: runs(500) },
    );
});

test('every latency that a call may have is told within five per cent', () => {
    // All short ones, and then one in a hundred.
    for (let ms = 0; ms <= 600_000; ms += ms < 2_000 ? 1 : 97) {
        const { p50 } = summaryOf(statsOf([[ms, 200]])).latencyMs!;
        if (Math.abs(p50 - ms) > 0.05 * ms) throw new Error(`${ms} ms are told as ${p50}`);
    }
});

const answers = fc.constantFrom<string | number>(200, 201, 204, 404, 429, 500, 503, 'TIMEOUT', 'CONNECTION', 'succeeded');
const calls = fc.array(fc.tuple(fc.option(latency), answers), { maxLength: 60 });

test('what several slices count is what one would have counted, in whatever order it is added', () => {
    fc.assert(
        fc.property(fc.array(calls, { maxLength: 6 }), fc.infiniteStream(fc.nat()), (slices, order) => {
            const together = statsOf(slices.flat());
            expect(slices.map(statsOf).reduce(addCalls, noCalls())).toEqual(together);
            const shuffled = slices.map((slice) => ({ slice, at: order.next().value })).sort((a, b) => a.at - b.at);
            expect(shuffled.map(({ slice }) => statsOf(slice)).reduce((sum, one) => addCalls(one, sum), noCalls())).toEqual(together);
        }),
        { numRuns: runs(200) },
    );
});

test('adding leaves both as they were', () => {
    const [a, b] = [statsOf([[5, 200]]), statsOf([[5, 500]])];
    const before = structuredClone([a, b]);
    addCalls(a, b);
    expect([a, b]).toEqual(before);
});

test('no number of calls makes them large: as many buckets as there are, and so many statuses', () => {
    const counter = new CallCounter();
    for (let i = 0; i < 200_000; i++) counter.add((i * 7_919) % 5_000_000, 100 + (i % 900));
    const { stats } = counter;
    expect(Object.keys(stats.latencies).length).toBeLessThanOrEqual(160);
    expect(Object.keys(stats.statuses)).toHaveLength(MAX_STATUSES + 1);
    expect(JSON.stringify(addCalls(stats, stats)).length).toBeLessThan(4_096);
    expect(summaryOf(stats).count).toBe(200_000);
});

test('of ever more statuses no call is lost: those beyond what is told apart are counted together', () => {
    fc.assert(
        fc.property(fc.array(fc.array(fc.integer({ min: 100, max: 999 }), { maxLength: 100, size: 'max' }), { maxLength: 5 }), (slices) => {
            const sum = slices.map((statuses) => statsOf(statuses.map((status) => [1, status]))).reduce(addCalls, noCalls());
            const told = Object.keys(sum.statuses);
            expect(told.filter((status) => status !== 'other').length).toBeLessThanOrEqual(MAX_STATUSES);
            expect(summaryOf(sum).count).toBe(slices.flat().length);
            // What is told apart is never too much.
            for (const status of told)
                if (status !== 'other')
                    expect(sum.statuses[status]).toBeLessThanOrEqual(slices.flat().filter((s) => String(s) === status).length);
        }),
        { numRuns: runs(100) },
    );
});

test('calls without an answer count by why, and say nothing of how long the target takes', () => {
    const { count, latencyMs, statuses } = summaryOf(
        statsOf([
            [null, 'CONNECTION'],
            [null, 'CONNECTION'],
            [null, 'SECRET_MISSING'],
        ]),
    );
    expect({ count, latencyMs, statuses }).toEqual({ count: 3, latencyMs: null, statuses: { CONNECTION: 2, SECRET_MISSING: 1 } });
    const one = summaryOf(
        statsOf([
            [null, 'CONNECTION'],
            [40, 200],
        ]),
    );
    expect(one).toMatchObject({ count: 2, statuses: { CONNECTION: 1, 200: 1 } });
    expect(one.latencyMs!.p50).toBe(one.latencyMs!.p99);
});

test('before the first call there is nothing to tell', () => {
    expect(summaryOf(noCalls())).toEqual({ count: 0, latencyMs: null, statuses: {} });
});
