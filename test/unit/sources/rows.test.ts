import fc from 'fast-check';
import { MAX_ITEM_BYTES } from '../../../src/sources/row';
import { pieces, refusal, rowsOf, values } from '../../support/sourceRows';
import { runs } from '../../support/runs';

describe('csv', () => {
    test('a row becomes an object of strings, keyed by the header', async () => {
        const rows = await rowsOf('id,city\n1,Lyon\n2,Graz\n', 'csv');
        expect(rows).toEqual([
            { line: 2, json: '{"id":"1","city":"Lyon"}', value: { id: '1', city: 'Lyon' } },
            { line: 3, json: '{"id":"2","city":"Graz"}', value: { id: '2', city: 'Graz' } },
        ]);
    });

    test('byte order mark, CRLF and a missing last line break change nothing', async () => {
        expect(values(await rowsOf('\ufeffid,city\r\n1,Lyon\r\n\r\n2,"Gr\u00e4z"', 'csv'))).toEqual([
            { id: '1', city: 'Lyon' },
            { id: '2', city: 'Gr\u00e4z' },
        ]);
    });

    test('line numbers count the line breaks within quotes', async () => {
        const rows = await rowsOf('id,note\n1,"a\nb\nc"\n2\n3,"say ""hi"", ok"\n', 'csv');
        expect(rows.map((r) => r.line)).toEqual([2, 5, 6]);
        expect(values(rows)).toEqual([{ id: '1', note: 'a\nb\nc' }, 'CSV_RAGGED', { id: '3', note: 'say "hi", ok' }]);
    });

    test('a ragged row says how many fields it has', async () => {
        const [row] = await rowsOf('a,b\n1,2,3\n', 'csv');
        expect(row).toEqual({ line: 2, code: 'CSV_RAGGED', message: 'the row has 3 fields, the header 2' });
    });

    test('a bad quote is a bad row, with its line', async () => {
        const rows = await rowsOf('a,b\n1,2\n"x"y,2\n', 'csv');
        expect(rows[1]).toMatchObject({ line: 3, code: 'CSV_QUOTE' });
    });

    test.each([
        ['a,,c\n1,2,3\n', /line 1 has no name for column 2/],
        ['a,b,a\n1,2,3\n', /column "a" twice/],
        ['a,__proto__\n1,2\n', /no item can hold/],
    ])('a header such as %j refuses the source', async (text, message) => {
        const error = await refusal(text, 'csv');
        expect(error.code).toBe('CSV_HEADER');
        expect(error.message).toMatch(message);
    });

    test('an empty file, another encoding and gzip are refused by name', async () => {
        expect((await refusal('', 'csv')).code).toBe('SOURCE_EMPTY');
        expect((await refusal(Buffer.from([0x61, 0x0a, 0xe9, 0x0a]), 'csv')).code).toBe('NOT_UTF8');
        expect((await refusal(Buffer.from([0x1f, 0x8b, 8, 0]), 'csv')).code).toBe('COMPRESSED');
    });

    test('a header alone gives no rows', async () => {
        expect(await rowsOf('a,b\n', 'csv')).toEqual([]);
    });
});

describe('ndjson', () => {
    test('blank lines are passed over and counted as lines; the text of an item is kept as it stands', async () => {
        const rows = await rowsOf('\ufeff{"id": 12345678901234567890}\r\n\r\n  \n[1]\n"x"', 'ndjson');
        expect(rows.map((r) => r.line)).toEqual([1, 4, 5]);
        expect(rows.map((r) => 'json' in r && r.json)).toEqual(['{"id": 12345678901234567890}', '[1]', '"x"']);
    });

    test('a broken line and one that is not UTF-8 are bad rows; the others are read', async () => {
        const bytes = Buffer.concat([Buffer.from('{"a":1}\n{"a":\n'), Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from('{"a":2}\n')]);
        expect(values(await rowsOf(bytes, 'ndjson'))).toEqual([{ a: 1 }, 'NDJSON_SYNTAX', 'NOT_UTF8', { a: 2 }]);
    });

    test('an item may have exactly the allowed size and not a byte more', async () => {
        const fits = JSON.stringify('x'.repeat(MAX_ITEM_BYTES - 2));
        expect(
            (await rowsOf(`${fits}\n${fits.replace('x', 'xx')}\n1`, 'ndjson')).map((r) => ('json' in r ? r.json.length : r.code)),
        ).toEqual([MAX_ITEM_BYTES, 'ITEM_TOO_LARGE', 1]);
    });
});

