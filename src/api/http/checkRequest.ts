// What is looked at before a handler sees a request: who sends it, whose page that was, and in what form its body comes.
import type { HttpRequest } from '@azure/functions';
import type { RouteLevel } from '../../core/access';
import { problem, type Problem } from '../../core/errors';
import { readSettings } from '../../settings';
import { readCaller, refuseCaller } from './access';
import type { Door, Handler } from './frame';

/** What a route takes as a body: one JSON document, a document that may be left out, a merge patch (RFC 7396), or bytes of any kind. */
export type Takes = 'json' | 'maybeJson' | 'patch' | 'bytes';

type Headers = Pick<HttpRequest['headers'], 'get'>;

/** A handler that sees only requests from whom and from where, and of the form, in which they may come. Who may not is told so first, and nothing else. */
export const behindDoor =
    (handler: Handler, level: RouteLevel, takes: Takes): Door =>
    async (request, context) => {
        try {
            const settings = readSettings();
            const caller = readCaller(request.headers, settings);
            const refusal =
                refuseCaller(caller, level) ?? refuseOrigin(request, settings.allowedOrigins) ?? refuseBody(request.headers, takes);
            if (refusal) throw refusal;
            return await handler(request, { ...context, caller });
        } finally {
            // It settles by itself: nothing waits for it.
            drain(request).catch(() => undefined);
        }
    };

/**
 * Reads what is left of a body while the answer is on its way. Left unread, it closes the connection, and the caller sees a reset, or the
 * host's own 500, in place of the answer.
 */
async function drain({ body }: Pick<HttpRequest, 'body'>): Promise<void> {
    try {
        for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) void chunk;
    } catch {
        // Read to its end, or its sender has gone.
    }
}

/**
 * A page of another origin may not change anything here. A browser sends such requests without asking, with whatever the network lets through,
 * where they look like a form's; it says from where, and a page cannot change what it says. Who is no browser says nothing, and may.
 */
export function refuseOrigin(
    request: Pick<HttpRequest, 'method' | 'url'> & { headers: Headers },
    allowed: readonly string[],
): Problem | null {
    if (['GET', 'HEAD', 'OPTIONS'].includes(request.method)) return null;
    const site = request.headers.get('sec-fetch-site');
    if (site === 'same-origin' || site === 'none') return null;
    const origin = request.headers.get('origin');
    if (site === null && origin === null) return null;
    if (origin !== null && allowed.includes(origin.toLowerCase())) return null;
    // By host: behind a proxy that ends TLS, the scheme here is not the one that the browser knows.
    if (site === null && origin !== null && hostOf(origin) === new URL(request.url).host) return null;
    return problem('FOREIGN_ORIGIN', { detail: `A page of ${origin ?? 'another origin'} may not do this.` });
}

function hostOf(origin: string): string | null {
    try {
        return new URL(origin).host;
    } catch {
        return null; // "null" is the origin of a page without one
    }
}

/** A JSON document comes as `application/json`, which no page of another origin can send without being asked to show that it may. */
export function refuseBody(headers: Headers, takes: Takes): Problem | null {
    if (takes === 'bytes') return null;
    const type = headers.get('content-type');
    const bytes = headers.get('content-length');
    // Without a length (a chunked body) the type says whether there is one: most clients send neither with an empty body.
    const empty = bytes === null ? type === null : Number(bytes) === 0;
    if (takes === 'maybeJson' && empty) return null;
    const [kind = '', ...parameters] = (type ?? '').split(';').map((part) => part.trim().toLowerCase());
    const charset = parameters
        .find((p) => p.startsWith('charset='))
        ?.slice('charset='.length)
        .replaceAll('"', '');
    const takesPatch = takes === 'patch' ? ' or application/merge-patch+json' : '';
    const refused = (what: string) =>
        problem('UNSUPPORTED_MEDIA', {
            detail: `${what} Send JSON in UTF-8 and say so: Content-Type: application/json${takesPatch} (curl: -H 'content-type: application/json').`,
            headers: { accept: takes === 'patch' ? 'application/json, application/merge-patch+json' : 'application/json' },
        });
    if (type === null) return refused('The request does not say what its body is.');
    if (kind !== 'application/json' && !(takes === 'patch' && kind === 'application/merge-patch+json'))
        return refused(`The body is said to be ${JSON.stringify(type.slice(0, 100))}.`);
    if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset))
        return refused(`The body is said to be in ${JSON.stringify(charset.slice(0, 40))}.`);
    return null;
}
