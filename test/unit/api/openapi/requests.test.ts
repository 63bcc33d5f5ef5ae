// The schemas of requests refuse nothing that the server takes, and say the bounds that its checks in code have.
import fc from 'fast-check';
import { jobSpec, parseSpec } from '../../../../src/contracts/jobSpec';
import { parseSettings } from '../../../../src/contracts/limiter';
import { parseMoveBody } from '../../../../src/contracts/requests';
import { parseWindow } from '../../../../src/core/callingWindows';
import { parseDuration } from '../../../../src/core/duration';
import { isLimiterName } from '../../../../src/core/limiter/name';
import { parseRate } from '../../../../src/core/limiter/rate';
import { keyOf } from '../../../../src/api/http/idempotencyKey';
import { described, type Schema } from '../../../../src/api/openapi/requests/described';
import { DURATION, INSTANT, LIMITER, RATE, WINDOW } from '../../../../src/api/openapi/requests/forms';
import { parameters } from '../../../../src/api/openapi/parameters';
import { readDocument, Schemas } from '../../../support/apiDocument';
import { runs } from '../../../support/runs';

const schemas = new Schemas(readDocument());
const wrongIn = (component: string) => {
    const validate = schemas.component(component);
    return (value: unknown) => schemas.errors(validate, value);
};
const wrongInSpec = wrongIn('JobSpec');
const wrongInPatch = wrongIn('LimitsPatch');

const http = { http: { url: 'https://api.example.com/{id}' } };
const spec = (more: object) => ({ source: { items: [1] }, process: http, ...more });
const taken = (value: unknown) => parseSpec(value).ok;

