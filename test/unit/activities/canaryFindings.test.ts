// What a canary came to, from the lines of its outcomes as a job writes them.
import { findCanary } from '../../../src/activities/canaryFindings';
import { canaryDocument, type Plan } from '../../../src/contracts/documents';
import type { CanaryFindings } from '../../../src/core/canary';
import { noCounts } from '../../../src/core/counts';
import { attemptLine, fenceLine, outcomeLine, type Outcome } from '../../../src/items/outcomeLines';
import type { JobStore } from '../../../src/storage/jobStore';
import { StorageContradiction } from '../../../src/storage/trouble';
import { dice } from '../../support/dice';

const T = '2026-12-01T06:00:00.000Z';
const line = (index: number, more: Partial<Outcome> = {}, output?: string): string =>
    outcomeLine({ index, outcome: 'succeeded', key: `k${index}`, attempts: 1, status: 200, ms: 5, at: T, ...more }, output);
const failed = (index: number, code: string, status?: number): string =>
    outcomeLine({
        ...{ index, outcome: 'failed', key: `k${index}`, attempts: 1, ms: 5, at: T },
        ...(status === undefined ? {} : { status }),
        error: { code, message: `${code} ${status ?? ''}`, retryable: false },
    });

/** A store that has one text for each partition of a job; each is read in pieces. */
function storeOf(parts: string[], items: number[]): { store: JobStore; reads: number; stands: unknown } {
    const box = { reads: 0, stands: null as unknown, store: null as unknown as JobStore };
    const partitions = items.map((n, i) => ({ offset: 0, bytes: 0, items: n, firstIndex: items.slice(0, i).reduce((a, b) => a + b, 0) }));
    const plan = { jobId: 'j', items: 'i', total: items.reduce((a, b) => a + b, 0), invalid: 0, partitions, createdAt: T } satisfies Plan;
    const nameOf = (part: number) => `jobs/j/outcomes/${part}`;
    box.store = {
        readPlan: async () => plan,
        readCanary: async () => (box.stands === null ? null : canaryDocument.read(box.stands)),
        createCanary: async (_job: string, findings: CanaryFindings) => {
            box.stands ??= JSON.parse(JSON.stringify(canaryDocument.write(findings)));
            return canaryDocument.read(box.stands);
        },
        listOutcomes: async () =>
            parts.map((text, part) => ({ part, bytes: text.length, segments: [{ name: nameOf(part), bytes: text.length }] })),
        readOutcomes: async function* ({ segments }: { segments: { name: string }[] }) {
            box.reads++;
            const bytes = Buffer.from(parts[Number(segments[0]!.name.split('/').at(-1))]!);
            for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
        },
    } as unknown as JobStore;
    return box;
}
const calls = { latencies: { 3: 4 }, statuses: { 200: 3 } };
const find = (box: { store: JobStore }, partitions: number) => findCanary({ jobId: 'j', partitions, calls, ranForMs: 2_500 }, box.store);
/** Index and code of each sample. */
const shown = ({ samples }: CanaryFindings): string[] =>
    samples.map((text) => {
        const { index, outcome, error } = JSON.parse(text) as Outcome;
        return `${index} ${error?.code ?? outcome}`;
    });

test('is counted from the lines of its partitions, and of no others', async () => {
    const again = attemptLine({ attempt: 1, index: 0, at: T, ms: 5, error: { code: 'TIMEOUT', message: 'no' }, retryAt: T });
    const parts = [
        fenceLine({ fence: 1, run: 'r' }) + again + line(1) + line(0, { attempts: 3 }),
        failed(2, 'HTTP_STATUS', 500) + line(3, { outcome: 'skipped' }),
        failed(4, 'TIMEOUT'),
    ];
    const found = await find(storeOf(parts, [2, 2, 1]), 2);
    expect(found).toMatchObject({
        items: 4,
        counts: { ...noCounts(), succeeded: 2, failed: 1, skipped: 1, retries: 2 },
        failures: [{ code: 'HTTP_STATUS', count: 1, sample: { index: 2, key: 'k2' } }],
        ...{ calls, seconds: 2.5 },
    });
    expect(shown(found)).toEqual(['2 HTTP_STATUS', '0 succeeded', '1 succeeded', '3 skipped']);
});

