// What messages of one kind have in common: no number, id, quote or address in it makes another kind, and any other word does.
import * as fc from 'fast-check';
import { hasLoneSurrogate } from '../../../src/core/text';
import { FailureKinds, isFingerprint } from '../../../src/items/fingerprint';
import { messagePattern } from '../../../src/items/messagePattern';
import { runs } from '../../support/runs';

const kinds = new FailureKinds();
const fingerprint = (message: string, code = 'HTTP_STATUS', status: number | null = 404): string =>
    kinds.of({ code, status, message }).fingerprint;

test.each([
    ['no city 17 within 3.5 km', 'no city # within # km'],
    ['-5, +1,234.50 and 1e-7 of 1_000 (0x1F, 50%, ½3)', '# and # of # (#)'],
    ['order-12345 of customer c17', '# of customer #'],
    ['late by 00:12:05.123 at 2026-11-30T10:53:10.762Z', 'late by # at #'],
    ['since Mon, 30 Nov 2026 10:53:10 GMT', 'since #'],
    ['job 3a49477e-0a97-4c96-a201-3a66a57e9b74 is gone', 'job # is gone'],
    ['job abcdefab-abcd-abcd-abcd-abcdefabcdef is gone', 'job # is gone'],
    ['token eyJhbGciOi.eyJz.x3: bad', 'token #: bad'],
    ['body aGVsbG8/d29ybGQrZm9vMQ== is bad', 'body # is bad'],
    ['body xKjQwErTyUiOpAsDfGhJkLz is bad', 'body # is bad'],
    ['SqlConnectionTimeoutException in connection_pool_exhausted', 'SqlConnectionTimeoutException in connection_pool_exhausted'],
    ['no answer from http://127.0.0.1:7080/a?b=c,d: ECONNREFUSED 127.0.0.1:7080', 'no answer from <url> ECONNREFUSED <address>'],
    ['connect to [::1]:8080, ::1 and 2001:db8::7334.', 'connect to <address> and <address>.'],
    ['connect to localhost:7071 and db.example.com:5432', 'connect to <address> and <address>'],
    ['mail to ann.lee+x@example.com bounced', 'mail to <email> bounced'],
    ['the field "name" of \'Ann\' is `null`, “so” it says', 'the field "…" of "…" is "…" it says'],
    ["can't read the item's name, the users' names, it's not there", "can't read the item's name, the users' names, it's not there"],
    ["no 'Ann's house' here, don't", 'no "…" here, don\'t'],
    ['the value "abc', 'the value "…"'],
    ['GET /items/42/parts?x=1 failed in foo.js:12:34', 'GET /items/#/parts?x=# failed in foo.js:#'],
    ['ids 1, 2 and 3', 'ids # and #'],
    ['  two\n\tlines\u0000\u200b ', 'two lines'],
    ['', ''],
])('%s', (message, pattern) => expect(messagePattern(message)).toBe(pattern));

test('of JSON, what says what is wrong stays, and what is data goes', () => {
    const said = '{"error":{"code":"NoSuchCity","message":"no city \\"Oslo\\" for 17"},"user":"ann","ids":["a","b"],"left":3}';
    expect(messagePattern(`HTTP 404: ${said}`)).toBe(
        'HTTP #: {"error":{"code":"NoSuchCity","message":"no city "…" for #"},"user":"…","ids":["…"],"left":#}',
    );
    expect(fingerprint('{"title":"gone","user":"ann"}')).toBe(fingerprint('{"title":"gone","user":"bob"}'));
    expect(fingerprint('{"title":"gone","user":"ann"}')).not.toBe(fingerprint('{"title":"late","user":"ann"}'));
    // Cut within a text.
    expect(messagePattern('[{"user":"an')).toBe('[{"user":"…"');
    expect(messagePattern('{"message":"no\\u0020city\\n\\"Os')).toBe('{"message":"no city "…"');
});

test('a list of one and a list of many are one kind', () => {
    expect(fingerprint('bad ids: 1, 2, 3')).toBe(fingerprint('bad ids: 7'));
    expect(fingerprint('no "a", "b"')).toBe(fingerprint('no "c"'));
});

test('a long answer is cut by the length of its ids: its kind is the same', () => {
    const page = (id: string) =>
        `HTTP 500: ${`<p>The order ${id} could not be read. ${'Please try again later or call. '.repeat(8)}`.slice(0, 200)}`;
    expect(fingerprint(page('7'))).toBe(fingerprint(page('3a49477e-0a97-4c96-a201-3a66a57e9b74')));
});

test('code and status make kinds of their own, and the status stays to be seen', () => {
    expect(kinds.of({ code: 'HTTP_STATUS', status: 404, message: 'HTTP 404: no city 4' })).toMatchObject({
        message: 'HTTP 404: no city #',
    });
    expect(
        new Set([
            fingerprint('m'),
            fingerprint('m', 'UNSUCCESSFUL'),
            fingerprint('m', 'HTTP_STATUS', 500),
            fingerprint('m', 'HTTP_STATUS', null),
        ]).size,
    ).toBe(4);
});