describe('a form takes all that the server’s reader takes', () => {
    const digits = fc.nat({ max: 99_999 }).map(String);
    const near = fc.string({ unit: fc.constantFrom(...'0159PTWDHMSZ:-+./,sminhdayMonFr [] _'), maxLength: 20 });
    const holds = (pattern: string, reads: (text: string) => boolean, texts: fc.Arbitrary<string>) =>
        fc.assert(
            fc.property(fc.oneof(texts, near), (text) => !reads(text) || new RegExp(pattern, 'u').test(text)),
            { numRuns: runs(2_000) },
        );
    const takesTime = (text: string) => jobSpec.shape.startAt.safeParse(text).success;

    test('durations', () => {
        const parts = fc.tuple(...['W', 'D'].map((unit) => fc.option(digits).map((n) => (n === null ? '' : n + unit))));
        const times = fc.tuple(...['H', 'M', '.5S'].map((unit) => fc.option(digits).map((n) => (n === null ? '' : n + unit))));
        const texts = fc.tuple(parts, times).map(([days, rest]) => `P${days.join('')}${rest.join('') ? `T${rest.join('')}` : ''}`);
        holds(DURATION, (text) => parseDuration(text) !== null, texts);
        expect(new RegExp(DURATION, 'u').test('1 hour')).toBe(false);
    });

    test('rates', () => {
        const texts = fc
            .tuple(digits, fc.option(digits), fc.constantFrom('s', 'min', 'h', 'day'))
            .map(([n, per, unit]) => `${n}/${per ?? ''}${unit}`);
        holds(RATE, (text) => parseRate(text) !== null, texts);
        expect(new RegExp(RATE, 'u').test('50/m')).toBe(false);
    });

    test('times', () => {
        const zone = fc.constantFrom('Z', '+01:00', '-05:30', '');
        const texts = fc
            .tuple(fc.date({ noInvalidDate: true }), fc.constantFrom(16, 19, 21, 23), zone)
            .map(([date, to, is]) => date.toISOString().slice(0, to) + is);
        holds(INSTANT, takesTime, texts);
        for (const text of ['2026-12-01T06:00:00Z', '2026-02-28T23:59:59.123456+14:00', '2024-02-29T00:00:00-00:00'])
            expect([takesTime(text), wrongInSpec(spec({ startAt: text })), wrongInSpec(spec({ deadline: text }))]).toEqual([true, [], []]);
        expect(new RegExp(INSTANT, 'u').test('2026-12-01T06:00:00')).toBe(false);
    });

    test('windows and names of limiters', () => {
        for (const text of ['Mon-Fri 20:00-06:00', 'sat,SUN', '22:00-24:00', 'Fri-Mon 00:00-24:00'])
            expect(parseWindow(text)).not.toBeNull();
        holds(WINDOW, (text) => parseWindow(text) !== null, fc.constantFrom('Mon-Fri 20:00-06:00', 'sat,SUN', '22:00-24:00'));
        holds(LIMITER, isLimiterName, fc.string({ unit: fc.constantFrom(...'a1._:-[] /'), maxLength: 10 }));
        expect(new RegExp(LIMITER, 'u').test('..')).toBe(false);
    });

    test('idempotency keys', () => {
        const form = (parameters.idempotencyKey.schema as { pattern: string }).pattern;
        const takes = (text: string) => {
            try {
                return keyOf(text) !== null;
            } catch {
                return false; // refused
            }
        };
        const texts = fc.string({ unit: fc.constantFrom(...'ab"\\ ~!'), maxLength: 12 });
        holds(
            form,
            takes,
            fc.oneof(
                texts,
                texts.map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`),
            ),
        );
        expect([takes('""'), new RegExp(form, 'u').test('""'), new RegExp(form, 'u').test('two words')]).toEqual([false, false, false]);
    });
});

const everyField = spec({
    ...{
        name: 'n',
        key: 'id',
        onInvalid: 'skip',
        limiter: 'api.example.com:8443',
        startAt: '2026-12-04T18:00:00+01:00',
        tags: { team: 'maps' },
    },
    process: {
        http: {
            ...{
                method: 'PUT',
                url: 'https://api.example.com/{id}{?page}',
                vars: { id: 'id' },
                optional: ['page'],
                body: '@',
                timeout: 'PT1M',
            },
            ...{ headers: { 'x-a': 'b', authorization: { secret: 'TOKEN' } }, success: 'body.ok' },
        },
    },
    concurrency: { max: 512, adaptive: false },
    retry: { attempts: 20, initialDelay: 'PT0S', maxDelay: 'P30D', factor: 10 },
    deadline: 'P3D',
    calling: { windows: ['Mon-Fri 20:00-06:00', 'Sat-Sun'], timeZone: 'Europe/Paris' },
    rate: ['50/s', '10000/day'],
    outage: { giveUpAfter: 'PT1M' },
    budget: { failures: 1, percent: 0.001, minimum: 1, codes: { TIMEOUT: 20 }, then: 'cancel' },
    canary: { items: 10_000, approval: 'automatic', maxPercent: 0, timeout: 'P400D' },
    partition: { items: 20_000 },
    results: { keep: 'none', maxOutputBytes: 0 },
});

test.each([
    ['the least', spec({})],
    ['every field', everyField],
    ['a blob', spec({ source: { blob: 'inbox/a.csv', format: 'csv', csv: { emptyRows: 'skip', shortRows: 'fill' } } })],
    [
        'an upload and a processor',
        spec({ source: { upload: 'u' }, process: { processor: 'digest', options: { a: [1] }, timeout: 'PT0.1S' } }),
    ],
    ['a deadline as a time', spec({ deadline: '2026-12-04T18:00:00Z' })],
    ['one rate', spec({ rate: '5/60s' })],
    ['a budget of codes', spec({ budget: { codes: { TIMEOUT: 1 } } })],
])('what the server takes, the schema takes: %s', (_, value) => {
    expect([taken(value), wrongInSpec(value)]).toEqual([true, []]);
});

test.each([
    ['an unknown field', spec({ retires: 3 })],
    ['no source', { process: http }],
    ['two sources', spec({ source: { items: [1], blob: 'a' } })],
    ['no items', spec({ source: { items: [] } })],
    ['a duration that is none', spec({ canary: { items: 1, timeout: '1 day' } })],
    ['a rate that is none', spec({ rate: 'often' })],
    ['too many rates', spec({ rate: ['1/s', '2/min', '3/h', '4/day', '5/2day', '6/3day'] })],
    ['a budget that limits nothing', spec({ budget: { then: 'pause' } })],
    ['a code that is none', spec({ budget: { codes: { SLOW: 1 } } })],
    ['too many tags', spec({ tags: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`t${i}`, ''])) })],
    [
        'too many headers',
        spec({
            process: { http: { url: 'http://x/', headers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`h${i}`, ''])) } },
        }),
    ],
    ['a header’s name', spec({ process: { http: { url: 'http://x/', headers: { 'a b': '' } } } })],
    ['a limiter’s name', spec({ limiter: '..' })],
    ['a time without its zone', spec({ startAt: '2026-12-04T18:00:00' })],
    ['too many calls at once', spec({ concurrency: { max: 513 } })],
])('what the schema refuses, the server refuses: %s', (_, value) => {
    expect([taken(value), wrongInSpec(value).length > 0]).toEqual([false, true]);
});

test('a patch takes any part of the limits, and null for each', () => {
    const { concurrency, retry, deadline, calling, rate, outage, budget } = everyField as Record<string, object | string>;
    const limits = { concurrency, retry, deadline, calling, rate, outage, budget };
    const nulls = Object.fromEntries(Object.keys(limits).map((name) => [name, null]));
    const parts = [{ retry: { attempts: null } }, { calling: { timeZone: 'UTC' } }, { budget: { codes: { TIMEOUT: null } } }, {}];
    for (const patch of [limits, nulls, ...parts, { reason: 'r' }]) expect(wrongInPatch(patch)).toEqual([]);
    for (const patch of [{ name: 'n' }, { concurrency: { most: 1 } }, { reason: null }, { rate: [] }, { retry: { attempts: 0 } }])
        expect([patch, wrongInPatch(patch).length > 0]).toEqual([patch, true]);
});

test('the bodies of moves and of limiters are those that the server takes', () => {
    const [wrongInMove, wrongInSettings] = [wrongIn('MoveBody'), wrongIn('LimiterSettings')];
    for (const body of [{}, { reason: 'r' }, { reason: '' }, { reason: 'x'.repeat(501) }, { why: 'r' }])
        expect([body, wrongInMove(body).length === 0]).toEqual([body, parseMoveBody(body).ok]);
    for (const body of [
        {},
        { rate: null, inFlight: null },
        { rate: '50/s' },
        { rate: [] },
        { rate: ['1/s', '2/min'], inFlight: 100_000 },
        { rate: 'x' },
        { inFlight: 0 },
    ])
        expect([body, wrongInSettings(body).length === 0]).toEqual([body, parseSettings(body).ok]);
});

describe('a text says the bounds that hold', () => {
    type Node = Schema & { description?: string };
    const nodes = (schema: Node, place: string): [string, Node][] => [
        [place, schema],
        ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) => nodes(part as Node, `${place}/${name}`)),
        ...(schema.anyOf ?? []).flatMap((part) => nodes(part as Node, place)),
        ...[schema.items, schema.additionalProperties].flatMap((part) =>
            typeof part === 'object' ? nodes(part as Node, `${place}/*`) : [],
        ),
    ];
    const all = ['JobSpec', 'LimitsPatch', 'LimiterSettings', 'MoveBody'].flatMap((name) =>
        nodes(readDocument().components!.schemas![name] as Node, name),
    );

    /** What a schema refuses by its count or size, of itself or of any alternative: the least and the most. */
    const boundsOf = ({ anyOf = [], ...schema }: Node): { least: unknown[]; most: unknown[] } => {
        const inner = anyOf.map((part) => boundsOf(part as Node));
        const { minimum, minLength, minItems, maximum, maxLength, maxItems, maxProperties } = schema;
        const known = (list: unknown[]) => list.filter((bound) => bound !== undefined);
        return {
            least: known([minimum, minLength, minItems, ...inner.flatMap(({ least }) => least)]),
            most: known([maximum, maxLength, maxItems, maxProperties, ...inner.flatMap(({ most }) => most)]),
        };
    };
    const number = (text: string) => Number(text.replaceAll(',', ''));
    /** Numbers with a unit are no bounds of a schema: the text is made of what the check in code has. */
    const saidBy = (text: string) =>
        /(?:\b(\d[\d,.]*) to|[Aa]t most) (\d[\d,]*)(?![\d,]| ?(MiB|days|hex|calls))/.exec(text.replaceAll(/`[^`]*`/g, ''));
    const wrong = ([place, node]: [string, Node]): string[] => {
        const said = saidBy(node.description ?? '');
        const { least, most } = boundsOf(node);
        if (!said || (least.length === 0 && most.length === 0)) return [];
        const fits = most.includes(number(said[2]!)) && (said[1] === undefined || least.includes(number(said[1])));
        return fits ? [] : [`${place} says "${said[0]}": ${JSON.stringify({ least, most })}`];
    };

    test('counts and sizes', () => {
        expect(all.filter(([, { description = '' }]) => saidBy(description)).length).toBeGreaterThan(30);
        expect(all.flatMap(wrong)).toEqual([]);
        expect(wrong(['x', { description: 'Calls. 1 to 256.', minimum: 1, maximum: 512 }])).toHaveLength(1);
    });

    const processor = { processor: 'digest' };
    const at = (place: string, value: unknown): object => {
        const steps = place.split('/').slice(1);
        const field = steps.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value) as Record<string, object>;
        if (field.canary) return spec({ canary: { items: 1, ...field.canary } });
        if (!field.process) return spec(field);
        const { http: given } = field.process as { http?: object };
        return { ...spec({}), process: given ? { http: { ...http.http, ...given } } : { ...processor, ...field.process } };
    };
    const durations = all.flatMap(([place, { description = '' }]) => {
        const said = /(P\w[\w.]*) to (P\w+)/.exec(description);
        return said && place.startsWith('JobSpec') ? [{ place, from: said[1]!, to: said[2]! }] : [];
    });

    test('every duration is looked at', () => expect(durations.length).toBeGreaterThan(7));
    test.each(durations)('$place, $from to $to', ({ place, from, to }) => {
        const takes = (ms: number) => taken(at(place, `PT${ms / 1000}S`));
        const [least, most] = [parseDuration(from)!, parseDuration(to)!];
        expect([takes(least), takes(most), takes(most + 1)]).toEqual([true, true, false]);
        if (least > 0) expect(takes(least - 1)).toBe(false);
    });

    test('a rate', () => {
        const said = /(\d[\d,]*) to (\d[\d,]*) calls in a second to (\d+) days/.exec(
            JSON.stringify(all.find(([p]) => p === 'JobSpec/rate')),
        )!;
        const [least, most, days] = said.slice(1).map(number) as [number, number, number];
        const texts = [`${least}/s`, `${most}/s`, `1/${days}day`, `${least - 1}/s`, `${most + 1}/s`, `1/${days + 1}day`];
        expect(texts.map((rate) => taken(spec({ rate })))).toEqual([true, true, true, false, false, false]);
    });

    test('a name of a blob', () => {
        const most = (all.find(([p, { maxLength }]) => p === 'JobSpec/source/blob' && maxLength !== undefined)![1] as { maxLength: number })
            .maxLength;
        const takes = (length: number) => taken({ source: { blob: 'a'.repeat(length), format: 'csv' }, process: http });
        expect([takes(0), takes(1), takes(most), takes(most + 1)]).toEqual([false, true, true, false]);
    });
});

test('a field without a text, and a text without a field, stop the making of the document', () => {
    const shape = jobSpec.pick({ name: true });
    expect(() => described(shape, { '': 'x' })).toThrow('No text is there for /name.');
    expect(() => described(shape, { '': 'x', '/name': 'y', '/nam': 'z' })).toThrow('No field is at /nam.');
    expect(described(shape, { '': 'x', '/name': 'y' })).toMatchObject({
        description: 'x',
        properties: { name: { description: 'y', default: 'unnamed' } },
    });
});
