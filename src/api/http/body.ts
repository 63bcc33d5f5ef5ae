// Request bodies that are read whole, within a limit.
import { problem } from '../../core/errors';
import { Gathered } from '../../egress/gathered';

export interface Incoming {
    headers: { get(name: string): string | null };
    body: AsyncIterable<Uint8Array> | ReadableStreamLike | null;
}
type ReadableStreamLike = { [Symbol.asyncIterator](): AsyncIterator<Uint8Array> };

/** `setting`: the app setting that the limit, in bytes, is of, where it is one's. @throws Problem TOO_LARGE, UNSUPPORTED_MEDIA */
export async function readBody(request: Incoming, limit: number, setting?: string): Promise<Buffer> {
    const encoding = request.headers.get('content-encoding');
    if (encoding && encoding !== 'identity') {
        throw problem('UNSUPPORTED_MEDIA', { detail: `Content-Encoding "${encoding}" is not supported here; send the body as it is.` });
    }
    let held = new Gathered();
    let size = 0;
    // What is beyond the limit is read and dropped: a host in front loses the answer when the body is left unread.
    for await (const chunk of request.body ?? []) {
        size += chunk.length;
        if (size > limit) held = new Gathered();
        else held.add(chunk);
    }
    if (size > limit) {
        throw problem('TOO_LARGE', {
            detail: `The body has ${size} bytes; at most ${limit} are allowed here${setting ? ` (app setting ${setting}). Upload the items (POST /api/uploads) and name the upload as the source` : ''}.`,
            limit,
            ...(setting ? { setting } : {}),
        });
    }
    return held.bytes;
}
