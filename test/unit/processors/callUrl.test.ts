// What is called is what the item names: the template's origin, and its path segments with the item's values in them; or nothing is called.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { parseExact } from '../../../src/json/exactJson';
import { httpProcess } from '../../../src/contracts/jobSpec';
import { CallError } from '../../../src/processors/callError';
import { urlReader } from '../../../src/processors/callUrl';
import { checkHttp } from '../../../src/processors/httpRequest';
import { VariableCheck } from '../../../src/processors/templateVariables';
import { textOf } from '../../../src/processors/uriTemplate';
import { anyCharacter } from '../../support/anyCharacter';
import { runs } from '../../support/runs';

const url = (template: string, json: string, vars?: Record<string, string>): string => urlReader({ url: template, vars })(parseExact(json));
const codeOf = (template: string, json: string, vars?: Record<string, string>): string => {
    try {
        return url(template, json, vars);
    } catch (error) {
        if (error instanceof CallError) return error.code;
        throw error;
    }
};

const h = 'http://h.example';

describe('a variable of the path', () => {
    test.each([
        ['{}', 'URL_VARIABLE'],
        ['{"id":null}', 'URL_VARIABLE'],
        ['{"id":""}', 'URL_VARIABLE'],
        ['{"id":{"a":1}}', 'URL_VARIABLE'],
        ['{"id":{}}', 'URL_VARIABLE'],
        ['{"id":[1]}', 'URL_VARIABLE'],
        ['{"id":[]}', 'URL_VARIABLE'],
        ['{"id":"."}', 'URL_SEGMENT'],
        ['{"id":".."}', 'URL_SEGMENT'],
        ['{"id":"\\ud83d"}', 'LONE_SURROGATE'],
        ['{"constructor":1}', 'URL_VARIABLE'],
        ['[{"id":1}]', 'URL_VARIABLE'],
        ['null', 'URL_VARIABLE'],
        ['"text"', 'URL_VARIABLE'],
        ['{"id":0}', `${h}/c/0`],
        ['{"id":false}', `${h}/c/false`],
        ['{"id":" "}', `${h}/c/%20`],
        ['{"id":"..."}', `${h}/c/...`],
        ['{"id":".a"}', `${h}/c/.a`],
        ['{"id":"%2e%2e"}', `${h}/c/%252e%252e`],
        ['{"id":"a/b?c#d\\\\e"}', `${h}/c/a%2Fb%3Fc%23d%5Ce`],
        ['{"id":"a\\tb\\n"}', `${h}/c/a%09b%0A`],
        ['{"id":1.10}', `${h}/c/1.10`],
        ['{"id":9007199254740993}', `${h}/c/9007199254740993`],
        ['{"id":1e400}', `${h}/c/1e400`],
        ['{"id":1E+5}', `${h}/c/1E%2B5`],
        ['{"id":-0}', `${h}/c/-0`],
    ])('%s', (json, expected) => expect(codeOf(`${h}/c/{id}`, json)).toBe(expected));

    test.each([
        // what stands beside a value is part of its segment
        ['/{a}.json', '{"a":"x"}', '/x.json'],
        ['/{a}.json', '{"a":".."}', '/...json'],
        ['/{a}.json', '{"a":""}', 'URL_VARIABLE'],
        ['/.{a}', '{"a":"."}', 'URL_SEGMENT'],
        ['/{a}{b}', '{"a":".","b":"."}', 'URL_SEGMENT'],
        ['/%2e{a}/x', '{"a":"."}', 'URL_SEGMENT'],
        ['/{a};v=1', '{"a":".."}', 'URL_SEGMENT'],
        ['/{a}{;v}', '{"a":"..","v":1}', 'URL_SEGMENT'],
        // reserved expansion lets more through
        ['/{+a}', '{"a":"x/y"}', '/x/y'],
        ['/{+a}', '{"a":"x/../y"}', 'URL_SEGMENT'],
        ['/{+a}', '{"a":"x/.."}', 'URL_SEGMENT'],
        ['/{+a}', '{"a":"./x"}', 'URL_SEGMENT'],
        ['/{+a}', '{"a":"%2e%2e/x"}', 'URL_SEGMENT'],
        ['/{+a}', '{"a":"x/%2E"}', 'URL_SEGMENT'],
        ['/{+a}', '{"a":"x/.%2E"}', 'URL_SEGMENT'],
        ['/{+a}', '{"a":"..;x/y"}', 'URL_SEGMENT'],
        ['/{+a}', '{"a":"..\\\\x"}', '/..%5Cx'],
        ['/{+a}', '{"a":".\\t."}', '/.%09.'],
        ['/{+a}', '{"a":"//evil.example/"}', '///evil.example/'],
        ['/{+a}', '{"a":"@evil.example"}', '/@evil.example'],
        ['/{+a}', '{"a":""}', 'URL_VARIABLE'],
        ['/{+a}', '{"a":"x?y=1"}', '/x?y=1'],
        // a value that is all query or all slashes names nothing: what stands before it would be called
        ['/c/{+a}', '{"a":"?y=1"}', 'URL_VARIABLE'],
        ['/c/{+a}', '{"a":"/"}', 'URL_VARIABLE'],
        ['/c/{+a}', '{"a":"///?y=1"}', 'URL_VARIABLE'],
        ['/c/{+a}', '{"a":";v=1"}', 'URL_VARIABLE'],
        ['/c/{+a}', '{"a":"/;/;?"}', 'URL_VARIABLE'],
        ['/c{+a}', '{"a":"?y=1"}', 'URL_VARIABLE'],
        ['/c{+a:1}', '{"a":"/x"}', 'URL_VARIABLE'],
        ['/c{+a}', '{"a":"/x"}', '/c/x'],
        ['/c/{+a}', '{"a":"x/"}', '/c/x/'],
        ['/c/{+a}', '{"a":";v=1/x"}', '/c/;v=1/x'],
        ['/c/{+a}', `{"a":"${';'.repeat(60)}/x"}`, `/c/${';'.repeat(60)}/x`],
        ['/{+a}/z', '{"a":"x?y=1"}', 'URL_VARIABLE'],
        ['/{+a}{?q}', '{"a":"x?y=1"}', 'URL_VARIABLE'],
        ['/{+a}', '{"a":"x#y"}', 'URL_VARIABLE'],
        ['/{+a}/z', '{"a":"x#"}', 'URL_VARIABLE'],
        ['/{+a}', '{"a":"../x?y"}', 'URL_SEGMENT'],
        // operators that would expand to nothing
        ['/x{/a}', '{}', 'URL_VARIABLE'],
        ['/x{/a}', '{"a":""}', 'URL_VARIABLE'],
        ['/x{/a}', '{"a":".."}', 'URL_SEGMENT'],
        ['/x{/a,b}', '{"a":1}', 'URL_VARIABLE'],
        ['/x{/a,b}', '{"a":1,"b":2}', '/x/1/2'],
        ['/x{.a}', '{"a":null}', 'URL_VARIABLE'],
        ['/x{.a}', '{"a":"json"}', '/x.json'],
        ['/{.a}', '{"a":"."}', 'URL_SEGMENT'],
        ['/x{;a}', '{}', 'URL_VARIABLE'],
        ['/x{;a}', '{"a":2}', '/x;a=2'],
        ['/x{&a}', '{}', 'URL_VARIABLE'],
        ['{/a}', '{"a":"x"}', '/x'],
        ['{/a}', '{}', 'URL_VARIABLE'],
        // lists, each member for itself
        ['{/a*}', '{"a":["x","y"]}', '/x/y'],
        ['{/a}', '{"a":["x","y"]}', 'URL_VARIABLE'],
        ['{/a*}', '{"a":[]}', 'URL_VARIABLE'],
        ['{/a*}', '{"a":["x",""]}', 'URL_VARIABLE'],
        ['{/a*}', '{"a":["x",null]}', 'URL_VARIABLE'],
        ['{/a*}', '{"a":["x",["y"]]}', 'URL_VARIABLE'],
        ['{/a*}', '{"a":["x",{}]}', 'URL_VARIABLE'],
        ['{/a*}', '{"a":["x",".."]}', 'URL_SEGMENT'],
        ['/{a*}', '{"a":["x","."]}', 'URL_SEGMENT'],
        ['/{a*}', '{"a":["x",1.10]}', '/x,1.10'],
        ['{/a*}', '{"a":{"k":"v"}}', 'URL_VARIABLE'],
        ['/{a:2}', '{"a":"..x"}', 'URL_SEGMENT'],
        ['/{a:1}', '{"a":"😀x"}', '/%F0%9F%98%80'],
        ['/{a:1}', '{"a":["x"]}', 'URL_VARIABLE'],
        ['/{a:1}', '{"a":{"x":1}}', 'URL_VARIABLE'],
    ])('%s of %s', (template, json, expected) =>
        expect(codeOf(h + template, json)).toBe(expected.startsWith('/') ? h + expected : expected),
    );
});

