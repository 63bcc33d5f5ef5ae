import { JSONParser } from '@streamparser/json';
import { item, MAX_ITEM_BYTES, SourceError, tooLarge, type Row } from './types';

/** A top-level JSON array; each element is an item, and `line` its 1-based position. A syntax error ends the whole source. */
export async function* jsonArray(chunks: AsyncIterable<Buffer>): AsyncGenerator<Row[]> {
    const parser = new JSONParser({ paths: ['$.*'], keepStack: false });
    let rows: Row[] = [];
    let position = 0;
    let first = true;
    let isArray = false;
    let sinceRow = 0;
    parser.onValue = ({ value }) => {
        position++;
        sinceRow = 0;
        rows.push(item(position, value));
    };
    for await (const chunk of chunks) {
        let bytes = chunk;
        if (first) {
            if (bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
            const start = bytes.toString('latin1').trimStart()[0];
            if (start === undefined) continue;
            first = false;
            isArray = start === '[';
            if (!isArray) throw new SourceError('JSON_NOT_ARRAY', 'the JSON document is not an array; for one value a line use the format ndjson');
        }
        sinceRow += bytes.length;
        try {
            parser.write(bytes);
        } catch (error) {
            throw new SourceError('JSON_SYNTAX', `the JSON breaks off after element ${position}: ${(error as Error).message.slice(0, 200)}`);
        }
        if (rows.length > 0) {
            yield rows;
            rows = [];
        }
        // An element that never ends must not be kept whole: the parser holds it in memory.
        if (sinceRow > 16 * MAX_ITEM_BYTES) {
            yield [tooLarge(position + 1, `more than ${sinceRow}`)];
            throw new SourceError('ITEM_TOO_LARGE', `element ${position + 1} has more than ${sinceRow} bytes; nothing after it was read`);
        }
    }
    if (first) throw new SourceError('SOURCE_EMPTY', 'the JSON document is empty');
    if (!parser.isEnded) throw new SourceError('JSON_SYNTAX', `the JSON ends within the array, after element ${position}`);
}
