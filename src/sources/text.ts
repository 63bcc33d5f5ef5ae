import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Byte order marks, of which files that were saved or joined by several programs have more than one. */
export const MARKS = /^\ufeff+/;
const NOTHING = Buffer.alloc(0);
/** Bytes around the first bad one that are kept to tell what they may be. */
const KEPT_BEFORE = 64;
const KEPT_AFTER = 512;

/** The bytes are not UTF-8. All text before the first bad byte has been given. */
export class NotUtf8 extends Error {
    constructor(
        /** What stands around the first bad byte. */
        readonly bytes: Buffer,
    ) {
        super('not UTF-8');
    }
}

/**
 * The text of a UTF-8 file, piece by piece and never empty, without byte order marks at its beginning. No character is cut in half.
 * @throws NotUtf8
 */
export async function* utf8Text(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
    let rest: Buffer = NOTHING;
    let first = true;
    for await (const chunk of chunks) {
        const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
        const whole = wholeCharacters(bytes);
        rest = bytes.subarray(whole);
        if (whole === 0) continue;
        const { text, bad } = decode(bytes.subarray(0, whole));
        const piece = first ? text.replace(MARKS, '') : text;
        if (piece !== '') {
            first = false;
            yield piece;
        }
        if (bad !== undefined) throw notUtf8At(bytes, bad);
    }
    if (rest.length > 0) throw notUtf8At(rest, 0);
}

/** Bytes that are a whole text. @throws NotUtf8 */
export function utf8TextOf(bytes: Buffer): string {
    const { text, bad } = decode(bytes);
    if (bad !== undefined) throw notUtf8At(bytes, bad);
    return text;
}

const notUtf8At = (bytes: Buffer, bad: number): NotUtf8 => new NotUtf8(bytes.subarray(Math.max(0, bad - KEPT_BEFORE), bad + KEPT_AFTER));

/** The bytes as text, up to the first bad one. */
function decode(bytes: Buffer): { text: string; bad?: number } {
    try {
        return { text: utf8.decode(bytes) };
    } catch {
        const bad = validBytes(bytes);
        return { text: utf8.decode(bytes.subarray(0, bad)), bad };
    }
}

/** How many bytes at the beginning are whole characters: all, but for a character that the end cuts off. */
function wholeCharacters(bytes: Buffer): number {
    for (let back = 1; back <= Math.min(3, bytes.length); back++) {
        const byte = bytes[bytes.length - back]!;
        if ((byte & 0xc0) === 0x80) continue;
        const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        return length > back ? bytes.length - back : bytes.length;
    }
    return bytes.length;
}

/** How many bytes at the beginning are UTF-8. What holds for some bytes holds for fewer, so the number is halved in. */
function validBytes(bytes: Buffer): number {
    let valid = 0;
    let tooMany = bytes.length + 1;
    while (tooMany - valid > 1) {
        const tried = (valid + tooMany) >> 1;
        const part = bytes.subarray(0, tried);
        if (isUtf8(part.subarray(0, wholeCharacters(part)))) valid = tried;
        else tooMany = tried;
    }
    return wholeCharacters(bytes.subarray(0, valid));
}