test.each([
    ['one long value', '/c/{a}'],
    ['one long value of the query', '/c{?a}'],
    ['a value that is named many times', `/c/{s${',s'.repeat(1_900)}}`],
    ['a value in many expressions', `/c${'/{s}'.repeat(900)}`],
    ['a value in many expressions of the query', `/c?x=1${'{&s}'.repeat(900)}`],
    ['a long list', '/c{/l*}'],
])('%s makes no URL that nobody takes, nor one that fills the memory', (_what, template) => {
    const item = { a: 'é'.repeat(20_000), s: 'x'.repeat(100), l: Array<string>(40_000).fill('x') };
    expect(checkHttp(httpProcess.parse({ url: h + template }))).toEqual([]);
    expect(() => urlReader({ url: h + template })(item)).toThrow(expect.objectContaining({ code: 'URL_TOO_LONG' }));
    expect(urlReader({ url: `${h}/c/{a}` })({ a: 'x'.repeat(60_000) })).toHaveLength(h.length + 60_003);
});

describe('a variable of the query', () => {
    test.each([
        ['{?q,page}', '{"q":"a b"}', '?q=a%20b'],
        ['{?q,page}', '{}', ''],
        ['{?q}', '{"q":null}', ''],
        ['{?q}', '{"q":""}', '?q='],
        ['{?q}', '{"q":".."}', '?q=..'],
        ['{?q}', '{"q":[]}', ''],
        ['{?q}', '{"q":["a",1.0]}', '?q=a,1.0'],
        ['{?q*}', '{"q":{"a":1e5}}', '?a=1e5'],
        ['{?q}', '{"q":[{"a":1}]}', 'URL_VARIABLE'],
        ['{?q:2}', '{"q":["a"]}', 'URL_VARIABLE'],
        ['{?q}', '{"q":"\\udc00"}', 'LONE_SURROGATE'],
        ['?a=1{&q}', '{"q":2}', '?a=1&q=2'],
        ['?a=1{&q}', '{}', '?a=1'],
        ['?id={q}', '{"q":7}', '?id=7'],
        ['?id={q}', '{"q":""}', '?id='],
        // not written as one that may be left out: `?id=` would be about another resource, or all of them
        ['?id={q}', '{}', 'URL_VARIABLE'],
        ['?id={q}', '{"q":null}', 'URL_VARIABLE'],
        ['?id={q}', '{"q":[]}', 'URL_VARIABLE'],
        ['?id={+q}', '{"q":"a/b?c"}', '?id=a/b?c'],
        ['?id={+q}', '{"q":"a#b"}', 'URL_VARIABLE'],
    ])('%s of %s', (template, json, expected) => {
        for (const path of ['/s', ''])
            expect(codeOf(h + path + template, json)).toBe(/^\?|^$/.test(expected) ? h + path + expected : expected);
    });
});

