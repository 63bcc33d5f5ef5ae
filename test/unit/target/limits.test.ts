// The limits of the sample target, against what defines each: which calls it may admit, told of them alone.
import fc from 'fast-check';
import { FixedWindow, Limits, TokenBucket, type BucketSpec, type LimitSpec, type WindowSpec } from '../../../samples/target/limits';
import { runs } from '../../support/runs';

const bucket = (spec: Partial<BucketSpec> = {}): BucketSpec => ({ kind: 'bucket', perSecond: 10, burst: 3, ...spec });
const window = (spec: Partial<WindowSpec> = {}): WindowSpec => ({ kind: 'window', calls: 3, perMs: 1000, retryAfter: false, ...spec });
const admits = (limits: Limits, ...times: number[]): boolean[] => times.map((now) => limits.take(now).admitted);

/** Some ms, many of them none at all: calls that come at once. */
const times = fc.array(fc.oneof(fc.constant(0), fc.nat(20), fc.nat(2_000)), { minLength: 20, maxLength: 120, size: 'max' }).map((gaps) =>
    gaps.map(
        (
            (now) => (gap: number) =>
                (now += gap)
        )(5_000),
    ),
);

/** A bucket that was full at first admits a call where no time that ends with it has more than burst + rate × time. */
const bucketAdmits = ({ perSecond, burst }: BucketSpec, earlier: number[], now: number): boolean =>
    earlier.every((at, i) => (earlier.length - i + 1) * 1000 <= burst * 1000 + perSecond * (now - at));

const windowAdmits = ({ calls, perMs }: WindowSpec, began: number, earlier: number[], now: number): boolean => {
    const windowOf = (at: number) => Math.floor((at - began) / perMs);
    return earlier.filter((at) => windowOf(at) === windowOf(now)).length < calls;
};

describe('a token bucket', () => {
    const specs = fc.record({ perSecond: fc.integer({ min: 1, max: 2_000 }), burst: fc.integer({ min: 1, max: 20 }) }).map(bucket);

    test('admits a call exactly where no time has more than burst + rate × time', () => {
        let refused = 0;
        fc.assert(
            fc.property(specs, times, (spec, all) => {
                const limits = new Limits([spec], 5_000);
                const earlier: number[] = [];
                for (const now of all) {
                    const { admitted } = limits.take(now);
                    expect(admitted).toBe(bucketAdmits(spec, earlier, now));
                    if (admitted) earlier.push(now);
                    else refused++;
                }
            }),
            { numRuns: runs(200) },
        );
        expect(refused).toBeGreaterThan(runs(200));
    });

    test('never admits more than that, with any rate and at any fraction of a millisecond', () => {
        const gaps = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { maxLength: 80, size: 'max' });
        const odd = fc.record({
            perSecond: fc.double({ min: 0.01, max: 500, noNaN: true }),
            burst: fc.double({ min: 1, max: 9, noNaN: true }),
        });
        fc.assert(
            fc.property(odd, gaps, (given, all) => {
                const spec = bucket(given);
                const limits = new Limits([spec], 0);
                const admitted: number[] = [];
                let now = 0;
                for (const gap of all) if (limits.take((now += gap)).admitted) admitted.push(now);
                for (const [i, from] of admitted.entries())
                    for (const [j, to] of admitted.entries())
                        if (j >= i) expect(j - i + 1).toBeLessThanOrEqual(spec.burst + (spec.perSecond * (to - from)) / 1000 + 1e-6);
            }),
            { numRuns: runs(300) },
        );
    });

    test('gives no token to a call that it refuses', () => {
        const limits = new Limits([bucket({ perSecond: 10, burst: 1 })], 0);
        expect(admits(limits, 0, 10, 20, 99, 100, 150)).toEqual([true, false, false, false, true, false]);
    });

    test('takes another rate while it runs, and keeps what had gathered', () => {
        const limits = new Limits([bucket({ perSecond: 10, burst: 2 })], 0);
        expect(admits(limits, 0, 0, 0)).toEqual([true, true, false]);
        limits.set([bucket({ perSecond: 1, burst: 2 })], 90); // nine tenths of a token, and a tenth to come, in 100 ms
        expect(admits(limits, 189, 190, 1_189, 1_190)).toEqual([false, true, false, true]);
        limits.set([bucket({ perSecond: 1000, burst: 2 })], 1_190);
        expect(admits(limits, 1_190, 1_191, 1_195, 1_195, 1_195)).toEqual([false, true, true, true, false]);
    });

    test.each([
        [{ perSecond: 10 }, '1'],
        [{ perSecond: 0.5 }, '2'],
        [{ perSecond: 0.4 }, '3'],
        [{ retryAfter: 7 }, '7'],
        [{ retryAfter: 0 }, '0'],
        [{ retryAfter: 'none' as const }, undefined],
    ])('%j says Retry-After: %s', (given, expected) => {
        const limits = new Limits([bucket({ burst: 1, ...given })], 0);
        expect(limits.take(0).headers).toEqual({});
        const { status, headers } = limits.take(0);
        expect([status, headers['retry-after']]).toEqual([429, expected]);
    });

    test('can be used alone', () => {
        const alone = new TokenBucket(bucket({ perSecond: 4, burst: 1 }), 0);
        alone.spend(0);
        expect([alone.admits(0), alone.nextAt(0), alone.nextAt(100), alone.nextAt(300)]).toEqual([false, 250, 250, 300]);
    });
});

