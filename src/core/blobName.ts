// Which texts may be the name of a blob, and which blobs may be the source of a job.
import { hasLoneSurrogate } from './text';

const MAX_NAME = 1024;
/** Azure Storage's own bound on the parts of a name between slashes. */
const MAX_SEGMENTS = 254;

/** Blobs under these prefixes are Fanfold's own and are never a source, whatever the deployment allows. */
export const RESERVED_PREFIXES = ['jobs/', 'uploads/', 'index/', 'live/', 'idempotency/'];

/**
 * What keeps a text from being the name of a blob, for a person to read; null when nothing does.
 *
 * A name becomes the path of a URL. A URL drops `.` and `..` on its way, and with them leaves the container; storage reads a backslash as a
 * slash and may drop a dot at the end of a segment. A name that passes here is read as the blob of just this name, or not at all.
 * Percent signs are literal; what would be one of the above if anybody on the way decoded it is refused all the same.
 */
export function wrongInBlobName(name: string): string | null {
    if (name === '') return 'empty';
    if (name.length > MAX_NAME) return `longer than ${MAX_NAME} characters`;
    // Of a surrogate pair, a pattern with the flag u sees neither half.
    if (hasLoneSurrogate(name)) return 'holds half a surrogate pair';
    const wrong = wrongIn(name);
    if (wrong !== null) return wrong;
    // Once for each time that it may have been encoded: each takes two characters away.
    for (let [last, decoded] = [name, decode(name)]; decoded !== last; [last, decoded] = [decoded, decode(decoded)]) {
        const encoded = wrongIn(decoded);
        if (encoded !== null) return `${encoded}, percent-encoded`;
    }
    return null;
}

const decode = (name: string): string => name.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

function wrongIn(name: string): string | null {
    if (/\p{Cc}/u.test(name)) return 'holds a control character';
    if (/\p{Noncharacter_Code_Point}/u.test(name)) return 'holds a code point that is no character';
    if (name.includes('\\')) return 'holds a backslash; parts are separated by /';
    if (name.startsWith('/')) return 'begins with a slash';
    if (name.endsWith('/')) return 'ends with a slash: it names a folder, not a blob';
    const segments = name.split('/');
    if (segments.length > MAX_SEGMENTS) return `has more than ${MAX_SEGMENTS} parts between slashes`;
    for (const segment of segments) {
        if (segment === '') return 'has an empty part between two slashes';
        if (segment === '.' || segment === '..') return `has the part "${segment}"`;
        if (segment.endsWith('.')) return `has a part that ends with a dot ("${segment.slice(-20)}")`;
    }
    return null;
}

/** The prefixes in a list separated by commas, each to its closing slash. One that no blob's name can begin with is left out: it allows nothing. */
export const prefixesIn = (list: string): string[] =>
    list
        .split(',')
        .map((entry) => entry.trim().replace(/\/$/, ''))
        .filter((entry) => wrongInBlobName(entry) === null)
        .map((entry) => `${entry}/`);

/** What keeps a blob from being the source of a job in a deployment that allows these prefixes; null when nothing does. */
export function wrongInSourceName(name: string, prefixes: readonly string[]): string | null {
    const wrong = wrongInBlobName(name);
    if (wrong !== null) return wrong;
    const own = RESERVED_PREFIXES.find((prefix) => name.startsWith(prefix));
    if (own !== undefined) return `names one of Fanfold's own blobs (${own})`;
    if (prefixes.some((prefix) => name.startsWith(prefix))) return null;
    return prefixes.length === 0 ? 'this deployment allows no blob as a source' : `does not begin with ${prefixes.join(' or ')}`;
}