describe('variables that are given by JMESPath', () => {
    const item =
        '{"Customer ID":7,"alpha-2":"de","Straße":"Ring 1","name":{"common":"Germany"},"name.common":"flat","n":1.10,"list":["a"]}';
    test.each([
        ['"Customer ID"', '7'],
        ['"alpha-2"', 'de'],
        ['"Straße"', 'Ring%201'],
        ['name.common', 'Germany'],
        ['"name.common"', 'flat'],
        ['n', '1.10'],
        ['join(\'-\', ["alpha-2", to_string(n)])', 'de-1.10'],
        ['missing', 'URL_VARIABLE'],
        ['list', 'URL_VARIABLE'],
        ['length(n)', 'URL_VARIABLE'],
        ['name', 'URL_VARIABLE'],
    ])('%s', (expression, expected) =>
        expect(codeOf(`${h}/c/{id}`, item, { id: expression })).toBe(expected.startsWith('URL') ? expected : `${h}/c/${expected}`),
    );

    test('one that computes with a number that would be rounded says so', () => {
        expect(codeOf(`${h}/{id}`, '{"id":9007199254740993}', { id: 'id > `1` && id' })).toBe('NUMBER_INEXACT');
        expect(codeOf(`${h}/{id}`, '{"id":9007199254740993}', { id: 'id || `1`' })).toBe(`${h}/9007199254740993`);
    });

    test('the example of the docs is one', () => {
        const page = readFileSync(path.join(__dirname, '../../../docs/job-spec.md'), 'utf8');
        const http = httpProcess.parse(JSON.parse(/```json\n(\{"url".*?)\n```/s.exec(page)![1]!));
        expect(checkHttp(http)).toEqual([]);
        expect(urlReader(http)(parseExact(item))).toBe('https://api.example.com/de/customers/7?street=Ring%201&name=Germany');
    });

    test('an item that is no object is the variable item', () => {
        expect(codeOf(`${h}/{item}`, '"a b"')).toBe(`${h}/a%20b`);
        expect(codeOf(`${h}/{item}`, '1.10')).toBe(`${h}/1.10`);
        expect(codeOf(`${h}{/item*}`, '["a","b"]')).toBe(`${h}/a/b`);
    });
});