describe('a fixed window', () => {
    test('admits its calls in each window, and no more', () => {
        const specs = fc.record({ calls: fc.integer({ min: 1, max: 6 }), perMs: fc.integer({ min: 1, max: 3_000 }) }).map(window);
        fc.assert(
            fc.property(specs, times, (spec, all) => {
                const limits = new Limits([spec], 1_234);
                const earlier: number[] = [];
                for (const now of all) {
                    const { admitted } = limits.take(now);
                    expect(admitted).toBe(windowAdmits(spec, 1_234, earlier, now));
                    if (admitted) earlier.push(now);
                }
            }),
            { numRuns: runs(200) },
        );
    });

    test('lets twice as many pass where two windows meet', () => {
        const limits = new Limits([window()], 0);
        expect(admits(limits, 999, 999, 999, 999, 1000, 1000, 1000, 1000)).toEqual([true, true, true, false, true, true, true, false]);
    });

    test('is a multiple of its length since the start, or since 1970', () => {
        const used = (alignedTo: 'start' | 'clock') => new Limits([window({ calls: 1, alignedTo })], 2_300);
        expect(admits(used('start'), 2_300, 2_999, 3_000, 3_299, 3_300)).toEqual([true, false, false, false, true]);
        expect(admits(used('clock'), 2_300, 2_999, 3_000, 3_299, 3_300)).toEqual([true, false, true, false, false]);
    });

    test.each([
        [0, '5'],
        [1, '5'],
        [1_000, '4'],
        [4_001, '1'],
        [4_999, '1'],
    ])('refuses at %d ms of 5 s with Retry-After: %s', (now, expected) => {
        const limits = new Limits([window({ calls: 1, perMs: 5_000, retryAfter: true })], 0);
        limits.take(0);
        expect(limits.take(now)).toEqual({ admitted: false, status: 429, headers: { 'retry-after': expected } });
    });

    test('gives what is used up a second time to no clock that goes back', () => {
        const alone = new FixedWindow(window({ calls: 1 }), 0);
        alone.spend(1_000);
        expect([alone.admits(999), alone.admits(1_999), alone.admits(2_000)]).toEqual([false, false, true]);
    });
});

describe('several limits', () => {
    test('admit what each of them admits, and none is used up by what another refuses', () => {
        fc.assert(
            fc.property(fc.nat(6), fc.nat(6), fc.integer({ min: 1, max: 2_000 }), times, (calls, burst, perSecond, all) => {
                const [narrow, wide] = [bucket({ perSecond, burst: burst + 1 }), window({ calls: calls + 1 })];
                const limits = new Limits([narrow, wide], 0);
                const earlier: number[] = [];
                for (const now of all) {
                    const { admitted } = limits.take(now);
                    expect(admitted).toBe(bucketAdmits(narrow, earlier, now) && windowAdmits(wide, 0, earlier, now));
                    if (admitted) earlier.push(now);
                }
            }),
            { numRuns: runs(300) },
        );
    });

    test('say the longest wait of those that refuse, and the status of the first', () => {
        const limits = new Limits([bucket({ burst: 1, status: 503 }), window({ calls: 1, perMs: 60_000, retryAfter: true })], 0);
        limits.take(0);
        expect(limits.take(0)).toEqual({ admitted: false, status: 503, headers: { 'retry-after': '60' } });
        expect(limits.take(30_500)).toEqual({ admitted: false, status: 429, headers: { 'retry-after': '30' } });
    });

    test('none of them admit everything', () => expect(new Limits([], 0).take(0)).toEqual({ admitted: true, status: 200, headers: {} }));
});

