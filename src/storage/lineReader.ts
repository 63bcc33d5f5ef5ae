// Reading outcomes blobs line by line, in bounded memory, up to sizes fixed beforehand.
import { OUTCOME_PREFIX, readOutcomeHead } from '../items/outcomeLines';
import type { JobStore, Segment } from './jobStore';
import { readInto } from './readBlob';

/** A stretch of the outcomes of one partition: from (inclusive) to (exclusive), in bytes, whatever segments they lie in. */
export interface Stretch {
    segments: Segment[];
    from: number;
    to: number;
}

/** Bytes a read asks for at once. */
const READ = 4 * 1024 * 1024;
const NEWLINE = 10;

/** The lines of a stretch in batches, without their line ends; `offset` is where the batch's first line begins. */
export const lineBatches = (store: JobStore, stretch: Stretch): AsyncGenerator<LineBatch> => linesOf(chunks(store, stretch), stretch.from);

export interface LineBatch {
    offset: number;
    lines: Buffer[];
    /** The one line has no line end: the bytes stop within it. */
    torn?: true;
}

/** Index, outcome and attempts of an outcome's line, null for any other. */
export const outcomeHead = (line: Buffer) => readOutcomeHead((bytes) => line.toString('latin1', 0, bytes));

const prefix = Buffer.from(OUTCOME_PREFIX);
/** Attempts, fences and the like stand in the same blobs; only these lines are results. */
export const isOutcome = (line: Buffer): boolean =>
    line.length > prefix.length && line.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;

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
    if (rest.length > 0) yield { offset, lines: [rest], torn: true };
}

/** The bytes of a stretch, at most 4 MB at a time; one further read is on its way while these are worked on. */
export async function* chunks(store: JobStore, stretch: Stretch): AsyncGenerator<Buffer> {
    const pieces = piecesOf(stretch).values();
    const next = () => {
        const piece = pieces.next();
        const reading = piece.done ? null : readPiece(store, piece.value);
        // Awaited only after the consumer has come back; until then a failure must not count as unhandled.
        reading?.catch(ignoreUntilAwaited);
        return reading;
    };
    for (let ahead = next(); ahead;) {
        const chunk = await ahead;
        ahead = next();
        yield chunk;
    }
}

/** What stands between two positions of a partition's outcomes, whole in memory. */
export async function readStretch(store: JobStore, stretch: Stretch): Promise<Buffer> {
    const found: Buffer[] = [];
    for await (const chunk of chunks(store, stretch)) found.push(chunk);
    return found.length === 1 ? found[0]! : Buffer.concat(found);
}

const ignoreUntilAwaited = (): void => undefined;

interface Piece {
    name: string;
    from: number;
    bytes: number;
}

/** The stretch cut where segments end, and into reads of at most 4 MB. */
function piecesOf({ segments, from, to }: Stretch): Piece[] {
    const pieces: Piece[] = [];
    let start = 0;
    for (const { name, bytes } of segments) {
        for (let at = Math.max(from, start); at < Math.min(to, start + bytes);) {
            const end = Math.min(to, start + bytes, at + READ);
            pieces.push({ name, from: at - start, bytes: end - at });
            at = end;
        }
        start += bytes;
    }
    return pieces;
}

async function readPiece(store: JobStore, { name, from, bytes }: Piece): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(bytes);
    await readInto(store.container, name, buffer, from);
    return buffer;
}
