// Calls in flight: what several workers share, and a maximum that changes while they are at work.
import * as fc from 'fast-check';
import { afterSuccess, afterThrottle, newConcurrency, shareOf, withMax } from '../../../src/core/concurrency';
import { workersFor } from '../../../src/core/ledger/dispense';
import { runs } from '../../support/runs';

const max = fc.oneof(fc.nat(20), fc.nat(512));

test('the shares of all workers are the maximum together, and differ by one at most', () => {
    fc.assert(
        fc.property(max, fc.integer({ min: 1, max: 64 }), (most, of) => {
            const shares = Array.from({ length: of }, (_, slot) => shareOf(most, { slot, of }));
            expect(shares.reduce((sum, n) => sum + n, 0)).toBe(most);
            expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
            expect(shares.every((n) => Number.isInteger(n) && n >= 0)).toBe(true);
        }),
        { numRuns: runs(500) },
    );
});

test('of the workers that a concurrency is given none is without a call', () => {
    for (let most = 1; most <= 512; most++) {
        const of = workersFor(most);
        expect(shareOf(most, { slot: of - 1, of })).toBeGreaterThanOrEqual(1);
    }
});

const change = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('success' as const, 'throttle' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('max' as const), max, adaptive: fc.boolean() }) },
);

test('a limit stays between none and the maximum, whatever that becomes and whatever the target does', () => {
    fc.assert(
        fc.property(
            max,
            fc.boolean(),
            fc.option(fc.nat(600)),
            fc.array(change, { maxLength: 200 }),
            (first, adaptive, startAt, changes) => {
                let c = newConcurrency(first, adaptive, startAt);
                changes.forEach((one, i) => {
                    const before = c;
                    if (one.kind === 'max') c = withMax(c, one.max, one.adaptive);
                    else c = one.kind === 'success' ? afterSuccess(c, i * 150, 100, c.limit) : afterThrottle(c, i * 150, 100);
                    expect(Number.isInteger(c.limit) && c.limit >= Math.min(1, c.max) && c.limit <= c.max).toBe(true);
                    if (one.kind !== 'max') return;
                    expect(c).toMatchObject({ max: one.max, adaptive: one.adaptive });
                    // Without learning, all that may be in flight is; what was learned stays, as far as it may.
                    if (!one.adaptive || before.level === before.max) expect(c.limit).toBe(one.max);
                    else expect(c.limit).toBe(Math.max(Math.min(1, one.max), Math.floor(Math.min(before.level, one.max))));
                });
            },
        ),
        { numRuns: runs(300) },
    );
});

test('the same maximum again changes nothing', () => {
    fc.assert(
        fc.property(max, fc.boolean(), fc.option(fc.nat(600)), (most, adaptive, startAt) => {
            const c = afterThrottle(newConcurrency(most, adaptive, startAt), 0, 100);
            expect(withMax(c, most, adaptive)).toBe(c);
        }),
    );
});

test('a target that asked for fewer calls is not asked more at once, because the maximum was raised', () => {
    const learned = afterThrottle(newConcurrency(100, true, 100), 0, 100);
    expect(learned.limit).toBe(70);
    expect(withMax(learned, 500, true)).toMatchObject({ limit: 70, max: 500 });
    expect(withMax(learned, 10, true)).toMatchObject({ limit: 10, max: 10 });
});
