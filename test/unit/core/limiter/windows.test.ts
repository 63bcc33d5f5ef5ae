import fc from 'fast-check';
import type { Rate } from '../../../../src/core/limiter/rate';
import { counted, freeIn, leftOf, slid, slidAll, usedOf, windowsFor } from '../../../../src/core/limiter/windows';
import { runs } from '../../../support/runs';

const MINUTE = 60_000;
const rates: Rate[] = [{ n: 10, perMs: MINUTE }];
const START = 1_790_000_000_123;

test('a call counts for as long as the window is, and not for much longer', () => {
    fc.assert(
        fc.property(
            fc.integer({ min: 1_000, max: 31 * 86_400_000 }),
            fc.integer({ min: 0, max: 1e12 }),
            fc.double({ min: 0, max: 1, noNaN: true }),
            (perMs, start, part) => {
                const [window] = counted(windowsFor([], [{ n: 1, perMs }], start), 1, start);
                expect(usedOf(slid(window!, start + Math.floor(part * perMs)))).toBe(1);
                expect(usedOf(slid(window!, start + (perMs + 2_000) * (1 + 1 / 60) + 1))).toBe(0);
            },
        ),
        { numRuns: runs(500) },
    );
});

test('calls that are counted late count from when they were made', () => {
    const early = counted(windowsFor([], rates, START), 4, START);
    const late = counted(windowsFor([], rates, START + 9_000), 4, START);
    const after = (MINUTE + 2_000) * (1 + 1 / 60);
    expect(usedOf(late[0]!)).toBe(4);
    expect(usedOf(slid(late[0]!, START + after))).toBe(usedOf(slid(early[0]!, START + after)));
});

test('what is free, and when', () => {
    const windows = counted(counted(windowsFor([], rates, START), 6, START), 2, START);
    expect(leftOf(windows, rates, 0)).toBe(2);
    expect(leftOf(windows, rates, 2)).toBe(0);
    expect(freeIn(windows, rates, 0, START)).toBe(0);
    const ms = freeIn(windows, rates, 2, START);
    expect(ms).toBeGreaterThan(MINUTE);
    expect(leftOf(slidAll(windows, START + ms), rates, 2)).toBeGreaterThan(0);
    expect(leftOf(slidAll(windows, START + ms - 1), rates, 2)).toBe(0);
});

test('a window that nobody asks for any more is kept while anything of it is used', () => {
    const used = counted(windowsFor([], rates, START), 1, START);
    expect(windowsFor(used, [], START + 1_000)).toHaveLength(1);
    expect(windowsFor(used, [], START + 2 * MINUTE)).toHaveLength(0);
});

test('a clock that is behind takes nothing back', () => {
    const used = counted(windowsFor([], rates, START), 3, START);
    expect(usedOf(slid(used[0]!, START - 5_000))).toBe(3);
    expect(usedOf(counted(slidAll(used, START - 5_000), 2, START - 5_000)[0]!)).toBe(5);
});
