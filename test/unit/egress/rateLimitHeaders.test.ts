import * as fc from 'fast-check';
import { rateHint } from '../../../src/egress/rateLimitHeaders';
import { runs } from '../../support/runs';

const date = 'Tue, 01 Dec 2026 12:00:00 GMT';
/** The target's clock is a minute behind ours. */
const at = Date.parse('2026-12-01T12:00:00Z');
const now = at + 60_000;
const inSeconds = (s: number) => String(at / 1000 + s);

const three = (prefix: string, limit: string, remaining: string, reset: string) => ({
    [`${prefix}-limit`]: limit,
    [`${prefix}-remaining`]: remaining,
    [`${prefix}-reset`]: reset,
});
const x = (remaining: string, reset: string, limit = '100') => three('x-ratelimit', limit, remaining, reset);

describe('three headers', () => {
    test.each(['x-ratelimit', 'x-rate-limit', 'ratelimit'])('%s-Limit, -Remaining and -Reset', (prefix) => {
        expect(rateHint(three(prefix, '100', '50', '30'), now)).toEqual({ remaining: 50, resetMs: 30_000, limit: 100 });
        expect(rateHint({ [`${prefix}-remaining`]: '50', [`${prefix}-reset`]: '30' }, now)).toEqual({ remaining: 50, resetMs: 30_000 });
    });

    test.each<[form: string, reset: string, ms: number]>([
        ['seconds from now', '30', 30_000],
        ['now', '0', 0],
        ['fractions of a second', '0.25', 250],
        ['31 days', '2678400', 31 * 86_400_000],
        ['seconds since 1970', inSeconds(90), 90_000],
        ['seconds since 1970 with a fraction', `${inSeconds(90)}.5`, 90_500],
        ['ms since 1970', `${at + 1_234}`, 1_234],
        ['an ISO time', '2026-12-01T12:01:00Z', 60_000],
        ['an ISO time with a zone', '2026-12-01T13:00:00.500+01:00', 500],
        ['an HTTP date', 'Tue, 01 Dec 2026 12:00:10 GMT', 10_000],
    ])('the reset as %s, by the clock of the target', (_form, reset, ms) => {
        expect(rateHint({ ...x('5', reset), date }, now)).toEqual({ remaining: 5, resetMs: ms, limit: 100 });
    });

    test('a time without a Date beside it goes by our clock; two of them by the first', () => {
        expect(rateHint(x('5', inSeconds(90)), now)).toMatchObject({ resetMs: 30_000 });
        expect(rateHint({ ...x('5', inSeconds(90)), date: `${date}, Tue, 01 Dec 2026 11:00:00 GMT` }, now)).toMatchObject({
            resetMs: 90_000,
        });
    });

    test.each<[what: string, remaining: string, reset: string]>([
        ['fewer than none', '-1', '30'],
        ['no number', 'many', '30'],
        ['NaN', 'NaN', '30'],
        ['Infinity', 'Infinity', '30'],
        ['nothing', '', '30'],
        ['sixteen digits', '1'.repeat(16), '30'],
        ['a time that is over', '5', inSeconds(-1)],
        ['a negative time', '5', '-1'],
        ['NaN for a time', '5', 'NaN'],
        ['nothing for a time', '5', ''],
        ['more than 31 days', '5', '2678401'],
        ['a time in more than 31 days', '5', inSeconds(2_678_401)],
        ['a day that there is not', '5', '2026-13-01T12:00:00Z'],
        ['no date', '5', 'Tue, 32 Dec 2026 12:00:00 GMT'],
    ])('%s says nothing', (_what, remaining, reset) => {
        expect(rateHint({ ...x(remaining, reset), date }, now)).toBeUndefined();
    });

    test('neither remaining nor reset says anything without the other, and an absurd limit is left out', () => {
        expect(rateHint({ 'x-ratelimit-remaining': '5' }, now)).toBeUndefined();
        expect(rateHint({ 'x-ratelimit-reset': '5', 'x-ratelimit-limit': '9' }, now)).toBeUndefined();
        expect(rateHint(x('5', '30', '-1'), now)).toEqual({ remaining: 5, resetMs: 30_000 });
        expect(rateHint(x('1.9', '30', 'many'), now)).toEqual({ remaining: 1, resetMs: 30_000 });
    });

    test('sent twice, the strictest counts', () => {
        expect(rateHint(x('50, 3', '30, 10', '100, 20'), now)).toEqual({ remaining: 3, resetMs: 10_000, limit: 20 });
        expect(rateHint(x('3, 50', '10, 3600', '20, 10000'), now)).toEqual({ remaining: 50, resetMs: 3_600_000, limit: 10_000 });
        // One of the two is absurd.
        expect(rateHint(x('-1, 50', '10, 30'), now)).toMatchObject({ remaining: 50, resetMs: 30_000 });
        // Which belong together, nobody knows.
        expect(rateHint(x('50, 3', '30'), now)).toMatchObject({ remaining: 3, resetMs: 30_000 });
        expect(rateHint(x('50', '30, 10'), now)).toMatchObject({ remaining: 50, resetMs: 30_000 });
        const dates = 'Tue, 01 Dec 2026 12:00:10 GMT, Tue, 01 Dec 2026 12:00:20 GMT';
        expect(rateHint({ ...x('5, 5', dates), date }, now)).toMatchObject({ remaining: 5, resetMs: 20_000 });
    });

    test('nothing for longer is stricter, and a window that ends now keeps nobody', () => {
        expect(rateHint(x('0, 0', '10, 60'), now)).toMatchObject({ remaining: 0, resetMs: 60_000 });
        expect(rateHint(x('0, 7', '0, 60'), now)).toMatchObject({ remaining: 7, resetMs: 60_000 });
    });

    test('policies behind the limit, as older drafts have them, are not the limit', () => {
        expect(rateHint(three('ratelimit', '100, 10;w=1, 1000;w=3600', '5', '30'), now)).toMatchObject({ limit: 100 });
        expect(rateHint(three('ratelimit', '100;w=60', '5', '30'), now)).toMatchObject({ limit: 100 });
    });

    test('of several kinds of them the strictest counts', () => {
        const both = { ...x('50', '30'), ...three('ratelimit', '10', '1', '10') };
        expect(rateHint(both, now)).toEqual({ remaining: 1, resetMs: 10_000, limit: 10 });
        expect(rateHint({ ...both, ratelimit: '"daily";r=0;t=7200' }, now)).toEqual({ remaining: 0, resetMs: 7_200_000 });
    });
});

