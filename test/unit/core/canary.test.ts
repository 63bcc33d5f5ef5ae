import { failureShare, isWithin, partitionsOf } from '../../../src/core/canary';
import { noCounts } from '../../../src/core/counts';
import { durationText, parseDuration } from '../../../src/core/duration';
import { dice } from '../../support/dice';

const of = (failed: number, succeeded: number) => ({ ...noCounts(), failed, succeeded });

describe('the share of failures', () => {
    test('is of the items that have their outcome, in percent', () => {
        expect(failureShare(of(1, 49))).toBe(2);
        expect(failureShare(of(1, 2))).toBe(33.33);
        expect(failureShare({ ...of(1, 2), skipped: 1, retries: 40 })).toBe(25);
        expect(failureShare(noCounts())).toBe(0);
    });

    test('is within as many percent as the spec says, and those included', () => {
        expect([isWithin(of(1, 49), 2), isWithin(of(2, 48), 2), isWithin(of(0, 50), 0), isWithin(of(1, 9_999), 0)]).toEqual([
            ...[true, false, true, false],
        ]);
        expect(isWithin(of(50, 0), 100)).toBe(true);
        expect(isWithin(noCounts(), 0)).toBe(true);
    });

    test('is exact for every share that a spec may name with two decimals', () => {
        for (let hundredths = 0; hundredths < 10_000; hundredths++) {
            const [at, above] = [of(hundredths, 10_000 - hundredths), of(hundredths + 1, 9_999 - hundredths)];
            if (!isWithin(at, hundredths / 100) || isWithin(above, hundredths / 100)) throw new Error(String(hundredths));
        }
    });
});

test('a canary has the leading partitions that begin before its end', () => {
    const plan = [0, 20, 40, 50, 90].map((firstIndex) => ({ firstIndex }));
    expect([50, 20, 90, 1_000, 0].map((items) => partitionsOf(plan, items))).toEqual([3, 1, 4, 5, 0]);
    expect(partitionsOf([], 50)).toBe(0);
});

test('a duration as text reads as what it was', () => {
    const texts = [0, 1, 500, 1_000, 61_000, 3_600_000, 86_400_000, 93_784_005].map(durationText);
    expect(texts).toEqual(['PT0S', 'PT0.001S', 'PT0.5S', 'PT1S', 'PT1M1S', 'PT1H', 'P1D', 'P1DT2H3M4.005S']);
    const chance = dice(3);
    for (let i = 0; i < 1_000; i++) {
        const ms = Math.floor(chance() ** 4 * 8.64e15);
        expect(parseDuration(durationText(ms))).toBe(ms);
    }
    for (const none of [-1, 0.5, NaN, Infinity, 9e15]) expect(() => durationText(none)).toThrow(RangeError);
});
