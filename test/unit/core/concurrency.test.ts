// Calls in flight: what several workers share, and a maximum that changes while they are at work.
import * as fc from 'fast-check';
import { afterSuccess, afterThrottle, learnedOf, newConcurrency, shareOf, withMax, type Concurrency } from '../../../src/core/concurrency';
import { workersFor } from '../../../src/core/ledger/dispense';
import { SELDOM } from '../../support/came';
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
    {
        weight: 6,
        arbitrary: fc.record({
            kind: fc.constant('success' as const),
            times: fc.oneof(fc.constant(1), fc.nat(300)),
            after: fc.oneof(fc.nat(20), fc.nat(300)),
            ms: fc.oneof(fc.nat(20), fc.nat(3_000)),
            inFlight: fc.option(fc.integer({ min: 1, max: 600 })),
            busy: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('throttle' as const), after: fc.nat(300), ms: fc.nat(3_000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('max' as const), max, adaptive: fc.boolean() }) },
);

const timesOf = (each: { kind: string; times?: number }): number => each.times ?? 1;

/** Throws where anything is changed in place. */
const frozen = (c: Concurrency): Concurrency => {
    for (const part of [c, c.full, c.dip]) Object.freeze(part);
    return c;
};

test('a limit is a whole number between one and the maximum, whatever that becomes and whatever the target does; nothing is changed in place', () => {
    let dips = 0;
    fc.assert(
        fc.property(max, fc.boolean(), fc.option(fc.nat(600)), fc.array(change, { maxLength: 60 }), (first, adaptive, startAt, changes) => {
            let c = frozen(newConcurrency(first, adaptive, startAt));
            let now = 1_700_000_000_000;
            for (const one of changes.flatMap((each) => Array.from({ length: timesOf(each) }, () => each))) {
                const before = c;
                if (one.kind === 'max') c = withMax(c, one.max, one.adaptive);
                else {
                    now += one.after;
                    if (one.kind === 'throttle') c = afterThrottle(c, now, one.ms);
                    else c = afterSuccess(c, now, one.ms, one.inFlight ?? c.limit, one.busy);
                }
                frozen(c);
                if (c.phase === 'dipped') dips++;
                const { limit, level, ceiling } = c;
                const isWithin = (n: number) => Number.isInteger(n) && n >= Math.min(1, c.max) && n <= c.max;
                const isSound = isWithin(limit) && isWithin(learnedOf(c) ?? c.max) && level <= ceiling && ceiling <= c.max;
                if (!isSound || (!c.adaptive && limit !== c.max)) throw new Error(`after ${JSON.stringify(one)}: ${JSON.stringify(c)}`);
                if (one.kind !== 'max') continue;
                expect(c).toMatchObject({ max: one.max, adaptive: one.adaptive });
                if (one.max === before.max && one.adaptive === before.adaptive) {
                    expect(c).toBe(before);
                    continue;
                }
                // Without learning, all that may be in flight is; what was learned stays, as far as it may.
                if (!one.adaptive || before.level === before.max) expect(c.limit).toBe(one.max);
                else expect(c.limit).toBe(Math.max(Math.min(1, one.max), Math.floor(Math.min(before.level, one.max))));
            }
        }),
        { numRuns: runs(300) },
    );
    expect(dips).toBeGreaterThanOrEqual(SELDOM);
});

test('what a slice goes on with is its limit, also when it ends in a dip; where nothing adapts there is none', () => {
    let c = newConcurrency(100, true, 50);
    for (let now = 0; c.phase !== 'dipped'; now++) c = afterSuccess(c, now, 50, c.limit);
    expect(c.limit).toBeLessThan(40);
    expect(learnedOf(c)).toBe(51);
    expect(learnedOf(newConcurrency(100, true, null))).toBe(8);
    expect(learnedOf(newConcurrency(100, false, 50))).toBeNull();
});

test('after throttles it goes up again: by one after as many successes as the limit, to where it stood, and beyond when a dip has shown no queue', () => {
    let c = afterThrottle(newConcurrency(100, true, 20), 1_000, 50);
    expect(c.limit).toBe(14);
    expect(afterThrottle(c, 1_050, 50)).toBe(c);
    let now = 1_000;
    for (let calls = 0; calls < 14; calls++) c = afterSuccess(c, (now += 3), 50, c.limit);
    expect(c.limit).toBe(15);
    for (; now < 15_000; now += 3) c = afterSuccess(c, now, 50, c.limit);
    expect(c.level).toBeGreaterThan(25);
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
