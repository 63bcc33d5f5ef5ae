// Requests that no client sends: bytes on a socket, in pieces, slowly, cut off, or more than one thing at once.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';

export interface RawRequest {
    what: string;
    pieces: Buffer[];
    /** Between two pieces, in ms. */
    pauseMs: number;
    /** The connection is cut after the last piece, and no answer is waited for. */
    cut: boolean;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const whole = (what: string, ...pieces: string[]): RawRequest => ({ what, pieces: pieces.map(bytes), pauseMs: 0, cut: false });
const head = (line: string, ...headers: string[]): string => `${line}\r\nHost: localhost\r\n${headers.map((h) => `${h}\r\n`).join('')}`;

/** `key`: headers that let it in. */
export function rawRequests(key: string): fc.Arbitrary<RawRequest> {
    const post = (...headers: string[]): string => head('POST /api/jobs HTTP/1.1', key, 'Content-Type: application/json', ...headers);
    const get = (path: string, ...headers: string[]): string => `${head(`GET ${path} HTTP/1.1`, key, ...headers)}\r\n`;
    const patch = (...headers: string[]): string => head('POST /api/uploads?name=a.csv HTTP/1.1', key, ...headers);
    const n = fc.integer({ min: 1, max: 5_000 });
    return fc.oneof(
        n.map((count) => whole('many headers', get('/api/jobs', ...Array.from({ length: count }, (_, i) => `x-h${i}: ${i}`)))),
        n.map((count) => whole('a long header', get('/api/jobs', `x-long: ${'a'.repeat(count * 20)}`))),
        n.map((count) => whole('a long path', get(`/api/${'a/'.repeat(count)}`))),
        n.map((count) => whole('a long query', get(`/api/jobs?name=${'%20'.repeat(count)}`))),
        fc
            .constantFrom(
                '/api/\0',
                '/api/jobs/\xff\xfe',
                'http://evil.example/api/jobs',
                '*',
                '//evil.example/api',
                '/api/jobs#x',
                '/api\\jobs',
                '/API/JOBS',
                '/api/jobs/%',
            )
            .map((path) => whole('an odd path', get(path))),
        fc
            .constantFrom('PROPFIND', 'TRACE', 'get', 'CONNECT', 'G\0T', 'A'.repeat(300))
            .map((method) => whole('an odd method', `${head(`${method} /api/jobs HTTP/1.1`, key)}\r\n`)),
        fc
            .constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTPS/1.1', '')
            .map((version) => whole('an odd version', `${head(`GET /api/jobs ${version}`, key)}\r\n`)),
        fc.constant(whole('no host', `GET /api/jobs HTTP/1.1\r\n${key}\r\n\r\n`)),
        fc.constant(whole('two hosts', get('/api/jobs', 'Host: evil.example'))),
        fc.constant(whole('a body of two lengths', `${post('Content-Length: 2', 'Content-Length: 30')}\r\n{}`)),
        fc.constant(
            whole(
                'a length and chunks',
                `${post('Content-Length: 4', 'Transfer-Encoding: chunked')}\r\n2\r\n{}\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n`,
            ),
        ),
        fc
            .constantFrom('chunked, identity', 'xchunked', 'gzip', '\x0bchunked')
            .map((te) => whole('an odd transfer encoding', `${post(`Transfer-Encoding: ${te}`)}\r\n2\r\n{}\r\n0\r\n\r\n`)),
        fc
            .constantFrom('-1', '0x10', '1e9', '99999999999999999999', '+2', ' ')
            .map((length) => whole('an odd length', `${post(`Content-Length: ${length}`)}\r\n{}`)),
        fc
            .constantFrom('zz\r\n', '-1\r\n', 'ffffffffffffffffff\r\n', '2;ext=1\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n', '2\r\n{}x0\r\n')
            .map((chunks) => whole('odd chunks', `${post('Transfer-Encoding: chunked')}\r\n${chunks}`)),
        n.map((count): RawRequest => ({
            what: 'tiny chunks',
            pieces: [bytes(`${post('Transfer-Encoding: chunked')}\r\n${'1\r\n[\r\n'.repeat(count)}0\r\n\r\n`)],
            pauseMs: 0,
            cut: false,
        })),
        fc.constant(whole('more than its length', `${post('Content-Length: 2')}\r\n{}{"source":1}`)),
        fc
            .nat(90)
            .map((length): RawRequest => ({ what: 'cut in its head', pieces: [bytes(post().slice(0, length))], pauseMs: 0, cut: true })),
        n.map((length): RawRequest => ({
            what: 'cut in its body',
            pieces: [bytes(`${post(`Content-Length: ${length + 100}`)}\r\n{"source":{"items":[${'1,'.repeat(length / 4)}`)],
            pauseMs: 5,
            cut: true,
        })),
        n.map((length): RawRequest => ({
            what: 'an upload that is cut',
            pieces: [bytes(`${patch('Content-Length: 100000')}\r\n${'a,b\n'.repeat(length / 4)}`)],
            pauseMs: 5,
            cut: true,
        })),
        fc.constantFrom(3, 10, 40).map((pieces): RawRequest => ({
            what: 'slow to send',
            pieces: [bytes(`${post('Content-Length: 300')}\r\n`), ...Array.from({ length: pieces }, () => bytes('{"a":'))],
            pauseMs: 20,
            cut: true,
        })),
        fc.constant<RawRequest>({
            what: 'an answer that nobody reads',
            pieces: [bytes(get('/api/openapi.json').repeat(20))],
            pauseMs: 5,
            cut: true,
        }),
        fc.constantFrom(2, 30).map((count) => whole('several at once', get('/api/jobs?limit=1').repeat(count))),
        fc.constant(whole('an upgrade', get('/api/jobs', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: AAAA'))),
    );
}

/** What came back, as text; null where nothing was waited for. Rejects where nothing ends within the time (ms). */
export function sendRaw(port: number, { pieces, pauseMs, cut }: RawRequest, longestMs: number): Promise<string | null> {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1');
        const timer = setTimeout(() => {
            socket.destroy();
            // A connection that is kept open for more is no hang where an answer has come.
            if (said !== '') resolve(said);
            else reject(new Error(`no answer within ${longestMs} ms`));
        }, longestMs);
        let said = '';
        const end = (): void => {
            clearTimeout(timer);
            socket.destroy();
            resolve(cut ? null : said);
        };
        socket.on('data', (chunk) => {
            said = (said + chunk.toString('latin1')).slice(0, 100_000);
            // Some bytes after the last answer nobody knows whether more comes: an answer is enough.
            if (!cut && /^HTTP\/1\.1 \d{3}[^]*\r\n\r\n/.test(said)) setTimeout(end, 50);
        });
        socket.on('error', end).on('close', end);
        inPieces(socket, pieces, pauseMs).then(() => cut && end(), reject);
    });
}

async function inPieces(socket: net.Socket, pieces: Buffer[], pauseMs: number): Promise<void> {
    for (const piece of pieces) {
        if (socket.destroyed) return;
        socket.write(piece);
        if (pauseMs > 0) await sleep(pauseMs);
    }
}
