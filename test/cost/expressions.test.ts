// What an expression costs is bounded, whatever it is and whatever it looks at; what it finds is JSON.
import fc from 'fast-check';
import { parseExact } from '../../src/json/exactJson';
import { compileExpression, evaluate, ExpressionError } from '../../src/expressions/jmespath';
import { timesAsLong } from '../support/timing';

const run = (text: string, value: unknown): unknown => evaluate(compileExpression(text), value);
const many = (text: string, times: number, between: string) => Array.from({ length: times }, () => text).join(between);

const text = 'y'.repeat(1_000_000);
const value = {
    text,
    signs: '😀'.repeat(500_000),
    numbers: Array.from({ length: 100_000 }, (_, i) => i),
    texts: Array.from({ length: 20_000 }, (_, i) => 'z'.repeat(50) + ((i * 7919) % 20_000)),
    objects: Array.from({ length: 1_000 }, (_, i) => ({ id: i, name: 'x'.repeat(900) })),
};
const doubling = many('[@,@]', 40, '|');

/** An ordinary expression on much: a filter over a hundred thousand numbers. */
const ordinary = compileExpression('length(numbers[?@ >= `0`])');
/** What the most expensive may take of it. Without a bound on steps these take minutes, or all memory. */
const TIMES = 50;

test.each([
    ['a result that doubles with every step', doubling],
    ['such a result as a text', `${doubling} | to_string(@)`],
    ['two such results compared', `(${doubling}) == (${doubling})`],
    ['two such results, of which one is sought in the other', `contains([${doubling}], ${doubling})`],
    ['objects that double', many('{a:@,b:@}', 60, '|')],
    ['names that double', many(`{${'n'.repeat(100)}:@,${'m'.repeat(100)}:@}`, 30, '|')],
    ['a cross product', 'map(&map(&@, `[' + many('1', 2_000, ',') + ']`), numbers)'],
    ['copies of a long text', `{${Array.from({ length: 300 }, (_, i) => `a${i}:text`).join()}}`],
    ['a long text joined with itself', `join('', [${many('text', 500, ',')}])`],
    ['texts joined by a long one', 'join(text, texts)'],
    ['a long text reversed many times', `[${many('reverse(text)', 400, ',')}]`],
    ['a long text measured many times', `[${many('length(signs)', 400, ',')}]`],
    ['a long text searched many times', `[${many('contains(text,text)', 400, ',')}]`],
    ['lists copied many times', `[${many('objects[]', 700, ',')}]`],
    ['lists sliced many times', `[${many('numbers[::-1]', 500, ',')}]`],
    ['long lists sorted', `[${many('sort(texts)', 300, ',')}]`],
    ['long lists sorted by what takes long', `[${many('sort_by(objects,&to_string(@))', 100, ',')}]`],
    ['objects merged', `merge(${many('@', 2_000, ',')}) | [${many('values(@)', 200, ',')}]`],
    ['filters in filters', 'numbers[?numbers[?@]]'],
    ['the largest of the largest', 'map(&max(@.a), objects[].{a: `[' + many('1', 3_000, ',') + ']`})'],
])('%s is broken off, or done, while an ordinary expression is evaluated some times', (_what, expression) => {
    const compiled = compileExpression(expression);
    const work = () => {
        try {
            // What comes out can be written down: that is part of the cost.
            JSON.stringify(evaluate(compiled, value));
        } catch (error) {
            expect(error).toBeInstanceOf(ExpressionError);
        }
    };
    expect(timesAsLong(work, () => evaluate(ordinary, value), TIMES)).toBeLessThanOrEqual(TIMES);
});

const fields = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`f${i}`, i]));
const thousand = Array.from({ length: 1_000 }, (_, i) => i + 1);

// Cheap once, and said for each of half a million elements more than a process has time or memory for.
test.each([
    ['whether an object is empty', `[${many('!@', 2_000, ',')}]`, fields],
    ['what is true and stands in a condition', `[?${many(`(${many('@', 150, '&&')})`, 16, '&&')}]`, thousand],
    ['what is false and stands in a condition', `[?${many(`(${many('`0`==`1`', 150, '||')})`, 5, '||')}]`, thousand],
    ['what is handed on', `map(&(${many('@', 150, '|')})==(${many('@', 150, '|')}), [${many('@', 20, ',')}][])`, thousand],
    ['the members of a list that is made', `[*].[${many('@', 2_000, ',')}]|length(@)`, thousand],
    ['the fields of an object that is made', `[*].{${Array.from({ length: 1_000 }, (_, i) => `a${i}:@`).join()}}|length(@)`, thousand],
    ['the arguments of a call', `map(&not_null(${many('@', 2_000, ',')}), @)`, thousand],
    ['a text that may be a number', `[${many('to_number(@)', 600, ',')}]`, 'x'.repeat(30_000)],
])('%s is counted', (_what, expression, given) => {
    expect(() => run(expression, given)).toThrow(/takes more than 1000000 steps/);
});

