// NDJSON as it comes in.

/** The lines of a stream of UTF-8, without their ends; empty ones are left out. Stopping early cancels the stream. */
export async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
    // Not every browser iterates over a stream.
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    try {
        for (;;) {
            const { done, value } = await reader.read();
            rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
            const lines = rest.split('\n');
            rest = done ? '' : lines.pop()!;
            for (const line of lines) if (line !== '') yield line;
            if (done) return;
        }
    } finally {
        // A stream that has ended, or is broken, is not there to be cancelled.
        await reader.cancel().catch(() => undefined);
    }
}