describe('templates that are refused when a job is posted', () => {
    const problems = (template: string) => checkHttp(httpProcess.parse({ url: template })).map((p) => p.pointer);
    test.each([
        'http://{host}/x', 'http:/{+host}/x', 'https:\\\\{host}', 'https:\\\\h\\{id}', 'http:{+host}', 'http:///{host}', 'http:////{+host}/x', '{+url}', '{scheme}://h/x',
        'http{s}://h/', 'http://h{x}', 'http://h{x}/y', 'http://h{.x}', 'http://h{;x}', 'http://h{+x}', 'http://h{&x}', 'http://h:{port}/', 'http://h:80{x}', 'http://{u}@h/',
        'http://u:{p}@h/', 'http://u:p@h/{x}', 'http://a{x}@h/', 'http://[{x}]/', '//h/{x}', '/{x}', 'ftp://h/{x}', 'javascript:{x}', 'http://h/{#f}', 'http://h/#{x}',
        'http://h/x#top', 'http://h/../{x}', 'http://h/a/./{x}', 'http://h/%2e%2E/{x}', 'http://h/a/..', 'http://h /{x}', 'http://h\t.example/{x}', ' http://h/{x}',
        'http://h/{var:0}', 'http://h/{x.}', 'http://h/{%2x}', 'http://h/{Customer ID}', 'http:h/{x}', 'http:/h/{x}', 'http://', 'http://?{x}', 'http://h:99999/{x}',
    ])('%s', (template) => expect(problems(template)).toEqual(['/process/http/url'])); // prettier-ignore

    test.each([
        'http://h{?q}', 'http://h', 'http://h{/id}', 'HTTP://H.example:80/{id}', 'https://h/a/{id}.json{?q,page}', 'http://[::1]:7080/{id}', 'http://h/{+path}', 'http://h?a={b}',
        'http://h/Straße/{x}', 'https://h/{a}/{b}', 'http://h/{list*}', "http://h/it's/{a}", 'http://h/...{x}', 'http://h/a//{x}', 'http://münchen.example/{x}',
    ])('%s passes', (template) => expect(problems(template)).toEqual([])); // prettier-ignore

    test('vars and optional name variables that there are', () => {
        const at = (over: object) => checkHttp(httpProcess.parse({ url: `${h}/{id}{?page,size}`, ...over })).map((p) => p.pointer);
        expect(at({ vars: { id: '"Customer ID"', page: 'p' }, optional: ['page', 'size'] })).toEqual([]);
        expect(at({ vars: { idd: 'id' } })).toEqual(['/process/http/vars/idd']);
        expect(at({ vars: { id: 'customer-id' } })).toEqual(['/process/http/vars/id']);
        expect(at({ vars: { id: 'upper(id)' } })).toEqual(['/process/http/vars/id']);
        expect(at({ optional: ['id'] })).toEqual(['/process/http/optional/0']);
        expect(at({ url: `${h}/s?id={page}{&page}`, optional: ['page'] })).toEqual(['/process/http/optional/0']);
    });
});

