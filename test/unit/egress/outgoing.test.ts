// What targets answer: Retry-After, encodings, and answers that are none.
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { decodeBody, EncodingError, isEncoded, textOf, TooLargeError } from '../../../src/egress/decode';
import { MAX_ANSWER_BYTES, OutgoingError, send } from '../../../src/egress/outgoing';
import { MAX_RETRY_AFTER_MS, parseHttpDate, retryAfter } from '../../../src/egress/retryAfter';
import { cutBytes } from '../../../src/processors/httpAnswer';
import { anyCharacter } from '../../support/anyCharacter';

describe('Retry-After', () => {
    const now = Date.parse('2026-11-26T12:00:00Z');
    const ms = (value: string | undefined, date?: string) => retryAfter(value, date, now)?.ms;

    test.each([
        ['3', 3_000],
        ['1.5', 1_500],
        ['0', 0],
        ['-5', 0],
        ['Thu, 26 Nov 2026 12:01:00 GMT', 60_000],
        ['Thursday, 26-Nov-26 12:01:00 GMT', 60_000],
        ['Thu Nov 26 12:01:00 2026', 60_000],
        ['Wed, 25 Nov 2026 12:00:00 GMT', 0],
        ['2, 7', 7_000],
        ['7, 2', 7_000],
        ['Thu, 26 Nov 2026 12:01:00 GMT, 5', 60_000],
        ['Thu, 26 Nov 2026 12:00:01 GMT, Thu, 26 Nov 2026 12:02:00 GMT', 120_000],
        ['nonsense, 4', 4_000],
        ['Thu, 26 Nov 2026 23:59:60 GMT', 12 * 3_600_000],
    ])('"%s" is %i ms', (value, expected) => expect(ms(value)).toBe(expected));

    test.each(['', 'soon', 'NaN', 'Infinity', '1e3', '0x10', '5s', '2026-11-26T12:01:00Z', 'Thu, 31 Feb 2026 12:00:00 GMT'])(
        '"%s" says nothing',
        (value) => expect(ms(value)).toBeUndefined(),
    );

    test('a date is measured against the date of the same answer, whatever the clocks say', () => {
        expect(ms('Thu, 26 Nov 2026 11:59:40 GMT', 'Thu, 26 Nov 2026 11:59:30 GMT')).toBe(10_000);
        expect(ms('Thu, 26 Nov 2026 12:00:40 GMT', 'Thu, 26 Nov 2026 12:00:30 GMT')).toBe(10_000);
        expect(ms('Thu, 26 Nov 2026 12:00:40 GMT', 'garbage')).toBe(40_000);
        const twice = 'Thu, 26 Nov 2026 11:59:30 GMT, Thu, 26 Nov 2026 11:59:31 GMT';
        expect(ms('Thu, 26 Nov 2026 11:59:40 GMT', twice)).toBe(10_000);
    });

    test('more than seven days is seven days, and said to be cut', () => {
        expect(retryAfter('99999999999999999999', undefined, now)).toEqual({ ms: MAX_RETRY_AFTER_MS, cut: true });
        expect(retryAfter('604800', undefined, now)).toEqual({ ms: MAX_RETRY_AFTER_MS });
    });

    test('every HTTP date of this century comes back as it was written', () => {
        const seconds = fc.integer({ min: Date.UTC(2000, 0, 1) / 1000, max: Date.UTC(2075, 0, 1) / 1000 });
        fc.assert(fc.property(seconds, (s) => expect(parseHttpDate(new Date(s * 1000).toUTCString(), now)).toBe(s * 1000)));
    });

    test('whatever stands there, the answer is a time from nothing to seven days, or none', () => {
        fc.assert(
            fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (value, date) => {
                const found = retryAfter(value, date, now);
                if (found) expect(found.ms >= 0 && found.ms <= MAX_RETRY_AFTER_MS).toBe(true);
            }),
        );
    });
});

describe('content encodings', () => {
    const text = Buffer.from('grün '.repeat(1000));
    const limit = 100_000;

    test.each([
        ['gzip', gzipSync(text)],
        ['GZip', gzipSync(text)],
        ['x-gzip', gzipSync(text)],
        ['deflate', deflateSync(text)],
        ['deflate', deflateRawSync(text)],
        ['br', brotliCompressSync(text)],
        ['identity', text],
        ['gzip, br', brotliCompressSync(gzipSync(text))],
        ['identity, gzip', gzipSync(text)],
    ])('%s is undone', async (encoding, bytes) => expect((await decodeBody(bytes, encoding, limit)).equals(text)).toBe(true));

    test('what is not as the header says, or not known, is named', async () => {
        await expect(decodeBody(text, 'gzip', limit)).rejects.toThrow(EncodingError);
        await expect(decodeBody(gzipSync(text).subarray(0, 20), 'gzip', limit)).rejects.toThrow(EncodingError);
        await expect(decodeBody(text, 'zip', limit)).rejects.toThrow('"zip" is not known');
    });

    test('what would come out too large is not let out', async () => {
        await expect(decodeBody(gzipSync(Buffer.alloc(limit + 1)), 'gzip', limit)).rejects.toThrow(TooLargeError);
    });

    test('a header full of encodings is not worked through', async () => {
        await expect(decodeBody(text, Array(6).fill('gzip').join(), limit)).rejects.toThrow('at most 5');
    });

    test('nothing to undo is nothing to undo', () => {
        expect([undefined, '', 'identity', ' Identity '].map(isEncoded)).toEqual([false, false, false, false]);
    });
});

