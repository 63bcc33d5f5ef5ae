// Failed items are counted the same in slices and in the fold, whatever is counted where.
import * as fc from 'fast-check';
import { readPart } from '../../../src/activities/foldJob';
import type { Plan } from '../../../src/contracts/documents';
import { KEPT_GROUPS, mergeFailures, mostFrequent, OTHER, type FailureGroup } from '../../../src/core/failures';
import { FailureTally, type FailedItem } from '../../../src/items/failureTally';
import { outcomeLine, readFailedOutcome } from '../../../src/items/outcomeLines';
import { ExactNumber } from '../../../src/json/exactNumber';
import type { JobStore } from '../../../src/storage/jobStore';
import { runs } from '../../support/runs';

const WORDS = ['alpha', 'beta', 'gamma', 'delta', 'kappa', 'sigma', 'omega'];
const time = (second: number): string => new Date(1_800_000_000_000 + second * 1_000).toISOString();
const sum = (groups: FailureGroup[]): number => groups.reduce((all, { count }) => all + count, 0);

/** An item that failed; `kind` in words that no other kind has. */
const item = (index: number, kind: number, second = index): FailedItem => ({
    ...{ index, key: `k${index}`, at: time(second), status: 404 + (kind % 2) },
    error: { code: 'HTTP_STATUS', message: `HTTP ${404 + (kind % 2)}: no ${WORDS[kind % 7]} ${WORDS[Math.floor(kind / 7)]} ${index}` },
    request: `GET https://h/${index}`,
    output: () => `{"no":${index}}`,
});
/** The same as a line of the outcomes. */
const lineOf = ({ index, key, at, status, error, request, output }: FailedItem): string =>
    outcomeLine(
        { index, outcome: 'failed', key, attempts: 1, status: status!, ms: 1, at: at!, error: error!, request: request! },
        output(),
    );
const tallied = (items: FailedItem[], most = 100): FailureTally => {
    const tally = new FailureTally(most);
    for (const one of items) tally.add(one);
    return tally;
};
const anyItems = (kinds: number) =>
    fc
        .array(fc.tuple(fc.nat(kinds - 1), fc.nat(9)), { minLength: 1, maxLength: 80 })
        .map((all) => all.map(([kind, s], i) => item(i, kind, s)));

/** The fold of a partition that holds this text. */
const folded = (text: string, items: number) => {
    const plan = { jobId: 'j', partitions: [{ offset: 0, bytes: 0, items, firstIndex: 0 }] } as unknown as Plan;
    const readOutcomes = async function* () {
        for (let from = 0; from < text.length; from += 100) yield Buffer.from(text.slice(from, from + 100));
    };
    return readPart({ readOutcomes } as unknown as JobStore, plan, { part: 0, segments: [] });
};

test('a group has what its items have in common, when they failed, and the first of them with its call and its answer', () => {
    const groups = tallied([item(3, 0, 5), item(4, 0, 2), item(5, 0, 9), item(6, 1)]).groups();
    expect(groups).toEqual([
        {
            ...{
                fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
                code: 'HTTP_STATUS',
                status: 404,
                message: 'HTTP 404: no alpha alpha #',
            },
            ...{ count: 3, firstAt: time(2), lastAt: time(9) },
            sample: {
                ...{ index: 4, key: 'k4', at: time(2), status: 404, message: 'HTTP 404: no alpha alpha 4' },
                ...{ request: 'GET https://h/4', answer: '{"no":4}' },
            },
        },
        expect.objectContaining({ status: 405, count: 1 }),
    ]);
});

test('slices that report what they counted come to what the fold counts from the lines, in any split', async () => {
    await fc.assert(
        fc.asyncProperty(anyItems(20), fc.infiniteStream(fc.nat(5)), async (items, dice) => {
            const slices = new Map<number, FailedItem[]>();
            for (const one of items) {
                const slice = dice.next().value as number;
                slices.set(slice, [...(slices.get(slice) ?? []), one]);
            }
            const reported = [...slices.values()].reduce<FailureGroup[]>(
                (all, slice) => mergeFailures(all, tallied(slice).groups(KEPT_GROUPS), KEPT_GROUPS),
                [],
            );
            const fold = await folded(items.map(lineOf).join(''), items.length);
            expect(fold.failures).toEqual(reported);
            expect(sum(reported)).toBe(items.length);
        }),
        { numRuns: runs(150) },
    );
});