/** How many times as long one evaluation takes as another. */
const timesAsDear = ([text, value]: [string, unknown], [than, of]: [string, unknown], enough: number): number => {
    const [one, other] = [compileExpression(text), compileExpression(than)];
    return timesAsLong(
        () => evaluate(one, value),
        () => evaluate(other, of),
        enough,
    );
};

test('a text in which a long one is sought costs as much as any other of that length, however like the other it is', () => {
    const wanted = (sign: string) => `${'a'.repeat(20_000)}${sign}${'a'.repeat(20_000)}`;
    const contains = (text: string): [string, unknown] => ['contains(text, wanted)', { text, wanted: wanted('b') }];
    // The engine's own search takes some thousand times as long.
    expect(timesAsDear(contains('a'.repeat(120_000)), contains('abc'.repeat(40_000)), 50)).toBeLessThanOrEqual(50);
    expect(run('contains(text, wanted)', { text: `${'a'.repeat(50_000)}${wanted('b')}`, wanted: wanted('b') })).toBe(true);
});

test('a text holds another exactly where the language says so', () => {
    const short = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 60 });
    const wanted = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 24 });
    fc.assert(
        fc.property(short, wanted, fc.boolean(), short, (before, w, within, behind) => {
            const text = within ? before + w + behind : before + behind;
            expect(run('contains(text, wanted)', { text, wanted: w })).toBe(text.includes(w));
        }),
        { numRuns: 2_000 },
    );
});

test('numbers with many digits are looked through once, however often they are compared', () => {
    const compared = `map(&[${many('@>`1`', 300, ',')}], @)|length(@)`;
    const long = parseExact(`[${many(`1.${'0'.repeat(990)}`, 1_000, ',')}]`);
    expect(timesAsDear([compared, long], [compared, thousand], 20)).toBeLessThanOrEqual(20);
});
const longest = `[${many('a.b', 2_000, ',')}]`;

test.each([
    ["length(pad_left('x', `100000000`))", /no function pad_left\(\)/],
    ["replace(@, 'a', 'aaaaaaaaaa')", /no function replace\(\)/],
    ["trim_right('                 x')", /no function/],
    ['startswith(a, b)', /no function startswith\(\)/],
    ["starts_with('a')", /takes 2 arguments, not 1/],
    ['length()', /takes 1 argument, not 0/],
    ['not_null()', /at least 1 argument, not 0/],
    ['sort_by(a, b)', /argument 2 of sort_by\(\) is an expression behind &/],
    ['length(&a)', /argument 1 of length\(\) is no expression behind &/],
    ['[&a]', /& stands only before/],
    ['{x: customer-id}', /quoted, as in "customer-id"/],
    ['a ? b : c', /extension/],
    ['$.a', /extension/],
    ['a[::0]', /cannot be 0/],
    ['('.repeat(4_000) + 'a' + ')'.repeat(4_000), /nested/],
    ['!'.repeat(8_000) + 'a', /nested/],
    [many('a', 4_000, '.'), /nested/],
    ['a'.repeat(8_193), /8193 characters/],
    ['a.', /./],
    ['`', /./],
    ['{', /./],
])('%.40s is refused when it is compiled', (expression, message) => {
    expect(() => compileExpression(expression)).toThrow(ExpressionError);
    expect(() => compileExpression(expression)).toThrow(message);
    // As an expression of the same length that there is nothing against.
    expect(
        timesAsLong(
            () => expect(() => compileExpression(expression)).toThrow(),
            () => compileExpression(longest),
            TIMES,
        ),
    ).toBeLessThanOrEqual(TIMES);
});

