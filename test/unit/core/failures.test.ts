// Groups of failures: added exactly, whatever the order, and never more than are asked for.
import * as fc from 'fast-check';
import { isBefore, mergeFailures, mostFrequent, OTHER, SHOWN_GROUPS, shownFailures, type FailureGroup } from '../../../src/core/failures';
import { runs } from '../../support/runs';

const time = (second: number): string => new Date(1_800_000_000_000 + second * 1_000).toISOString();
const one = (kind: number, index: number, second = index): FailureGroup => ({
    ...{ fingerprint: String(kind).padStart(12, '0'), code: 'HTTP_STATUS', status: 500, message: `kind ${kind}`, count: 1 },
    ...{ firstAt: time(second), lastAt: time(second) },
    sample: { index, key: `k${index}`, at: time(second), message: `kind ${kind} of ${index}` },
});
const sum = (groups: FailureGroup[]): number => groups.reduce((all, { count }) => all + count, 0);
const added = (lists: FailureGroup[][], most: number): FailureGroup[] => lists.reduce((all, list) => mergeFailures(all, list, most), []);

/** Failed items of few kinds or many; the second of each is not its place. */
const failures = (kinds: number) =>
    fc
        .array(fc.tuple(fc.nat(kinds - 1), fc.nat(20)), { minLength: 1, maxLength: 60 })
        .map((all) => all.map(([kind, second], index) => one(kind, index, second)));
/** The same, cut into slices here and there, and an order of these. */
const inSlices = (kinds: number) =>
    failures(kinds).chain((all) => {
        const slices = fc.array(fc.nat(6), { minLength: all.length, maxLength: all.length });
        return fc.tuple(fc.constant(all), slices, fc.infiniteStream(fc.nat(1_000)));
    });
const sliced = (all: FailureGroup[], places: number[]): FailureGroup[][] =>
    [...new Set(places)].map((place) => all.filter((_, i) => places[i] === place));

test('one kind is one group, with the first and the last time, and the first item as the sample', () => {
    const [later, earlier] = [one(1, 4, 9), one(1, 7, 2)];
    expect(mergeFailures([later], [earlier], 5)).toEqual([
        { ...later, count: 2, firstAt: time(2), lastAt: time(9), sample: earlier.sample },
    ]);
});

test('as long as there are no more kinds than are kept, the groups do not hang on how items were split among slices, nor on the order of reports', () => {
    fc.assert(
        fc.property(inSlices(8), ([all, places, dice]) => {
            const whole = added([all], 8);
            const reports = sliced(all, places).map((slice) => added([slice], 8));
            const shuffled = reports.map((report) => ({ report, at: dice.next().value as number })).sort((a, b) => a.at - b.at);
            expect(
                added(
                    shuffled.map(({ report }) => report),
                    8,
                ),
            ).toEqual(whole);
            // In pairs, as a tree.
            let level = reports;
            while (level.length > 1) level = level.flatMap((r, i) => (i % 2 === 0 ? [mergeFailures(r, level[i + 1] ?? [], 8)] : []));
            expect(level[0]).toEqual(whole);
        }),
        { numRuns: runs(500) },
    );
});

test('the sum of the counts is always that of the failed items, and no more kinds stay than are asked for', () => {
    fc.assert(
        fc.property(inSlices(40), fc.integer({ min: 1, max: 6 }), ([all, places], most) => {
            const merged = added(sliced(all, places), most);
            expect(sum(merged)).toBe(all.length);
            expect(merged.filter(({ fingerprint }) => fingerprint !== OTHER).length).toBeLessThanOrEqual(most);
            expect(merged.findIndex(({ fingerprint }) => fingerprint === OTHER)).toBe(merged.length > most ? most : -1);
        }),
        { numRuns: runs(500) },
    );
});

