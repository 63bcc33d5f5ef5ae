// Numbers keep their digits through parsing and writing, whatever they are and wherever they stand.
import fc from 'fast-check';
import { needsCare, parseExact, writeExact } from '../../../src/json/exactJson';
import { ExactNumber, InexactNumber } from '../../../src/json/exactNumber';
import { anyCharacter } from '../../support/anyCharacter';
import { runs } from '../../support/runs';

/** Numbers as people, databases and spreadsheets write them. */
const number = fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
    fc.bigInt().map(String),
    fc
        .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.stringMatching(/^\d{1,25}$/))
        .map(([n, decimals]) => `${n}.${decimals}`),
    fc.tuple(fc.integer(), fc.constantFrom('e', 'E', 'e+', 'E-'), fc.nat(500)).map(([n, e, power]) => `${n}${e}${power}`),
    fc.constantFrom('-0', '-0.0', '0.0', '0.000001', '0.0000001', '1.10', '1e5', '1e400', '9007199254740993', '999999999999999'),
);
const text = fc
    .oneof(fc.string({ unit: anyCharacter }), fc.constantFrom('1.10', '[1e5,', '"', '\\', '\\"', '\ud800', 'a: 1.50,'))
    .map((t) => JSON.stringify(t));
const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '"', 'é')).filter((n) => !/^\d+$/.test(n));
const { json } = fc.letrec<{ json: string; list: string; object: string }>((tie) => ({
    json: fc.oneof({ maxDepth: 4 }, number, text, fc.constantFrom('true', 'false', 'null'), tie('list'), tie('object')),
    list: fc.array(tie('json')).map((elements) => `[${elements.join()}]`),
    object: fc
        .uniqueArray(fc.tuple(name, tie('json')), { selector: ([n]) => n })
        .map((fields) => `{${fields.map(([n, value]) => `${JSON.stringify(n)}:${value}`).join()}}`),
}));

test('what is parsed is written as it was, whatever the numbers and names', () => {
    fc.assert(
        fc.property(json, (given) => expect(writeExact(parseExact(given))).toBe(given)),
        { numRuns: runs(1000) },
    );
});

test('but for exact numbers it is what JSON.parse gives', () => {
    const rounded = (value: unknown): unknown =>
        value instanceof ExactNumber
            ? Number(value.text)
            : Array.isArray(value)
              ? value.map(rounded)
              : typeof value === 'object' && value !== null
                ? Object.entries(value).reduce<Record<string, unknown>>(
                      (made, [n, field]) =>
                          Object.defineProperty(made, n, { value: rounded(field), enumerable: true, writable: true, configurable: true }),
                      {},
                  )
                : value;
    fc.assert(
        fc.property(json, (given) => {
            const spaced = given.replaceAll(/(?<=[[,{])(?=[\d[{-])/g, ' \n\t');
            // A text may hold these signs too: then it is another text, and JSON all the same, or none.
            let expected: unknown;
            try {
                expected = JSON.parse(spaced);
            } catch {
                return;
            }
            expect(rounded(parseExact(spaced))).toEqual(expected);
        }),
        { numRuns: runs(1000) },
    );
});

test.each([
    ['1', false],
    ['-1.5', false],
    ['123456789012345', false],
    ['0.1234567890123', false],
    ['0.000001', false],
    ['0.0000001', true],
    ['0.10', true],
    ['9999999999999999', true], // sixteen digits, of which none is lost: looked at, and found to be plain
    ['1234567890123456', true],
    ['1.10', true],
    ['10', false],
    ['-0', true],
    ['1e5', true],
    ['{"a":"1.10","b":"12345678901234567890","c":"\\"1e5"}', false],
    ['{"a":"x","b":[1,{"c":2.50}]}', true],
])('whether %s needs care: %p', (given, expected) => {
    expect(needsCare(given)).toBe(expected);
    expect(writeExact(parseExact(given))).toBe(given);
});

test('text that is no JSON is refused as ever', () => {
    for (const given of ['', '1.10.1', '[1.10', '{"a":1.10,}', '1.', '01.10', '+1.10', '[1.10]]', 'NaN', '{"a" 1e5}'])
        expect(() => parseExact(given)).toThrow(SyntaxError);
});

test('depth is no limit of its own', () => {
    const deep = `${'['.repeat(100_000)}1.10${']'.repeat(100_000)}`;
    expect(() => parseExact(deep)).not.toThrow();
});

describe('an exact number', () => {
    test.each(['1.10', '1e5', '-0.0', '100000000000000000000000.0', '0.5000000000000000000000'])(
        '%s is the double that is the same number',
        (given) => {
            expect(Number(new ExactNumber(given))).toBe(Number(given));
        },
    );

    test.each(['9007199254740993', '1e400', '-1e400', '1e-400', '0.1000000000000000055511151231257827021181583404541015625'])(
        '%s is no double, and says so where one is asked for',
        (given) => {
            expect(() => Number(new ExactNumber(given))).toThrow(InexactNumber);
            expect(() => JSON.stringify({ a: new ExactNumber(given) })).toThrow(InexactNumber);
            expect(String(new ExactNumber(given))).toBe(given);
        },
    );

    test('JSON.stringify does not take the digits off in silence', () => {
        expect(() => JSON.stringify([new ExactNumber('1.10')])).toThrow(InexactNumber);
    });
});

test('what stands beside an exact number is written as JSON.stringify writes it', () => {
    const exact = new ExactNumber('1.10');
    const strange: unknown[] = [
        new Date(0),
        new Date(NaN),
        undefined,
        () => 1,
        Symbol('s'),
        NaN,
        Object('text'),
        Object(7),
        Object(false),
        new URL('http://a.example/'),
        new Map([[1, 2]]),
        // eslint-disable-next-line no-sparse-arrays
        [1, , 3],
        { toJSON: (name: string) => ({ mine: name }), other: 1 },
        { toJSON: 'a field', undefined },
        Object.create({ inherited: 1 }) as unknown,
    ];
    for (const value of strange) {
        const expected = JSON.stringify({ a: [value, 0], b: value, c: 0 });
        const written = writeExact({ a: [value, exact], b: value, c: exact });
        expect(written.replace(/1\.10\]/, '0]').replace(/1\.10\}$/, '0}')).toBe(expected);
    }
    expect(writeExact([{ toJSON: () => exact }, exact])).toBe('[1.10,1.10]');
    expect(() => writeExact([1n, exact])).toThrow(TypeError);
});
