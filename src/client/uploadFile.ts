// What is uploaded in parts: bytes that can be read from a position, for a part may have to be sent again.

/** Anything that knows its size and gives its bytes from `from` (inclusive) to `to` (exclusive). */
export interface UploadFile {
    /** In bytes. */
    readonly size: number;
    read(from: number, to: number): Promise<Blob | Uint8Array>;
}

/** A `Blob` is also what a browser's file input gives, and Node's `fs.openAsBlob`. */
export type UploadContent = Blob | Uint8Array | string | UploadFile;

export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

export function fileOf(content: UploadContent): UploadFile {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    if (bytes instanceof Uint8Array) return { size: bytes.length, read: async (from, to) => bytes.subarray(from, to) };
    if ('read' in bytes) return bytes;
    return { size: bytes.size, read: async (from, to) => bytes.slice(from, to) };
}

/**
 * A stream as a file, for one upload. It holds the part that is being sent, at most `partBytes` and one chunk: an upload goes on from within that part,
 * and not from before it. `size` is in bytes; a stream of another length is an error.
 */
export function fileOfStream(stream: ByteStream, size: number): UploadFile {
    const chunks = chunksOf(stream);
    let held = new Uint8Array(0);
    let heldFrom = 0;
    return {
        size,
        read: async (from, to) => {
            if (from < heldFrom) throw new Error(`The stream is at byte ${heldFrom} and cannot go back to ${from}.`);
            const pieces: Uint8Array[] = [held.subarray(Math.min(from - heldFrom, held.length))];
            let end = heldFrom + held.length;
            while (end < to) {
                const { done, value } = await chunks.next();
                if (done) throw new Error(`The stream ended after ${end} bytes, not after ${size}.`);
                pieces.push(value.subarray(Math.max(0, from - end)));
                end += value.length;
            }
            held = joined(pieces);
            heldFrom = end - held.length;
            return held.subarray(0, to - from);
        },
    };
}

/** A stream as the body of a request. */
export function bodyOfStream(stream: ByteStream): ReadableStream<Uint8Array> {
    if (stream instanceof ReadableStream) return stream;
    const chunks: AsyncIterator<Uint8Array, unknown> = stream[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>({
        pull: async (controller) => {
            const { done, value } = await chunks.next();
            if (done) controller.close();
            else controller.enqueue(value);
        },
        cancel: async () => void (await chunks.return?.()),
    });
}

async function* chunksOf(stream: ByteStream): AsyncGenerator<Uint8Array, undefined> {
    if (!(stream instanceof ReadableStream)) return void (yield* stream);
    const reader = stream.getReader();
    for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
    }
}

function joined(pieces: Uint8Array[]): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
    let at = 0;
    for (const piece of pieces) {
        all.set(piece, at);
        at += piece.length;
    }
    return all;
}
