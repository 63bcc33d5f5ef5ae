// Request bodies that are read whole, within a limit, and told apart as JSON.
import { Tokenizer, TokenParser } from '@streamparser/json';
import { problem } from '../core/errors';

/** Mebibytes. A larger list belongs in an upload, where it is streamed. */
export const BODY_LIMIT = 16;

export interface Incoming {
    headers: { get(name: string): string | null };
    body: AsyncIterable<Uint8Array> | ReadableStreamLike | null;
}
type ReadableStreamLike = { [Symbol.asyncIterator](): AsyncIterator<Uint8Array> };

export async function readBody(request: Incoming, mebibytes = BODY_LIMIT): Promise<Buffer> {
    const encoding = request.headers.get('content-encoding');
    if (encoding && encoding !== 'identity') {
        throw problem('UNSUPPORTED_MEDIA', { detail: `Content-Encoding "${encoding}" is not supported here; send the body as it is.` });
    }
    const limit = mebibytes * 1024 * 1024;
    let chunks: Buffer[] = [];
    let size = 0;
    // What is beyond the limit is read and dropped: a host in front loses the answer when the body is left unread.
    for await (const chunk of request.body ?? []) {
        size += chunk.length;
        if (size > limit) chunks = [];
        else chunks.push(Buffer.from(chunk));
    }
    if (size > limit) {
        throw problem('TOO_LARGE', {
            detail: `The body has ${size} bytes; at most ${limit} are allowed here. Upload the items (POST /api/uploads) and name the upload as the source.`,
            limit,
        });
    }
    return Buffer.concat(chunks);
}

/** The body as JSON; otherwise a problem that says at which character it stops being JSON. */
export function parseJson(body: Buffer): unknown {
    if (body.length === 0) throw problem('BAD_JSON', { detail: 'The body is empty.' });
    let text: string;
    try {
        // The decoder drops a byte order mark, which JSON.parse would refuse.
        text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    } catch (error) {
        throw problem('BAD_JSON', { detail: `The body is not UTF-8 text (${(error as Error).message}).` });
    }
    try {
        return JSON.parse(text);
    } catch (error) {
        const message = (error as Error).message;
        const position = positionOf(text, message);
        const before = text.slice(0, position).split('\n');
        const [line, column] = [before.length, before.at(-1)!.length + 1];
        // Not the engine's own message: it quotes the body, which may hold what does not belong in logs.
        throw problem('BAD_JSON', {
            detail: `The JSON is broken at line ${line}, column ${column}${position >= text.length ? ' (it ends too early)' : ''}.`,
            position,
            line,
            column,
        });
    }
}

/** The engine names the position for some errors only; a second parser, which knows where each token stands, finds it for the others. */
function positionOf(text: string, message: string): number {
    const named = /at position (\d+)/.exec(message);
    if (named) return Number(named[1]);
    if (message.includes('Unexpected end')) return text.length;
    let bytes = 0;
    let failed = false;
    const tokenizer = new Tokenizer();
    // Nothing is selected, so nothing is built: only the order of tokens is checked.
    const parser = new TokenParser({ paths: ['$.none'], keepStack: false });
    parser.onValue = () => undefined;
    parser.onError = () => (failed = true);
    tokenizer.onToken = (token) => {
        if (failed) return;
        bytes = token.offset;
        parser.write(token);
    };
    tokenizer.onError = (error) => {
        if (!failed) bytes = Number(/absolute position "(\d+)"/.exec(error.message)?.[1] ?? bytes);
        failed = true;
    };
    const encoded = Buffer.from(text);
    tokenizer.write(encoded);
    return encoded.toString('utf8', 0, bytes).length;
}