// Pieces that stand for a kind each; the property puts them side by side.
const dots = [
    '.',
    '..',
    '%2e',
    '%2E%2e',
    '.%2e',
    '..;',
    '/',
    '//',
    '\\',
    '?',
    '#',
    '@',
    ':',
    ';',
    '%',
    '%2F',
    '\t',
    '\n',
    ' ',
    'a',
    'é',
    '😀',
    '\ud800',
];
const text = fc.oneof(
    fc.array(fc.constantFrom(...dots), { maxLength: 5 }).map((pieces) => pieces.join('')),
    fc.string({ unit: anyCharacter, maxLength: 8 }),
);
const anything = fc.oneof(
    { weight: 5, arbitrary: text },
    fc.constantFrom(null, true, 0, 1.5, '', [], {}),
    fc.array(fc.oneof(text, fc.constantFrom(null, '', 3))),
    fc.dictionary(fc.string(), text),
);

test('whatever the item holds: one segment for each of the template, the same origin, and decoding gives the values back', () => {
    const segment = fc.record({
        before: fc.constantFrom('', '.', 'x', '..', '%2e', 'é'),
        after: fc.constantFrom('', '.json', ';v=1', '.'),
    });
    fc.assert(
        fc.property(
            fc.array(segment, { minLength: 1, maxLength: 3 }),
            fc.array(anything, { minLength: 3, maxLength: 3 }),
            (segments, values) => {
                const template = `${h}:8080/root${segments.map(({ before, after }, i) => `/${before}{v${i}}${after}`).join('')}/end`;
                const item = Object.fromEntries(values.map((value, i) => [`v${i}`, value]));
                let called: URL;
                try {
                    called = new URL(urlReader({ url: template })(item));
                } catch (error) {
                    expect(error).toBeInstanceOf(CallError);
                    return;
                }
                expect(called.origin).toBe(`${h}:8080`);
                expect(called.search + called.hash).toBe('');
                const found = called.pathname.split('/').slice(1).map(decodeURIComponent);
                const expected = segments.map(({ before, after }, i) => decodeURIComponent(before) + textOf(values[i]) + after);
                expect(found).toEqual(['root', ...expected, 'end']);
                for (const value of values.slice(0, segments.length)) expect(['string', 'number', 'boolean']).toContain(typeof value);
            },
        ),
        { numRuns: runs(2_000) },
    );
});

