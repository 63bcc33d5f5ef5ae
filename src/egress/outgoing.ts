// The one door for connections to URLs that users name. Nothing else in src/ opens one.
import type { IncomingHttpHeaders } from 'node:http';
import { errors, type Dispatcher } from 'undici';
import { hasLoneSurrogate } from '../core/text';
import { fenceSettings } from '../settings';
import { decodeBody, isEncoded, TooLargeError } from './decode';
import { Fence } from './fence/fence';
import { Gathered } from './gathered';
import { OutgoingError } from './outgoingError';
import { Pools } from './pools';

export { OutgoingError } from './outgoingError';

const NOTHING = Buffer.alloc(0);

export interface OutgoingRequest {
    method: string;
    /** Absolute, http or https, without user and password. */
    url: string;
    /** By name, or as a flat list of names and values: faster, for who builds it for every item. */
    headers: Record<string, string> | string[];
    body?: string | Buffer | null;
    /** For the whole call, until the last byte of the answer. */
    timeoutMs: number;
    /** Bytes of the answer that are kept; the rest is read and dropped. */
    maxBodyBytes: number;
    /** Breaks the call off. */
    signal?: AbortSignal;
}

export interface OutgoingAnswer {
    status: number;
    headers: Record<string, string>;
    /** With its content encodings undone. */
    body: Buffer;
    /** Length of the whole body. */
    bodyBytes: number;
    truncated: boolean;
    /** Why the content encoding could not be undone; the body is empty then. */
    undecodable?: string;
}

/** An answer longer than this, in bytes, is broken off: nobody keeps more, and reading on would only cost time. */
export const MAX_ANSWER_BYTES = 10 * 1024 * 1024;
/** Headers that the app and the connection set, and those that would let a spec speak as the platform: none of a spec's. In lower case. */
export const ownHeaders: ReadonlySet<string> = new Set([
    'idempotency-key',
    'fanfold-attempt',
    'host',
    'metadata',
    'x-identity-header',
    'x-functions-key',
    'x-fanfold-key',
    'connection',
    'transfer-encoding',
    'content-length',
    'keep-alive',
    'upgrade',
    'expect',
    'te',
    'trailer',
    'proxy-connection',
]);

let lastTarget = { url: '', origin: '', path: '' };

/** Splits a URL into origin and path, refusing what is not to be called at all. */
export function target(url: string): { origin: string; path: string } {
    // Most jobs call one URL.
    if (url === lastTarget.url) return lastTarget;
    checkText('URL', url);
    let parsed: URL;
    try {
        parsed = new URL(url);
    } catch {
        throw new OutgoingError('BAD_URL', `"${url.slice(0, 200)}" is not an absolute URL`);
    }
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
        throw new OutgoingError('BAD_URL', `${parsed.protocol} is not http or https`);
    if (parsed.username || parsed.password)
        throw new OutgoingError('BAD_URL', 'a URL with user or password is refused; put credentials in a header, by secret');
    lastTarget = { url, origin: parsed.origin, path: parsed.pathname + parsed.search };
    return lastTarget;
}

/** @throws OutgoingError LONE_SURROGATE */
export function checkText(what: string, text: string): void {
    if (!hasLoneSurrogate(text)) return;
    const message = `the ${what} holds half a surrogate pair: it is no Unicode text, and would be sent as another`;
    throw new OutgoingError('LONE_SURROGATE', message);
}

/** Header names in lower case, without those that are not the user's to set. */
export function allowedHeaders(headers: Record<string, string>): Record<string, string> {
    const out: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers)) if (!ownHeaders.has(name.toLowerCase())) out[name.toLowerCase()] = value;
    return out;
}

/** Sends one request after the other. Redirects are answers like any other. Headers are sent as given: pass them through `allowedHeaders` once. */
export type Send = (request: OutgoingRequest) => Promise<OutgoingAnswer>;

/**
 * Sends through these pools. Rejects with OutgoingError.
 *
 * By undici's `dispatch`, without the stream and the abort signal that its `request` makes for each call: they were half of what a call took.
 */
export const sender =
    (pools: Pools): Send =>
    (request) =>
        new Promise((resolve, reject) => {
            const { origin, path } = target(request.url);
            const { method, headers, body = null } = request;
            pools.of(origin).dispatch({ path, method, headers, body }, new Exchange(origin, request, resolve, reject));
        });

let own: Send | undefined;

/** One HTTP call from this app, to a target that its settings let it call. */
export const send: Send = (request) => (own ??= sender(new Pools(new Fence(fenceSettings()))))(request);

/** One call and its answer, as undici tells of it. */
class Exchange implements Dispatcher.DispatchHandler {
    private controller: Dispatcher.DispatchController | undefined;
    private status = 0;
    private headers: Record<string, string> = {};
    private readonly kept = new Gathered();
    private bodyBytes = 0;
    private over = false;
    /** Bytes of the body that are kept as they come. */
    private room: number;
    private readonly timer: NodeJS.Timeout;

    constructor(
        private readonly origin: string,
        private readonly request: OutgoingRequest,
        private readonly resolve: (answer: OutgoingAnswer) => void,
        private readonly reject: (error: OutgoingError) => void,
    ) {
        this.room = request.maxBodyBytes;
        this.timer = setTimeout(() => this.giveUp(this.timedOut()), request.timeoutMs);
        const { signal } = request;
        if (signal?.aborted) this.giveUp(this.timedOut());
        else signal?.addEventListener('abort', this.abort);
    }

