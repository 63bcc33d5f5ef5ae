// Files that are not what they are said to be: refused with what they look like.
import fc from 'fast-check';
import type { Format } from '../../../src/contracts/jobSpec';
import { outcome, pieces, refusal, rowsOf, values } from '../../support/sourceRows';

const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16();
const utf32 = (text: string) => Buffer.from([...text].flatMap((c) => [c.codePointAt(0)! & 255, (c.codePointAt(0)! >> 8) & 255, 0, 0]));
const html = '<!DOCTYPE html>\n<html lang="en"><head><title>Sign in, please</title></head>\n<body>"a"b</body></html>\n';
const geo = JSON.stringify({ type: 'FeatureCollection', bbox: [1, 2], features: [{ type: 'Feature', geometry: null }] });
const lock = JSON.stringify(
    { name: 'x', version: '1', lockfileVersion: 3, requires: true, packages: { '': { name: 'x' } }, dependencies: {} },
    null,
    2,
);

const table: [string, Format, string | Buffer, string, RegExp][] = [
    ['the separator line', 'csv', 'sep=;\nid;n\n1;2\n', 'CSV_HEADER', /"sep=;".*delete this line/],
    ['the separator line for commas', 'csv', '\ufeffsep=,\r\nid,n\r\n1,2\r\n', 'CSV_HEADER', /"sep=,"/],
    ['semicolons', 'csv', 'id;name\n1;Lyon\n', 'CSV_HEADER', /semicolons: "id;name"/],
    ['semicolons and quotes', 'csv', '"id";"name"\n"1";"Lyon"\n', 'CSV_HEADER', /semicolons/],
    ['semicolons and a comma in a name', 'csv', 'id;name, first;city\n1;a;b\n', 'CSV_HEADER', /semicolons/],
    ['tabs', 'csv', 'id\tname\n1\tLyon\n', 'CSV_HEADER', /tabs/],
    ['vertical bars', 'csv', 'id|name\n1|Lyon\n', 'CSV_HEADER', /vertical bars/],
    ['HTML', 'csv', html, 'CSV_HEADER', /HTML page/],
    ['HTML on one line', 'csv', '\n<html><body>a, b, a</body></html>', 'CSV_HEADER', /HTML page/],
    ['HTML without its head', 'csv', '<table border="1"><tr><td>id</td><td>n</td></tr></table>', 'CSV_HEADER', /HTML page/],
    ['a part of HTML', 'csv', '<div class="e">Sorry, no access</div>\n', 'CSV_HEADER', /HTML page/],
    ['XML without a declaration', 'json', '<Error><Code>AccessDenied</Code></Error>', 'JSON_NOT_ARRAY', /XML/],
    ['XML', 'csv', '<?xml version="1.0"?>\n<rows/>', 'CSV_HEADER', /XML/],
    ['JSON', 'csv', '[{"id":1},{"id":2}]', 'CSV_HEADER', /looks like JSON/],
    ['indented JSON', 'csv', '[\n  {"id":1}\n]', 'CSV_HEADER', /looks like JSON/],
    ['NDJSON', 'csv', '{"id":1,"n":2}\n{"id":2,"n":2}\n', 'CSV_HEADER', /ndjson/],
    ['a NUL in the header', 'csv', 'i\0d,name\n1,2\n', 'CSV_HEADER', /NUL character in column 1/],
    ['HTML', 'json', html, 'JSON_NOT_ARRAY', /HTML page/],
    ['GeoJSON', 'json', geo, 'JSON_NOT_ARRAY', /object with the fields "type", "bbox", "features".*jq '\.features'/],
    [
        'a lock file',
        'json',
        lock,
        'JSON_NOT_ARRAY',
        /"name", "version", "lockfileVersion", "requires", "packages", ….*jq '\.packages \| to_entries'/,
    ],
    ['a field whose name no shell likes', 'json', `{"it's":[{}]}`, 'JSON_NOT_ARRAY', /jq '\.\["it'\\''s"\]'/],
    ['one object', 'json', '{"a":1}', 'JSON_NOT_ARRAY', /"a"\. If this is one item, put it in brackets/],
    ['an empty object', 'json', '{}', 'JSON_NOT_ARRAY', /an object\. /],
    ['NDJSON', 'json', '{"a":1}\n{"a":2}\n', 'JSON_NOT_ARRAY', /one value after another.*ndjson/],
    ['NDJSON of numbers', 'json', '1\n2\n', 'JSON_NOT_ARRAY', /a number.*ndjson/],
    ['NDJSON of arrays', 'json', '[1]\n[2]\n', 'JSON_SYNTAX', /ndjson/],
    ['CSV', 'json', 'id,name\n1,2\n', 'JSON_NOT_ARRAY', /begins with "id,name".*csv/],
    ['Latin-1', 'json', Buffer.from('[{"n":"a"},{"n":"Gr\xe4z"}]', 'latin1'), 'NOT_UTF8', /after element 1.*Windows-1252/],
    ['Latin-1', 'csv', Buffer.from('id,n\n1,a\n2,Gr\xe4z\n', 'latin1'), 'NOT_UTF8', /line 3.*Windows-1252/],
    ['GBK', 'csv', Buffer.from('id,n\n1,\xc4\xe3\xba\xc3\xca\xc0\xbd\xe7\n', 'latin1'), 'NOT_UTF8', /GBK/],
    ['a text that is cut off', 'csv', Buffer.from('id\nGrä').subarray(0, -1), 'NOT_UTF8', /cut off/],
    ['one line that is an array', 'ndjson', '[{"a":1},{"a":2}]\n\n', 'NDJSON_NOT_LINES', /source\.format to json/],
    ['one long line that is an array', 'ndjson', `[${'{"a":1},'.repeat(300_000)}1]`, 'NDJSON_NOT_LINES', /source\.format to json/],
    ['an array over lines', 'ndjson', '[\n{"a":1},\n{"a":2}\n]', 'NDJSON_NOT_LINES', /over several lines/],
    ['an array over lines, from its first', 'ndjson', '[{"a":1},\n{"a":2}]', 'NDJSON_NOT_LINES', /over several lines/],
    ['an object over lines', 'ndjson', lock, 'NDJSON_NOT_LINES', /over several lines/],
    ['HTML', 'ndjson', html, 'NDJSON_NOT_LINES', /HTML page/],
    ['line ends of CR', 'ndjson', '{"a":1}\r{"a":2}\r', 'NDJSON_NOT_LINES', /CR/],
];

test.each(table)('%s as %s', async (_what, format, file, code, message) => {
    const error = await refusal(file, format);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    const bytes = Buffer.from(file as string);
    const cuts = Array.from({ length: 2_000 }, (_, i) => i);
    const split = await refusal(pieces(bytes, cuts), format);
    expect([split.code, split.message]).toEqual([error.code, error.message]);
});

test.each([
    ['gzip', '1f8b0800', 'COMPRESSED', /gzip/],
    ['an Excel workbook', '504b030414000600', 'COMPRESSED', /xlsx/],
    ['Zstandard', '28b52ffd0458', 'COMPRESSED', /Zstandard/],
    ['an old Excel workbook', 'd0cf11e0a1b11ae10000', 'NOT_TEXT', /xls/],
    ['a PDF', '255044462d312e37', 'NOT_TEXT', /PDF/],
    ['Parquet', '50415231150415', 'NOT_TEXT', /Parquet/],
])('%s is refused, whatever its format is said to be', async (_what, hex, code, message) => {
    for (const format of ['csv', 'json', 'ndjson'] as const) {
        const bytes = Buffer.from(hex, 'hex');
        for (const cuts of [[], [1], [1, 2, 3]]) {
            const error = await refusal(pieces(bytes, cuts), format).catch(() => null);
            expect([error?.code, error?.message]).toEqual([code, expect.stringMatching(message)]);
        }
    }
});

describe('UTF-16 and UTF-32, with a mark and without', () => {
    const body: Record<Format, string> = { csv: 'id,n\r\n1,Gräz\r\n', json: '[{"id":1}]', ndjson: '{"id":1}\n{"id":2}\n' };
    test.each(['csv', 'json', 'ndjson'] as const)('%s', async (format) => {
        for (const mark of ['', '\ufeff'])
            for (const [encode, name] of [
                [(t: string) => Buffer.from(t, 'utf16le'), /UTF-16LE/],
                [utf16be, /UTF-16BE/],
                [utf32, /UTF-32/],
            ] as const) {
                const error = await refusal(encode(mark + body[format].repeat(20)), format);
                expect([error.code, error.message]).toEqual(['NOT_UTF8', expect.stringMatching(name)]);
            }
    });

    test('any text of letters', async () => {
        const text = fc.array(fc.string({ unit: fc.constantFrom(...'abcdefgh,,äö'), minLength: 3, maxLength: 20 }), {
            minLength: 2,
            maxLength: 30,
        });
        await fc.assert(
            fc.asyncProperty(
                text,
                fc.boolean(),
                fc.constantFrom<Format>('csv', 'json', 'ndjson'),
                fc.array(fc.nat(200)),
                async (lines, big, format, cuts) => {
                    const given = lines.join('\n');
                    const bytes = big ? utf16be(given) : Buffer.from(given, 'utf16le');
                    expect(await outcome(pieces(bytes, cuts), format)).toBe('NOT_UTF8');
                },
            ),
        );
    });

    test('texts of few ASCII characters, which are no UTF-8 in any case', async () => {
        const error = await refusal(Buffer.from('编号,姓名\n一,张三丰\n二,李四光\n'.repeat(10), 'utf16le'), 'csv');
        expect([error.code, error.message]).toEqual(['NOT_UTF8', expect.stringMatching(/UTF-16LE/)]);
    });
});

test('a text in Windows-1252 is refused wherever its first special character stands', async () => {
    await fc.assert(
        fc.asyncProperty(fc.nat(2_000), fc.constantFrom('é', 'ü', 'ß', 'ñ'), fc.array(fc.nat(4_000)), async (rows, special, cuts) => {
            const lines = Array.from({ length: rows }, (_, i) => String(i));
            const csv = Buffer.from(['id', ...lines, `x${special}y`].join('\n'), 'latin1');
            const inCsv = await refusal(pieces(csv, cuts), 'csv');
            expect([inCsv.code, inCsv.message]).toEqual(['NOT_UTF8', expect.stringContaining(`(line ${rows + 2})`)]);
            const array = await refusal(pieces(Buffer.from(`[${[...lines, `"x${special}y"`].join()}]`, 'latin1'), cuts), 'json');
            expect([array.code, array.message]).toEqual(['NOT_UTF8', expect.stringContaining(rows === 0 ? 'first' : `element ${rows})`)]);
        }),
        { numRuns: 30 },
    );
});

test('files that only look a little like others are read', async () => {
    expect(values(await rowsOf('"a;b"\n1\n', 'csv'))).toEqual([{ 'a;b': '1' }]);
    expect(values(await rowsOf('a;b,c\n1,2\n'.replace('a;b', '"a;b"'), 'csv'))).toEqual([{ 'a;b': '1', c: '2' }]);
    expect(values(await rowsOf('[id],[name]\n1,2\n', 'csv'))).toEqual([{ '[id]': '1', '[name]': '2' }]);
    expect(values(await rowsOf('separator\n;\n', 'csv'))).toEqual([{ separator: ';' }]);
    expect(values(await rowsOf('a,b\n1,x\0\n2,\0\0\0\n', 'csv'))).toEqual([
        { a: '1', b: 'x\0' },
        { a: '2', b: '\0\0\0' },
    ]);
    expect(values(await rowsOf('id\n<html>\n', 'csv'))).toEqual([{ id: '<html>' }]);
    expect(values(await rowsOf('<id>,<name>\n1,2\n', 'csv'))).toEqual([{ '<id>': '1', '<name>': '2' }]);
    expect(values(await rowsOf('<b,a>b\n1,2\n', 'csv'))).toEqual([{ '<b': '1', 'a>b': '2' }]);
    expect(values(await rowsOf('PK,PAR1\n1,2\n', 'csv'))).toEqual([{ PK: '1', PAR1: '2' }]);
    expect(values(await rowsOf('[1]\n[2]\n', 'ndjson'))).toEqual([[1], [2]]);
    expect(values(await rowsOf('[1,\n2]\n', 'ndjson').catch(() => []))).toEqual([]);
    expect(values(await rowsOf('0\n[\n', 'ndjson'))).toEqual([0, 'NDJSON_SYNTAX']);
    expect(values(await rowsOf('{"broken":\n1\n', 'ndjson'))).toEqual(['NDJSON_SYNTAX', 1]);
});

test('a line of NDJSON in another encoding is a bad row that says which', async () => {
    const [, row] = await rowsOf(Buffer.from('{"n":1}\n{"n":"Gr\xe4z"}\n', 'latin1'), 'ndjson');
    expect(row).toMatchObject({ line: 2, code: 'NOT_UTF8', message: expect.stringContaining('Windows-1252') });
});

test('what Fanfold wrote itself is read as it is', async () => {
    expect(values(await rowsOf('[1,2]\n', 'ndjson', { isOurs: true }))).toEqual([[1, 2]]);
});
