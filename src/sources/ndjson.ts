import { longAndTooDeep } from './depth';
import { looksLikeEncoding, looksLikeNoLines } from './lookalike';
import { MARKS, NotUtf8, utf8TextOf } from './text';
import { itemOfText, MAX_ITEM_BYTES, SourceError, tooLarge, trimBlanks, type Row } from './row';

const NEWLINE = 0x0a;
/** Bytes of a line that is read: an item, a byte order mark and a CR. */
const MAX_LINE_BYTES = MAX_ITEM_BYTES + 4;

/**
 * One JSON value a line. Blank lines are passed over; a byte order mark and CR before LF are taken off. `isOurs`: Fanfold wrote it, so that a single line which
 * is an array is an item, and no file in another format. @throws SourceError
 */
export async function* ndjson(chunks: AsyncIterable<Buffer>, isOurs = false): AsyncGenerator<Row[]> {
    const reader = new LineReader(isOurs);
    let held: Buffer[] = [];
    let heldBytes = 0;
    for await (const chunk of chunks) {
        let start = 0;
        for (let end = chunk.indexOf(NEWLINE); end >= 0; start = end + 1, end = chunk.indexOf(NEWLINE, start)) {
            const part = chunk.subarray(start, end);
            reader.take(heldBytes > 0 ? [...held, part] : [part], heldBytes + part.length);
            held = [];
            heldBytes = 0;
        }
        const rest = chunk.subarray(start);
        // Of a line that is too long already only its length is kept.
        if (heldBytes <= MAX_LINE_BYTES) held.push(rest);
        heldBytes += rest.length;
        const rows = reader.ready();
        if (rows.length > 0) yield rows;
    }
    if (heldBytes > 0) reader.take(held, heldBytes);
    const rows = reader.finish();
    if (rows.length > 0) yield rows;
}

class LineReader {
    private line = 0;
    private rows: Row[] = [];
    /** Lines that are not blank. */
    private found = 0;
    /** Whether the first of them begins as an array. */
    private isArray = false;

    constructor(private readonly isOurs: boolean) {}

    /** Reads a line, which comes in pieces; of one that is too long the first are enough. */
    take(pieces: Buffer[], bytes: number): void {
        this.line++;
        const row =
            bytes > MAX_LINE_BYTES ? tooLarge(this.line, bytes) : this.row(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
        if (!row) return;
        if (++this.found === 1 && bytes > MAX_LINE_BYTES) this.isArray = beginsArray(pieces);
        this.rows.push(row);
    }

    /** Rows that are read. The first waits for the second: alone, it may be a whole array. */
    ready(): Row[] {
        if (this.found < 2) return [];
        const { rows } = this;
        this.rows = [];
        return rows;
    }

    /** The last rows. @throws SourceError when there is one line, and it is an array */
    finish(): Row[] {
        if (this.found === 1 && this.isArray && !this.isOurs)
            throw notLines('the source is a single line, and that is one array; for an array of items set source.format to json');
        return this.rows;
    }

    private row(bytes: Buffer): Row | null {
        const { line } = this;
        let text: string;
        try {
            text = utf8TextOf(bytes);
        } catch (error) {
            if (!(error instanceof NotUtf8)) throw error;
            return { line, code: 'NOT_UTF8', message: `the line is not UTF-8: ${looksLikeEncoding(error.bytes)}` };
        }
        if (line === 1) text = text.replace(MARKS, '');
        text = trimBlanks(text);
        if (text === '') return null;
        if (this.found === 0) this.isArray = text.startsWith('[');
        try {
            return longAndTooDeep(line, text) ?? itemOfText(line, text);
        } catch (error) {
            const lookalike = this.found === 0 ? looksLikeNoLines(text) : null;
            if (lookalike !== null) throw notLines(lookalike);
            return { line, code: 'NDJSON_SYNTAX', message: `not JSON: ${(error as Error).message}` };
        }
    }
}

const beginsArray = (pieces: Buffer[]): boolean => /^\ufeff*[ \t\r]*\[/.test(Buffer.concat(pieces).toString('utf8', 0, 256));

const notLines = (message: string): SourceError => new SourceError('NDJSON_NOT_LINES', message);