describe('json', () => {
    test('the elements of the array are the items, numbered from 1', async () => {
        const rows = await rowsOf('\ufeff \n[ {"a":[1,{"b":2}]} , 7, null, "x" ]\n', 'json');
        expect(values(rows)).toEqual([{ a: [1, { b: 2 }] }, 7, null, 'x']);
        expect(rows.map((r) => r.line)).toEqual([1, 2, 3, 4]);
    });

    test.each([
        ['{"a":1}', 'JSON_NOT_ARRAY'],
        ['  ', 'SOURCE_EMPTY'],
        ['[1,2', 'JSON_SYNTAX'],
        ['[1,]', 'JSON_SYNTAX'],
        ['[1] [2]', 'JSON_SYNTAX'],
    ])('%j is refused as %s', async (text, code) => {
        expect((await refusal(text, 'json')).code).toBe(code);
    });

    test('an empty array gives no rows', async () => {
        expect(await rowsOf('[]', 'json')).toEqual([]);
    });

    test('an element over the limit is a bad row, one without end breaks the source off', async () => {
        expect(values(await rowsOf(JSON.stringify([1, 'x'.repeat(5_000_000), 2]), 'json'))).toEqual([1, 'ITEM_TOO_LARGE', 2]);
        async function* long(): AsyncGenerator<Buffer> {
            yield Buffer.from('[1,"');
            for (let i = 0; i < 300; i++) yield Buffer.alloc(1024 * 1024, 'x');
        }
        expect((await refusal(long(), 'json')).code).toBe('ITEM_TOO_LARGE');
    });
});

test('byte order marks are taken off, however many programs have put one', async () => {
    const csv = Buffer.from('\ufeff\ufeff"a,b",c\n1,2\n');
    for (const cuts of [[], [2], [3], [4], csv.map((_, i) => i)])
        expect(values(await rowsOf(pieces(csv, [...cuts]), 'csv'))).toEqual([{ 'a,b': '1', c: '2' }]);
    expect(values(await rowsOf('\ufeff\ufeff[1]', 'json'))).toEqual([1]);
    expect(values(await rowsOf('\ufeff\ufeff1\n2\n', 'ndjson'))).toEqual([1, 2]);
});

describe('any split of the bytes into chunks gives the same rows', () => {
    const text = {
        csv: '\ufeffid,n\u00e4me\r\n1,"a\r\nb"\r\n2,"x ""q"" \u{1f600}"\r\n3\r\n4,"bad"x\r\n5,e\u00e9\r\n\r\n6,last',
        ndjson: '\ufeff{"n\u00e4me":"\u{1f600}"}\r\n\n{"broken":\n  [1,2] \n"e\u00e9"',
        json: '\ufeff [{"n\u00e4me":"\u{1f600}"},[1,-2.5e3],"e\u00e9",null , true]\n',
    };
    test.each(['csv', 'ndjson', 'json'] as const)('%s', async (format) => {
        const bytes = Buffer.from(text[format]);
        const whole = await rowsOf(bytes, format);
        expect(whole.length).toBeGreaterThan(3);
        await fc.assert(
            fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: bytes.length }), async (cuts) => {
                expect(await rowsOf(pieces(bytes, cuts), format)).toEqual(whole);
            }),
            { numRuns: runs(200) },
        );
        const every = Array.from({ length: bytes.length }, (_, i) => i);
        expect(await rowsOf(pieces(bytes, every), format)).toEqual(whole);
    });
});
