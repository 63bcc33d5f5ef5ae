// The call of an item that failed, as its outcome names it.
import { target } from '../egress/outgoing';
import { REDACTED, type Redactor } from './redact';

/** Names of parameters that hold what gives access, whatever is before them: `token`, `access_token`, `X-Amz-Signature`, `apiKey`. */
const GIVES_ACCESS =
    /(?:token|secret|passw(?:or)?d|pwd|signature|credentials?|api[-_]?key|[-_.]key|[a-z]Key)$|^(?:key|sig|auth|authorization)$/;
/** `code` is a function key to some, a country to others: so long, it is a key. */
const KEY_LENGTH = 20;

/** Method and URL: without fragment, which is not sent, and without what gives access. A URL with user or password is not called. */
export function requestLine(method: string, url: string, redact: Redactor | null): { request: string; redacted: boolean } {
    const { origin, path } = target(url);
    const query = path.indexOf('?');
    const shown = query < 0 ? path : path.slice(0, query) + withoutAccess(path.slice(query));
    const called = `${method} ${origin}${shown}`;
    const request = redact ? redact(called) : called;
    return { request, redacted: request !== called };
}

const withoutAccess = (query: string): string =>
    query.replace(/([?&])([^=&]*)=([^&]*)/g, (all, sign: string, name: string, value: string) =>
        value !== '' &&
        (GIVES_ACCESS.test(name) || GIVES_ACCESS.test(name.toLowerCase()) || (name === 'code' && value.length >= KEY_LENGTH))
            ? `${sign}${name}=${REDACTED}`
            : all,
    );
