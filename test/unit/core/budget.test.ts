// Budgets of failures: what is left of them, who may have how much of that, and when a limit is reached.
import * as fc from 'fast-check';
import {
    addSpent,
    allowanceOf,
    isSameBudget,
    leftOf,
    limitText,
    nothingSpent,
    reachedLimit,
    usedUp,
    withoutSpent,
    workersWithin,
    type Allowance,
    type Budget,
    type Spent,
} from '../../../src/core/budget';
import { runs } from '../../support/runs';

const budget = (over: Partial<Budget>): Budget => ({ minimum: 50, then: 'pause', ...over });
const spent = (settled: number, failed = 0, codes: Record<string, number> = {}): Spent => ({ settled, failed, codes });

describe('what is left', () => {
    test('of each limit is what it allows without what was spent', () => {
        const of = budget({ failures: 10, percent: 5, codes: { TIMEOUT: 3, HTTP_STATUS: 4 } });
        expect(leftOf(of, spent(40, 4, { TIMEOUT: 1 }))).toEqual({
            failures: 6,
            percent: { of: 5, room: -200, minimum: 10 },
            codes: { TIMEOUT: 2, HTTP_STATUS: 4 },
        });
        expect(leftOf(budget({ failures: 1 }), nothingSpent())).toEqual({ failures: 1, percent: null, codes: {} });
    });

    test('of a share is room in hundredths of an item, and nothing is missing from the minimum once it has settled', () => {
        expect(leftOf(budget({ percent: 2.5 }), spent(200, 3)).percent).toEqual({ of: 2.5, room: 200, minimum: 0 });
    });
});

describe('a limit is reached', () => {
    test.each<[string, Budget, Spent, string | null]>([
        ['by nothing before anything has settled', budget({ failures: 1, percent: 1, minimum: 1 }), nothingSpent(), null],
        ['by as many failures as it names', budget({ failures: 3 }), spent(9, 3), 'failures'],
        ['not by fewer', budget({ failures: 3 }), spent(900, 2), null],
        ['by a share of all that have settled', budget({ percent: 5 }), spent(100, 5), 'percent'],
        ['not by a smaller share', budget({ percent: 5 }), spent(101, 5), null],
        ['not by a share of fewer items than the minimum', budget({ percent: 5 }), spent(49, 49), null],
        ['by that share as soon as there are so many', budget({ percent: 5 }), spent(50, 3), 'percent'],
        ['by every item, where that is the share', budget({ percent: 100, minimum: 2 }), spent(2, 2), 'percent'],
        [
            'by as many failures with one code',
            budget({ codes: { TIMEOUT: 2 } }),
            spent(9, 4, { HTTP_STATUS: 2, TIMEOUT: 2 }),
            'codes/TIMEOUT',
        ],
        [
            'not by as many with several',
            budget({ codes: { TIMEOUT: 3, HTTP_STATUS: 3 } }),
            spent(9, 4, { HTTP_STATUS: 2, TIMEOUT: 2 }),
            null,
        ],
        ['and the first of several is told', budget({ failures: 2, codes: { TIMEOUT: 2 } }), spent(9, 2, { TIMEOUT: 2 }), 'failures'],
    ])('%s', (_what, of, by, limit) => {
        expect(reachedLimit(of, by)).toBe(limit);
    });

    test.each<[Budget, Spent, string]>([
        [budget({ failures: 1 }), spent(7, 1), '1 item has failed; budget.failures is 1'],
        [budget({ failures: 1_000 }), spent(7_000, 1_234), '1,234 items have failed; budget.failures is 1000'],
        [budget({ percent: 5 }), spent(60, 4), '4 of 60 items have failed, 6.7 percent; budget.percent is 5'],
        [budget({ codes: { TIMEOUT: 2 } }), spent(9, 4, { TIMEOUT: 2 }), '2 items have failed with TIMEOUT; budget.codes allows 2'],
    ])('and says so in words: %j after %j', (of, by, text) => {
        expect(limitText(reachedLimit(of, by)!, of, by)).toBe(text);
    });
});

describe('the part of one more worker', () => {
    const left = (over: Partial<Allowance>): Allowance => ({ failures: null, percent: null, codes: {}, ...over });

    test('is a fair share of what others do not hold, and one failure at least', () => {
        expect(allowanceOf(left({ failures: 12 }), [], 4)).toEqual(left({ failures: 3 }));
        expect(allowanceOf(left({ failures: 12 }), [left({ failures: 3 })], 3)).toEqual(left({ failures: 3 }));
        expect(allowanceOf(left({ failures: 2 }), [], 8)).toEqual(left({ failures: 1 }));
        expect(allowanceOf(left({ codes: { TIMEOUT: 5 } }), [left({ codes: { TIMEOUT: 1 } })], 2)).toEqual(left({ codes: { TIMEOUT: 2 } }));
    });

    test('is none where others hold all that is left of one limit', () => {
        expect(allowanceOf(left({ failures: 2 }), [left({ failures: 1 }), left({ failures: 1 })], 1)).toBeNull();
        expect(allowanceOf(left({ failures: 9, codes: { TIMEOUT: 1 } }), [left({ failures: 1, codes: { TIMEOUT: 1 } })], 1)).toBeNull();
        expect(
            allowanceOf(left({ percent: { of: 5, room: 100, minimum: 0 } }), [left({ percent: { of: 5, room: 100, minimum: 0 } })], 1),
        ).toBeNull();
    });

    test('of a share of failures is for one worker alone until the minimum has settled: nobody else knows how many have', () => {
        const percent = { of: 5, room: -300, minimum: 20 };
        expect(allowanceOf(left({ percent }), [], 8)).toEqual(left({ percent }));
        expect(allowanceOf(left({ percent }), [left({ percent })], 7)).toBeNull();
        expect(allowanceOf(left({ percent: { of: 5, room: 400, minimum: 0 } }), [], 8)).toEqual(
            left({ percent: { of: 5, room: 50, minimum: 0 } }),
        );
    });

    test('is worth no more workers than there is a failure for each', () => {
        expect(workersWithin(left({}))).toBe(Infinity);
        expect(workersWithin(left({ failures: 3, codes: { TIMEOUT: 2 } }))).toBe(2);
        expect(workersWithin(left({ failures: 0 }))).toBe(1);
        expect(workersWithin(left({ percent: { of: 5, room: 350, minimum: 0 } }))).toBe(3);
        expect(workersWithin(left({ percent: { of: 5, room: 3_500, minimum: 1 } }))).toBe(1);
    });
});

