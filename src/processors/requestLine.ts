// The call of an item that failed, as its outcome names it.
import { target } from '../egress/outgoing';
import { REDACTED, type Redactor } from './redact';

/** Names of parameters that hold what gives access, whatever is before them: `token`, `access_token`, `X-Amz-Signature`, `apiKey`, `auth[token]`. */
const GIVES_ACCESS = new RegExp(
    [
        '(?:token|secret|passw(?:or)?d|passphrase|passcode|pwd|signature|credentials?|jwt|hmac|otp|session(?:[-_]?id)?',
        '|(?:api|access|secret|auth|private|shared)[-_]?key|access[-_]?key[-_]?id|[-_.]key|[a-z]Key)$',
        '|^(?:key|sig|sid|pass|auth|authorization|bearer)$',
    ].join(''),
);
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
    query.replace(/([?&;])([^=&;]*)=([^&;]*)/g, (all, sign: string, name: string, value: string) =>
        value !== '' && givesAccess(decoded(name), value) ? `${sign}${name}=${REDACTED}` : all,
    );

/** Brackets name a field within another. */
function givesAccess(name: string, value: string): boolean {
    const bare = name.replace(/\[\d*\]$/, '').replace(/\]$/, '');
    return GIVES_ACCESS.test(bare) || GIVES_ACCESS.test(bare.toLowerCase()) || (bare === 'code' && value.length >= KEY_LENGTH);
}

/** Of a name whose percent-encoding is none, as it stands. */
function decoded(name: string): string {
    try {
        return decodeURIComponent(name.replaceAll('+', ' '));
    } catch {
        return name;
    }
}
