import type { CsvOptions } from '../contracts/jobSpec';
import { headerOf } from './csvHeader';
import { CsvSplitter, LINE_END, MAX_FIELDS, MAX_ROW_CHARS, type CsvRow } from './csvSplitter';
import { looksLikeEncoding } from './lookalike';
import { NotUtf8, utf8Text } from './text';
import { item, SourceError, tooLarge, type Row } from './row';

/** Split at once: large enough that a call costs nothing per row. */
const BLOCK = 256 * 1024;

/** Cells of the rows that are given together: some milliseconds of work. */
const CELLS = 65_536;

/**
 * RFC 4180 with a header row: each row becomes an object of strings. Blank lines are passed over; `options` say what becomes of rows of empty cells and of
 * short rows. Memory is bounded by some MAX_ROW_CHARS. @throws SourceError
 */
export async function* csv(chunks: AsyncIterable<Buffer>, options: CsvOptions = {}): AsyncGenerator<Row[]> {
    const reader = new RowReader(options);
    let wanted = BLOCK;
    try {
        for await (const piece of utf8Text(chunks)) {
            reader.text += piece;
            if (reader.text.length < wanted) continue;
            yield* reader.read(false);
            // What is left is looked at again when there is as much more, so that a long row is not gone through for each piece of it.
            wanted = reader.text.length + Math.max(BLOCK, reader.text.length);
        }
    } catch (error) {
        if (!(error instanceof NotUtf8)) throw error;
        yield* reader.read(false);
        throw new SourceError('NOT_UTF8', `the CSV is not UTF-8 (line ${reader.lineAtEnd}): ${looksLikeEncoding(error.bytes)}`);
    }
    yield* reader.read(true);
    if (!reader.header) throw new SourceError('SOURCE_EMPTY', 'the CSV is empty: it has no header row');
}

class RowReader {
    /** What has not been read yet. */
    text = '';
    header: string[] | null = null;
    private readonly splitter = new CsvSplitter();

    constructor(private readonly options: CsvOptions) {}

    /** Line on which the text ends that has not been read. */
    get lineAtEnd(): number {
        return this.splitter.line + this.text.split(LINE_END).length - 1;
    }

    /** The rows in the text; unless it is the last text, the row that it breaks off in is left. */
    *read(last: boolean): Generator<Row[]> {
        let more: boolean;
        do {
            const split = this.splitter.split(this.text, last);
            this.text = this.text.slice(split.used);
            more = split.more;
            let rows: Row[] = [];
            let cells = 0;
            for (const found of split.rows) {
                const row = this.header ? this.row(found, this.header) : this.begin(found);
                if (row) rows.push(row);
                // A short row that is filled up is as wide as the header.
                cells += this.header?.length ?? 0;
                if (cells < CELLS) continue;
                if (rows.length > 0) yield rows;
                rows = [];
                cells = 0;
            }
            if (rows.length > 0) yield rows;
        } while (more);
    }

    private begin(row: CsvRow): null {
        this.header = headerOf(row);
        return null;
    }

    private row(row: CsvRow, header: string[]): Row | null {
        const { line } = row;
        if ('tooLong' in row) return tooLarge(line, `more than ${MAX_ROW_CHARS}`);
        if ('badQuote' in row) return { line, code: 'CSV_QUOTE', message: row.badQuote };
        const { fields, quoted } = row;
        // A text that is empty is told from no text by its quotes.
        if (!quoted && fields[0] === '' && fields.every((field) => field === '')) return this.emptyRow(line);
        if (fields.length > header.length || (fields.length < header.length && this.options.shortRows !== 'fill'))
            return {
                line,
                code: 'CSV_RAGGED',
                message: `the row${linesOf(row)} has ${fields.length > MAX_FIELDS ? `more than ${MAX_FIELDS}` : fields.length} fields, the header ${header.length}`,
            };
        const value: Record<string, string> = {};
        for (let i = 0; i < header.length; i++) value[header[i]!] = fields[i] ?? '';
        return item(line, value);
    }

    private emptyRow(line: number): Row | null {
        if (this.options.emptyRows === 'skip') return null;
        return { line, code: 'CSV_EMPTY_ROW', message: 'the row has only empty cells; "csv": {"emptyRows": "skip"} passes over such rows' };
    }
}

/** The lines of a row that takes several: what stands in its quotes may be rows that a quote too many has taken. */
function linesOf({ line, fields, quoted }: { line: number; fields: string[]; quoted: boolean }): string {
    const lineEnds = quoted ? fields.reduce((count, field) => count + field.split(LINE_END).length - 1, 0) : 0;
    return lineEnds === 0 ? '' : `, lines ${line} to ${line + lineEnds},`;
}
