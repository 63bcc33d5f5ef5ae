// JSON arrays and NDJSON: what is JSON is read digit for digit, what is none is refused.
import fc from 'fast-check';
import { MAX_ITEM_BYTES } from '../../../src/sources/row';
import { outcome, pieces, refusal, rowsOf, texts, values } from '../../support/sourceRows';
import { runs } from '../../support/runs';

describe('an element keeps the text it came as', () => {
    test.each([
        '9007199254740993',
        '-9007199254740993',
        '1.10',
        '1e5',
        '1E+400',
        '-0',
        '0.1000000000000000055511151231257827',
        '{"__proto__":{"a":1},"n":1.0}',
        '{"a":1,"a":2}',
        '{"2":1,"1":2}',
        String.raw`"é\u00e9\ud83d\ude00\/\\\""`,
        String.raw`"\ud800"`,
        '[1.0, {"x" :\t1e2}]',
    ])('%s', async (json) => {
        expect(texts(await rowsOf(`[${json},\n ${json} ]`, 'json'))).toEqual([json, json]);
        expect(texts(await rowsOf(`${json}\n${json}`, 'ndjson'))).toEqual([json, json]);
    });

    test('but for line breaks and the indentation behind them: an item is one line', async () => {
        const value = { n: 1, t: 'a\nb  c', l: [1, { x: [] }, '[\r\n]'] };
        for (const end of ['\n', '\r\n', '\r']) {
            const text = JSON.stringify([value, value], null, '\t').replaceAll('\n', end);
            const rows = await rowsOf(text, 'json');
            expect(values(rows)).toEqual([value, value]);
            expect(texts(rows)[0]).toBe('{"n": 1,"t": "a\\nb  c","l": [1,{"x": []},"[\\r\\n]"]}');
        }
    });

    test('an item that fits without its indentation is one', async () => {
        const pretty = `[\n${' '.repeat(2 * MAX_ITEM_BYTES)}1,\n2]`;
        expect(texts(await rowsOf(`[${pretty}, 3]`, 'json'))).toEqual(['[1,2]', '3']);
    });
});

/** Beside what fast-check makes of JSON: numbers that a double does not hold, and texts that look like structure. */
const number = fc.stringMatching(/^-?(0|[1-9]\d{0,25})(\.\d{1,25})?([eE][+-]?\d{1,4})?$/);
const text = fc
    .string({ unit: fc.constantFrom('"', '\\', '[', ']', '{', '}', ',', ':', '\n', 'a', 'é', '\u{1f600}', '\ud800'), maxLength: 6 })
    .map((t) => JSON.stringify(t));
const { json } = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        number,
        text,
        fc.constantFrom('true', 'false', 'null', '[]', '{}'),
        fc.array(tie('json'), { maxLength: 3 }).map((values) => `[${values.join(', ')}]`),
        fc.array(fc.tuple(text, tie('json')), { maxLength: 3 }).map((fields) => `{${fields.map(([n, v]) => `${n}: ${v}`).join()}}`),
    ),
}));
const blank = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 });

test('elements come back as they are written, whatever they are and however the file is cut', async () => {
    await fc.assert(
        fc.asyncProperty(
            fc.array(fc.tuple(blank, json, blank), { maxLength: 6 }),
            blank,
            fc.array(fc.nat(300)),
            async (elements, around, cuts) => {
                const document = Buffer.from(`${around}[${elements.map((element) => element.join('')).join()}]${around}`);
                const rows = await rowsOf(pieces(document, cuts), 'json');
                expect(texts(rows)).toEqual(elements.map(([, element]) => element));
                const lines = Buffer.from(
                    elements.map((element) => element.map((part) => part.replaceAll(/[\r\n]/g, '')).join('')).join('\r\n'),
                );
                const single = elements.length === 1 && elements[0]![1].startsWith('[');
                expect(
                    await outcome(pieces(lines, cuts), 'ndjson').then((found) => (typeof found === 'string' ? found : texts(found))),
                ).toEqual(single ? 'NDJSON_NOT_LINES' : elements.map(([, element]) => element));
            },
        ),
        { numRuns: runs(500) },
    );
});

test('a text is taken exactly when it is JSON and an array, also after a few changes at random', async () => {
    const junk = fc.constantFrom(
        '"',
        '\\',
        '[',
        ']',
        '{',
        '}',
        ',',
        ':',
        '0',
        '-',
        '.',
        'e',
        ' ',
        '\n',
        '\f',
        't',
        'null',
        '\u00a0',
        '\ufeff',
        '\0',
    );
    const change = fc.tuple(fc.nat(60), fc.nat(2), junk);
    let valid = 0;
    let invalid = 0;
    await fc.assert(
        fc.asyncProperty(
            fc.array(json, { maxLength: 4 }),
            fc.array(change, { maxLength: 2 }),
            fc.array(fc.nat(60)),
            async (elements, changes, cuts) => {
                const given = changes.reduce((t, [at, off, add]) => t.slice(0, at) + add + t.slice(at + off), `[${elements.join()}]`);
                const bytes = Buffer.from(given);
                const reads = bytes.toString().replace(/^\ufeff/, '');
                let expected: unknown;
                try {
                    expected = JSON.parse(reads);
                } catch {
                    expected = undefined;
                }
                const found = await outcome(pieces(bytes, cuts), 'json');
                if (Array.isArray(expected)) {
                    valid++;
                    expect(values(found as never)).toEqual(expected);
                } else {
                    invalid++;
                    expect(typeof found).toBe('string');
                }
            },
        ),
        { numRuns: runs(2_000) },
    );
    expect(Math.min(valid, invalid)).toBeGreaterThan(runs(200));
});