describe('the text of a body', () => {
    test.each([
        ['utf-8, by default', Buffer.from('é'), undefined],
        ['utf-8 behind its mark', Buffer.from('\ufeffé'), 'text/plain'],
        ['latin1, as the header says', Buffer.from('é', 'latin1'), 'text/plain; charset=ISO-8859-1'],
        ['utf-8 behind its mark, whatever the header says', Buffer.from('\ufeffé'), 'text/plain; charset=iso-8859-1'],
        ['latin1, by a header that came twice', Buffer.from([0xe9]), 'text/plain; charset=iso-8859-1, text/plain'],
        ['windows-1252 in quotes', Buffer.from([0xe9]), 'text/plain; Charset="windows-1252"'],
        ['utf-16, by its mark', Buffer.from('\ufeffé', 'utf16le'), 'text/plain; charset=utf-8'],
        ['utf-16, big end first', Buffer.from([0xfe, 0xff, 0x00, 0xe9]), undefined],
        ['a charset that nobody knows, as utf-8', Buffer.from('é'), 'text/plain; charset=klingon'],
    ])('is read as %s', (_what, body, type) => expect(textOf(body, type)).toBe('é'));

    test('is read as windows-1252 where a browser would', () => {
        expect(textOf(Buffer.from([0x80, 0x92, 0x9f, 0xe9, 0x41]), 'text/plain; charset=latin1')).toBe('€’ŸéA');
    });

    test('is cut at a whole character, in at most so many bytes', () => {
        expect(cutBytes('aé😀', 1)).toBe('a');
        expect([2, 3, 4, 6, 7].map((n) => cutBytes('aé😀', n))).toEqual(['a', 'aé', 'aé', 'aé', 'aé😀']);
        fc.assert(
            fc.property(fc.string({ unit: anyCharacter }), fc.nat({ max: 40 }), (text, n) => {
                const cut = cutBytes(text, n);
                expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(n);
                expect(text.startsWith(cut)).toBe(true);
                expect(Buffer.byteLength(text) - Buffer.byteLength(cut) < 4 || Buffer.byteLength(cut) > n - 4).toBe(true);
            }),
        );
    });
});

describe('answers that are none', () => {
    let server: Server;
    let url: string;
    let say: (socket: Socket) => void;
    beforeAll(async () => {
        server = createServer((socket) => {
            socket.on('error', () => undefined);
            socket.once('data', () => say(socket));
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    });
    afterAll(() => new Promise((resolve) => server.close(resolve)));

    const called = async (text: string, over: object = {}) => {
        say = (socket) => socket.end(text);
        return send({ method: 'GET', url, headers: {}, timeoutMs: 5_000, maxBodyBytes: 1_000, ...over }).catch((error: unknown) => error);
    };
    const ok = (head: string, body = 'ok') =>
        `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${head}connection: close\r\n\r\n${body}`;

    test.each([
        ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
        ['bad syntax in a header', 'HTTP/1.1 200 OK\r\nbad header\r\n\r\n'],
        ['more header than is read', ok(`x: ${'y'.repeat(70_000)}\r\n`)],
        ['an unsolicited upgrade', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
        ['a status below 100', 'HTTP/1.1 099 X\r\n\r\n'],
        ['an unsolicited 100 Continue', `HTTP/1.1 100 Continue\r\n\r\n${ok('')}`],
    ])('%s is named and never tried again', async (_what, text) => {
        const error = await called(text);
        expect(error).toBeInstanceOf(OutgoingError);
        expect(error).toMatchObject({ code: 'BAD_ANSWER', retryable: false });
    });

    test.each([
        ['nothing at all', ''],
        ['half an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
        ['half a header', 'HTTP/1.1 200 OK\r\nx: y'],
    ])('%s is a broken connection, and tried again', async (_what, text) => {
        expect(await called(text)).toMatchObject({ code: 'CONNECTION', retryable: true });
    });

    test('early hints are passed over', async () => {
        expect(await called(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${ok('')}`)).toMatchObject({ status: 200 });
    });

    test('a Retry-After that came twice is seen as both', async () => {
        expect(await called(ok('retry-after: 2\r\nRetry-After: 9\r\n'))).toMatchObject({ headers: { 'retry-after': '2, 9' } });
    });

    test('an encoded body is decoded, cut, or told that it cannot be', async () => {
        const encoded = (bytes: Buffer, encoding = 'gzip') => {
            say = (socket) => {
                socket.write(
                    `HTTP/1.1 200 OK\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${bytes.length}\r\nconnection: close\r\n\r\n`,
                );
                socket.end(bytes);
            };
            return send({ method: 'GET', url, headers: {}, timeoutMs: 5_000, maxBodyBytes: 5 }).catch((error: unknown) => error);
        };
        expect(await encoded(gzipSync('hello'))).toMatchObject({ body: Buffer.from('hello'), bodyBytes: 5, truncated: false });
        expect(await encoded(gzipSync('hello, world'))).toMatchObject({ body: Buffer.from('hello'), bodyBytes: 12, truncated: true });
        expect(await encoded(Buffer.from('no gzip'))).toMatchObject({
            status: 200,
            undecodable: expect.stringContaining('gzip') as string,
        });
        expect(await encoded(gzipSync(Buffer.alloc(MAX_ANSWER_BYTES + 1)))).toMatchObject({ code: 'TOO_LARGE', retryable: false });
    });

    test('a call ends with the signal of who made it', async () => {
        say = () => undefined;
        const controller = new AbortController();
        const calling = send({ method: 'GET', url, headers: {}, timeoutMs: 60_000, maxBodyBytes: 10, signal: controller.signal });
        controller.abort();
        await expect(calling).rejects.toMatchObject({ code: 'TIMEOUT' });
    });
});
