import fc from 'fast-check';
import { maxMin, shareOut } from '../../../../src/core/limiter/shares';
import { runs } from '../../../support/runs';

const need = fc.oneof(fc.constant(0), fc.constant(Infinity), fc.double({ min: 0, max: 1_000, noNaN: true }));
const close = (a: number, b: number) => Math.abs(a - b) < 1e-6;

test.each([
    [10, [Infinity, Infinity], [5, 5]],
    [10, [2, Infinity, Infinity], [2, 4, 4]],
    [10, [1, 2, 3], [1, 2, 3]],
    [0, [1, Infinity], [0, 0]],
    [10, [], []],
    [Infinity, [3, Infinity], [3, Infinity]],
])('%d among %j', (total, needs, shares) => {
    expect(maxMin(total, needs)).toEqual(shares);
});

test('nobody gets more than he needs, all is given that is needed, and who gets less than he needs gets as much as anybody', () => {
    fc.assert(
        fc.property(fc.double({ min: 0, max: 1_000, noNaN: true }), fc.array(need, { maxLength: 12 }), (total, needs) => {
            const shares = maxMin(total, needs);
            const given = shares.reduce((a, b) => a + b, 0);
            shares.forEach((share, i) => expect(share).toBeLessThanOrEqual(needs[i]!));
            expect(
                close(
                    given,
                    Math.min(
                        total,
                        needs.reduce((a, b) => a + b, 0),
                    ),
                ),
            ).toBe(true);
            const most = Math.max(0, ...shares);
            shares.forEach((share, i) => expect(share >= needs[i]! - 1e-6 || share >= most - 1e-6).toBe(true));
        }),
        { numRuns: runs(1_000) },
    );
});

test('jobs come first, then the processes of a job: who runs in many processes gets no more for that', () => {
    const large = { large: Infinity };
    const shares = shareOut(60, { a: large, b: large, c: large, d: { small: Infinity } });
    expect(shares).toEqual({ a: 10, b: 10, c: 10, d: 30 });
    expect(shareOut(60, { a: { large: Infinity, small: 6 }, b: large })).toEqual({ a: 33, b: 27 });
    expect(shareOut(60, { a: {}, b: large })).toEqual({ a: 0, b: 60 });
});