test('two budgets are the same whatever the order of their codes, and whether a limit is absent or undefined', () => {
    expect(
        isSameBudget(budget({ codes: { A: 1, B: 2 } }), { codes: { B: 2, A: 1 }, then: 'pause', minimum: 50, failures: undefined }),
    ).toBe(true);
    expect(isSameBudget(null, undefined)).toBe(true);
    for (const other of [budget({ failures: 2 }), budget({ failures: 1, then: 'cancel' }), budget({ failures: 1, minimum: 9 }), null])
        expect(isSameBudget(budget({ failures: 1 }), other)).toBe(false);
});

const codes = ['A', 'B'] as const;
const budgets = fc
    .record({
        failures: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
        percent: fc.option(fc.double({ min: 0.1, max: 100, noNaN: true }), { nil: undefined }),
        minimum: fc.integer({ min: 1, max: 30 }),
        codes: fc.option(fc.dictionary(fc.constantFrom(...codes), fc.integer({ min: 1, max: 20 }), { minKeys: 1 }), { nil: undefined }),
        then: fc.constant('pause' as const),
    })
    .filter(({ failures, percent, codes }) => failures !== undefined || percent !== undefined || codes !== undefined);
/** Items as they settle: null succeeds, else they fail with that. */
const items = fc.array(fc.constantFrom(null, null, null, ...codes), { maxLength: 120, size: 'max' });

const settle = (before: Spent, code: string | null): Spent => addSpent(before, code === null ? spent(1) : spent(1, 1, { [code]: 1 }));

test('as long as each keeps to its part, all together keep to the budget, whoever settles what and in whatever order', () => {
    fc.assert(
        fc.property(
            budgets,
            items,
            items,
            fc.integer({ min: 1, max: 8 }),
            fc.array(fc.nat(7), { maxLength: 120, size: 'max' }),
            (of, was, more, among, turns) => {
                const before = was.reduce(settle, nothingSpent());
                if (reachedLimit(of, before)) return;
                const parts: Allowance[] = [];
                for (let i = 0; i < among; i++) {
                    const part = allowanceOf(leftOf(of, before), parts, among - i);
                    if (part) parts.push(part);
                }
                // Somebody always has one.
                expect(parts.length).toBeGreaterThan(0);
                const own = parts.map(nothingSpent);
                let all = before;
                turns.forEach((turn, i) => {
                    const who = turn % parts.length;
                    if (usedUp(parts[who]!, own[who]!)) return;
                    const code = more[i] ?? null;
                    const after = settle(all, code);
                    own[who] = settle(own[who]!, code);
                    // A failure that nobody was allowed is told by the worker that it befell, unless its share of another makes up for it.
                    if (reachedLimit(of, after) && !reachedLimit(of, all)) {
                        const isKnown = parts.some((part, i) => usedUp(part, own[i]!));
                        if (!isKnown) throw new Error(`${reachedLimit(of, after)} is reached, and nobody knows`);
                    }
                    all = after;
                });
                const { failures = Infinity, percent = 100, minimum } = of;
                expect(all.failed).toBeLessThanOrEqual(failures);
                for (const [code, most] of Object.entries(of.codes ?? {})) expect(all.codes[code] ?? 0).toBeLessThanOrEqual(most);
                // Each worker may reach its own part of a share by a part of an item.
                expect(all.failed).toBeLessThanOrEqual(Math.max(minimum, (percent * all.settled) / 100 + parts.length));
            },
        ),
        { numRuns: runs(1_000) },
    );
});

test('what was spent beside a part of it, together with that part, is what was spent', () => {
    fc.assert(
        fc.property(items, items, (a, b) => {
            const [one, other] = [a.reduce(settle, nothingSpent()), b.reduce(settle, nothingSpent())];
            const { codes: by, ...rest } = withoutSpent(addSpent(one, other), other);
            expect(rest).toEqual({ settled: one.settled, failed: one.failed });
            for (const code of codes) expect(by[code] ?? 0).toBe(one.codes[code] ?? 0);
        }),
        { numRuns: runs(200) },
    );
});
