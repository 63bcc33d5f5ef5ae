// Keys: no two items share one, a header can carry it, and a job that was posted before keeps the form it began with.
import fc from 'fast-check';
import { parseExact, writeExact } from '../../../src/json/exactJson';
import { idempotencyKey, isItemKey, KEY_FORM, keyAs, keyText, type ItemKey } from '../../../src/items/itemKey';
import { outcomeLine, readOutcome } from '../../../src/items/outcomeLines';
import { anyCharacter } from '../../support/anyCharacter';
import { runs } from '../../support/runs';

const key = (json: string): ItemKey => parseExact(json) as ItemKey;
const sent = (json: string): string | null => idempotencyKey('job', key(json), KEY_FORM);

test.each([
    ['7', 'job:7'],
    ['"7"', 'job:"7"'],
    ['1.10', 'job:1.10'],
    ['1.1', 'job:1.1'],
    ['1e5', 'job:1e5'],
    ['100000', 'job:100000'],
    ['9007199254740993', 'job:9007199254740993'],
    ['9007199254740992', 'job:9007199254740992'],
    ['1e400', 'job:1e400'],
    ['-0', 'job:-0'],
    ['"-0"', 'job:"-0"'],
    ['"1e5"', 'job:"1e5"'],
    ['"007"', 'job:007'],
    ['"+1"', 'job:+1'],
    ['"NaN"', 'job:NaN'],
    ['"\\"1\\""', 'job:"\\"1\\""'],
    ['"\\"x"', 'job:"\\"x"'],
    ['"cust-7"', 'job:cust-7'],
    ['"a:b"', 'job:a:b'],
    ['"Zürich 1"', 'job:Z%C3%BCrich%201'],
    ['"50%"', 'job:50%25'],
    ['"a%20b"', 'job:a%2520b'],
    ['"a b"', 'job:a%20b'],
    ['"😀"', 'job:%F0%9F%98%80'],
    ['"line\\nbreak"', 'job:line%0Abreak'],
    ['" "', 'job:%20'],
    ['"\\ud800"', null],
    ['"x\\udc00\\ud800"', null],
])('%s is sent as %s', (json, expected) => expect(sent(json)).toBe(expected));

test('a header can carry every key, and no two keys are the same', () => {
    const any = fc.oneof(
        fc.string({ unit: anyCharacter, minLength: 1 }),
        fc.stringMatching(/^["\\%:\d.eE+-]{1,6}$/),
        fc.integer(),
        fc.constantFrom('1.10', '1e5', '-0', '9007199254740993').map(key),
    );
    fc.assert(
        fc.property(any, any, (a, b) => {
            const [one, other] = [idempotencyKey('job', a, KEY_FORM), idempotencyKey('job', b, KEY_FORM)];
            expect(one).toMatch(/^job:[\x21-\x7e]+$/);
            expect(decodeURIComponent(one!.slice(4))).toBe(keyText(a));
            expect(one === other).toBe(writeExact(a) === writeExact(b));
        }),
        { numRuns: runs(2_000) },
    );
});

describe('a job that was posted by an older version keeps its keys', () => {
    test.each([
        ['"7"', 'job:7'],
        ['7', 'job:7'],
        ['1.10', 'job:1.1'],
        ['9007199254740993', 'job:9007199254740992'],
        ['"a%20b"', 'job:a%20b'],
        ['"Zürich 1"', 'job%3AZ%C3%BCrich%201'],
        ['"\\"x"', 'job:"x'],
    ])('%s is sent as %s', (json, expected) => expect(idempotencyKey('job', keyAs(undefined, key(json)), undefined)).toBe(expected));

    test('also where its results show them', () => {
        const line = (form: undefined | 2) =>
            outcomeLine({ index: 0, outcome: 'succeeded', key: keyAs(form, key('9007199254740993')), attempts: 1, ms: 1, at: 'now' });
        expect(line(undefined)).toContain('"key":9007199254740992,');
        expect(line(KEY_FORM)).toContain('"key":9007199254740993,');
    });
});

test.each([
    ['1', true],
    ['"a"', true],
    ['1.10', true],
    ['""', false],
    ['null', false],
    ['true', false],
    ['[1]', false],
    [`"${'k'.repeat(1025)}"`, false],
    ['1'.repeat(1024), true],
    ['1'.repeat(1025), false],
])('%.30s names an item: %p', (json, expected) => expect(isItemKey(key(json))).toBe(expected));

test('an outcome is read as it was written: key and output digit for digit', () => {
    const outputs = ['{"n":1.10,"big":9007199254740993,"e":[1e400]}', '1e5', '"text, with ,\\"output\\": in it"', 'null', '[]', 'true'];
    for (const output of outputs) {
        const head = { index: 3, outcome: 'failed' as const, key: key('1e400'), attempts: 2, ms: 5, at: 'now' };
        const error = { code: 'X', message: 'a },"output": b ' + '","output":7}', retryable: false };
        const read = readOutcome(outcomeLine({ ...head, error }, output).trimEnd());
        expect(writeExact(read.output)).toBe(output);
        expect(writeExact(read.key)).toBe('1e400');
        expect(read).toMatchObject({ index: 3, outcome: 'failed', attempts: 2, error });
    }
});
