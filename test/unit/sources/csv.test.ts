// CSV as people have it: line ends, quotes, empty cells, short rows.
import fc from 'fast-check';
import Papa from 'papaparse';
import { MAX_LINES_LOST } from '../../../src/sources/csvSplitter';
import type { Row } from '../../../src/sources/row';
import { pieces, refusal, rowsOf, values } from '../../support/sourceRows';
import { runs } from '../../support/runs';

const lineEnds = ['\n', '\r\n', '\r'];
const ids = (...given: string[]) => given.map((id) => ({ id }));

describe('each of CRLF, LF and CR ends a row, whatever came before', () => {
    test.each([
        ['id\r\n1\n2\n3\n', ids('1', '2', '3'), [2, 3, 4]],
        ['id\n1\r\n2\r3', ids('1', '2', '3'), [2, 3, 4]],
        ['id\r1\r2\r\n3\n', ids('1', '2', '3'), [2, 3, 4]],
        ['id\r\r\n1\r\r\n2\r\r\n', ids('1', '2'), [3, 5]],
        ['id\n\r1\n\r2\n\r', ids('1', '2'), [3, 5]],
        [
            '"a\r\nb",c\n1,2\r\n3,4\r',
            [
                { 'a\r\nb': '1', c: '2' },
                { 'a\r\nb': '3', c: '4' },
            ],
            [3, 4],
        ],
        ['"a\nb"\r1\r2\r', [{ 'a\nb': '1' }, { 'a\nb': '2' }], [3, 4]],
        [
            'id,n\n1,"a\rb"\n2,"a\r\nb"\r3,"a\n\rb"\n4,x',
            ['a\rb', 'a\r\nb', 'a\n\rb', 'x'].map((n, i) => ({ id: `${i + 1}`, n })),
            [2, 4, 6, 9],
        ],
    ])('%j', async (text, items, lines) => {
        const rows = await rowsOf(text, 'csv');
        expect(values(rows)).toEqual(items);
        expect(rows.map((row) => row.line)).toEqual(lines);
    });

    test('a thousand rows behind a header that ends otherwise', async () => {
        for (const first of lineEnds)
            for (const other of lineEnds) {
                const rows = await rowsOf(`id${first}${Array.from({ length: 1000 }, (_, i) => `${i}${other}`).join('')}`, 'csv');
                expect(rows).toHaveLength(1000);
                expect(rows.at(-1)).toMatchObject({ line: 1001, value: { id: '999' } });
            }
    });
});