describe('what a limit tells', () => {
    const began = 1_700_000_000_000;
    /** The headers of the first call and of the second, which is refused, 30.2 s into a window of 60 s. */
    const told = (...specs: LimitSpec[]) => {
        const limits = new Limits(specs, began);
        return [limits.take(began + 30_200), limits.take(began + 30_200)].map(({ headers }) => headers);
    };
    const one = (headers: LimitSpec['headers']) => window({ calls: 1, perMs: 60_000, headers });

    test('in none', () => expect(told(one('none'))).toEqual([{}, {}]));

    test('in x-ratelimit', () => {
        const headers = { 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '30' };
        expect(told(one('x-ratelimit'))).toEqual([headers, headers]);
    });

    test('in x-ratelimit-epoch', () => {
        const headers = { 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1700000060' };
        expect(told(one('x-ratelimit-epoch'))).toEqual([headers, headers]);
    });

    test("in the draft's", () => {
        const spec = window({ calls: 100, perMs: 60_000, headers: 'ratelimit' });
        expect(told(spec)).toEqual([
            { ratelimit: '"default";r=99;t=30', 'ratelimit-policy': '"default";q=100;w=60' },
            { ratelimit: '"default";r=98;t=30', 'ratelimit-policy': '"default";q=100;w=60' },
        ]);
    });

    test('by a bucket: its burst, and when it is full again', () => {
        expect(told(bucket({ perSecond: 10, burst: 50, headers: 'ratelimit' }))[1]).toEqual({
            ratelimit: '"default";r=48;t=1',
            'ratelimit-policy': '"default";q=50;w=5',
        });
        expect(told(bucket({ perSecond: 0.5, burst: 1, headers: 'x-ratelimit' }))[1]).toEqual({
            'x-ratelimit-limit': '1',
            'x-ratelimit-remaining': '0',
            'x-ratelimit-reset': '2',
            'retry-after': '2',
        });
    });

    test('together: all of them in the draft, the tightest alone in the others', () => {
        const list = told(
            bucket({ perSecond: 10, burst: 50, headers: 'ratelimit' }),
            window({ name: 'daily', perMs: 86_400_000, headers: 'ratelimit' }),
        );
        expect(list[1]).toEqual({
            ratelimit: '"default";r=48;t=1, "daily";r=1;t=86370',
            'ratelimit-policy': '"default";q=50;w=5, "daily";q=3;w=86400',
        });
        const [first] = told(window({ calls: 9, headers: 'x-ratelimit' }), window({ calls: 5, headers: 'x-ratelimit', perMs: 60_000 }));
        expect(first).toEqual({ 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '4', 'x-ratelimit-reset': '30' });
    });
});

describe('capacity', () => {
    // With rates at which tokens come on whole milliseconds, who calls at each of them misses none.
    const rates = fc.constantFrom(1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 125, 200, 250, 500, 1000);
    const specs = fc.array(
        fc.oneof(
            fc.record({ perSecond: rates, burst: fc.integer({ min: 1, max: 9 }) }).map(bucket),
            fc.record({ calls: fc.integer({ min: 1, max: 40 }), perMs: fc.integer({ min: 50, max: 900 }) }).map(window),
        ),
        { minLength: 1, maxLength: 3 },
    );
    const ofEager = (limits: Limits, from: number, to: number, isOpen = (_: number) => true) => {
        let calls = 0;
        for (let now = from; now < to; now++) if (isOpen(now)) while (limits.take(now).admitted) calls++;
        return calls;
    };

    test('is what an eager client gets', () => {
        fc.assert(
            fc.property(specs, fc.nat(700), fc.integer({ min: 1, max: 1_500 }), fc.nat(300), (all, from, length, away) => {
                const closed = [{ from: from + 100, to: from + 100 + away }];
                const isOpen = (now: number) => now < closed[0]!.from || now >= closed[0]!.to;
                expect(new Limits(all, 0).capacity(from, from + length)).toBe(ofEager(new Limits(all, 0), from, from + length));
                expect(new Limits(all, 0).capacity(from, from + length, closed)).toBe(
                    ofEager(new Limits(all, 0), from, from + length, isOpen),
                );
            }),
            { numRuns: runs(100) },
        );
    });

    test('goes by what was in force when', () => {
        const limits = new Limits([bucket({ perSecond: 10, burst: 5 })], 0);
        limits.set([bucket({ perSecond: 100, burst: 5 })], 1_000);
        expect(limits.capacity(0, 1_000)).toBe(5 + 9);
        expect(limits.capacity(0, 2_000)).toBe(5 + 10 + 99);
        expect(limits.capacity(1_000, 2_000)).toBe(5 + 99);
        limits.set([], 2_000);
        expect(limits.capacity(0, 2_000)).toBe(5 + 10 + 99);
        expect(limits.capacity(0, 2_001)).toBe(Infinity);
    });

    test('is not changed by what was called', () => {
        const limits = new Limits([bucket()], 0);
        const before = limits.capacity(0, 1_000);
        admits(limits, 0, 0, 0, 0, 500);
        expect(limits.capacity(0, 1_000)).toBe(before);
    });
});
