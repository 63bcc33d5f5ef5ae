import fc from 'fast-check';
import { isSameNumber } from '../../../src/json/decimal';
import { MAX_ERRORS, parseSpec } from '../../../src/contracts/jobSpec';
import { asLines as linesOf, eachItem as itemsIn, type InlineItems } from '../../../src/application/inlineItems';
import { readSpecText } from '../../../src/application/specText';
import { atOnce } from '../../../src/turns';
import { MAX_ITEM_BYTES, MAX_ITEM_DEPTH } from '../../../src/sources/row';
import { runs } from '../../support/runs';

const asLines = (items: InlineItems): Buffer => atOnce(linesOf(items));
const read = (text: string) => readSpecText(Buffer.from(text));
const errorsOf = (text: string) => read(text).errors.map(({ pointer, message }) => [pointer, message]);
const itemsOf = (text: string): (string | null)[] => {
    const found: (string | null)[] = [];
    atOnce(itemsIn(read(text).items!, (json) => found.push(json) > 0));
    return found;
};
const nest = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('what is JSON', () => {
    const isJson = (text: string): boolean => {
        try {
            JSON.parse(text);
            return true;
        } catch {
            return false; // that is what is asked
        }
    };
    /** JSON of all kinds, then here and there a character more, less or other. */
    const nearly = fc
        .tuple(
            fc.json({ maxDepth: 4 }),
            fc.array(fc.tuple(fc.nat(200), fc.nat(2), fc.constantFrom(...'{}[],:"\\0123456789.eE+-tfnu \n\t\x01é')), { maxLength: 3 }),
        )
        .map(([text, edits]) =>
            edits.reduce((t, [at, cut, put]) => {
                const place = at % (t.length + 1);
                return t.slice(0, place) + put + t.slice(place + cut);
            }, text),
        );
    const accepted = (text: string): boolean => {
        try {
            read(text);
            return true;
        } catch (error) {
            expect(error).toMatchObject({ code: 'BAD_JSON' });
            return false;
        }
    };

    test('is what the engine takes, in items and everywhere else', () => {
        fc.assert(
            fc.property(nearly, (text) => {
                const json = isJson(text);
                expect(accepted(`{"a":${text}}`)).toBe(isJson(`{"a":${text}}`));
                expect(accepted(text)).toBe(json);
                expect(accepted(`{"source":{"items":[1, ${text} ,{}]}}`)).toBe(isJson(`[1, ${text} ,{}]`));
            }),
            { numRuns: runs(1500) },
        );
    });

    test.each([
        '{"a":1,}',
        '[01]',
        '[1.]',
        '[.5]',
        '[+1]',
        '[1e]',
        '["\t"]',
        '["\\x"]',
        '["\\u12"]',
        '{a:1}',
        "['a']",
        '[1 2]',
        'nul',
        '[tru]',
        '\u00a0[]',
        '',
    ])('%p is not', (text) => expect(() => read(`{"source":{"items":[${text}]}}`.replace('[]}}', '[,]}}'))).toThrow(/JSON/));

    test('a broken item is told by line and column, however far in', () => {
        const lines = Array.from({ length: 1000 }, (_, i) => `{"n": "é${i}"}`);
        lines[700] = '{"n": "é700}';
        expect(() => read(`{"source":{"items":[\n${lines.join(',\n')}]}}`)).toThrow(/line 702, column 14/);
    });
});