test('a merge that drops what is beyond, or that cuts before all is added, is found out', () => {
    // Two slices, each with its own most frequent kind, and one that is second in both.
    const slice = (own: number) =>
        added([[...Array.from({ length: 3 }, (_, i) => one(own, own * 10 + i)), one(9, own), one(9, own + 5)]], 5);
    const whole = mergeFailures(slice(1), slice(2), 5);
    expect(whole[0]).toMatchObject({ fingerprint: one(9, 0).fingerprint, count: 4 });
    const dropped = mergeFailures(slice(1).slice(0, 1), slice(2).slice(0, 1), 5);
    expect(sum(dropped)).toBe(6);
    // The sum is exact, and the most frequent kind is not seen: so slices count far more kinds than are shown, and the fold more than any job should have.
    const cutBefore = mergeFailures(mostFrequent(slice(1), 1), mostFrequent(slice(2), 1), 5);
    expect([sum(cutBefore), cutBefore.at(-1)]).toMatchObject([10, { fingerprint: OTHER, count: 4 }]);
});

test('two lists come to the same whichever is first', () => {
    fc.assert(
        fc.property(failures(12), failures(12), (a, b) => {
            const others = b.map((g, i) => ({ ...g, sample: { ...g.sample, index: 1_000 + i } }));
            expect(mergeFailures(a, others, 3)).toEqual(mergeFailures(others, a, 3));
        }),
        { numRuns: runs(300) },
    );
});

test('what is added is left as it was', () => {
    const [a, b] = [
        [one(1, 0), one(2, 1)],
        [one(1, 2), one(3, 3)],
    ];
    const before = structuredClone([a, b]);
    mergeFailures(a, b, 1);
    mostFrequent(a, 1);
    shownFailures(a);
    expect([a, b]).toEqual(before);
});

test('the others have a code and a sample of their own, and what was among them stays there', () => {
    const rest = mergeFailures([one(1, 5), one(1, 6), one(2, 3)], [one(3, 4)], 1)[1]!;
    expect(rest).toMatchObject({ fingerprint: OTHER, code: 'OTHER', status: null, count: 2, firstAt: time(3), lastAt: time(4) });
    expect(rest.sample).toEqual(one(2, 3).sample);
    const more = mergeFailures([one(1, 5), one(1, 6), rest], [one(4, 1)], 5);
    expect(more.map(({ fingerprint, count }) => [fingerprint, count])).toEqual([
        ['000000000001', 2],
        ['000000000004', 1],
        [OTHER, 2],
    ]);
});

test('what an earlier version counted has no times: those that are known stand, and a sample with its time goes before one without', () => {
    const old: FailureGroup = { ...one(1, 0), firstAt: null, lastAt: null, sample: { ...one(1, 0).sample, at: null } };
    const merged = [mergeFailures([old], [one(1, 9, 5)], 5), mergeFailures([one(1, 9, 5)], [old], 5)];
    for (const [group] of merged) expect(group).toEqual({ ...one(1, 9, 5), count: 2 });
    expect(mergeFailures([old], [old], 5)).toEqual([{ ...old, count: 2 }]);
    expect(isBefore({ at: null, index: 1 }, { at: null, index: 2 })).toBe(true);
});

test('twenty kinds are shown with their shares, and the rest as one', () => {
    const many = Array.from({ length: 30 }, (_, i) => ({ ...one(i, i), count: 100 - i }));
    const shown = shownFailures(many);
    expect(shown).toHaveLength(SHOWN_GROUPS + 1);
    expect(sum(shown)).toBe(sum(many));
    const all = sum(many);
    for (const { share, count } of shown) expect(share).toBe(Number((count / all).toFixed(4)));
    expect(shown[0]).toMatchObject({ count: 100, share: 0.039 });
    expect(shown.at(-1)).toMatchObject({ fingerprint: OTHER, count: 755 });
    expect(shownFailures([])).toEqual([]);
    expect(shownFailures([one(1, 0)])[0]!.share).toBe(1);
});
