// RFC 6570: what a template is, and what its expressions expand to.
import fc from 'fast-check';
import { parseExact } from '../../../src/json/exactJson';
import { CallError } from '../../../src/processors/callError';
import { expand, parseTemplate, TemplateError } from '../../../src/processors/uriTemplate';
import { runs } from '../../support/runs';

const expanded = (template: string, item: Record<string, unknown>): string =>
    parseTemplate(template)
        .map((part) => (typeof part === 'string' ? part : expand(part, ({ name }) => (Object.hasOwn(item, name) ? item[name] : undefined))))
        .join('');

const item = parseExact(`{
    "city": "São Paulo", "half": "50%", "done": "a%2Fb", "dir": "/data/2026", "none": "", "nil": null, "yes": true, "n": 1.10, "big": 9007199254740993,
    "tags": ["red", "blue & co", null, 7], "bare": [], "void": {}, "size": {"w": "10", "h": "2 m", "x": null}, "nested": [[1]], "deep": {"a": {"b": 1}},
    "smile": "😀ab", "half pair": "x", "broken": "x\\ud83d", "a.b": "dotted", "42": "number", "Stra%C3%9Fe": "encoded"
}`) as Record<string, unknown>;

describe('expansion', () => {
    test.each([
        // one value
        ['{city}', 'S%C3%A3o%20Paulo'],
        ['{+city}', 'S%C3%A3o%20Paulo'],
        ['{half}', '50%25'],
        ['{+half}', '50%25'],
        ['{done}', 'a%252Fb'],
        ['{+done}', 'a%2Fb'],
        ['{dir}', '%2Fdata%2F2026'],
        ['{+dir}/x', '/data/2026/x'],
        ['{yes},{n},{big}', 'true,1.10,9007199254740993'],
        ['{none}!', '!'],
        ['{nil}{missing}!', '!'],
        ['{a.b}-{42}-{Stra%C3%9Fe}', 'dotted-number-encoded'],
        // several, and operators
        ['{n,city}', '1.10,S%C3%A3o%20Paulo'],
        ['x{.n,yes}', 'x.1.10.true'],
        ['x{/n,yes}', 'x/1.10/true'],
        ['x{;n,none,nil}', 'x;n=1.10;none'],
        ['x{?n,none,nil}', 'x?n=1.10&none='],
        ['x?a=1{&n,none}', 'x?a=1&n=1.10&none='],
        ['x{?nil,missing}', 'x'],
        ['x{#city}', 'x#S%C3%A3o%20Paulo'],
        ['{?Stra%C3%9Fe}', '?Stra%C3%9Fe=encoded'],
        // prefixes count characters, also those that take two units
        ['{city:3}', 'S%C3%A3o'],
        ['{smile:1}', '%F0%9F%98%80'],
        ['{smile:2}', '%F0%9F%98%80a'],
        ['{smile:9999}', '%F0%9F%98%80ab'],
        ['{+done:2}', 'a'],
        ['{+done:3}', 'a'],
        ['{+done:4}', 'a%2F'],
        ['{done:2}', 'a%25'],
        // lists
        ['{tags}', 'red,blue%20%26%20co,7'],
        ['{tags*}', 'red,blue%20%26%20co,7'],
        ['{/tags*}', '/red/blue%20%26%20co/7'],
        ['{?tags}', '?tags=red,blue%20%26%20co,7'],
        ['{?tags*}', '?tags=red&tags=blue%20%26%20co&tags=7'],
        ['{+tags}', 'red,blue%20&%20co,7'],
        ['{?bare}{?void}{?bare*}{&void*}!', '!'],
        // objects
        ['{size}', 'w,10,h,2%20m'],
        ['{size*}', 'w=10,h=2%20m'],
        ['{?size}', '?size=w,10,h,2%20m'],
        ['{?size*}', '?w=10&h=2%20m'],
        ['{/size*}', '/w=10/h=2%20m'],
        // literals
        ["it's/(a)/[b]/~c!$&*+;=@:", "it's/(a)/[b]/~c!$&*+;=@:"],
        ['Straße/{n}', 'Stra%C3%9Fe/1.10'],
        ['a%20b/{n}', 'a%20b/1.10'],
    ])('%s', (template, expected) => expect(expanded(template, item)).toBe(expected));

    test.each([
        ['{tags:1}', 'URL_VARIABLE'],
        ['{size:3}', 'URL_VARIABLE'],
        ['{?size:3}', 'URL_VARIABLE'],
        ['{nested}', 'URL_VARIABLE'],
        ['{?deep*}', 'URL_VARIABLE'],
        ['{broken}', 'LONE_SURROGATE'],
        ['{+broken}', 'LONE_SURROGATE'],
        ['{?broken}', 'LONE_SURROGATE'],
    ])('%s takes no such value: %s', (template, code) => {
        expect(() => expanded(template, item)).toThrow(CallError);
        expect(() => expanded(template, item)).toThrow(expect.objectContaining({ code }));
    });

    test('decoding gives every value back', () => {
        fc.assert(
            fc.property(fc.string({ unit: 'grapheme' }), (value) => {
                expect(decodeURIComponent(expanded('{v}', { v: value }))).toBe(value);
                expect(new URLSearchParams(expanded('{?v}', { v: value }).replaceAll('+', '%2B')).get('v')).toBe(value);
                expect(expanded('{v}', { v: value })).toMatch(/^(?:[\w.~-]|%[0-9A-F]{2})*$/);
            }),
            { numRuns: runs(1_000) },
        );
    });
});

describe('what is no template', () => {
    test.each([
        '{', '}', '{}', 'a}b', '{a', '{a b}', '{ a}', '{a,}', '{,a}', '{a:0}', '{a:01}', '{a:10000}', '{a:}', '{a:x}', '{a*:3}', '{a:3*}', '{a**}', '{x.}', '{.}',
        '{..x}', '{x..y}', '{%2x}', '{%}', '{=a}', '{!a}', '{@a}', '{|a}', '{$a}', '{a|b}', '{a=b}', '{a-b}', '{Straße}', '{Customer ID}', '{{a}}', '{+?a}',
        '{a?}', 'a b', 'a"b', 'a<b', 'a>b', 'a\\b', 'a^b', 'a`b', 'a|b', 'a%b', 'a%2', 'a\tb', 'a\nb', 'a\u0000b', 'a\ud800b',
    ])('%j', (template) => expect(() => parseTemplate(template)).toThrow(TemplateError)); // prettier-ignore

    test('says what is wrong and what to write', () => {
        expect(() => parseTemplate('http://h/{Customer ID}')).toThrow(/\{Customer ID\} is no expression.*"vars"/);
        expect(() => parseTemplate('http://h/{x:0}')).toThrow(/a prefix is a number from 1 to 9999/);
        expect(() => parseTemplate('http://h/a b')).toThrow(/a blank cannot stand in a URL \(at character 11\)/);
        expect(() => parseTemplate('http://h/{x')).toThrow(/at character 10 does not end/);
    });
});
