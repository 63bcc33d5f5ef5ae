// From the bytes of an answer to its text: content encodings undone (RFC 9110, section 8.4.1), character encoding and byte order mark heeded.
import { TextDecoder } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw, type InputType, type ZlibOptions } from 'node:zlib';

/** The body cannot be had from what came: an encoding that is not known here, or bytes that are not what the header says. */
export class EncodingError extends Error {}

/** What comes out would be larger than the bound. */
export class TooLargeError extends Error {}

type Unpack = (data: InputType, options: ZlibOptions, done: (error: Error | null, result: Buffer) => void) => void;

const unpackers: Record<string, Unpack[]> = {
    gzip: [gunzip],
    'x-gzip': [gunzip],
    // Meant is zlib's form; some servers send the bare stream.
    deflate: [inflate, inflateRaw],
    br: [brotliDecompress],
};

/** True when the header names an encoding that has to be undone. */
export const isEncoded = (contentEncoding: string | undefined): contentEncoding is string =>
    contentEncoding !== undefined && namesOf(contentEncoding).length > 0;

const namesOf = (header: string): string[] =>
    header
        .split(',')
        .map((name) => name.trim().toLowerCase())
        .filter((name) => name !== '' && name !== 'identity');

/** More than anybody applies. Each may take as long as the bound on what comes out, and a header has room for thousands. */
const MAX_ENCODINGS = 5;

/** Undoes the encodings, the last applied first. At most `maxBytes` come out of any of them. @throws EncodingError, TooLargeError */
export async function decodeBody(body: Buffer, contentEncoding: string, maxBytes: number): Promise<Buffer> {
    let bytes = body;
    const encodings = namesOf(contentEncoding);
    if (encodings.length > MAX_ENCODINGS)
        throw new EncodingError(`it names ${encodings.length} content encodings; at most ${MAX_ENCODINGS} are undone`);
    for (const name of encodings.reverse()) {
        const ways = unpackers[name];
        if (!ways) throw new EncodingError(`the content encoding "${name.slice(0, 40)}" is not known here`);
        if (bytes.length > 0) bytes = await firstThatWorks(ways, bytes, name, maxBytes);
    }
    return bytes;
}

async function firstThatWorks(ways: Unpack[], bytes: Buffer, name: string, maxBytes: number): Promise<Buffer> {
    let last: unknown;
    for (const way of ways) {
        try {
            return await new Promise<Buffer>((resolve, reject) => {
                way(bytes, { maxOutputLength: maxBytes }, (error, result) => (error ? reject(error) : resolve(result)));
            });
        } catch (error) {
            if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
                throw new TooLargeError(`more than ${maxBytes} bytes come out of its ${name}`);
            last = error;
        }
    }
    throw new EncodingError(`it is not ${name}, as its header says: ${(last as Error).message}`);
}

/** The text of a body: by its byte order mark, else by the charset of its content type, else as UTF-8. What is no character becomes U+FFFD. */
export function textOf(body: Buffer, contentType: string | undefined): string {
    if (body[0] === 0xfe && body[1] === 0xff) return new TextDecoder('utf-16be').decode(body);
    if (body[0] === 0xff && body[1] === 0xfe) return new TextDecoder('utf-16le').decode(body);
    if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) return body.toString('utf8', 3);
    const charset = contentType === undefined ? undefined : /;\s*charset\s*=\s*"?([^\s";,]+)/i.exec(contentType)?.[1]?.toLowerCase();
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
        const decoder = decoderOf(charset);
        if (decoder) return decoder.encoding === 'windows-1252' ? windows1252(body) : decoder.decode(body);
    }
    return body.toString('utf8');
}

/** The characters of the bytes 0x80 to 0x9f, which are all in which it differs from Latin-1. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** Not by TextDecoder: some versions of Node.js read Latin-1 in its place. */
const windows1252 = (body: Buffer): string =>
    body.toString('latin1').replace(/[\u0080-\u009f]/g, (c) => WINDOWS_1252[c.charCodeAt(0) - 0x80]!);

const decoders = new Map<string, TextDecoder | null>();
const MAX_LABELS = 100;

function decoderOf(label: string): TextDecoder | null {
    const known = decoders.get(label);
    if (known !== undefined) return known;
    const decoder = newDecoder(label);
    if (decoders.size >= MAX_LABELS) decoders.clear();
    decoders.set(label, decoder);
    return decoder;
}

function newDecoder(label: string): TextDecoder | null {
    try {
        return new TextDecoder(label);
    } catch {
        return null; // not a label of the WHATWG encoding standard: read as UTF-8
    }
}