describe('RateLimit', () => {
    const said = (ratelimit: string, policy?: string) =>
        rateHint({ ratelimit, ...(policy === undefined ? {} : { 'ratelimit-policy': policy }) }, now);

    test('as a list of policies, the limit in RateLimit-Policy', () => {
        expect(said('"default";r=50;t=30')).toEqual({ remaining: 50, resetMs: 30_000 });
        expect(said('"default";r=50;t=30', '"default";q=100;w=60')).toEqual({ remaining: 50, resetMs: 30_000, limit: 100 });
        expect(said('default; r=50; t=30', '"other";q=9;w=60, default;w=60;q=100')).toMatchObject({ limit: 100 });
        expect(said('"default";r=50;t=30;pk=:dHJpYWwxMjEzMjM=:')).toEqual({ remaining: 50, resetMs: 30_000 });
    });

    test('of several the one with the fewest calls for the time', () => {
        const policy = '"burst";q=20;w=1, "daily";q=5000;w=86400';
        expect(said('"burst";r=5;t=1, "daily";r=500;t=7200', policy)).toEqual({ remaining: 500, resetMs: 7_200_000, limit: 5_000 });
        expect(said('"burst";r=0;t=1, "daily";r=500;t=7200', policy)).toEqual({ remaining: 0, resetMs: 1_000, limit: 20 });
    });

    test('with quotes, commas, semicolons and escapes in a name', () => {
        expect(said(String.raw`"a, b; r=1;t=1 \"c\"";r=50;t=30`, String.raw`"a, b; r=1;t=1 \"c\"";q=100`)).toEqual({
            remaining: 50,
            resetMs: 30_000,
            limit: 100,
        });
    });

    test('a quota of something else than requests says nothing of calls', () => {
        const policy = '"bytes";q=65535;qu="content-bytes";w=10, "calls";q=100;qu="requests";w=60';
        expect(said('"bytes";r=1;t=9, "calls";r=50;t=30', policy)).toEqual({ remaining: 50, resetMs: 30_000, limit: 100 });
    });

    test('as a dictionary, once and twice', () => {
        expect(said('limit=100, remaining=50, reset=30')).toEqual({ remaining: 50, resetMs: 30_000, limit: 100 });
        expect(said('limit=100,remaining=50,reset=30', '100;w=60')).toEqual({ remaining: 50, resetMs: 30_000, limit: 100 });
        expect(said('limit=100, remaining=50, reset=30, limit=10, remaining=2, reset=10')).toEqual({
            remaining: 2,
            resetMs: 10_000,
            limit: 10,
        });
    });

    test.each([
        '',
        'default',
        '"default"',
        '"default";r=50',
        '"default";t=30',
        '"default";r=-1;t=30',
        '"default";r=50;t=-1',
        '"default";r=50;t=2678401',
        '"default;r=50;t=30',
        'limit=100, remaining=50',
        'remaining=x, reset=30',
        ',;=,;=',
    ])('%s says nothing', (text) => {
        expect(said(text)).toBeUndefined();
    });

    test('and a header of more than a thousand characters is not looked at', () => {
        const policies = (n: number) => Array.from({ length: n }, () => '"default";r=50;t=30').join(', ');
        expect(said(policies(48))).toEqual({ remaining: 50, resetMs: 30_000 });
        expect(said(policies(49))).toBeUndefined();
        expect(said('"default";r=50;t=30', `"default";q=100, ${policies(48)}`)).toEqual({ remaining: 50, resetMs: 30_000 });
        expect(rateHint(x('5,'.repeat(600), '30'), now)).toBeUndefined();
    });
});

