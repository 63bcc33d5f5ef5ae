import type { Format } from '../../src/contracts/jobSpec';
import { readRows, type ReadOptions } from '../../src/sources/open';
import { SourceError, type Row } from '../../src/sources/row';

/** The bytes in pieces, cut at these places. */
export async function* pieces(bytes: Buffer, cuts: number[]): AsyncGenerator<Buffer> {
    let from = 0;
    for (const cut of [...cuts].sort((a, b) => a - b)) {
        if (cut <= from || cut >= bytes.length) continue;
        yield bytes.subarray(from, cut);
        from = cut;
    }
    yield bytes.subarray(from);
}

/** A text whose middle is 300 MiB of one letter. */
export async function* long(begin: string, end: string): AsyncGenerator<Buffer> {
    yield Buffer.from(begin);
    const block = Buffer.alloc(1024 * 1024, 'x');
    for (let i = 0; i < 300; i++) yield block;
    yield Buffer.from(end);
}

export async function rowsOf(source: string | Buffer | AsyncIterable<Buffer>, format: Format, options?: ReadOptions): Promise<Row[]> {
    const rows: Row[] = [];
    const chunks = typeof source === 'string' || Buffer.isBuffer(source) ? pieces(Buffer.from(source as string), []) : source;
    for await (const batch of readRows(chunks, format, options)) for (const row of batch) rows.push(row);
    return rows;
}

export const values = (rows: Row[]) => rows.map((r) => ('json' in r ? r.value : r.code));
export const texts = (rows: Row[]) => rows.map((r) => ('json' in r ? r.json : r.code));

export async function refusal(source: string | Buffer | AsyncIterable<Buffer>, format: Format): Promise<SourceError> {
    const error: unknown = await rowsOf(source, format).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SourceError);
    return error as SourceError;
}

/** The rows, or the code of what refuses the source. */
export const outcome = async (source: string | Buffer | AsyncIterable<Buffer>, format: Format, options?: ReadOptions) =>
    rowsOf(source, format, options).catch((error: unknown) => {
        if (error instanceof SourceError) return error.code;
        throw error;
    });