// A summary that was stored names them, and GET /jobs/{id}/results?fingerprint= finds by them what was recorded: another pattern would find nothing.
test.each([
    ['HTTP_STATUS', 404, 'HTTP 404: {"error":"no city c17 near \\"Paris\\"","user":"alice"}', '693e9fc48068'],
    ['CONNECTION', null, 'no answer from http://127.0.0.1:7080: ECONNREFUSED', '86488bffc52b'],
    ['TIMEOUT', null, 'http://127.0.0.1:7080 did not answer within 30000 ms', '52e902da8a2e'],
    ['PROCESSOR_FATAL', null, 'the item has no URL at "url"', '71c071339276'],
    // As docs/api.md shows it.
    ['HTTP_STATUS', 404, 'HTTP 404: no city c17 at 10.0.0.1:80', 'ad9ffacc7f36'],
])('the fingerprint of %s %s is for life', (code, status, message, expected) => {
    expect(isFingerprint(expected)).toBe(true);
    expect(kinds.of({ code, status, message }).fingerprint).toBe(expected);
});

const letters = (min: number, max: number) => fc.string({ unit: fc.constantFrom(...'bcdghklmnoprstuvw'), minLength: min, maxLength: max });
/** What differs from one item to the next, two of a sort. */
const differing = [
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.integer({ min: 1_000 }).map((n) => n.toLocaleString('en')),
    fc.uuid(),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((d) => d.toISOString()),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((d) => d.toUTCString()),
    fc.ipV4().chain((ip) => fc.constantFrom(ip, `${ip}:8080`)),
    fc.ipV6().chain((ip) => fc.constantFrom(ip, `[${ip}]:443`)),
    fc.webUrl({ withQueryParameters: true }),
    fc.tuple(letters(1, 9), letters(1, 9)).map(([a, b]) => `${a}@${b}.org`),
    fc.tuple(letters(0, 6), fc.nat(), letters(0, 6)).map(([a, n, b]) => `${a}${n}${b}`),
    fc.uint8Array({ minLength: 24, maxLength: 40 }).map((bytes) => `${Buffer.from(bytes).toString('hex')}0`),
    letters(0, 30).map((t) => `"${t} x"`),
    letters(0, 30).map((t) => `'${t} x'`),
    letters(0, 30).map((t) => `\`${t}\``),
    letters(0, 30).map((t) => `“${t}”`),
];
const words = fc.array(letters(2, 9), { minLength: 1, maxLength: 4 }).map((all) => all.join(' '));

test('numbers, ids, quotes and addresses make no kind', () => {
    const message = fc.constantFrom(...differing).chain((sort) => fc.tuple(words, sort, sort, words));
    fc.assert(
        fc.property(message, ([before, one, other, behind]) => {
            const [a, b] = [one, other].map((what) => messagePattern(`${before} ${what} ${behind}`));
            expect(a).toBe(b);
            expect(a).toMatch(new RegExp(`^${before} \\S+ `));
        }),
        { numRuns: runs(3_000) },
    );
});

test('other words are another kind', () => {
    fc.assert(
        fc.property(words, words, fc.nat(), (a, b, n) => {
            fc.pre(a !== b);
            expect(fingerprint(`${a} ${n}`)).not.toBe(fingerprint(`${b} ${n}`));
        }),
        { numRuns: runs(1_000) },
    );
});

test('any text has a short pattern of whole characters, always the same', () => {
    const piece = fc.constantFrom(
        ...'"\'`“”«»‘’„()[]{}<>,;:=|&?@/\\.#-+ \n0a1Z\ud83d\ude00\ue000é',
        '\ud83d\ude00',
        '{"',
        '":"',
        'http://',
        '::',
        '[{',
        '\\u00',
        'GMT',
    );
    fc.assert(
        fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
            const message = pieces.join('');
            const pattern = messagePattern(message);
            expect(pattern.length).toBeLessThanOrEqual(120);
            expect(pattern).not.toMatch(/[\uE000-\uE004\n]/);
            if (!hasLoneSurrogate(message)) expect(hasLoneSurrogate(pattern)).toBe(false);
            expect(messagePattern(message)).toBe(pattern);
        }),
        { numRuns: runs(3_000) },
    );
});

test('what is remembered of messages does not grow, and changes nothing', () => {
    const finder = new FailureKinds();
    const first = finder.of({ code: 'X', status: null, message: 'no 1' });
    for (let i = 0; i < 5_000; i++) finder.of({ code: 'X', status: null, message: `no ${i}` });
    for (let i = 0; i < 5_000; i++) finder.of({ code: `X${i}`, status: null, message: 'no' });
    expect(finder.of({ code: 'X', status: null, message: 'no 1' })).toEqual(first);
    for (const map of Object.values(finder) as Map<string, unknown>[]) expect(map.size).toBeLessThanOrEqual(1_000);
});
