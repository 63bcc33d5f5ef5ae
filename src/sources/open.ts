import type { CsvOptions, Format } from '../contracts/jobSpec';
import { Rest } from '../turns';
import { csv } from './csv';
import { notTooDeep } from './depth';
import { jsonArray } from './jsonArray';
import { refusalOf, SNIFFED } from './lookalike';
import { ndjson } from './ndjson';
import type { Row } from './row';

export interface ReadOptions {
    csv?: CsvOptions | undefined;
    /** Fanfold wrote the source itself: it is what its format says. */
    isOurs?: boolean;
}

/** Bytes that are read at once: some tens of thousands of the smallest rows. */
const PIECE = 64 * 1024;

/** The rows of a source, in batches and in order; the event loop has its turns in between. Throws SourceError where nothing more can be read; a bad row alone is a Row. */
export async function* readRows(chunks: AsyncIterable<Buffer>, format: Format, options: ReadOptions = {}): AsyncGenerator<Row[]> {
    const rest = new Rest();
    const pieces = inPieces(chunks, rest);
    const rows = read(options.isOurs ? pieces : sniffed(pieces), format, options);
    for await (const batch of rows) {
        yield batch.map(notTooDeep);
        if (rest.isDue) await rest.take();
    }
}

async function* inPieces(chunks: AsyncIterable<Buffer>, rest: Rest): AsyncGenerator<Buffer> {
    for await (const chunk of chunks)
        for (let at = 0; at < chunk.length; at += PIECE) {
            yield chunk.subarray(at, at + PIECE);
            if (rest.isDue) await rest.take();
        }
}

function read(chunks: AsyncIterable<Buffer>, format: Format, options: ReadOptions): AsyncGenerator<Row[]> {
    if (format === 'csv') return csv(chunks, options.csv);
    return format === 'ndjson' ? ndjson(chunks, options.isOurs) : jsonArray(chunks);
}

/** The same chunks, when their beginning may be text in UTF-8. @throws SourceError */
async function* sniffed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let begin: Buffer | null = Buffer.alloc(0);
    for await (const chunk of chunks) {
        if (begin === null) yield chunk;
        else {
            begin = Buffer.concat([begin, chunk]);
            if (begin.length < SNIFFED) continue;
            refuse(begin);
            yield begin;
            begin = null;
        }
    }
    if (begin === null || begin.length === 0) return;
    refuse(begin);
    yield begin;
}

function refuse(begin: Buffer): void {
    const refusal = refusalOf(begin.subarray(0, SNIFFED));
    if (refusal) throw refusal;
}