test('any expression on any value gives JSON or an ExpressionError', () => {
    const piece = fc.constantFrom(
        ...[
            'a',
            '@',
            '[0]',
            '[*]',
            '[]',
            '.*',
            '[?a]',
            '[-1:]',
            '.a',
            '."__proto__"',
            '.constructor',
            '|',
            '||',
            '&&',
            '!',
            '==',
            '<',
            '`1`',
            "'x'",
        ],
        ...[
            '{a:@,"__proto__":a}',
            '[@,a]',
            '(',
            ')',
            '&a',
            ',',
            ...['length', 'keys', 'sort', 'sum', 'map', 'max_by', 'type', 'join'].map((f) => `${f}(`),
        ],
    );
    fc.assert(
        fc.property(fc.array(piece, { maxLength: 12 }), fc.jsonValue({ maxDepth: 3 }), (pieces, given) => {
            try {
                const found = run(pieces.join(''), given);
                expect(JSON.parse(JSON.stringify(found) ?? 'fails')).toEqual(JSON.parse(JSON.stringify(found)));
            } catch (error) {
                expect(error).toBeInstanceOf(ExpressionError);
            }
        }),
        { numRuns: 3_000 },
    );
});

describe('the standard', () => {
    test.each<[string, unknown, unknown]>([
        ['a.b[0]', { a: { b: [7] } }, 7],
        ['a[-1]', { a: [1, 2] }, 2],
        ['a[1:3]', { a: [0, 1, 2, 3] }, [1, 2]],
        ['a[::-2]', { a: [0, 1, 2, 3] }, [3, 1]],
        ['a[-9:9]', { a: [0, 1] }, [0, 1]],
        ['a[9:-9:-1]', { a: [0, 1] }, [1, 0]],
        ['a[?n > `1`].n', { a: [{ n: 1 }, { n: 2 }] }, [2]],
        ['*.n', { a: { n: 1 }, b: 2, c: { n: 3 } }, [1, 3]],
        ['a[].b', { a: [[{ b: 1 }], { b: 2 }] }, [1, 2]],
        ['{x: a, y: b.c}', { a: 1 }, { x: 1, y: null }],
        ['missing.{x: a}', {}, null],
        ['a || b', { a: '', b: 0 }, 0],
        ['a && b', { a: 0, b: 2 }, 2],
        ['!a', { a: [] }, true],
        ["a == 'x'", { a: 'x' }, true],
        ["'a' < 'b'", {}, null],
        ['sort(@)', [10, 9, 1], [1, 9, 10]],
        ['sort(@)', ['\uffff', '😀', 'b', 'a'], ['a', 'b', '\uffff', '😀']],
        ['max_by(@, &n).n', [{ n: 1 }, { n: 3 }, { n: 2 }], 3],
        ['sort_by(@, &n)[*].n', [{ n: 'b' }, { n: 'a' }], ['a', 'b']],
        ['contains(@, `{"a": [1]}`)', [{ a: [1] }], true],
        ['reverse(@)', 'a😀b', 'b😀a'],
        ['length(@)', 'a😀b', 3],
        ['to_number(@) == `100`', '1e2', true],
        ['to_number(@)', '0x10', null],
        ['to_number(@)', ' 1', null],
        ['not_null(a, b)', { b: 1 }, 1],
        ['merge(@, {b: `2`})', { a: 1 }, { a: 1, b: 2 }],
        ['map(&a, @)', [{ a: 1 }, {}], [1, null]],
        ['join(`", "`, @)', ['a', 'b'], 'a, b'],
        ['avg(@)', [1, 2], 1.5],
        ['type(@)', null, 'null'],
        ['constructor', {}, null],
        ['"__proto__"', {}, null],
    ])('%s', (expression, given, expected) => expect(run(expression, given)).toEqual(expected));

    test('a field named __proto__ is a field', () => {
        const given: unknown = JSON.parse('{"__proto__":{"a":1}}');
        expect(run('"__proto__".a', given)).toBe(1);
        expect(JSON.stringify(run('{"__proto__": "__proto__"}', given))).toBe('{"__proto__":{"a":1}}');
        expect(JSON.stringify(run('merge(@, @)', given))).toBe('{"__proto__":{"a":1}}');
    });

    test.each([
        ['length(@)', 1, /length\(\) takes a string or an array or an object as argument 1, not a number/],
        ['sum(@)', ['a'], /an array of numbers/],
        ['sort(@)', ['a', 1], /an array of numbers or an array of strings/],
        ['sort_by(@, &n)', [{ n: 1 }, { n: 'a' }], /a number for every element/],
        ['max_by(@, &n)', [{}], /a number for every element/],
    ])('%s on what it does not take says so', (expression, given, message) => expect(() => run(expression, given)).toThrow(message));

    test('the message of an error holds nothing of the value', () => {
        expect(() => run('length(@.n)', { n: 4711 })).not.toThrow(/4711/);
        expect(() => run('sum(@)', ['secret'])).not.toThrow(/secret/);
    });
});
