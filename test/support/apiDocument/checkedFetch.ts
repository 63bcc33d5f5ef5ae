// A `fetch` that lets request and answer through unchanged, and holds both against the API document.
import type { ApiCheck, BodyCheck } from './apiCheck';
import type { SentRequest } from './exchange';

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

export function checkedFetch(check: ApiCheck, base: () => string, fetch: Fetch = globalThis.fetch): Fetch {
    return async (url, init = {}) => {
        const answer = await fetch(url, init);
        const body = check.judge(sentRequest(url, base(), init), answer);
        if (body.isLines) return watched(answer, body);
        // Read on the side: who asked may read it as well, or leave it. One that breaks off is their finding.
        check.await(
            answer
                .clone()
                .text()
                .then((text) => body.whole(text)),
        );
        return answer;
    };
}

function sentRequest(url: string, base: string, { method = 'GET', headers, body }: RequestInit): SentRequest {
    const { pathname, searchParams } = new URL(url);
    const sent = new Headers(headers);
    // As fetch does of texts and blobs that come without a type.
    if (!sent.has('content-type') && typeof body === 'string') sent.set('content-type', 'text/plain');
    if (!sent.has('content-type') && body instanceof Blob && body.type !== '') sent.set('content-type', body.type);
    return {
        method: method.toUpperCase(),
        route: pathname.slice(`${new URL(base).pathname.replace(/\/$/, '')}/api`.length),
        query: searchParams,
        headers: sent,
        text: textOf(body),
        hasBody: body !== undefined && body !== null && body !== '' && !(body instanceof Uint8Array && body.length === 0),
    };
}

function textOf(body: RequestInit['body']): string | undefined {
    if (typeof body === 'string') return body;
    return body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : undefined;
}

/** The answer with a body that is looked at as it is read: a stream stays one, and ends where its reader leaves it. */
function watched(answer: Response, check: BodyCheck): Response {
    const body = answer.body?.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
            transform(chunk, controller) {
                check.take(chunk);
                controller.enqueue(chunk);
            },
            flush: () => check.take(null),
        }),
    );
    const { status, statusText, headers } = answer;
    const seen = new Response(body ?? null, { status, statusText, headers });
    return Object.defineProperty(seen, 'url', { value: answer.url });
}