describe('documents of the kinds that test suites have', () => {
    const deep = '['.repeat(100_000);
    test.each([
        ...[
            '[1 true]',
            '[a]',
            '["": 1]',
            '["a",\n4\n,1,',
            '[,1]',
            '[1,,2]',
            '["x",,]',
            '["x"]]',
            '["",]',
            '[,]',
            '[   , ""]',
            '[3[4]]',
            '[1:2]',
            '["x"',
            '[',
            '[1,',
            '[1',
        ],
        ...[
            '[-]',
            '[+1]',
            '[-01]',
            '[012]',
            '[1.]',
            '[.5]',
            '[1e]',
            '[0x1]',
            '[NaN]',
            '[Infinity]',
            '[-Infinity]',
            '[1e+]',
            '[1 000]',
            '[2.e3]',
            '[1_0]',
            '[１]',
            '[--1]',
            '[1-2]',
        ],
        ...[
            '[nul]',
            '[tru]',
            '[True]',
            "['a']",
            '["a\nb"]',
            '["\t"]',
            '["\0"]',
            '["\\x00"]',
            '["\\u00A"]',
            '["\\a"]',
            '["\\"]',
            '["\\',
            '["',
            '["\\ud83d\\u"]',
            '[\\n]',
            '["a" "b"]',
        ],
        ...[
            '[{"a":1,}]',
            '[{,}]',
            '[{"a"}]',
            '[{a:1}]',
            '[{"a":1 "b":2}]',
            '[{1:1}]',
            '[{"a"::1}]',
            '[{"a":1}}]',
            '[{"a":]}]',
            '[{"a":1',
            '[{]',
            '[}]',
            '}',
            '[1}',
            '[[]',
        ],
        ...[
            '[1]x',
            '[1],',
            '[1][2]',
            '[1]]',
            '[1]//',
            '[1]/* */',
            '/**/[1]',
            '[\f]',
            '[\u2060]',
            '[\u00a0]',
            '\u00a0[1]',
            '\u2060[]',
            '[\0]',
            '\0',
            '[1\0]',
            '[]\0',
            '<.>',
            '*',
            '',
        ],
        ...[deep, '[{"":'.repeat(50_000), `[${deep}`, '[' + '{"a":'.repeat(100), '  ', '1', '"x"', '{}', '{"a":[1]}', 'null'],
    ])('%j is refused', async (document) => {
        expect(typeof (await outcome(document, 'json'))).toBe('string');
        const every = Array.from({ length: Math.min(document.length * 3, 1_000) }, (_, i) => i);
        expect(typeof (await outcome(pieces(Buffer.from(document), every), 'json'))).toBe('string');
    });

    test.each([
        ...[
            '[]',
            ' [ ] ',
            '[[] ]',
            '[""]',
            '["a"]\n',
            '[false]',
            '[null, 1, "1", {}]',
            '[1\n]',
            '[1,null,null,null,2]',
            '[2] ',
            '\ufeff[1]',
            '\ufeff\ufeff[1]',
            '[-0]',
            '[0e1]',
            '[0e+1]',
            '[-1]',
            '[1E22]',
        ],
        ...[
            '[1E-2]',
            '[123.456e78]',
            '[-0.000000000000000000000000000000000000000000001]',
            '[{"asd":"sdf","dfg":"fgh"}]',
            '[{"a":"b","a":"c"}]',
            '[{"":0}]',
            '[{"foo\\u0000bar":42}]',
        ],
        ...[
            '["\\u0060\\u012a\\u12AB"]',
            '["\\ud801\\udc37"]',
            '["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
            '["\\\\u0000"]',
            '["a/*b*/c/*d//e"]',
            '["\u2028\u2029"]',
            '["\u007f"]',
            '["\\uDFAA"]',
            '["€\u{10ffff}"]',
        ],
    ])('%j is read', async (document) => {
        const expected: unknown = JSON.parse(document.replace(/^\ufeff+/, ''));
        expect(values(await rowsOf(document, 'json'))).toEqual(expected);
        const every = Array.from({ length: document.length * 3 }, (_, i) => i);
        expect(values(await rowsOf(pieces(Buffer.from(document), every), 'json'))).toEqual(expected);
    });

    test.each([
        'a',
        '{a:1}',
        "'a'",
        '\f1',
        '\u00a01',
        '1\u00a0',
        '\u20281',
        '\ufeff1',
        '1 2',
        '[1,]',
        '01',
        '{"a":1}}',
        'NaN',
        '"\t"',
        '1\0',
    ])('NDJSON: the line %j is a bad row', async (line) => {
        expect(values(await rowsOf(`0\n${line}\n2`, 'ndjson'))).toEqual([0, 'NDJSON_SYNTAX', 2]);
    });
});

test('an element that is nothing but brackets costs no more than its text', async () => {
    const before = process.memoryUsage().rss;
    const deep = '['.repeat(3_000_000) + ']'.repeat(3_000_000);
    expect(values(await rowsOf(`[1,${deep},2]`, 'json'))).toEqual([1, 'ITEM_TOO_LARGE', 2]);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
});

test('what is read before an error is given, and the error says after what', async () => {
    const rows: unknown[] = [];
    const error = await refusal('[1,2,x]', 'json');
    expect([error.code, error.message]).toEqual(['JSON_SYNTAX', expect.stringMatching(/^element 3 is not JSON/)]);
    expect(rows).toEqual([]);
    expect((await refusal('[1,2', 'json')).message).toMatch(/after element 1/);
});