test('whatever the template and the item: what is called has the origin of the template, and no path but the one that is written', () => {
    const expression = fc
        .tuple(fc.constantFrom('', '+', '/', '.', ';', '?', '&'), fc.constantFrom('v0', 'v1*', 'v0,v1', 'v2:2'))
        .map(([operator, name]) => `{${operator}${name}}`);
    const literal = fc.constantFrom('/', '/a', '.', '..', '?', '&b=', ';c', '@', ':', 'x', '%2e', '//', '/é');
    fc.assert(
        fc.property(
            fc.array(fc.oneof(expression, literal), { maxLength: 6 }),
            fc.array(anything, { minLength: 3, maxLength: 3 }),
            (parts, values) => {
                const template = h + parts.join('');
                if (/^[^/?{]/.test(parts.join('')) || checkHttp(httpProcess.parse({ url: template })).length > 0) return;
                const item = Object.fromEntries(values.map((value, i) => [`v${i}`, value]));
                let written: string;
                try {
                    written = urlReader({ url: template })(item);
                } catch (error) {
                    expect(error).toBeInstanceOf(CallError);
                    return;
                }
                const called = new URL(written);
                expect(called.origin).toBe(h);
                // But for the slash of an empty path and single quotes in queries, what is sent is what was written: no step is taken up, nothing taken off.
                const same = (href: string) => href.replaceAll('%27', "'").replace(/^(http:\/\/[^/?]+)\/?(?=\?|$)/, '$1');
                if (template.includes('{')) expect(same(called.href)).toBe(same(written));
            },
        ),
        { numRuns: runs(2_000) },
    );
});

test('text behind a query that has come to nothing is no part of the path', () => {
    const read = (url: string, item: object) => urlReader({ url })(item);
    expect(read(`${h}/a{?q}.`, { q: 1 })).toBe(`${h}/a?q=1.`);
    for (const behind of ['.', '..', '/b', 'b', ';b']) expect(() => read(`${h}/a{?q}${behind}`, { q: null })).toThrow(CallError);
    for (const behind of ['.', '..']) expect(() => read(`${h}/{?q}${behind}`, {})).toThrow(CallError);
});

describe('what a URL costs', () => {
    const named = (name: string, times: number) => `${h}/c{?${Array.from({ length: times }, () => name).join()}}`;

    test.each([
        ['a list without end', `${h}/c{?item*}`, `[${Array.from({ length: 200_000 }, () => '""').join()}]`],
        ['a list of nothing, named often', named('item', 3), `[${Array.from({ length: 30_000 }, () => 'null').join()}]`],
        ['fields without end', `${h}/c{?a*}`, JSON.stringify({ a: Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [i, ''])) })],
        ['a long name for each member', `${h}/c{?${'n'.repeat(4_000)}*}`, JSON.stringify({ ['n'.repeat(4_000)]: Array(100).fill('') })],
    ])('%s is refused before it is written', (_what, template, json) => expect(codeOf(template, json)).toBe('URL_TOO_LONG'));

    // Some 700,000 steps, of a million that there are.
    const dear = 'length([*].[@])';
    const list = `[${Array.from({ length: 200_000 }, () => 1).join()}]`;

    test('the expression of a variable is evaluated once for an item, however often it is named', () => {
        expect(url(named('a', 5), list, { a: dear })).toBe(`${h}/c?a=200000&a=200000&a=200000&a=200000&a=200000`);
    });

    test('the expressions of all variables share what they may cost', () => {
        expect(() => url(named('a,b', 1), list, { a: dear, b: dear })).toThrow(/takes more than 1000000 steps/);
    });

    test('whether the items of a source have the variables is not asked at any price', () => {
        const check = new VariableCheck({ url: named('a', 1), vars: { a: `${dear} && \`null\`` } });
        const item = parseExact(`[${Array.from({ length: 20_000 }, () => 1).join()}]`);
        let seen = 0;
        for (; !check.done && seen < 100; seen++) check.see(item);
        expect(seen).toBeLessThan(30);
        expect(check.problem).toBeNull();
    });
});
