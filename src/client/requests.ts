// One request to the API: its URL and headers, its time limit, and asking again.
import { sleep, type Clock } from './clock';
import type { ProblemDocument } from './documents';
import { ApiError, isCallError, isTransient, NetworkError, type Asked, type CallError } from './errors';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface RetryOptions {
    /** A call is asked again for so many ms after it was first made; 0: never, `Infinity`: until it is answered or aborted. */
    forMs: number;
    /** Which errors are worth it; default `isTransient`. */
    on?: ((error: CallError) => boolean) | undefined;
}

/** Of any call. */
export interface CallOptions {
    /** Ends the call, which then throws the signal's reason. */
    signal?: AbortSignal | undefined;
    /** In place of the client's own. Given here, it holds for any method, also where a second request does something a second time. */
    retry?: RetryOptions | undefined;
}

export interface ApiRequest {
    method: string;
    /** Below /api, without a query. */
    path: string;
    query?: Record<string, string | number | boolean | undefined> | URLSearchParams;
    headers?: Record<string, string> | undefined;
    body?: RequestInit['body'];
    /** A second request does what one does: the client's retry applies to it. True of GET and HEAD. */
    repeatable?: boolean;
    /** Time beyond the client's limit, in ms: the server was asked to hold its answer. */
    heldMs?: number;
    /** Statuses beside 2xx that are no error. */
    accept?: number[];
}

/** Between two tries, in ms: doubled up to the longest. */
export const FIRST_PAUSE_MS = 100;
export const LONGEST_PAUSE_MS = 1_000;

export interface RequestsOptions {
    /** Of the API, with /api and without a slash at the end. */
    base: string;
    headers: Record<string, string>;
    fetch: Fetch;
    retry: RetryOptions;
    timeoutMs: number;
    clock: Clock;
    /** Of JSON text. */
    parse: (text: string) => unknown;
}

export class Requests {
    constructor(readonly options: RequestsOptions) {}

    /** The answer's JSON document. */
    json<T>(request: ApiRequest, call: CallOptions = {}): Promise<T> {
        return this.send(request, call, async (answer, asked) => {
            const text = await answer.text();
            try {
                return this.options.parse(text) as T;
            } catch {
                throw new ApiError(asked, answer.status, null, text);
            }
        });
    }

    /** The answer itself, its body unread: from here on it has no limit of time but `signal`. */
    open = (request: ApiRequest, call: CallOptions = {}): Promise<Response> => this.send(request, call, async (answer) => answer);

    urlOf({ method, path, query = {} }: ApiRequest): Asked {
        const given = query instanceof URLSearchParams ? query : new URLSearchParams();
        if (!(query instanceof URLSearchParams))
            for (const [name, value] of Object.entries(query)) if (value !== undefined) given.append(name, String(value));
        const search = given.size > 0 ? `?${given.toString()}` : '';
        return { method, path: `/api${path}${search}`, url: `${this.options.base}${path}${search}` };
    }

    /** Throws `ApiError`, `NetworkError`, the reason of `call.signal`, or `RangeError` for a path that a URL would take for another one. */
    private async send<T>(request: ApiRequest, call: CallOptions, read: (answer: Response, asked: Asked) => Promise<T>): Promise<T> {
        const { clock } = this.options;
        if (/\/\.{0,2}(\/|$)/.test(request.path)) throw new RangeError(`No id and no name is empty, "." or "..": /api${request.path}`);
        const retry = call.retry ?? (isRepeatable(request) ? this.options.retry : { forMs: 0 });
        const end = clock.now() + retry.forMs;
        for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
            call.signal?.throwIfAborted();
            try {
                return await this.once(request, call.signal, read);
            } catch (error) {
                if (!isCallError(error) || !(retry.on ?? isTransient)(error)) throw error;
                const wait = Math.max(pause, (error instanceof ApiError && error.retryAfterMs) || 0);
                if (clock.now() + wait > end) throw error;
                await sleep(clock, wait, call.signal);
            }
        }
    }

    private async once<T>(
        request: ApiRequest,
        signal: AbortSignal | undefined,
        read: (answer: Response, asked: Asked) => Promise<T>,
    ): Promise<T> {
        const { fetch, headers, clock, timeoutMs } = this.options;
        const asked = this.urlOf(request);
        const late = new AbortController();
        const limit = timeoutMs + (request.heldMs ?? 0);
        const cancel = clock.after(limit, () => late.abort(new Error(`no answer within ${limit / 1000} s`)));
        const { method, body } = request;
        const init: RequestInit = {
            method,
            headers: { ...headers, ...request.headers },
            signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
            // A stream is sent while the answer may already come: `fetch` wants to be told.
            ...(body === undefined ? {} : { body, ...(isStream(body) ? { duplex: 'half' as const } : {}) }),
        };
        try {
            const answer = await fetch(asked.url, init);
            if (!answer.ok && !request.accept?.includes(answer.status)) throw await errorOf(answer, asked, clock);
            return await read(answer, asked);
        } catch (error) {
            if (isCallError(error)) throw error;
            if (signal?.aborted) throw signal.reason;
            throw new NetworkError(asked, error);
        } finally {
            cancel();
        }
    }
}

const isStream = (body: unknown): boolean => body instanceof ReadableStream;

const isRepeatable = ({ method, repeatable }: ApiRequest): boolean => repeatable ?? (method === 'GET' || method === 'HEAD');

async function errorOf(answer: Response, asked: Asked, clock: Clock): Promise<ApiError> {
    const text = await answer.text();
    return new ApiError(asked, answer.status, problemIn(answer, text), text, retryAfterOf(answer.headers.get('retry-after'), clock));
}

function problemIn(answer: Response, text: string): ProblemDocument | null {
    if (!answer.headers.get('content-type')?.includes('application/problem+json')) return null;
    try {
        const document = JSON.parse(text) as ProblemDocument;
        return typeof document.code === 'string' ? document : null;
    } catch {
        return null; // somebody else's: its text is told as it is
    }
}

/** Seconds, or a date (RFC 9110); as ms from now. */
function retryAfterOf(header: string | null, clock: Clock): number | null {
    if (header === null) return null;
    const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - clock.now();
    return Number.isNaN(ms) ? null : Math.max(0, ms);
}
