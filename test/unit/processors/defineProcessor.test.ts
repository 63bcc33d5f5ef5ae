import { z } from 'zod';
import { OutgoingError } from '../../../src/egress/outgoing';
import { checkLink } from '../../../src/processors/checkLink';
import { defineProcessor, FatalError, RetryableError } from '../../../src/processors/defineProcessor';
import { canonical, digest } from '../../../src/processors/digest';
import { compileProcess, findProcessor, registerProcessor } from '../../../src/processors';
import type { ProcessorContext } from '../../../src/processors/processor';

const answer = {
    status: 301,
    headers: { location: '/new', 'content-type': 'text/html' },
    body: Buffer.alloc(0),
    bodyBytes: 0,
    truncated: false,
};
const send = jest.fn(async (_request: { method: string; url: string }) => answer);
const context: ProcessorContext = {
    jobId: 'j',
    index: 0,
    key: 0,
    attempt: 1,
    idempotencyKey: 'j:0',
    maxOutputBytes: 20,
    send,
    signal: new AbortController().signal,
};

const thatThrows = (error: unknown) =>
    defineProcessor({
        name: 't',
        description: '',
        item: z.object({ n: z.number() }),
        options: z.strictObject({}),
        run: async () => Promise.reject(error as Error),
    }).prepare({})({ n: 1 }, context);

const noSecret = () => ({ missing: 'none is here', later: false });

describe('a processor', () => {
    const double = defineProcessor({
        name: 'double',
        description: 'Twice the number.',
        item: z.object({ n: z.number() }),
        options: z.strictObject({ by: z.number().default(2) }),
        run: async ({ item, options }) => (item.n < 0 ? 'x'.repeat(100) : item.n === 0 ? undefined : { n: item.n * options.by }),
    });

    test('gets item and options checked, and gives its output as JSON', async () => {
        expect(await double.prepare({ by: 3 })({ n: 2 }, context)).toEqual({ ok: true, outputJson: '{"n":6}' });
        expect(await double.prepare({})({ n: 0 }, context)).toEqual({ ok: true });
    });

    test('output over the limit is cut and marked', async () => {
        expect(await double.prepare({})({ n: -1 }, context)).toEqual({
            ok: true,
            output: '"' + 'x'.repeat(19),
            truncated: true,
            outputBytes: 102,
        });
    });

    test('an item of another shape fails for good; options of another shape are refused before', async () => {
        expect(await double.prepare({})({ n: '2' }, context)).toMatchObject({
            ok: false,
            error: { code: 'INVALID_ITEM', retryable: false },
        });
        expect(() => double.prepare({ by: 'two' })).toThrow();
    });

    test('what it throws decides whether the item is tried again', async () => {
        expect(await thatThrows(new Error('boom'))).toMatchObject({ error: { code: 'PROCESSOR_ERROR', message: 'boom', retryable: true } });
        expect(await thatThrows(new FatalError('no'))).toMatchObject({ error: { code: 'PROCESSOR_FATAL', retryable: false } });
        expect(await thatThrows(new RetryableError('later', 5000))).toMatchObject({ retryAfterMs: 5000, error: { retryable: true } });
        expect(await thatThrows(new OutgoingError('TIMEOUT', 'slow'))).toMatchObject({
            error: { code: 'TIMEOUT', retryable: true },
        });
        expect(await thatThrows('text')).toMatchObject({ error: { code: 'PROCESSOR_ERROR', message: 'text' } });
    });

    test('is found by its name, which is taken once', async () => {
        registerProcessor(double);
        expect(findProcessor('double')).toBe(double);
        expect(() => registerProcessor(double)).toThrow('"double"');
        const missing = compileProcess({ process: { processor: 'gone', options: {}, timeout: 'PT1S' } }, noSecret);
        expect(await missing({}, '{}', context)).toMatchObject({ ok: false, error: { code: 'PROCESSOR_MISSING', retryable: true } });
    });
});

describe('checkLink', () => {
    test('tells what became of the URL; a redirect is a finding', async () => {
        const result = await checkLink.prepare({ url: 'links[0]' })(
            { links: ['https://a.example/x'] },
            { ...context, maxOutputBytes: 1000 },
        );
        expect(JSON.parse((result as { outputJson: string }).outputJson)).toMatchObject({
            url: 'https://a.example/x',
            status: 301,
            alive: true,
            location: '/new',
            contentType: 'text/html',
        });
        expect(send.mock.calls.at(-1)![0]).toMatchObject({ method: 'HEAD', url: 'https://a.example/x' });
    });

    test('an item without a URL fails for good; an expression that does not parse is refused at the post', async () => {
        expect(await checkLink.prepare({})({ url: 7 }, context)).toMatchObject({ ok: false, error: { code: 'PROCESSOR_FATAL' } });
        expect(checkLink.options.safeParse({ url: 'a[' }).success).toBe(false);
    });
});

