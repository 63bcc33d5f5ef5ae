// The one door for connections to URLs that users name. Nothing else in src/ opens one.
import { errors, Pool } from 'undici';

export interface OutgoingRequest {
    method: string;
    /** Absolute, http or https, without user and password. */
    url: string;
    headers: Record<string, string>;
    body?: string | Buffer;
    /** For the whole call, until the last byte of the answer. */
    timeoutMs: number;
    /** Bytes of the answer that are kept; the rest is read and dropped. */
    maxBodyBytes: number;
}

export interface OutgoingAnswer {
    status: number;
    headers: Record<string, string>;
    body: Buffer;
    /** Length of the whole body. */
    bodyBytes: number;
    truncated: boolean;
}

export type OutgoingCode = 'TIMEOUT' | 'CONNECTION' | 'BAD_URL' | 'TOO_LARGE';

export class OutgoingError extends Error {
    constructor(
        readonly code: OutgoingCode,
        message: string,
        readonly retryable: boolean,
    ) {
        super(message);
        this.name = 'OutgoingError';
    }
}

/** An answer longer than this is broken off: nobody keeps more, and reading on would only cost time. */
const HARD_LIMIT = 10 * 1024 * 1024;
const CONNECTIONS = 512;
const MAX_ORIGINS = 100;
/** Headers that would let a spec speak as the platform, or to another host than the URL's. */
const stripped = new Set([
    'host',
    'metadata',
    'x-identity-header',
    'x-functions-key',
    'connection',
    'transfer-encoding',
    'content-length',
    'keep-alive',
    'upgrade',
    'expect',
]);

const pools = new Map<string, Pool>();
/** The origin called last: most jobs have one, and need no bookkeeping. */
let latest = '';

/** The fence of private and platform addresses will stand here: in `connect.lookup` for names, before it for address literals. */
function poolOf(origin: string): Pool {
    const known = pools.get(origin);
    if (known) {
        if (origin !== latest) {
            // Moved to the end, so that the pool closed first is the one unused for longest.
            pools.delete(origin);
            pools.set(origin, known);
            latest = origin;
        }
        return known;
    }
    if (pools.size >= MAX_ORIGINS) {
        const [oldest, pool] = pools.entries().next().value!;
        pools.delete(oldest);
        // Calls in flight are finished; a pool that cannot close any more is closed.
        pool.close().catch(() => pool.destroy());
    }
    const pool = new Pool(origin, {
        connections: CONNECTIONS,
        pipelining: 1,
        keepAliveTimeout: 10_000,
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: { timeout: 10_000 },
    });
    pools.set(origin, pool);
    latest = origin;
    return pool;
}

/** Splits a URL into origin and path, refusing what is not to be called at all. */
export function target(url: string): { origin: string; path: string } {
    let parsed: URL;
    try {
        parsed = new URL(url);
    } catch {
        throw new OutgoingError('BAD_URL', `"${url.slice(0, 200)}" is not an absolute URL`, false);
    }
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
        throw new OutgoingError('BAD_URL', `${parsed.protocol} is not http or https`, false);
    if (parsed.username || parsed.password)
        throw new OutgoingError('BAD_URL', 'a URL with user or password is refused; put credentials in a header, by secret', false);
    return { origin: parsed.origin, path: parsed.pathname + parsed.search };
}

/** Header names in lower case, without those that are not the user's to set. */
export function allowedHeaders(headers: Record<string, string>): Record<string, string> {
    const out: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers)) if (!stripped.has(name.toLowerCase())) out[name.toLowerCase()] = value;
    return out;
}

/** One HTTP call. Redirects are answers like any other. Throws OutgoingError. Headers are sent as given: pass them through `allowedHeaders` once. */
export async function send(request: OutgoingRequest): Promise<OutgoingAnswer> {
    const { origin, path } = target(request.url);
    const abort = new AbortController();
    let late = false;
    const timer = setTimeout(() => {
        late = true;
        abort.abort();
    }, request.timeoutMs);
    try {
        const answer = await poolOf(origin).request({
            method: request.method,
            path,
            headers: request.headers,
            body: request.body ?? null,
            signal: abort.signal,
        });
        const kept: Buffer[] = [];
        let bodyBytes = 0;
        for await (const chunk of answer.body as AsyncIterable<Buffer>) {
            if (bodyBytes < request.maxBodyBytes) kept.push(chunk.subarray(0, request.maxBodyBytes - bodyBytes));
            bodyBytes += chunk.length;
            if (bodyBytes > HARD_LIMIT)
                throw new OutgoingError('TOO_LARGE', `${origin} answered with more than ${HARD_LIMIT} bytes`, false);
        }
        return {
            status: answer.statusCode,
            headers: flat(answer.headers),
            body: kept.length === 1 ? kept[0]! : Buffer.concat(kept),
            bodyBytes,
            truncated: bodyBytes > request.maxBodyBytes,
        };
    } catch (error) {
        if (error instanceof OutgoingError) throw error;
        if (late || error instanceof errors.ConnectTimeoutError)
            throw new OutgoingError('TIMEOUT', `${origin} did not answer within ${request.timeoutMs} ms`, true);
        if (error instanceof errors.InvalidArgumentError)
            throw new OutgoingError('BAD_URL', `the call to ${origin} cannot be made: ${error.message}`, false);
        throw new OutgoingError('CONNECTION', `no answer from ${origin}: ${causeOf(error)}`, true);
    } finally {
        clearTimeout(timer);
    }
}

function causeOf(error: unknown): string {
    const { code, message } = error as { code?: string; message?: string };
    return code && message && !message.includes(code) ? `${code} ${message}` : (message ?? code ?? String(error));
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
    const out: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers))
        if (value !== undefined) out[name] = Array.isArray(value) ? value.join(', ') : value;
    return out;
}
