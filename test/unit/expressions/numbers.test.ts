// Numbers pass through expressions digit for digit; where one is compared or computed with, a double must be the same number, or the expression fails.
import fc from 'fast-check';
import { parseExact, writeExact } from '../../../src/json/exactJson';
import { compileExpression, evaluate, ExpressionError } from '../../../src/expressions/jmespath';
import { runs } from '../../support/runs';

/** What the expression makes of JSON text, as JSON text. */
const run = (text: string, json: string): string => writeExact(evaluate(compileExpression(text), parseExact(json)));

describe('passing through is not computing', () => {
    test.each([
        ['id', '{"id":9007199254740993}', '9007199254740993'],
        ['{a: id, b: [id]}', '{"id":1.10}', '{"a":1.10,"b":[1.10]}'],
        ['@', '[1e5,1e400,-0]', '[1e5,1e400,-0]'],
        ['[::-1]', '[1.10,9007199254740993]', '[9007199254740993,1.10]'],
        ['reverse(@)', '[1.10,1.0]', '[1.0,1.10]'],
        ['[]', '[[1.10],[2.20]]', '[1.10,2.20]'],
        ['values(@)', '{"a":1e400}', '[1e400]'],
        ['merge(@, {b: a})', '{"a":1.10}', '{"a":1.10,"b":1.10}'],
        ['not_null(a, b)', '{"b":1e400}', '1e400'],
        ['to_array(@)', '1.10', '[1.10]'],
        ['to_string(@)', '9007199254740993', '"9007199254740993"'],
        ['to_string(@)', '[1.10,{"a":1e5}]', '"[1.10,{\\"a\\":1e5}]"'],
        ['to_number(@)', '"9007199254740993"', '9007199254740993'],
        ['to_number(@)', '"1.10"', '1.10'],
        ['to_number(@)', '1e400', '1e400'],
        ['type(@)', '1e400', '"number"'],
        ['map(&id, @)', '[{"id":1.10}]', '[1.10]'],
        ['id && `true`', '{"id":1e400}', 'true'],
        ['!id', '{"id":1e400}', 'false'],
        ['[?id].id', '[{"id":9007199254740993},{}]', '[9007199254740993]'],
        // A number is not equal to what is none, whatever its digits.
        ['id == `null`', '{"id":1e400}', 'false'],
        ["id != ''", '{"id":9007199254740993}', 'true'],
        ["contains(@, 'x')", '[1e400,"x"]', 'true'],
        ["[?@ < 'x']", '[1e400]', '[]'],
        // What is no object has no fields, though it is kept as one here.
        ['id.text', '{"id":1e400}', 'null'],
        ['id.*', '{"id":1e400}', 'null'],
        ['id[0]', '{"id":1e400}', 'null'],
        ['id[]', '{"id":1e400}', 'null'],
    ])('%s of %s', (expression, json, expected) => expect(run(expression, json)).toBe(expected));
});

describe('a double that is the same number is computed with', () => {
    test.each([
        ['a == `1.1`', '{"a":1.10}', 'true'],
        ['a == b', '{"a":1e5,"b":100000.0}', 'true'],
        ['a < `2`', '{"a":1.50}', 'true'],
        ['abs(@)', '-1.50', '1.5'],
        ['sum(@)', '[1.50,2.0]', '3.5'],
        ['avg(@)', '[1e2,2e2]', '150'],
        ['max(@)', '[1.50,1.5,1.2]', '1.50'],
        ['sort(@)', '[2.0,1e0,0.50]', '[0.50,1e0,2.0]'],
        ['sort_by(@, &n)', '[{"n":2.0},{"n":1e0}]', '[{"n":1e0},{"n":2.0}]'],
        ['min_by(@, &n).n', '[{"n":2.0},{"n":1e0}]', '1e0'],
        ['contains(@, `1`)', '[1.0]', 'true'],
        ['@ == `[{"a": 1.1}]`', '[{"a":1.10}]', 'true'],
    ])('%s of %s', (expression, json, expected) => expect(run(expression, json)).toBe(expected));
});

describe('where none is, the expression fails and says so', () => {
    test.each([
        ['id == `9007199254740992`', '{"id":9007199254740993}'],
        ['id != `1`', '{"id":9007199254740993}'],
        ['id == id2', '{"id":9007199254740993,"id2":9007199254740993}'],
        ['id > `1`', '{"id":1e400}'],
        ['`1` <= id', '{"id":0.10000000000000000001}'],
        ['[?id == `1`]', '[{"id":1},{"id":9007199254740993}]'],
        ['@ == `[1, [2]]`', '[1,[9007199254740993]]'],
        ['contains(@, `1`)', '[9007199254740993,1]'],
        ['abs(@)', '-9007199254740993'],
        ['ceil(@)', '9007199254740993.5'],
        ['floor(@)', '1e400'],
        ['sum(@)', '[1,9007199254740993]'],
        ['avg(@)', '[1e400]'],
        ['max(@)', '[1,9007199254740993]'],
        ['sort(@)', '[1,9007199254740993]'],
        ['sort_by(@, &n)', '[{"n":1},{"n":9007199254740993}]'],
        ['max_by(@, &n)', '[{"n":9007199254740993}]'],
        // Each of them is a double, and what comes out is none.
        ['sum(@)', '[9007199254740991,2]'],
        ['sum(@)', '[1e308,1e308]'],
    ])('%s of %s', (expression, json) => {
        expect(() => run(expression, json)).toThrow(ExpressionError);
        expect(() => run(expression, json)).toThrow(expect.objectContaining({ code: 'NUMBER_INEXACT' }));
    });
});

test('to compare numbers is to compare what they are, or to fail: never what they are rounded to', () => {
    const digits = fc.oneof(
        fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }).map(String),
        fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }).map(String),
        fc.tuple(fc.integer({ min: -9, max: 9 }), fc.stringMatching(/^\d{1,19}$/)).map(([n, d]) => `${n}.${d}`),
    );
    const scaled = (text: string): bigint => {
        const [, minus, whole, decimals = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)!;
        const value = BigInt(whole! + decimals.padEnd(20, '0'));
        return minus ? -value : value;
    };
    fc.assert(
        fc.property(digits, digits, (a, b) => {
            let found: string;
            try {
                found = run('[a < b, a == b]', `{"a":${a},"b":${b}}`);
            } catch (error) {
                expect(error).toMatchObject({ code: 'NUMBER_INEXACT' });
                return;
            }
            expect(found).toBe(JSON.stringify([scaled(a) < scaled(b), scaled(a) === scaled(b)]));
        }),
        { numRuns: runs(2_000) },
    );
});
