import * as fc from 'fast-check';
import { sumOf, noCounts, finished, type Counts } from '../../../src/core/counts';
import { endWithoutPlan, joined, verdictOn, type FoundPart } from '../../../src/core/endings';
import type { Range } from '../../../src/core/ledger';

const ITEMS = 4;
const part = (n: number, counts: Partial<Counts>, defects: Partial<FoundPart> = {}): FoundPart => ({
    part: n,
    counts: { ...noCounts(), ...counts },
    missing: [],
    repeated: [],
    ...defects,
});
const whole = (n: number): FoundPart => part(n, { succeeded: ITEMS });
const lacking = (n: number): FoundPart => part(n, { succeeded: ITEMS - 1 }, { missing: [n * ITEMS] });
const refused = { code: 'STORAGE_REFUSED', message: 'storage answered 403' };

test('a job whose every item has one outcome is completed: succeeded when none has failed, partial else', () => {
    const total = 2 * ITEMS;
    expect(verdictOn({ as: 'completed' }, { parts: [whole(0), part(1, { succeeded: 3, skipped: 1 })], total })).toEqual({
        kind: 'end',
        state: 'completed',
        outcome: 'succeeded',
        counts: { ...noCounts(), succeeded: 7, skipped: 1 },
    });
    expect(verdictOn({ as: 'completed' }, { parts: [whole(0), part(1, { succeeded: 3, failed: 1 })], total })).toMatchObject({
        outcome: 'partial',
    });
});

test('partitions that lack outcomes go back to work, those that are whole count as closed', () => {
    const parts = [whole(0), lacking(1), lacking(2), whole(3), lacking(4)];
    expect(verdictOn({ as: 'completed' }, { parts, total: 20 })).toEqual({
        kind: 'repair',
        ranges: [
            { from: 1, to: 3 },
            { from: 4, to: 5 },
        ],
        counts: { ...noCounts(), succeeded: 8 },
        closed: 2,
    });
});

test('after five repairs the job ends and says what is missing; items that stand there twice are never repaired', () => {
    const parts = [whole(0), lacking(1)];
    expect(verdictOn({ as: 'completed', repairs: 4 }, { parts, total: 8 })).toMatchObject({ kind: 'repair' });
    expect(verdictOn({ as: 'completed', repairs: 5 }, { parts, total: 8 })).toMatchObject({
        kind: 'end',
        state: 'failed',
        error: { code: 'NOT_CONSERVED', message: expect.stringContaining('part 1 lacks items 4') },
    });
    const repeated = part(0, { succeeded: 5 }, { repeated: [2] });
    expect(verdictOn({ as: 'completed' }, { parts: [repeated, lacking(1)], total: 8 })).toMatchObject({
        error: { message: expect.stringContaining('part 0 repeats items 2') },
    });
});

test('a job that storage refuses something ends with what could be read, and says why', () => {
    expect(verdictOn({ as: 'failed', error: refused }, { parts: [lacking(1)], total: 8 })).toEqual({
        kind: 'end',
        state: 'failed',
        counts: { ...noCounts(), succeeded: 3, unrecorded: 5 },
        error: refused,
    });
    expect(verdictOn({ as: 'cancelled', error: refused }, { parts: [lacking(1)], total: 8 })).toMatchObject({
        state: 'cancelled',
        counts: { succeeded: 3, unrecorded: 5 },
    });
    expect(endWithoutPlan('cancelled', 9)).toEqual({ state: 'cancelled', counts: { ...noCounts(), unrecorded: 9 } });
    expect(endWithoutPlan('completed', null)).toEqual({ state: 'failed', counts: noCounts() });
});

test('whatever is found, a repair takes back every partition that lacks something, and an end counts what is there', () => {
    const found = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }).map((bad) => bad.map((b, i) => (b ? lacking(i) : whole(i))));
    const as = fc.constantFrom('completed' as const, 'cancelled' as const, 'failed' as const);
    fc.assert(
        fc.property(found, as, fc.integer({ min: 0, max: 6 }), (parts, kind, repairs) => {
            const verdict = verdictOn({ as: kind, repairs }, { parts, total: parts.length * ITEMS });
            if (verdict.kind === 'end') return expect(finished(verdict.counts)).toBe(finished(sumOf(parts)));
            const taken = (p: number) => verdict.ranges.some(({ from, to }) => p >= from && p < to);
            expect(parts.filter(({ missing }) => missing.length > 0).every((p) => taken(p.part))).toBe(true);
            expect(parts.filter((p) => !taken(p.part))).toHaveLength(verdict.closed);
            expect(verdict.counts.succeeded).toBe(verdict.closed * ITEMS);
        }),
    );
});

test('too many ranges become fewer, and still cover what they covered', () => {
    const ranges: Range[] = Array.from({ length: 10 }, (_, i) => ({ from: i * i, to: i * i + 1 }));
    const few = joined(ranges, 4);
    expect(few.length).toBeLessThanOrEqual(4);
    for (const { from, to } of ranges) expect(few.some((r) => r.from <= from && to <= r.to)).toBe(true);
    expect(joined(ranges, 10)).toBe(ranges);
});
