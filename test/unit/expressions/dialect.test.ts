// The grammar of JMESPath as its standard has it, and how what it is not is refused: where, and with what to write instead.
import { writeExact } from '../../../src/json/exactJson';
import { compileExpression, evaluate, ExpressionError } from '../../../src/expressions/jmespath';

const run = (text: string, value: unknown): unknown => evaluate(compileExpression(text), value);

const shop = {
    'customer-id': 7,
    'name.common': 'flat',
    name: { common: 'nested' },
    Straße: 'Ring',
    '': 'no name',
    orders: [
        { id: 1, lines: [{ sku: 'a', n: 2 }, { sku: 'b' }] },
        { id: 2, lines: [{ sku: 'c', n: 5 }], late: true },
        { id: 3, lines: [] },
    ],
    stock: { a: { n: 1 }, b: { n: 2 } },
};

describe('names and texts', () => {
    test.each<[string, unknown]>([
        ['"customer-id"', 7],
        ['{x: "customer-id"}', { x: 7 }],
        ['name.common', 'nested'],
        ['"name.common"', 'flat'],
        ['"Straße"', 'Ring'],
        ['"Stra\\u00dfe"', 'Ring'],
        ['""', 'no name'],
        ['@."customer-id"', 7],
        [`'it''s'`, 'refused'],
        [String.raw`'it\'s'`, "it's"],
        [String.raw`'a\nb'`, String.raw`a\nb`],
        [String.raw`'\\'`, String.raw`\\`],
        [String.raw`'"\""'`, String.raw`"\""`],
        ['`"a\\`b"`', 'a`b'],
        ['` {"a": [1, true, null]} `', { a: [1, true, null] }],
        ['`"Stra\\u00dfe"`', 'Straße'],
    ])('%s', (expression, expected) => {
        if (expected === 'refused') expect(() => run(expression, shop)).toThrow(ExpressionError);
        else expect(run(expression, shop)).toEqual(expected);
    });
});

describe('what binds how', () => {
    test.each<[string, unknown]>([
        ['orders[0].lines[1].sku', 'b'],
        ['orders[*].lines[0].sku', ['a', 'c']],
        ['orders[*].lines[*].sku', [['a', 'b'], ['c'], []]],
        ['orders[].lines[].sku', ['a', 'b', 'c']],
        ['orders[*].lines | [0]', [{ sku: 'a', n: 2 }, { sku: 'b' }]],
        ['orders[].lines[] | [0].sku', 'a'],
        ['(orders[*].id)[0]', 1],
        ['orders[*].id[0]', []],
        ['orders[?late].id | [0]', 2],
        ['orders[?late || id == `3`].id', [2, 3]],
        ['orders[?!late && id != `3`].id', [1]],
        ['orders[?lines[?n > `2`]].id', [2]],
        [
            'orders[1:].[id, late]',
            [
                [2, true],
                [3, null],
            ],
        ],
        ['orders[-1].{a: id, b: @.lines}', { a: 3, b: [] }],
        ['stock.*.n', [1, 2]],
        ['*.n', []],
        ['stock.*.{m: n}', [{ m: 1 }, { m: 2 }]],
        ['`false` || `1` && `0`', 0],
        ['!`false` == `true`', true],
        ['`1` == `1` && `2` > `1`', true],
        ['missing.nothing[0].*[?a].b', null],
        ['[*]', null],
        ['[orders[0].id, length(orders)]', [1, 3]],
        ['sort_by(orders, &to_number(to_string(id)))[*].id', [1, 2, 3]],
        ['\torders[ 0 ] . id\r\n', 1],
    ])('%s', (expression, expected) => expect(run(expression, shop)).toEqual(expected));
});

describe('what is refused says where and what to write', () => {
    test.each<[string, RegExp]>([
        ['{x: customer-id}', /"-" .* no arithmetic.*"customer-id" \(at character 13\)/],
        ['a-1', /"-1" is not expected here.*no arithmetic.*at character 2/],
        ['a + b', /"\+" .* no arithmetic/],
        ['price * `2`', /not expected here/],
        ['a / b', /no arithmetic/],
        ['Straße', /"ß" is no part of JMESPath.*quoted.*at character 5/],
        ['Customer ID', /"ID" is not expected here \(at character 10\)/],
        ['a = b', /compared with ==/],
        ['$.a', /extension/],
        ['let $x = a in $x', /extension|not expected/],
        ['a ? b : c', /extension/],
        ['[a', /the end is not expected here: "\]" is missing/],
        ['{a}', /"}" is not expected here: ":" is missing before it/],
        ['{1: a}', /a field begins with its name/],
        ['{}', /a field begins with its name/],
        ['[]a', /not expected/],
        ['a.[]', /behind a dot/],
        ['a.`1`', /behind a dot/],
        ['a[b]', /not expected/],
        ['a[1:2:3:4]', /a start, a stop and a step/],
        ['a[1 2]', /"2" is not expected here/],
        ['a[]]', /not expected/],
        ['foo(', /not expected/],
        ['"length"(a)', /without quotes/],
        ['a.b(c)', /no function b\(\)/],
        ['a(b)(c)', /no function a\(\)/],
        ['@(a)', /not expected/],
        ["'open", /does not end/],
        ['"open', /does not end/],
        ['`open', /does not end/],
        ['"\\x"', /no JSON text/],
        ['`open sesame`', /no JSON; a text is written/],
        ['`01`', /no JSON/],
        ['a b', /not expected/],
        ['', /the end is not expected/],
        ['a#', /no part of JMESPath/],
    ])('%s', (expression, message) => {
        expect(() => compileExpression(expression)).toThrow(ExpressionError);
        expect(() => compileExpression(expression)).toThrow(message);
    });

    test.each<[string, RegExp]>([
        ["startswith(body.method, 'P')", /no function startswith\(\); there are abs, .*starts_with/],
        ["starts_with(body.method, 'P', 'X')", /takes 2 arguments, not 3/],
        ['merge()', /at least 1 argument/],
        ['starts_with(a, `1`)', /takes a string as argument 2, not a number/],
        ["sum('a')", /takes an array of numbers/],
        ["abs(`1`) == abs('1')", /takes a number/],
        ['map(a, &b)', /argument 1 of map\(\) is an expression behind &/],
        ['orders[?contains(lines)]', /takes 2 arguments, not 1/],
        ['{a: [length(a, b)]}', /takes 1 argument, not 2/],
        ['sort_by(a, &upper(b))', /no function upper/],
        ['constructor(a)', /no function constructor/],
        ['id == `9007199254740993`', /the number 9007199254740993 would be rounded/],
        ['[?`1e400` > id]', /1e400 would be rounded/],
        ['abs(`9007199254740993`)', /would be rounded/],
    ])('%s', (expression, message) => {
        expect(() => compileExpression(expression)).toThrow(ExpressionError);
        expect(() => compileExpression(expression)).toThrow(message);
    });
});

test('a literal keeps its digits', () => {
    expect(writeExact(run('{a: `1.10`, b: `[9007199254740993, 1e400]`, c: a}', {}))).toBe(
        '{"a":1.10,"b":[9007199254740993,1e400],"c":null}',
    );
});
