import { z } from 'zod';
import { OutgoingError } from '../../../src/net/outgoing';
import { checkLink } from '../../../src/processors/checkLink';
import { defineProcessor, FatalError, RetryableError } from '../../../src/processors/define';
import { canonical, digest } from '../../../src/processors/digest';
import { compileProcess, findProcessor, registerProcessor } from '../../../src/processors';
import type { ProcessorContext } from '../../../src/processors/types';

const answer = {
    status: 301,
    headers: { location: '/new', 'content-type': 'text/html' },
    body: Buffer.alloc(0),
    bodyBytes: 0,
    truncated: false,
};
const send = jest.fn(async (_request: { method: string; url: string }) => answer);
const context: ProcessorContext = { jobId: 'j', index: 0, key: 0, attempt: 1, idempotencyKey: 'j:0', maxOutputBytes: 20, send };

const thatThrows = (error: unknown) =>
    defineProcessor({
        name: 't',
        description: '',
        item: z.object({ n: z.number() }),
        options: z.strictObject({}),
        run: async () => Promise.reject(error as Error),
    }).prepare({})({ n: 1 }, context);

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
        expect(await thatThrows(new OutgoingError('TIMEOUT', 'slow', true))).toMatchObject({
            throttled: true,
            error: { code: 'TIMEOUT', retryable: true },
        });
        expect(await thatThrows('text')).toMatchObject({ error: { code: 'PROCESSOR_ERROR', message: 'text' } });
    });

    test('is found by its name, which is taken once', async () => {
        registerProcessor(double);
        expect(findProcessor('double')).toBe(double);
        expect(() => registerProcessor(double)).toThrow('"double"');
        const missing = compileProcess({ process: { processor: 'gone', options: {} } }, () => undefined);
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