test('is found once: a second run gets what the first has stored, and reads nothing', async () => {
    const box = storeOf([line(0), line(1)], [1, 1]);
    const first = await find(box, 1);
    const { reads } = box;
    expect(await findCanary({ jobId: 'j', partitions: 1, calls: { latencies: {}, statuses: {} }, ranForMs: 9 }, box.store)).toEqual(first);
    expect(box.reads).toBe(reads);
});

test('cannot be found where the plan is not there', async () => {
    const box = storeOf([line(0)], [1]);
    Object.assign(box.store, { readPlan: async () => null });
    await expect(find(box, 1)).rejects.toThrow(StorageContradiction);
});

describe('five of its outcomes are shown', () => {
    const cases: [string, string[], string[]][] = [
        [
            'the first where all have succeeded',
            [6, 3, 0, 5, 1, 4, 2].map((i) => line(i)),
            ['0', '1', '2', '3', '4'].map((i) => `${i} succeeded`),
        ],
        [
            'five failed ones where all have failed, of every kind',
            [...[0, 1, 2, 3, 4, 5].map((i) => failed(i, 'HTTP_STATUS', 500)), failed(6, 'TIMEOUT')],
            ['0 HTTP_STATUS', '6 TIMEOUT', '1 HTTP_STATUS', '2 HTTP_STATUS', '3 HTTP_STATUS'],
        ],
        [
            'three failed ones beside two others',
            [...[0, 1, 2, 3].map((i) => failed(i, 'TIMEOUT')), ...[4, 5, 6].map((i) => line(i))],
            ['0 TIMEOUT', '1 TIMEOUT', '2 TIMEOUT', '4 succeeded', '5 succeeded'],
        ],
        [
            'kinds that are frequent before those that are not, and each kind once',
            [
                ...[failed(0, 'A'), failed(1, 'B'), failed(2, 'B'), failed(3, 'HTTP_STATUS', 500), failed(4, 'HTTP_STATUS', 503)],
                ...[failed(5, 'HTTP_STATUS', 503), line(6)],
            ],
            ['1 B', '4 HTTP_STATUS', '0 A', '3 HTTP_STATUS', '6 succeeded'],
        ],
        [
            'one failed one among many',
            [...Array.from({ length: 30 }, (_, i) => line(i)), failed(30, 'POISON')],
            ['30 POISON', '0 succeeded', '1 succeeded', '2 succeeded', '3 succeeded'],
        ],
        ['and none of items that nobody has called', [line(0, { outcome: 'cancelled' }), line(1, { outcome: 'expired' })], []],
    ];
    test.each(cases)('%s', async (_what, lines, expected) => {
        expect(shown(await find(storeOf([lines.join('')], [lines.length]), 1))).toEqual(expected);
        // In whatever order they were recorded.
        const chance = dice(5);
        const mixed = lines.map((text) => ({ text, at: chance() })).sort((a, b) => a.at - b.at);
        const box = storeOf([mixed.map(({ text }) => text).join('')], [lines.length]);
        expect(shown(await find(box, 1))).toEqual(expected);
    });

    test('of several partitions together', async () => {
        const box = storeOf([line(1) + failed(0, 'A'), failed(3, 'B') + failed(2, 'B'), line(4) + failed(5, 'A')], [2, 2, 2]);
        expect(shown(await find(box, 3))).toEqual(['0 A', '2 B', '5 A', '1 succeeded', '4 succeeded']);
    });

    test('with every digit that they were recorded with', async () => {
        const box = storeOf([line(0, {}, '{"id":9007199254740993,"price":1.10}')], [1]);
        const { samples } = await find(box, 1);
        expect(samples[0]).toContain('"output":{"id":9007199254740993,"price":1.10}');
    });

    test('in a small space, however large outputs are', async () => {
        const output = JSON.stringify({ text: '世'.repeat(300_000) });
        const lines = Array.from({ length: 8 }, (_, i) => line(i, {}, output)).join('');
        const { samples } = await find(storeOf([lines], [8]), 1);
        expect(samples).toHaveLength(5);
        expect(Buffer.byteLength(samples.join(''))).toBeLessThan(16_384);
        for (const sample of samples) expect(JSON.parse(sample)).toMatchObject({ truncated: true, outputBytes: Buffer.byteLength(output) });
    });

    test('without lines that storage left torn', async () => {
        const torn = failed(1, 'TIMEOUT').slice(0, -40);
        const found = await find(storeOf([line(0) + torn], [2]), 1);
        expect(found.counts).toMatchObject({ succeeded: 1, failed: 1 });
        expect(shown(found)).toEqual(['0 succeeded']);
    });
});
