// Sources that are large, or made to cost: each byte is looked at a few times, and little is held.
import { MAX_ROW_CHARS } from '../../src/sources/csvSplitter';
import { readRows } from '../../src/sources/open';
import { long, pieces, refusal, rowsOf, texts, values } from '../support/sourceRows';

const lineEnds = ['\n', '\r\n', '\r'];

describe('a bad quote', () => {
    test('a quote on every line costs no more than what it is: each line is looked at some twenty times at most', async () => {
        const rows = await rowsOf(`a\n${'"x\n'.repeat(200_000)}`, 'csv');
        expect(rows).toHaveLength(200_000);
        expect(rows.every((r) => 'code' in r && r.code === 'CSV_QUOTE')).toBe(true);
    });

    test.each([
        ['the outer quotes of each line are gone', '1","x","y\n'],
        ['texts go on from line to line', 'a","""""""\n'],
    ])('nor do rows without end, where %s', async (_what, line) => {
        const text = `a,b\n${line.repeat(30_000)}`;
        const rows = await rowsOf(text, 'csv');
        expect(rows.map((r) => r.line)).toEqual(rows.map((_, i) => i + 2));
        expect(rows).toHaveLength(30_000);
        const cuts = Array.from({ length: 50 }, (_, i) => i * 6_007);
        expect(await rowsOf(pieces(Buffer.from(text), cuts), 'csv')).toEqual(rows);
    });

    test('nor many quoted fields behind a bad quote', async () => {
        const rows = await rowsOf(`a,b\n${'"c"d",'.repeat(200_000)}x\n1,2\n`, 'csv');
        expect(values(rows)).toEqual(['CSV_QUOTE', { a: '1', b: '2' }]);
    });

    test('nor do quotes that all are doubled, as where quotes were added twice', async () => {
        // Gone through to the end for each line, this would take hours.
        const rows = await rowsOf(`a,b\n${'""1"",""x""\n'.repeat(200_000)}`, 'csv');
        expect(rows).toHaveLength(200_000);
        expect(rows.every((r, i) => 'code' in r && r.code === 'CSV_QUOTE' && r.line === i + 2)).toBe(true);
    });

    test('a quote that never closes does not gather the rest of a large file', async () => {
        async function* endless(): AsyncGenerator<Buffer> {
            yield Buffer.from('a,b\n1,2\n3,"never\n');
            const block = Buffer.alloc(1024 * 1024, `x,${'y'.repeat(1021)}\n`);
            for (; taken < 100; taken++) yield block;
        }
        let [taken, takenBefore, held] = [0, 0, 0];
        let rows = 0;
        const bad: [number, string][] = [];
        for await (const batch of readRows(endless(), 'csv')) {
            for (const row of batch) {
                rows++;
                if ('code' in row) bad.push([row.line, row.code]);
            }
            held = Math.max(held, taken - takenBefore);
            takenBefore = taken;
        }
        expect(bad).toEqual([[3, 'CSV_QUOTE']]);
        expect(rows).toBe(2 + 100 * 1024);
        // Blocks of 1 MiB that were taken before rows came of them: the 4 Mi characters that a field may have, and a little.
        expect(held).toBeGreaterThan(3);
        expect(held).toBeLessThan(8);
    });
});

describe('a row without end', () => {
    test.each([0, 1, 2])('is too large beyond its bound by %i, and the next one is read', async (over) => {
        const long = `${'x'.repeat(MAX_ROW_CHARS - 2 + over)},y`;
        for (const end of lineEnds) {
            const bytes = Buffer.from(`a,b${end}1,2${end}${long}${end}3,4${end}`);
            for (const cuts of [[], [100, 300_000, 4_000_000], [bytes.length - 6], [bytes.length - 5 - end.length]])
                expect(values(await rowsOf(pieces(bytes, cuts), 'csv'))).toEqual([
                    { a: '1', b: '2' },
                    'ITEM_TOO_LARGE',
                    { a: '3', b: '4' },
                ]);
        }
    });

    test('nor line ends is counted, not kept', async () => {
        const before = process.memoryUsage().rss;
        const rows = await rowsOf(long('a,b\n1,2\n', '\n3,4\n'), 'csv');
        expect(values(rows)).toEqual([{ a: '1', b: '2' }, 'ITEM_TOO_LARGE', { a: '3', b: '4' }]);
        expect(rows.at(-1)!.line).toBe(4);
        expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
    });
});

test('a header of very many columns is looked through once', async () => {
    const names = Array.from({ length: 70_000 }, (_, i) => `c${i}`).join();
    expect(await rowsOf(`${names}\n`, 'csv')).toEqual([]);
    expect((await refusal(`${names},c7\n`, 'csv')).message).toMatch(/"c7" twice/);
});

test('a single line of 300 MB is counted, not kept', async () => {
    const before = process.memoryUsage().rss;
    const rows = await rowsOf(long('1\n"', '"\n2\n'), 'ndjson');
    expect(values(rows)).toEqual([1, 'ITEM_TOO_LARGE', 2]);
    expect(rows[1]).toMatchObject({ line: 2, message: expect.stringContaining(String(300 * 1024 * 1024 + 2)) });
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
});

test('an element in very many pieces is gone through once', async () => {
    const document = Buffer.from(`["${'x\\"'.repeat(300_000)}",2]`);
    const cuts = Array.from({ length: document.length / 10 }, (_, i) => i * 10);
    expect(texts(await rowsOf(pieces(document, cuts), 'json')).map((t) => t.length)).toEqual([900_002, 1]);
});

test('a csv larger than the blocks it is parsed in', async () => {
    const body = Array.from({ length: 40_000 }, (_, i) => (i % 1000 === 7 ? `${i}` : `${i},"line\n${i}"`)).join('\n');
    const bytes = Buffer.from(`id,text\n${body}\n`);
    const whole = await rowsOf(bytes, 'csv');
    const split = await rowsOf(
        pieces(
            bytes,
            Array.from({ length: 60 }, (_, i) => i * 9973),
        ),
        'csv',
    );
    expect(split).toEqual(whole);
    expect(whole).toHaveLength(40_000);
    expect(whole.filter((r) => 'code' in r)).toHaveLength(40);
    // 40,000 rows over two lines each but the 40 ragged ones; the last row begins on the line before the last.
    expect(whole.at(-1)!.line).toBe(1 + 40_000 * 2 - 40 - 1);
});
