import { JSONParser } from '@streamparser/json';
import { item, MAX_ITEM_BYTES, SourceError, tooLarge, type Row } from './types';

const BOM = [0xef, 0xbb, 0xbf];

/** A top-level JSON array; each element is an item, and `line` its 1-based position. A syntax error ends the whole source. */
export async function* jsonArray(chunks: AsyncIterable<Buffer>): AsyncGenerator<Row[]> {
    const parser = new JSONParser({ paths: ['$.*'], keepStack: false });
    let rows: Row[] = [];
    let position = 0;
    let first = true;
    let marks = 0;
    let sinceRow = 0;
    parser.onValue = ({ value }) => {
        position++;
        sinceRow = 0;
        rows.push(item(position, value));
    };
    for await (const chunk of chunks) {
        let bytes = chunk;
        // A byte order mark may come in pieces.
        while (marks < 3 && bytes.length > 0) {
            if (bytes[0] !== BOM[marks]) marks = 3;
            else {
                bytes = bytes.subarray(1);
                marks++;
            }
        }
        if (first) {
            const start = bytes.toString('latin1').trimStart()[0];
            if (start === undefined) continue;
            first = false;
            if (start !== '[')
                throw new SourceError('JSON_NOT_ARRAY', 'the JSON document is not an array; for one value a line use the format ndjson');
        }
        sinceRow += bytes.length;
        try {
            parser.write(bytes);
        } catch (error) {
            throw new SourceError(
                'JSON_SYNTAX',
                `the JSON breaks off after element ${position}: ${(error as Error).message.slice(0, 200)}`,
            );
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