describe('digest', () => {
    test('two texts that would be the same bytes have no digest', async () => {
        for (const text of ['\ud800', 'a\udfff', '\ude00\ud83d'])
            expect(await digest.prepare({})(text, context)).toMatchObject({
                ok: false,
                error: { code: 'LONE_SURROGATE', retryable: false },
            });
        const within = async (text: string) => digest.prepare({})({ text }, { ...context, maxOutputBytes: 1000 });
        expect(await within('\ud800')).toMatchObject({ ok: true });
        expect(await within('\ud800')).not.toEqual(await within('\udfff'));
    });

    test('does not depend on the order of keys', async () => {
        expect(canonical({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
        const of = (item: unknown) => digest.prepare({})(item, { ...context, maxOutputBytes: 1000 });
        expect(await of({ a: 1, b: 2 })).toEqual(await of({ b: 2, a: 1 }));
    });

    test('gives the known SHA-256 of a text', async () => {
        const result = await digest.prepare({ of: 'text' })({ text: 'abc' }, { ...context, maxOutputBytes: 1000 });
        expect(JSON.parse((result as { outputJson: string }).outputJson)).toEqual({
            algorithm: 'sha256',
            digest: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
            bytes: 3,
        });
    });
});

describe('whatever a processor throws or gives', () => {
    const hostile = {
        get message(): string {
            throw new Error('no');
        },
        toString: () => {
            throw new Error('no');
        },
    };
    test.each([
        ['a delay that is no number', new RetryableError('m', NaN)],
        ['a delay without end', new RetryableError('m', Infinity)],
        ['a delay in the past', new RetryableError('m', -1)],
        ['a text', 'just text'],
        ['nothing', undefined],
        ['what has no text', hostile],
        ['a symbol', Symbol('s')],
    ])('%s is a failed attempt', async (_what, error) => {
        const result = await thatThrows(error);
        expect(result).toMatchObject({ ok: false, error: { code: 'PROCESSOR_ERROR', retryable: true } });
        expect(result).not.toHaveProperty('retryAfterMs');
    });

    test('what throws when it is looked at is a failed attempt', async () => {
        const no = () => {
            throw hostile as unknown as Error;
        };
        const delayed = Object.defineProperty(new RetryableError('m'), 'retryAfterMs', { get: no });
        for (const error of [delayed, new RetryableError('m', Symbol('s') as never), new Proxy({}, { get: no, getPrototypeOf: no })])
            expect(await thatThrows(error)).toMatchObject({ ok: false, error: { code: 'PROCESSOR_ERROR', retryable: true } });
    });

    test('an item with a hundred thousand problems is told by the first of them', async () => {
        const texts = defineProcessor({
            name: 'texts',
            description: '',
            item: z.array(z.string()),
            options: z.strictObject({}),
            run: async () => undefined,
        });
        const result = await texts.prepare({})(Array(100_000).fill(1), context);
        expect(result).toMatchObject({ ok: false, error: { code: 'INVALID_ITEM' } });
        expect((result as { error: { message: string } }).error.message.length).toBeLessThan(2_000);
    });

    test('a delay of more than seven days is seven days', async () => {
        expect(await thatThrows(new RetryableError('m', 1e15))).toMatchObject({ retryAfterMs: 7 * 86_400_000 });
    });

    test.each([
        ['a number that JSON has not', 1n],
        [
            'a circle',
            (() => {
                const circle: Record<string, unknown> = {};
                return (circle.self = circle);
            })(),
        ],
        [
            'what refuses to be JSON',
            {
                toJSON: () => {
                    throw new Error('no');
                },
            },
        ],
    ])('%s as output is a failed attempt', async (_what, output) => {
        const strange = defineProcessor({
            name: 'strange',
            description: '',
            item: z.unknown(),
            options: z.strictObject({}),
            run: async () => output,
        });
        expect(await strange.prepare({})(1, context)).toMatchObject({ ok: false, error: { code: 'PROCESSOR_ERROR' } });
    });

    test('one that never ends is given up in time, and its signal says so', async () => {
        let signal: AbortSignal | undefined;
        registerProcessor(
            defineProcessor({
                name: 'endless',
                description: '',
                item: z.unknown(),
                options: z.strictObject({}),
                run: ({ context: c }) => {
                    signal = c.signal;
                    return new Promise(() => undefined);
                },
            }),
        );
        const run = compileProcess({ process: { processor: 'endless', options: {}, timeout: 'PT0.1S' } }, noSecret);
        expect(await run(1, '1', context)).toMatchObject({ ok: false, error: { code: 'TIMEOUT', retryable: true } });
        expect(signal!.aborted).toBe(true);
    });
});