    onRequestStart(controller: Dispatcher.DispatchController): void {
        this.controller = controller;
        // Its time was up while it waited for a connection.
        if (this.over) controller.abort(this.timedOut());
    }

    onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
        this.status = status;
        this.headers = flat(headers);
        // What is encoded must be whole to be decoded.
        if (isEncoded(this.headers['content-encoding'])) this.room = MAX_ANSWER_BYTES;
    }

    onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
        const room = this.room - this.bodyBytes;
        if (room > 0) this.kept.add(chunk.length > room ? chunk.subarray(0, room) : chunk);
        this.bodyBytes += chunk.length;
        if (this.bodyBytes > MAX_ANSWER_BYTES) this.giveUp(this.tooLarge(`more than ${MAX_ANSWER_BYTES} bytes`));
    }

    onResponseEnd(): void {
        if (!this.ends()) return;
        const { status, headers, kept, bodyBytes } = this;
        const body = kept.bytes;
        const encoding = headers['content-encoding'];
        if (isEncoded(encoding)) return this.resolveDecoded(body, encoding);
        this.resolve({ status, headers, body, bodyBytes, truncated: bodyBytes > this.request.maxBodyBytes });
    }

    private resolveDecoded(encoded: Buffer, encoding: string): void {
        const { status, headers, request } = this;
        decodeBody(encoded, encoding, MAX_ANSWER_BYTES).then(
            (whole) => {
                const truncated = whole.length > request.maxBodyBytes;
                // A copy of what is kept, so that the rest is not kept with it.
                const body = truncated ? Buffer.from(whole.subarray(0, request.maxBodyBytes)) : whole;
                this.resolve({ status, headers, body, bodyBytes: whole.length, truncated });
            },
            (error: Error) => {
                if (error instanceof TooLargeError) return this.reject(this.tooLarge(error.message));
                this.resolve({ status, headers, body: NOTHING, bodyBytes: encoded.length, truncated: true, undecodable: error.message });
            },
        );
    }

    private tooLarge = (what: string): OutgoingError =>
        new OutgoingError('TOO_LARGE', `${this.origin} answered with ${what}; at most ${MAX_ANSWER_BYTES} are read`);

    private abort = (): void => this.giveUp(new OutgoingError('TIMEOUT', `the call to ${this.origin} was broken off`));

    onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
        if (this.ends()) this.reject(this.explain(error));
    }

    /** Breaks the call off, wherever it is. */
    private giveUp(error: OutgoingError): void {
        if (!this.ends()) return;
        this.reject(error);
        this.controller?.abort(error);
    }

    /** True the first time: what comes after the end of a call means nothing. */
    private ends(): boolean {
        if (this.over) return false;
        this.over = true;
        clearTimeout(this.timer);
        this.request.signal?.removeEventListener('abort', this.abort);
        return true;
    }

    private explain(error: Error): OutgoingError {
        if (error instanceof OutgoingError) return error;
        if (error instanceof errors.ConnectTimeoutError) return this.timedOut();
        if (error instanceof errors.InvalidArgumentError)
            return new OutgoingError('BAD_URL', `the call to ${this.origin} cannot be made: ${error.message}`);
        const never = neverSucceeds(error);
        if (never) return new OutgoingError('BAD_ANSWER', `${this.origin} ${never}`);
        return new OutgoingError('CONNECTION', `no answer from ${this.origin}: ${causeOf(error)}`);
    }

    private timedOut(): OutgoingError {
        return new OutgoingError('TIMEOUT', `${this.origin} did not answer within ${this.request.timeoutMs} ms`);
    }
}

/** What a target does that another try will not find otherwise. */
function neverSucceeds(error: Error): string | null {
    if (error instanceof errors.HeadersOverflowError) return 'answers with more header than is read (16 KiB)';
    // An answer that ends too early is a broken connection, not bad syntax.
    const ended = ['HPE_INVALID_EOF_STATE', 'HPE_CLOSED_CONNECTION'].includes((error as { code?: string }).code ?? '');
    if (error instanceof errors.HTTPParserError && !ended) return `does not answer with HTTP: ${error.message}`;
    // A status below 100 is told by an assertion.
    if ((error as { code?: string }).code === 'ERR_ASSERTION') return 'does not answer with HTTP: its status is none';
    // What belongs to a request with `Expect` or `Upgrade`, which is never sent.
    if (error instanceof errors.SocketError && ['bad response', 'bad upgrade'].includes(error.message))
        return 'answers 100 Continue, which nobody asked for, or an upgrade';
    return null;
}

function causeOf(error: unknown): string {
    const { code, message } = error as { code?: string; message?: string };
    return code && message && !message.includes(code) ? `${code} ${message}` : (message ?? code ?? String(error));
}

/** Joins what came several times, in place: most answers have nothing to join. */
function flat(headers: IncomingHttpHeaders): Record<string, string> {
    for (const name in headers) {
        const value = headers[name];
        if (Array.isArray(value)) headers[name] = value.join(', ');
    }
    return headers as Record<string, string>;
}
