import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { httpProcess } from '../../../src/contracts/jobSpec';
import { OutgoingError, send, target } from '../../../src/egress/outgoing';
import { compileHttp } from '../../../src/processors/http';
import { checkHttp } from '../../../src/processors/httpRequest';
import { findSecret } from '../../../src/settings';

interface Seen {
    method: string;
    url: string;
    headers: IncomingMessage['headers'];
    body: string;
}

let server: Server;
let base: string;
let seen: Seen[] = [];
let answer: (res: ServerResponse, req: IncomingMessage) => void;

beforeAll(async () => {
    server = createServer((req, res) => {
        let body = '';
        req.on('data', (chunk: Buffer) => (body += chunk.toString()));
        req.on('end', () => {
            seen.push({ method: req.method!, url: req.url!, headers: req.headers, body });
            answer(res, req);
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
    seen = [];
    answer = (res) => res.end('{"ok":true}');
});

async function unusedPort(): Promise<number> {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    await new Promise((resolve) => taken.close(resolve));
    return port;
}

const context = { jobId: 'j1', index: 3, key: 'k', attempt: 2, idempotencyKey: 'j1:k', maxOutputBytes: 65_536 };
/** Settings as an app has them; every secret of the spec is listed, or what `FANFOLD_SECRETS` says. */
const call = (spec: object, item: unknown = { id: 7, city: 'Lyon' }, over: object = {}, settings: Record<string, string> = {}) => {
    const env = { FANFOLD_SECRETS: Object.keys(settings).join(), ...settings };
    const run = compileHttp(httpProcess.parse({ url: `${base}/`, ...spec }), (name) => findSecret(name, env));
    return run(item, JSON.stringify(item), { ...context, ...over });
};
const reply = (status: number, body: string, headers: Record<string, string> = {}) => {
    answer = (res) => res.writeHead(status, headers).end(body);
};

describe('the request', () => {
    test('by default posts the item as it stands, with attempt and idempotency key', async () => {
        await call({});
        expect(seen[0]).toMatchObject({
            method: 'POST',
            body: '{"id":7,"city":"Lyon"}',
            headers: { 'content-type': 'application/json', 'idempotency-key': 'j1:k', 'fanfold-attempt': '2', 'user-agent': 'fanfold' },
        });
    });

    test('expands the URL template over the item and encodes what it holds', async () => {
        await call({ method: 'GET', url: `${base}/c/{city}{?id,gone}` }, { id: 7, city: 'São Paulo/x' });
        expect(seen[0]).toMatchObject({ method: 'GET', url: '/c/S%C3%A3o%20Paulo%2Fx?id=7', body: '' });
        expect(seen[0]!.headers).not.toHaveProperty('content-type');
    });

    test('an item cannot name another host', async () => {
        await call({ method: 'GET', url: `${base}/{+path}` }, { path: '//evil.example/@x' });
        expect(seen[0]!.url).toBe('///evil.example/@x');
    });

    test('makes the body with JMESPath', async () => {
        await call({ body: '{name: city, ref: id}' });
        expect(JSON.parse(seen[0]!.body)).toEqual({ name: 'Lyon', ref: 7 });
    });

    test('a body expression that does not fit the item fails it for good', async () => {
        const result = await call({ body: "join(',', id)" });
        expect(result).toMatchObject({ ok: false, error: { code: 'BODY_EXPRESSION', retryable: false } });
        expect(seen).toHaveLength(0);
    });

    test('puts secrets into headers, and drops headers that are not the user’s to set', async () => {
        const headers = {
            'X-Api-Key': { secret: 'GEO' },
            Host: 'evil.example',
            Metadata: 'true',
            'x-identity-header': 'a',
            'x-functions-key': 'b',
            'x-fanfold-key': 'c',
        };
        await call({ headers }, {}, {}, { GEO: 's3cret-value' });
        expect(seen[0]!.headers).toMatchObject({ 'x-api-key': 's3cret-value', host: base.slice(7) });
        for (const name of ['metadata', 'x-identity-header', 'x-functions-key', 'x-fanfold-key'])
            expect(seen[0]!.headers).not.toHaveProperty(name);
    });

    test('without its secret an item fails and says which one is missing', async () => {
        expect(await call({ headers: { a: { secret: 'GONE' } } })).toMatchObject({
            ok: false,
            error: { code: 'SECRET_MISSING', message: expect.stringContaining('GONE'), retryable: false },
        });
        expect(seen).toEqual([]);
    });

    test('a reference to a vault that is not resolved is no value: the item waits, and nothing is called', async () => {
        const reference = '@Microsoft.KeyVault(SecretUri=https://kv.example/secrets/GEO)';
        const result = await call({ headers: { a: { secret: 'GEO' } } }, {}, {}, { GEO: reference });
        expect(result).toMatchObject({ ok: false, error: { code: 'SECRET_MISSING', retryable: true } });
        expect(JSON.stringify(result)).not.toContain('kv.example');
        expect(seen).toEqual([]);
    });

    test('a secret that is bound to a host goes there, and nowhere else whatever the item says', async () => {
        const port = new URL(base).port;
        const headers = { a: { secret: 'GEO' } };
        const bound = (to: string) => ({ GEO: 's3cret-value', FANFOLD_SECRETS: `GEO@${to}` });
        expect(await call({ headers }, {}, {}, bound('127.0.0.1'))).toMatchObject({ ok: true });
        expect(await call({ headers }, {}, {}, bound(`127.0.0.1:${port}`))).toMatchObject({ ok: true });
        expect(seen).toHaveLength(2);
        for (const elsewhere of ['127.0.0.1:1', 'api.example.com', 'localhost', '27.0.0.1', '[::1]'])
            expect(await call({ headers }, {}, {}, bound(elsewhere))).toMatchObject({
                ok: false,
                error: { code: 'SECRET_HOST', message: expect.stringContaining('GEO'), retryable: false },
            });
    });

    test('a secret that no header can carry is not repeated in the error', async () => {
        const result = await call({ headers: { a: { secret: 'BAD' } } }, {}, {}, { BAD: 'top\nsecret' });
        expect(result).toMatchObject({ ok: false, error: { code: 'SECRET_INVALID', retryable: false } });
        expect(JSON.stringify(result)).not.toMatch(/top|secret\b.*\n/);
        expect(seen).toHaveLength(0);
    });
});

describe('the answer', () => {
    test('JSON is kept as it came, on one line; other text as a string', async () => {
        expect(await call({})).toEqual({ ok: true, status: 200, outputJson: '{"ok":true}' });
        reply(201, '{\n "a": 1\n}');
        expect(await call({})).toEqual({ ok: true, status: 201, outputJson: '{"a":1}' });
        reply(200, 'true enough');
        expect(await call({})).toEqual({ ok: true, status: 200, output: 'true enough' });
        reply(204, '');
        expect(await call({})).toEqual({ ok: true, status: 204 });
    });

    test('more than is kept is cut, and its whole length told', async () => {
        reply(200, JSON.stringify('x'.repeat(100_000)));
        const result = await call({}, {}, { maxOutputBytes: 10 });
        expect(result).toEqual({ ok: true, status: 200, output: '"xxxxxxxxx', truncated: true, outputBytes: 100_002 });
    });

    test('success looks at the whole answer even when little of it is kept', async () => {
        reply(200, JSON.stringify({ pad: 'x'.repeat(1000), status: 'done' }));
        expect(await call({ success: "body.status == 'done'" }, {}, { maxOutputBytes: 10 })).toMatchObject({ ok: true, truncated: true });
        expect(await call({ success: "body.status == 'new'" })).toMatchObject({
            ok: false,
            status: 200,
            error: { code: 'UNSUCCESSFUL', retryable: false },
        });
        reply(404, '{}');
        expect(await call({ success: 'status == `404`' })).toMatchObject({ ok: true, status: 404 });
    });

    test('JSON of more than 500 levels is a text, and no success expression is evaluated on it', async () => {
        const nest = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
        reply(200, nest(500));
        expect(await call({})).toEqual({ ok: true, status: 200, outputJson: nest(500) });
        reply(200, nest(501));
        expect(await call({})).toEqual({ ok: true, status: 200, output: nest(501) });
        expect(await call({ success: 'body' })).toMatchObject({
            ok: false,
            output: nest(501),
            error: { code: 'SUCCESS_EXPRESSION', message: expect.stringContaining('the body has more than 500 levels of nesting') },
        });
    });

    test('a success expression that does not fit the answer is a failure, not an exception', async () => {
        reply(503, '<html>');
        expect(await call({ success: 'length(body.rows) > `0`' })).toMatchObject({
            ok: false,
            status: 503,
            error: { code: 'SUCCESS_EXPRESSION', retryable: true },
        });
    });

    test.each([408, 425, 429, 500, 502, 503, 504])('%i is tried again', async (status) => {
        reply(status, 'busy');
        expect(await call({})).toMatchObject({
            ok: false,
            status,
            error: { code: 'HTTP_STATUS', retryable: true, message: `HTTP ${status}: busy` },
        });
    });

    test.each([301, 400, 401, 404, 409, 422, 501])('%i is not, and no redirect is followed', async (status) => {
        reply(status, 'x'.repeat(500), { location: '/elsewhere' });
        const result = await call({});
        expect(result).toMatchObject({ ok: false, status, error: { retryable: false } });
        expect(!result.ok && result.error.message.length).toBeLessThan(220);
        expect(seen).toHaveLength(1);
    });

    test('Retry-After is told in milliseconds', async () => {
        reply(429, '', { 'retry-after': '3' });
        expect(await call({})).toMatchObject({ retryAfterMs: 3000 });
    });

    test.each([200, 404, 429])(
        'what an answer with %i says of the limits of the target is told, and nothing where it says nothing',
        async (status) => {
            reply(status, '{}', { 'X-RateLimit-Limit': '100', 'X-RateLimit-Remaining': '5', 'X-RateLimit-Reset': '30' });
            expect(await call({})).toMatchObject({ status, rateHint: { remaining: 5, resetMs: 30_000, limit: 100 } });
            reply(status, '{}', {});
            expect(await call({})).not.toHaveProperty('rateHint');
        },
    );

    test('a target that is too slow, before or within its answer, is a timeout', async () => {
        answer = () => undefined;
        expect(await call({ timeout: 'PT0.1S' })).toMatchObject({
            ok: false,
            error: { code: 'TIMEOUT', retryable: true },
        });
        answer = (res) => void res.writeHead(200).write('half');
        expect(await call({ timeout: 'PT0.1S' })).toMatchObject({
            ok: false,
            error: { code: 'TIMEOUT', message: `${base} did not answer within 100 ms` },
        });
    });

    test('a connection refused or broken off is tried again', async () => {
        const unused = createServer();
        await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve));
        const { port } = unused.address() as AddressInfo;
        await new Promise((resolve) => unused.close(resolve));
        expect(await call({ url: `http://127.0.0.1:${port}/secret-path?token=abc` })).toMatchObject({
            ok: false,
            error: { code: 'CONNECTION', retryable: true },
        });
        answer = (_res, req) => req.socket.destroy();
        const broken = await call({ url: `${base}/secret-path?token=abc` });
        expect(broken).toMatchObject({ ok: false, error: { code: 'CONNECTION', retryable: true } });
        expect(JSON.stringify(broken)).not.toMatch(/secret-path.*"request"|abc/);
    });
});

describe('a failure names the call', () => {
    const request = async (...args: Parameters<typeof call>) => {
        const result = await call(...args);
        return result.ok ? 'none' : result.request;
    };

    test('as it was made: method, and URL without what is never sent', async () => {
        reply(404, 'no');
        expect(await request({ method: 'PUT', url: `${base.replace('http', 'HTTP')}/c/{city}?a=b` }, { city: 'São Paulo' })).toBe(
            `PUT ${base}/c/S%C3%A3o%20Paulo?a=b`,
        );
        expect(await request({ success: 'body.ok' })).toBe(`POST ${base}/`);
    });

    test('also where nothing answers', async () => {
        const gone = await unusedPort();
        expect(await request({ url: `http://127.0.0.1:${gone}/x` })).toBe(`POST http://127.0.0.1:${gone}/x`);
        answer = () => undefined;
        expect(await request({ timeout: 'PT0.1S' })).toBe(`POST ${base}/`);
    });

    test('unless nothing was called', async () => {
        expect(await call({ headers: { a: { secret: 'GONE' } } })).not.toHaveProperty('request');
        expect(await call({ method: 'GET', url: `${base}/{id}` }, {})).not.toHaveProperty('request');
        expect(await call({ body: 'length(id)' })).not.toHaveProperty('request');
        const named = await call({ url: base.replace('//', '//ann:pass@') }).catch((error: unknown) => ({ error }));
        expect(named).toMatchObject({ error: { code: 'BAD_URL' } });
        expect(named).not.toHaveProperty('request');
        expect(seen).toEqual([]);
    });

    test('without what gives access in its query', async () => {
        reply(500, 'no');
        const asked = (query: string) => request({ method: 'GET', url: `${base}/x?${query}` });
        expect(await asked('access_token=s3&id=7&sig=a%2Fb&X-Amz-Signature=f00')).toBe(
            `GET ${base}/x?access_token=[redacted]&id=7&sig=[redacted]&X-Amz-Signature=[redacted]`,
        );
        expect(await asked('subscription-key=s3&apiKey=s3&code=DE&monkey=ape&key=')).toBe(
            `GET ${base}/x?subscription-key=[redacted]&apiKey=[redacted]&code=DE&monkey=ape&key=`,
        );
        expect(await asked(`code=${'k'.repeat(56)}`)).toBe(`GET ${base}/x?code=[redacted]`);
        // However a name is written: within another, percent-encoded, behind a semicolon, in small letters.
        expect(await asked('auth[token]=a&auth%5Btoken%5D=b&token[]=c&api%5Fkey=d&x=1;token=e')).toBe(
            `GET ${base}/x?auth[token]=[redacted]&auth%5Btoken%5D=[redacted]&token[]=[redacted]&api%5Fkey=[redacted]&x=1;token=[redacted]`,
        );
        for (const name of [
            'accesskey',
            'secretkey',
            'AWSAccessKeyId',
            'pass',
            'passphrase',
            'jwt',
            'sessionid',
            'sid',
            'otp',
            'bearer',
            'hmac',
        ])
            expect(await asked(`${name}=a`)).toBe(`GET ${base}/x?${name}=[redacted]`);
        expect(await asked('monkey=a&compass=b&max_tokens=9&100%=c')).toBe(`GET ${base}/x?monkey=a&compass=b&max_tokens=9&100%=c`);
    });

    test('a success names none', async () => {
        expect(await call({})).not.toHaveProperty('request');
    });

    test('without a secret that an item has in its URL', async () => {
        reply(500, 'no');
        const spec = { method: 'GET', url: `${base}/c{?name}`, headers: { authorization: { secret: 'TOKEN' } } };
        const item = { name: 'correct horse battery' };
        expect(await call(spec, item, {}, { TOKEN: item.name })).toMatchObject({
            request: `GET ${base}/c?name=[redacted]`,
            redacted: true,
        });
        // Without the redaction it would stand there.
        expect(await request(spec, { name: 'correct horse batter' }, {}, { TOKEN: item.name })).toContain('batter');
    });
});

describe('the one door out', () => {
    test.each(['/relative', 'ftp://a/b', 'file:///etc/passwd', 'http://user:pw@host/', 'nonsense'])('refuses %s', (url) => {
        expect(() => target(url)).toThrow(OutgoingError);
    });

    test('breaks off an answer over 10 MB', async () => {
        answer = (res) => void res.end(Buffer.alloc(11 * 1024 * 1024));
        await expect(send({ method: 'GET', url: base, headers: {}, timeoutMs: 10_000, maxBodyBytes: 10 })).rejects.toMatchObject({
            code: 'TOO_LARGE',
            retryable: false,
        });
    });

    test('a failure to connect does not spoil the calls after it, over more origins than pools are kept', async () => {
        for (let i = 1; i <= 110; i++) {
            const origin = base.replace('127.0.0.1', `127.0.0.${(i % 110) + 1}`);
            await send({ method: 'GET', url: origin, headers: {}, timeoutMs: 5000, maxBodyBytes: 10 }).catch(() => undefined);
            expect((await send({ method: 'GET', url: base, headers: {}, timeoutMs: 5000, maxBodyBytes: 10 })).status).toBe(200);
        }
    });
});

describe('what is refused when a job is posted', () => {
    const problems = (spec: object) => checkHttp(httpProcess.parse({ url: 'https://api.example.com/x', ...spec })).map((p) => p.pointer);
    test.each([
        [{ url: 'https://a.example/{id' }, '/process/http/url'],
        [{ url: 'https://a.example/{}' }, '/process/http/url'],
        [{ url: '/relative/{id}' }, '/process/http/url'],
        [{ url: 'https://{host}/x' }, '/process/http/url'],
        [{ url: '{+url}' }, '/process/http/url'],
        [{ url: 'https://a.example{host}/x' }, '/process/http/url'],
        [{ url: 'https://u:p@a.example/' }, '/process/http/url'],
        [{ body: '{a: ' }, '/process/http/body'],
        [{ success: 'status <' }, '/process/http/success'],
        [{ method: 'GET', body: 'id' }, '/process/http/body'],
    ])('%j', (spec, pointer) => {
        expect(problems(spec)).toEqual([pointer]);
    });

    test('what is right passes', () => {
        expect(problems({ url: 'https://api.example.com/a/{id}{?q*,page:3}', body: '{a: id}', success: 'status < `300`' })).toEqual([]);
    });
});

describe('what the target says', () => {
    const TOKEN = { headers: { authorization: { secret: 'TOKEN' } } };
    const secrets = { TOKEN: 'correct-horse-battery' };

    test('a failing success expression does not lose what Retry-After asks for', async () => {
        reply(503, '[]', { 'retry-after': '7' });
        expect(await call({ success: "starts_with(body.text, 'x')" })).toMatchObject({
            ok: false,
            error: { code: 'SUCCESS_EXPRESSION', retryable: true },
            retryAfterMs: 7_000,
        });
    });

    test('an absurd Retry-After is cut, and the message says so', async () => {
        reply(429, '', { 'retry-after': '999999999' });
        const result = await call({});
        expect(result).toMatchObject({ retryAfterMs: 7 * 86_400_000 });
        expect(!result.ok && result.error.message).toContain('seven days');
    });

    test.each([520, 522, 529])('%i is tried again', async (status) => {
        reply(status, '');
        expect(await call({})).toMatchObject({ ok: false, error: { retryable: true } });
    });

    test('a success expression reads a body of several megabytes, of which little is kept', async () => {
        reply(200, JSON.stringify({ pad: 'x'.repeat(3_000_000), done: true }));
        const result = await call({ success: 'body.done' }, undefined, { maxOutputBytes: 10 });
        expect(result).toMatchObject({ ok: true, truncated: true, output: '{"pad":"xx' });
    });

    test('a compressed answer is read by the success expression and kept as what it is', async () => {
        answer = (res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"done":true}'));
        expect(await call({ success: 'body.done' })).toMatchObject({ ok: true, outputJson: '{"done":true}' });
    });

    test('one that cannot be decoded fails only where somebody reads it', async () => {
        answer = (res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip');
        expect(await call({ success: 'body.done' })).toMatchObject({ ok: false, error: { code: 'BAD_ENCODING' } });
        // That something came, and that none of it is kept, is told.
        expect(await call({})).toEqual({ ok: true, status: 200, output: '', truncated: true, outputBytes: 7 });
    });

    test('the digits of an output stay as they are, on one line', async () => {
        reply(200, '{"a": 1.10,\r\n "b": 9007199254740993}');
        expect(await call({})).toMatchObject({ outputJson: '{"a":1.10,"b":9007199254740993}' });
    });

    test('a secret that is echoed stands neither in the output nor in the message, and the result says so', async () => {
        reply(200, JSON.stringify({ you: 'sent Bearer correct-horse-battery' }));
        expect(await call(TOKEN, undefined, {}, secrets)).toEqual({
            ok: true,
            status: 200,
            outputJson: '{"you":"sent Bearer [redacted]"}',
            redacted: true,
        });
        reply(401, 'bad token correct-horse-battery');
        expect(await call(TOKEN, undefined, {}, secrets)).toMatchObject({
            error: { message: 'HTTP 401: bad token [redacted]' },
            output: 'bad token [redacted]',
            redacted: true,
        });
        reply(200, '"\\u0063orrect-horse-battery"');
        expect(await call(TOKEN, undefined, {}, secrets)).toMatchObject({ outputJson: '"[redacted]"', redacted: true });
    });

    test('an escaped secret is taken out, and all else in the answer stays as it came', async () => {
        const escaped = (text: string) => text.replace(/./g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
        const echo = escaped('correct-horse-battery');
        reply(200, `{"a": 1.10, "big": 9007199254740993, "e": 1e400, "__proto__": 1, "s": "\\\\u0063 ${echo} \\ud83d \\u0022"}`);
        expect(await call(TOKEN, undefined, {}, secrets)).toMatchObject({
            outputJson: '{"a": 1.10, "big": 9007199254740993, "e": 1e400, "__proto__": 1, "s": "\\\\u0063 [redacted] \\ud83d \\""}',
            redacted: true,
        });
        // Also where the text is no JSON, or not the whole of it.
        reply(500, `oops: ${echo}`);
        expect(await call(TOKEN, undefined, {}, secrets)).toMatchObject({ output: 'oops: [redacted]', redacted: true });
        for (const before of [0, 40, 95]) {
            reply(200, `["${'x'.repeat(before)}${echo}","${'y'.repeat(500)}"]`);
            const cut = await call(TOKEN, undefined, { maxOutputBytes: 100 }, secrets);
            expect(cut).toMatchObject({ truncated: true, redacted: true });
            expect(cut.output).not.toContain('u00');
        }
    });

    test('an error page that cannot be decoded is not passed over in silence', async () => {
        reply(400, 'no', { 'content-encoding': 'utf-8' });
        expect(await call({})).toMatchObject({
            error: { message: 'HTTP 400: the body cannot be decoded: the content encoding "utf-8" is not known here' },
        });
    });

    test('nor does one that stands behind others, which were longer than what stands there now', async () => {
        const long = 'S3cr3t'.repeat(17);
        for (const before of [0, 25, 50]) {
            reply(200, 'x'.repeat(before) + long.repeat(60));
            const result = await call(TOKEN, undefined, { maxOutputBytes: 1_000 }, { TOKEN: long });
            expect(JSON.stringify(result)).not.toContain('S3');
        }
    });

    test('a secret at the place where an output is cut leaves nothing of itself', async () => {
        reply(200, 'x'.repeat(95) + 'correct-horse-battery' + 'y'.repeat(500));
        const result = await call(TOKEN, undefined, { maxOutputBytes: 100 }, secrets);
        expect(result).toMatchObject({ truncated: true, outputBytes: 616 });
        expect(JSON.stringify(result)).not.toContain('corre');
    });

    test('without secrets nothing is looked for', async () => {
        reply(200, '"correct-horse-battery"');
        expect(await call({})).toEqual({ ok: true, status: 200, outputJson: '"correct-horse-battery"' });
    });
});
