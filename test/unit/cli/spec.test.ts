// The spec that options make.
import { assembleSpec, saysAnything, withSource, type SpecOptions } from '../../../src/cli/run/assembleSpec';
import { readSpec } from '../../../src/cli/run/specText';
import { writeExact } from '../../../src/json/exactJson';

const spec = (options: SpecOptions, given: string | null = null) =>
    JSON.parse(writeExact(assembleSpec(given === null ? null : readSpec(Buffer.from(given), 'it'), options))) as unknown;

test('every option has its place', () => {
    const options: SpecOptions = {
        ...{
            post: 'https://h/{id}',
            header: ['a: b: c', 'Authorization: secret:API_TOKEN'],
            body: '@',
            success: 'status == `200`',
            var: { id: 'x.y' },
        },
        ...{
            key: 'id',
            concurrency: '3',
            rate: ['50/s', '10000/day'],
            limiter: 'l',
            canary: '20',
            approval: 'automatic',
            budget: '2.5%',
            budgetThen: 'cancel',
        },
        ...{
            attempts: '2',
            deadline: 'P1D',
            startAt: '2026-12-01T00:00:00Z',
            name: 'n',
            tag: { t: 'v=w' },
            onInvalid: 'skip',
            keep: 'failed',
        },
    };
    expect(spec(options)).toEqual({
        process: {
            http: {
                url: 'https://h/{id}',
                method: 'POST',
                headers: { a: 'b: c', Authorization: { secret: 'API_TOKEN' } },
                body: '@',
                success: 'status == `200`',
                vars: { id: 'x.y' },
            },
        },
        ...{
            key: 'id',
            concurrency: { max: 3 },
            rate: ['50/s', '10000/day'],
            limiter: 'l',
            canary: { items: 20, approval: 'automatic' },
            budget: { percent: 2.5, then: 'cancel' },
        },
        ...{
            retry: { attempts: 2 },
            deadline: 'P1D',
            startAt: '2026-12-01T00:00:00Z',
            name: 'n',
            tags: { t: 'v=w' },
            onInvalid: 'skip',
            results: { keep: 'failed' },
        },
    });
});

test('options win over a spec, and leave the rest of it as it is', () => {
    const given =
        '{"name":"a","process":{"http":{"url":"u","timeout":"PT1S","headers":{"x":"1"}}},"concurrency":{"max":5,"adaptive":false},"retry":{"factor":1.50}}';
    expect(spec({ name: 'b', put: 'v', header: ['y: 2'], concurrency: '7' }, given)).toEqual({
        name: 'b',
        process: { http: { url: 'v', method: 'PUT', timeout: 'PT1S', headers: { x: '1', y: '2' } } },
        concurrency: { max: 7, adaptive: false },
        retry: { factor: 1.5 },
    });
    expect(spec({ processor: 'digest', options: '{"a":1}' }, given)).toMatchObject({ process: { processor: 'digest', options: { a: 1 } } });
});

test('no digit is lost in a merge', () => {
    const given = '{"source":{"items":[{"n":9007199254740993,"m":1.10}]},"process":{"processor":"p"}}';
    expect(writeExact(assembleSpec(readSpec(Buffer.from(given), 'it'), { name: 'n', options: '{"x":1e400}' }))).toBe(
        '{"source":{"items":[{"n":9007199254740993,"m":1.10}]},"process":{"processor":"p","options":{"x":1e400}},"name":"n"}',
    );
});

test('a file takes the place of a source, and is read as that says', () => {
    expect(withSource({ source: { blob: 'b', format: 'csv', csv: { emptyRows: 'skip' } } }, 'id', undefined)).toEqual({
        source: { upload: 'id', format: 'csv', csv: { emptyRows: 'skip' } },
    });
    expect(withSource({ source: { items: [1] } }, 'id', 'json')).toEqual({ source: { upload: 'id', format: 'json' } });
});

test('options that say nothing of the spec leave it as it came', () => {
    expect([saysAnything({}), saysAnything({ name: 'n' }), saysAnything({ get: 'u' }), saysAnything({ header: ['a: b'] })]).toEqual([
        false,
        true,
        true,
        true,
    ]);
});

test.each<[SpecOptions, RegExp, number]>([
    [{ post: 'a', get: 'b' }, /called in one way/, 1],
    [{ post: 'a', processor: 'b' }, /does not go with a URL/, 1],
    [{ options: '{}' }, /name it with --processor/, 1],
    [{ processor: 'p', options: '{' }, /--options is no JSON/, 5],
    [{ header: ['a: b'] }, /are for a URL/, 5],
    [{ post: 'u', header: ['nothing'] }, /is no header/, 5],
    [{ concurrency: 'many' }, /--concurrency: "many" is no number; allowed: 1 to 512/, 5],
    [{ budget: '%' }, /--budget/, 5],
])('refused: %j', (options, message, code) => {
    expect(() => assembleSpec(null, options)).toThrow(expect.objectContaining({ message: expect.stringMatching(message), code }));
});

test.each([
    ['', /ends too early/],
    ['{"a":1,\n "b":tru}', /line 2, character 9/],
    ['[]', /no JSON object/],
    ['{"a":{"x":1,"x":2}}', /a field stands twice/],
    ['{"a":1} {', /no JSON/],
    [Buffer.from([0x7b, 0xff]), /not UTF-8/],
])('no spec: %j', (text, message) => {
    expect(() => readSpec(Buffer.from(text as string), 'it')).toThrow(
        expect.objectContaining({ message: expect.stringMatching(message), code: 5 }),
    );
});
