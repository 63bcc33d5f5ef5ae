// The header Idempotency-Key.
import { badParameter } from './frame';

/** The key in the header: bare (`k`), or as the text of a structured field (`"k"`, RFC 9651, section 3.3.3), which is the same key. */
export function keyOf(header: string | null): string | null {
    if (header === null) return null;
    const key = header.startsWith('"') ? unquoted(header) : /^[\x21-\x7e]*$/.test(header) ? header : null;
    if (key === null || key.length < 1 || key.length > 255)
        throw badParameter(
            'Idempotency-Key',
            'not usable as a key',
            '1 to 255 visible ASCII characters, or a quoted string in which " and \\ stand behind a backslash',
        );
    return key;
}

const unquoted = (text: string): string | null =>
    /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/.test(text) ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : null;
