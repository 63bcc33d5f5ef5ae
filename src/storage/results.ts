// Reading outcomes blobs line by line, in bounded memory, up to sizes fixed beforehand.
import { readOutcomeHead } from '../core/outcome';
import { isStatus, type JobStore } from './jobStore';

/** A stretch of one blob: from (inclusive) to (exclusive), in bytes. */
export interface Stretch {
    name: string;
    from: number;
    to: number;
}

/** Bytes a read asks for at once; one further read is on its way while these are worked on. */
const READ = 4 * 1024 * 1024;
const NEWLINE = 10;

/**
 * The lines of a stretch in batches, without their line ends; `offset` is where the batch's first line begins.
 * Separate ranges instead of one long download: a download that breaks off is resumed by the client only if the blob has not grown since.
 */
export const lineBatches = (store: JobStore, { name, from, to }: Stretch): AsyncGenerator<LineBatch> =>
    linesOf(chunks(store, name, from, to), from);

export interface LineBatch {
    offset: number;
    lines: Buffer[];
}

/** Index, outcome and attempts of an outcome's line, null for any other: they stand in its first bytes, the key among them. */
export const outcomeHead = (line: Buffer) => readOutcomeHead(line.toString('latin1', 0, 4096));

/** The lines of a stream of bytes that begins at `offset`. */
export async function* linesOf(stream: AsyncIterable<Buffer>, offset = 0): AsyncGenerator<LineBatch> {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of stream) {
        const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        const lines: Buffer[] = [];
        let start = 0;
        for (let end = data.indexOf(NEWLINE, rest.length); end >= 0; end = data.indexOf(NEWLINE, start)) {
            lines.push(data.subarray(start, end));
            start = end + 1;
        }
        if (lines.length > 0) yield { offset, lines };
        offset += start;
        rest = data.subarray(start);
    }
    if (rest.length > 0) yield { offset, lines: [rest] };
}

/** The bytes of a stretch, at most 4 MB at a time. */
export async function* chunks(store: JobStore, name: string, from: number, to: number): AsyncGenerator<Buffer> {
    let ahead = from < to ? readRange(store, name, from, Math.min(READ, to - from)) : null;
    for (let at = from; ahead;) {
        const chunk = await ahead;
        at += chunk.length;
        if (chunk.length === 0) return;
        ahead = at < to ? readRange(store, name, at, Math.min(READ, to - at)) : null;
        // Awaited only after the consumer has come back; until then a failure must not count as unhandled.
        ahead?.catch(ignoreUntilAwaited);
        yield chunk;
    }
}

const ignoreUntilAwaited = (): void => undefined;

export async function readRange(store: JobStore, name: string, from: number, bytes: number): Promise<Buffer> {
    const read = () => store.container.getBlobClient(name).downloadToBuffer(from, bytes);
    try {
        return await read();
    } catch (error) {
        // 412: the connection broke while the blob grew. The range itself has not changed.
        if (isStatus(error, 412)) return read();
        throw error;
    }
}
