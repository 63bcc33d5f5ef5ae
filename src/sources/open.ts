import type { Format } from '../core/spec';
import { csv } from './csv';
import { jsonArray } from './jsonArray';
import { ndjson } from './ndjson';
import { SourceError, type Row } from './types';

const readers = { csv, ndjson, json: jsonArray };

/** The rows of a source, in batches and in order. Throws SourceError where nothing more can be read; a bad row alone is a Row. */
export function readRows(chunks: AsyncIterable<Buffer>, format: Format): AsyncGenerator<Row[]> {
    return readers[format](refuseGzip(chunks));
}

async function* refuseGzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let first = true;
    for await (const chunk of chunks) {
        if (first && chunk[0] === 0x1f && chunk[1] === 0x8b)
            throw new SourceError('COMPRESSED', 'the source is compressed with gzip; decompress it first');
        first = false;
        yield chunk;
    }
}