test('an answer without such a header says nothing', () => {
    expect(rateHint({}, now)).toBeUndefined();
    expect(rateHint({ 'retry-after': '30', 'ratelimit-policy': '"default";q=100;w=60', date }, now)).toBeUndefined();
});

const names = [
    ...['x-ratelimit', 'x-rate-limit', 'ratelimit'].flatMap((prefix) => Object.keys(three(prefix, '', '', ''))),
    ...['ratelimit', 'ratelimit-policy', 'date'],
];
const piece = fc.oneof(
    fc.constantFrom(
        '"',
        '\\',
        ',',
        ';',
        '=',
        ' ',
        'r=',
        't=',
        'q=',
        'limit=',
        'remaining=',
        'reset=',
        '-',
        '.',
        'e9',
        'NaN',
        date,
        '"default"',
    ),
    fc.nat().map(String),
    fc.bigInt({ min: 0n }).map(String),
    fc.double().map(String),
    fc.string({ maxLength: 5 }),
);
const value = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

test('whatever comes, it does not throw, and gives calls and a time that can be', () => {
    fc.assert(
        fc.property(fc.dictionary(fc.constantFrom(...names), value), fc.date({ noInvalidDate: true }), (headers, when) => {
            const hint = rateHint(headers, when.getTime());
            if (!hint) return;
            expect(Number.isSafeInteger(hint.remaining) && hint.remaining >= 0).toBe(true);
            expect(Number.isSafeInteger(hint.resetMs) && hint.resetMs >= 0 && hint.resetMs <= 31 * 86_400_000).toBe(true);
            if ('limit' in hint) expect(Number.isFinite(hint.limit) && hint.limit >= 0).toBe(true);
        }),
        { numRuns: runs(5_000) },
    );
});

test('of policies in any order the strictest counts', () => {
    const policy = fc.record({ r: fc.nat({ max: 10_000 }), t: fc.integer({ min: 1, max: 100_000 }) });
    fc.assert(
        fc.property(fc.array(policy, { minLength: 1, maxLength: 20 }), (policies) => {
            const hint = rateHint({ ratelimit: policies.map(({ r, t }, i) => `"p${i}";r=${r};t=${t}`).join(', ') }, now)!;
            const ratio = Math.min(...policies.map(({ r, t }) => r / t));
            expect((hint.remaining / hint.resetMs) * 1000).toBeCloseTo(ratio, 9);
        }),
        { numRuns: runs(500) },
    );
});