describe('inline items', () => {
    const spec = (items: string) => `{"name":"x", "source" : {"items": ${items} }, "process":{"processor":"digest"}}`;

    test('stay as they came, and the rest is parsed without them', () => {
        fc.assert(
            fc.property(fc.array(fc.json({ maxDepth: 3 })), (items) => {
                const { document, items: found, errors } = read(spec(`[ ${items.join(' , ')} ]`));
                expect(errors).toEqual([]);
                expect(document).toEqual({ name: 'x', source: { items: items.length > 0 ? [0] : [] }, process: { processor: 'digest' } });
                expect(found!.count).toBe(items.length);
                expect(JSON.parse(found!.text.toString())).toEqual(JSON.parse(`[${items.join()}]`));
                if (items.length > 0) expect(itemsOf(spec(`[${items.join()}]`))).toEqual(items);
            }),
        );
    });

    test('become lines that hold the same values, whatever blanks stood between', () => {
        const blanks = fc.constantFrom('', ' ', '\n', '\r\n\t ');
        const pretty = fc
            .tuple(fc.jsonValue({ maxDepth: 3 }), fc.integer({ min: 0, max: 4 }))
            .map(([v, indent]) => JSON.stringify(v, null, indent));
        fc.assert(
            fc.property(fc.array(pretty, { minLength: 1 }), blanks, blanks, (items, before, after) => {
                const found = read(spec(`[${items.map((item) => before + item + after).join()}]`)).items!;
                // Without blanks, and otherwise the same text.
                const expected = items.map((item) => `${JSON.stringify(JSON.parse(item))}\n`).join('');
                expect(asLines(found).toString()).toBe(expected);
            }),
        );
    });

    test('keep digits, __proto__ and repeated names', () => {
        const texts = ['9007199254740993', '1.10', '1e5', '1e400', '-0', '{"__proto__":{"a":1},"a":1,"a":2}', '"\\ud800"'];
        expect(itemsOf(spec(`[${texts.join()}]`))).toEqual(texts);
        expect(asLines(read(spec(`[ ${texts.join(' , ')}\n]`)).items!).toString()).toBe(texts.map((t) => `${t}\n`).join(''));
    });

    test('are found under names with escapes, and nowhere but at /source/items', () => {
        expect(read('{"so\\u0075rce":{"it\\u0065ms":[1,2]}}').items!.count).toBe(2);
        for (const other of ['{"items":[1]}', '{"source":[{"items":[1]}]}', '{"a":{"items":[1]}}', '{"source":{"source":{"items":[1]}}}'])
            expect(read(other).items).toBeNull();
        expect(read('{"source":{"items":{"0":1}}}')).toMatchObject({ items: null, document: { source: { items: { '0': 1 } } } });
    });

    test('named twice are refused, not chosen from', () => {
        expect(errorsOf('{"source":{"items":[1]},"source":{"items":[2,3]}}')).toEqual([['/source', 'the field stands twice']]);
        expect(errorsOf('{"source":{"items":[1],"items":[2]}}')).toEqual([['/source/items', 'the field stands twice']]);
    });

    test('too large or too deep are told by number; blanks do not count', () => {
        const large = `"${'x'.repeat(MAX_ITEM_BYTES - 1)}"`;
        const blank = `[${' '.repeat(MAX_ITEM_BYTES)}1]`;
        const { items, errors } = read(spec(`[1,${large},${blank},${nest(MAX_ITEM_DEPTH + 1)},${nest(MAX_ITEM_DEPTH)}]`));
        expect(errors).toEqual([]);
        expect(items!.bad.map((e) => [e.pointer, e.message])).toEqual([
            ['/source/items/1', `the item has ${MAX_ITEM_BYTES + 1} bytes`],
            ['/source/items/3', `the item has ${MAX_ITEM_DEPTH + 1} levels of nesting`],
        ]);
        expect(items!.count).toBe(5);
    });
});

describe('the bounds of a spec', () => {
    test('what a schema could not keep is refused by its place', () => {
        expect(errorsOf('{"tags":{"__proto__":"x"},"process":{"processor":"p","options":{"\\u005f_proto__":{}}}}')).toEqual([
            ['/tags/__proto__', 'the name "__proto__" cannot be used here'],
            ['/process/options/__proto__', 'the name "__proto__" cannot be used here'],
        ]);
        expect(errorsOf('{"process":{"options":{"a":[1,9007199254740993,1e400,1.10,1e2,-0]}}}').map(([at]) => at)).toEqual([
            '/process/options/a/1',
            '/process/options/a/2',
        ]);
    });

    test('a schema is not asked about what it would choke on, and is about the rest', () => {
        expect(read(`{"process":{"options":{"a":${nest(100)}}}}`).document).toBeUndefined();
        expect(read('[]')).toMatchObject({ document: undefined, errors: [{ pointer: '', message: 'not an object' }] });
        expect(read('{"name":"a","name":"b","other":1}').document).toEqual({ name: 'b', other: 1 });
    });

    test('of thousands of problems a hundred are listed', () => {
        const many = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`f${i}`, i]));
        const parsed = parseSpec({ source: { items: [1] }, process: { processor: 'p' }, tags: many, ...many });
        expect(parsed.ok ? 0 : parsed.errors.length).toBeGreaterThan(MAX_ERRORS);
        const twice = read(`{${'"a":1,'.repeat(4000)}"b":1}`);
        expect(twice.errors.length).toBe(MAX_ERRORS + 1);
    });
});

test('numbers are compared as decimals', () => {
    for (const text of [
        '0',
        '-0',
        '0.0',
        '0e9',
        '1.10',
        '1e5',
        '100000',
        '1E+2',
        '0.1',
        '5e-324',
        '1.7976931348623157e308',
        '9007199254740992',
    ])
        expect([text, isSameNumber(text, Number(text))]).toEqual([text, true]);
    for (const text of ['9007199254740993', '1e400', '0.1000000000000000055511151231257827', '1e-400', '12345678901234567890'])
        expect([text, isSameNumber(text, Number(text))]).toEqual([text, false]);
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => isSameNumber(JSON.stringify(n), n)));
});