test('with more kinds than it keeps, the sum stays exact, and what is frequent is there however late it came', () => {
    const rare = Array.from({ length: 49 }, (_, i) => item(i, i));
    const late = Array.from({ length: 30 }, (_, i) => item(100 + i, 3));
    const groups = tallied([...rare, ...late], 5).groups();
    expect(sum(groups)).toBe(79);
    expect(groups).toHaveLength(6);
    expect(groups[0]).toMatchObject({ message: 'HTTP 405: no delta alpha #' });
    expect(groups[0]!.count).toBeGreaterThanOrEqual(30);
    expect(groups.at(-1)).toMatchObject({ fingerprint: OTHER, firstAt: time(0), sample: { index: expect.any(Number) } });
    fc.assert(
        fc.property(anyItems(49), fc.integer({ min: 1, max: 9 }), (items, most) => {
            const tally = tallied(items, most);
            expect(sum(tally.groups())).toBe(items.length);
            expect(sum(tally.groups(1))).toBe(items.length);
            expect(tally.groups().length).toBeLessThanOrEqual(most + 1);
        }),
        { numRuns: runs(300) },
    );
});

test('the groups that it gives stay as they are while it goes on counting', () => {
    const tally = tallied([item(0, 0), item(1, 1)]);
    const before = structuredClone(tally.groups());
    const given = tally.groups();
    tally.add(item(2, 0));
    expect(given).toEqual(before);
    expect(mostFrequent(tally.groups(), 5)[0]!.count).toBe(2);
});

test('the texts of a sample are cut between characters, and a key that JavaScript would round is a text', () => {
    const long = '😀'.repeat(400);
    const [group] = tallied([
        {
            ...{ index: 0, key: new ExactNumber('9007199254740993'), at: null, request: `GET https://h/${long}` },
            ...{ error: { code: 'X', message: `a${long}` }, output: () => JSON.stringify(long) },
        },
    ]).groups();
    expect(group!.sample).toEqual({
        ...{ index: 0, key: '9007199254740993', at: null, message: `a${'😀'.repeat(149)}`, request: `GET https://h/${'😀'.repeat(143)}` },
        answer: '😀'.repeat(150),
    });
    expect(group).toMatchObject({ status: null, firstAt: null, lastAt: null });
});

test.each([
    ['a text', '"not \\"there\\""', 'not "there"'],
    ['JSON', '{"a":1.10}', '{"a":1.10}'],
    ['nothing', 'null', undefined],
    ['no output', undefined, undefined],
    ['an empty text', '""', undefined],
    ['a text that is torn', '"not th', '"not th'],
])('the answer of a sample whose output is %s', (_what, output, answer) => {
    const [group] = tallied([{ ...item(0, 0), output: () => output }]).groups();
    expect(group!.sample.answer).toBe(answer);
});

test('an output is read for a sample alone', () => {
    const asked: number[] = [];
    tallied([5, 7, 6].map((second, index) => ({ ...item(index, 0, second), output: () => void asked.push(index) })));
    expect(asked).toEqual([0]);
});

describe('the line of a failed outcome', () => {
    const line = Buffer.from(lineOf(item(7, 2)).trimEnd());

    test('gives what was recorded, the call with it', () => {
        const { output, ...rest } = readFailedOutcome(line);
        expect([rest, output()]).toMatchObject([{ index: 7, key: 'k7', status: 404, at: time(7), request: 'GET https://h/7' }, '{"no":7}']);
    });

    test('of an older version names no call, and counts', async () => {
        const old = lineOf(item(0, 2)).replace(',"request":"GET https://h/0"', '');
        expect(old).not.toContain('request');
        const { failures } = await folded(old, 1);
        expect(failures).toMatchObject([{ count: 1, sample: { index: 0, answer: '{"no":0}' } }]);
        expect(failures[0]!.sample).not.toHaveProperty('request');
        expect(failures[0]!.fingerprint).toBe((await folded(lineOf(item(0, 2)), 1)).failures[0]!.fingerprint);
    });

    test('that is torn counts, with what can be known of it', async () => {
        const torn = lineOf(item(0, 2)).slice(0, 60);
        expect((await folded(torn, 1)).failures).toMatchObject([
            { code: 'UNKNOWN', status: null, count: 1, firstAt: null, sample: { index: 0, key: null, message: '' } },
        ]);
        const inOutput = lineOf(item(0, 2)).slice(0, -5);
        expect((await folded(inOutput, 1)).failures).toMatchObject([{ code: 'HTTP_STATUS', sample: { key: 'k0', answer: '{"no"' } }]);
    });

    test('an item whose key or answer looks like a field of the line has its own', () => {
        const tricky = { ...item(1, 1), key: '","output":"x","request":"', output: () => '{"request":"no"}' };
        const read = readFailedOutcome(Buffer.from(lineOf(tricky)));
        expect([read.key, read.request, read.output()]).toEqual([tricky.key, 'GET https://h/1', '{"request":"no"}']);
    });
});