/** A value as a field: in quotes where it must be, and where it need not. */
const field = (value: string, quotes: boolean) =>
    quotes || /[",\r\n]|^\s|\s$/.test(value) || value === '' ? `"${value.replaceAll('"', '""')}"` : value;

test('values come back as they are, whatever their quotes, line ends and the cuts of the file', async () => {
    const value = fc.string({
        unit: fc.constantFrom('"', ',', '\r', '\n', ' ', 'a', 'é', '€', '\u{1f600}', ';', '\\', '\0', '\t'),
        maxLength: 8,
    });
    const row = fc.tuple(
        fc.tuple(value, value, value),
        fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
        fc.constantFrom(...lineEnds, '\r\r\n', '\n\n'),
    );
    await fc.assert(
        fc.asyncProperty(fc.array(row, { maxLength: 12 }), fc.constantFrom(...lineEnds), fc.array(fc.nat(400)), async (rows, end, cuts) => {
            const body = rows.map(([fields, quotes, end]) => fields.map((f, i) => field(f, quotes[i]!)).join(',') + end).join('');
            const bytes = Buffer.from(`a,b,c${end}${body}`);
            // Two NULs in a short file would look like UTF-16.
            expect(values(await rowsOf(pieces(bytes, cuts), 'csv', { isOurs: true }))).toEqual(rows.map(([[a, b, c]]) => ({ a, b, c })));
        }),
        { numRuns: runs(500) },
    );
});

test('files without bad quotes are read as another parser reads them', async () => {
    const text = fc.string({ unit: fc.constantFrom('"a"', '"b,""c"', 'x', ',', ',', '\n', '\n', ' ', 'y"z', '""'), maxLength: 40 });
    let compared = 0;
    await fc.assert(
        fc.asyncProperty(text, async (body) => {
            const { data, errors } = Papa.parse<string[]>(`h,i\n${body}`, { delimiter: ',', newline: '\n', quoteChar: '"' });
            fc.pre(errors.every(({ type }) => type !== 'Quotes') && !/^"/m.test(body));
            compared++;
            const items = data.slice(1).filter((row) => row.length === 2 && row.some((cell) => cell !== ''));
            const rows = await rowsOf(`h,i\n${body}`, 'csv');
            expect(values(rows).filter((v) => typeof v === 'object' && Object.values(v as object).some((cell) => cell !== ''))).toEqual(
                items.map(([h, i]) => ({ h, i })),
            );
        }),
        { numRuns: runs(500) },
    );
    expect(compared).toBeGreaterThan(runs(20));
});

describe('files of the kinds that test suites have', () => {
    test.each([
        ['a comma in quotes', 'a,b\nJohn,"120 any st., Town"\n', [{ a: 'John', b: '120 any st., Town' }]],
        [
            'empty fields',
            'a,b,c\n1,"",""\n2,3,\n',
            [
                { a: '1', b: '', c: '' },
                { a: '2', b: '3', c: '' },
            ],
        ],
        [
            'quotes in quotes',
            'a,b\n1,"ha ""ha"" ha"\n3,""""\n',
            [
                { a: '1', b: 'ha "ha" ha' },
                { a: '3', b: '"' },
            ],
        ],
        [
            'JSON in a field',
            'key,val\n1,"{""type"": ""Point"", ""at"": [1.0, 2]}"\n',
            [{ key: '1', val: '{"type": "Point", "at": [1.0, 2]}' }],
        ],
        ['line breaks in quotes', 'a,b\n1,"once\n\nupon\r\n"\n', [{ a: '1', b: 'once\n\nupon\r\n' }]],
        [
            'quotes and line breaks',
            'a,b\n1,"ha\n""ha""\nha"\n3,4\n',
            [
                { a: '1', b: 'ha\n"ha"\nha' },
                { a: '3', b: '4' },
            ],
        ],
        ['the header in quotes', '"first","last"\nA,B', [{ first: 'A', last: 'B' }]],
        [
            'UTF-8',
            'a,b\n1,ʤ\n4,\u{1f600}\n',
            [
                { a: '1', b: 'ʤ' },
                { a: '4', b: '\u{1f600}' },
            ],
        ],
        ['a quote within a field without quotes', 'a,b\n5" pipe,6"\n', [{ a: '5" pipe', b: '6"' }]],
        ['blanks around fields', 'a , b\n 1 , "2"\n', [{ a: ' 1 ', b: ' "2"' }]],
        [
            'blanks behind a closing quote',
            'a,b\n"1" ,"2"\t\n"3","4" ',
            [
                { a: '1', b: '2' },
                { a: '3', b: '4' },
            ],
        ],
    ])('%s', async (_what, text, items) => {
        for (const end of lineEnds.slice(0, 2)) {
            const given = end === '\n' || text.includes('\r') ? text : text.replaceAll('\n', end);
            const expected = given === text ? items : JSON.parse(JSON.stringify(items).replaceAll('\\n', '\\r\\n'));
            expect(values(await rowsOf(given, 'csv'))).toEqual(expected);
        }
    });
});

describe('empty cells and short rows', () => {
    test('one column: a pair of quotes is an item, a blank line is none', async () => {
        const rows = await rowsOf('id\n""\n\n1\n   \n""', 'csv');
        expect(rows.map((row) => [row.line, 'json' in row && row.json])).toEqual([
            [2, '{"id":""}'],
            [4, '{"id":"1"}'],
            [6, '{"id":""}'],
        ]);
        for (const emptyRows of ['reject', 'skip'] as const)
            expect(await rowsOf('id\n""\n\n', 'csv', { csv: { emptyRows } })).toHaveLength(1);
    });

    const text = 'a,b,c\n1,2,3\n,,\n4,5\n,\n6\n"",,\n,,,,\n7,8,9,10\n';
    test.each([
        [{}, ['1,2,3', 'CSV_EMPTY_ROW', 'CSV_RAGGED', 'CSV_EMPTY_ROW', 'CSV_RAGGED', ',,', 'CSV_EMPTY_ROW', 'CSV_RAGGED']],
        [{ emptyRows: 'skip' as const }, ['1,2,3', 'CSV_RAGGED', 'CSV_RAGGED', ',,', 'CSV_RAGGED']],
        [{ shortRows: 'fill' as const }, ['1,2,3', 'CSV_EMPTY_ROW', '4,5,', 'CSV_EMPTY_ROW', '6,,', ',,', 'CSV_EMPTY_ROW', 'CSV_RAGGED']],
        [{ emptyRows: 'skip' as const, shortRows: 'fill' as const }, ['1,2,3', '4,5,', '6,,', ',,', 'CSV_RAGGED']],
        [
            { emptyRows: 'reject' as const, shortRows: 'reject' as const },
            ['1,2,3', 'CSV_EMPTY_ROW', 'CSV_RAGGED', 'CSV_EMPTY_ROW', 'CSV_RAGGED', ',,', 'CSV_EMPTY_ROW', 'CSV_RAGGED'],
        ],
    ])('%j', async (csv, found) => {
        const rows = await rowsOf(text, 'csv', { csv });
        expect(rows.map((row) => ('json' in row ? Object.values(row.value as object).join() : row.code))).toEqual(found);
    });

    test('a header with commas behind its last column says so', async () => {
        expect((await refusal('id,name,,,\n1,Lyon,,,\n', 'csv')).message).toMatch(/column 3, nor any behind it: .* 2 columns/);
    });
});

describe('a bad quote', () => {
    const row = (rows: Row[]) => rows.map((r) => ('json' in r ? r.line : [r.line, r.code]));

    test('takes the lines up to the next quote that ends a field, each a bad row', async () => {
        const rows = await rowsOf('a,b\n1,"never\n2,x\n\n3,"ok"\n4,y\n', 'csv');
        expect(row(rows)).toEqual([[2, 'CSV_QUOTE'], [3, 'CSV_QUOTE'], [5, 'CSV_QUOTE'], 6]);
        expect(rows[0]).toMatchObject({ message: expect.stringMatching(/field 2: "ok.*the lines 2 to 5 are lost/) });
        expect(rows[1]).toMatchObject({ message: 'lost with the bad quote on line 2' });
    });

    test.each([
        ['of its own line', 'a,b\n1,"x"y,2"\n3,4\n', [[2, 'CSV_QUOTE'], 3]],
        ['never closed', 'a,b\n1,"never\n2,x\n3,y\n', [[2, 'CSV_QUOTE'], 3, 4]],
        ['never closed, on the last line', 'a,b\n1,x\n2,"never', [2, [3, 'CSV_QUOTE']]],
        ['with text behind, and no quote after it', 'a,b\n1,"x"y\n2,x\n3,y\n', [[2, 'CSV_QUOTE'], 3, 4]],
        ['in a text over lines', 'a,b\n1,"say "hi" to\n""all"""\n2,x', [[2, 'CSV_QUOTE'], [3, 'CSV_QUOTE'], 4]],
    ])('%s', async (_what, text, found) => {
        for (const end of lineEnds) expect(row(await rowsOf(text.replaceAll('\n', end), 'csv'))).toEqual(found);
    });

    test.each([
        [MAX_LINES_LOST - 1, MAX_LINES_LOST],
        [MAX_LINES_LOST, 1],
        [1000, 1],
        [100_000, 1],
    ])('with %i lines up to the next quote costs %i', async (between, lost) => {
        const lines = Array.from({ length: between - 1 }, (_, i) => `${i},x\n`).join('');
        const rows = await rowsOf(`a,b\n1,"never\n${lines}2,"ok"\n3,y\n`, 'csv');
        expect(rows.filter((r) => 'code' in r)).toHaveLength(lost);
        expect(rows).toHaveLength(between + 2);
        expect(rows.at(-1)).toMatchObject({ line: between + 3, value: { a: '3', b: 'y' } });
    });

    test('a row with good quotes and too many fields says which lines it takes', async () => {
        const rows = await rowsOf('a,b\n1,"never\n2,x\r\n3,5",y\n4,z\n', 'csv');
        expect(rows).toMatchObject([
            { line: 2, code: 'CSV_RAGGED', message: expect.stringContaining('the row, lines 2 to 4, has 3 fields') },
            { line: 5 },
        ]);
    });

    test('a text of a thousand lines with good quotes is one item', async () => {
        const note = 'a line\n'.repeat(1000);
        expect(values(await rowsOf(`a,b\n1,"${note}"\n2,x\n`, 'csv'))).toEqual([
            { a: '1', b: note },
            { a: '2', b: 'x' },
        ]);
    });

    test('every line of a file with quotes anywhere is in an item, or is a bad row, once; whatever the cuts', async () => {
        const unit = fc.constantFrom('"', '"', ',', 'x', ' ', 'yz');
        const line = fc.array(unit, { maxLength: 8 }).map((units) => units.join(''));
        await fc.assert(
            fc.asyncProperty(
                fc.array(line, { maxLength: 60 }),
                fc.constantFrom(...lineEnds),
                fc.array(fc.nat(400)),
                async (lines, end, cuts) => {
                    const bytes = Buffer.from(['a,b', ...lines].join(end));
                    const rows = await rowsOf(pieces(bytes, cuts), 'csv');
                    expect(await rowsOf(bytes, 'csv')).toEqual(rows);
                    const blank = (i: number) => lines[i - 2]!.trim() === '';
                    let next = 2;
                    let run = 0;
                    for (const [i, found] of rows.entries()) {
                        while (next < found.line && blank(next)) next++;
                        expect(found.line).toBe(next);
                        run = 'code' in found && found.message.startsWith('lost with') ? run + 1 : 1;
                        expect(run).toBeLessThanOrEqual(MAX_LINES_LOST);
                        // An item or a ragged row may have line ends in quotes; the next row tells where it ends.
                        next = 'code' in found && found.code === 'CSV_QUOTE' ? next + 1 : (rows[i + 1]?.line ?? lines.length + 2);
                        while (next > found.line + 1 && next <= lines.length + 1 && blank(next - 1)) next--;
                    }
                },
            ),
            { numRuns: runs(500) },
        );
    });
});
