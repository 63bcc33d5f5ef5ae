import { RestError } from '@azure/storage-blob';
import { problemCodes, type ProblemCode } from '../../../src/core/codes';
import { problem } from '../../../src/core/errors';
import { readBody } from '../../../src/api/http/body';
import { readSpecText } from '../../../src/application/specText';
import { asProblem, handle, problemResponse } from '../../../src/api/http/frame';

const request = { method: 'GET', url: 'http://host/api/jobs/x?y=1' } as never;
const invocation = () => ({ invocationId: 'inv-1', error: jest.fn(), warn: jest.fn() });
const bodyOf = (response: { body?: unknown }) => JSON.parse(response.body as string) as Record<string, unknown>;

describe('problems', () => {
    test('every code of the problemCodes maps to its own status and names itself', () => {
        for (const code of Object.keys(problemCodes) as ProblemCode[]) {
            const response = problemResponse(problem(code, { detail: 'd' }), '/api/x');
            expect(response.status).toBe(problemCodes[code].status);
            expect(response.headers).toMatchObject({ 'content-type': 'application/problem+json' });
            expect(bodyOf(response)).toMatchObject({
                code,
                status: problemCodes[code].status,
                title: problemCodes[code].title,
                detail: 'd',
                instance: '/api/x',
            });
        }
    });

    test('field errors and extras reach the body, headers reach the answer and stay out of the body', () => {
        const response = problemResponse(
            problem('ILLEGAL_MOVE', {
                state: 'completed',
                allowed: [],
                errors: [{ pointer: '/a', message: 'm' }],
                headers: { allow: 'GET' },
            }),
            '/p',
        );
        expect(bodyOf(response)).toMatchObject({ state: 'completed', allowed: [], errors: [{ pointer: '/a', message: 'm' }] });
        expect(bodyOf(response)).not.toHaveProperty('headers');
        expect(response.headers).toMatchObject({ allow: 'GET' });
    });

    test('an unexpected error is logged and its text is not told', async () => {
        const log = invocation();
        const response = await handle(async () => Promise.reject(new Error('AccountKey=hush')))(request, {} as never, log as never);
        expect(response.status).toBe(500);
        expect(response.body).not.toContain('hush');
        expect(bodyOf(response)).toMatchObject({ code: 'INTERNAL', instance: '/api/jobs/x', invocationId: 'inv-1' });
        expect(log.error).toHaveBeenCalledTimes(1);
    });

    test('an expected problem is not logged as an error', async () => {
        const log = invocation();
        const response = await handle(async () => Promise.reject(problem('JOB_NOT_FOUND')))(request, {} as never, log as never);
        expect(response.status).toBe(404);
        expect(log.error).not.toHaveBeenCalled();
    });

    test('storage that does not answer is 503 with Retry-After, storage that refuses is 500', () => {
        expect(asProblem(new RestError('connect ECONNREFUSED')).code).toBe('STORAGE_UNAVAILABLE');
        expect(asProblem(new RestError('busy', { statusCode: 503 })).code).toBe('STORAGE_UNAVAILABLE');
        expect(asProblem(new RestError('forbidden', { statusCode: 403 })).code).toBe('INTERNAL');
    });
});

describe('request bodies', () => {
    const incoming = (chunks: Buffer[], headers: Record<string, string> = {}) => ({
        headers: { get: (name: string) => headers[name] ?? null },
        body: (async function* () {
            yield* chunks;
        })(),
    });
    const positionIn = (text: string): unknown => {
        try {
            return readSpecText(Buffer.from(text));
        } catch (error) {
            const { position, line, column } = asProblem(error).details;
            return [position, line, column];
        }
    };

    test.each([
        ['a bad token', '{\n  "a": x}', [9, 2, 8]],
        ['a missing comma', '{"a":1 "b":2}', [7, 1, 8]],
        ['a text that ends too early', '{"a":[1,2', [9, 1, 10]],
        ['a trailing comma', '[1,]', [3, 1, 4]],
        ['a value left out, behind other alphabets', '{"é€":[1,,2]}', [9, 1, 10]],
        ['a second document', '{} {}', [3, 1, 4]],
    ])('%s is told by its position', (_what, text, place) => {
        expect(positionIn(text)).toEqual(place);
    });

    test('a byte order mark is no error', () => expect(readSpecText(Buffer.from('\ufeff{"a":1}')).document).toEqual({ a: 1 }));
    test('what is not UTF-8 is BAD_JSON', () => expect(() => readSpecText(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/UTF-8/));
    test('a body at the limit passes, one byte more is 413', async () => {
        const half = Buffer.alloc(512 * 1024);
        await expect(readBody(incoming([half, half]), 1024 * 1024)).resolves.toHaveLength(1024 * 1024);
        await expect(readBody(incoming([half, half, Buffer.alloc(1)]), 1024 * 1024)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    });
    test('a compressed body is refused, not misread', async () => {
        await expect(readBody(incoming([Buffer.from('x')], { 'content-encoding': 'gzip' }), 65_536)).rejects.toMatchObject({
            code: 'UNSUPPORTED_MEDIA',
        });
    });
});
