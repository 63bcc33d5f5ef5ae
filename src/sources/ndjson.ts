import { TextDecoder } from 'node:util';
import { MAX_ITEM_BYTES, tooLarge, type Row } from './types';

const NEWLINE = 0x0a;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One JSON value a line. Blank lines are passed over; a byte order mark and CR before LF are taken off. */
export async function* ndjson(chunks: AsyncIterable<Buffer>): AsyncGenerator<Row[]> {
    let line = 0;
    let held: Buffer[] = [];
    let heldBytes = 0;
    const take = (end: Buffer): Row | null => {
        const whole = heldBytes > 0 ? Buffer.concat([...held, end]) : end;
        const bytes = heldBytes + end.length;
        held = [];
        heldBytes = 0;
        line++;
        return bytes > MAX_ITEM_BYTES + 4 ? tooLarge(line, bytes) : parse(whole, line);
    };
    for await (const chunk of chunks) {
        const rows: Row[] = [];
        let start = 0;
        for (let end = chunk.indexOf(NEWLINE); end >= 0; start = end + 1, end = chunk.indexOf(NEWLINE, start)) {
            const row = take(chunk.subarray(start, end));
            if (row) rows.push(row);
        }
        const rest = chunk.subarray(start);
        // Of a line that is too long already only its length is kept.
        if (heldBytes <= MAX_ITEM_BYTES + 4) held.push(rest);
        heldBytes += rest.length;
        if (rows.length > 0) yield rows;
    }
    const last = heldBytes > 0 ? take(Buffer.alloc(0)) : null;
    if (last) yield [last];
}

function parse(bytes: Buffer, line: number): Row | null {
    let text: string;
    try {
        text = utf8.decode(bytes);
    } catch {
        return { line, code: 'NOT_UTF8', message: 'the line is not UTF-8' };
    }
    if (line === 1 && text.startsWith('\ufeff')) text = text.slice(1);
    text = text.trim();
    if (text === '') return null;
    if (Buffer.byteLength(text) > MAX_ITEM_BYTES) return tooLarge(line, Buffer.byteLength(text));
    try {
        return { line, json: text, value: JSON.parse(text) as unknown };
    } catch (error) {
        return { line, code: 'NDJSON_SYNTAX', message: `not JSON: ${(error as Error).message}` };
    }
}
