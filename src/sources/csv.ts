import { TextDecoder } from 'node:util';
import Papa from 'papaparse';
import { item, SourceError, type Row } from './types';

/** Parsed at once: large enough that a call to the parser costs nothing per row. */
const BLOCK = 256 * 1024;
/** A row longer than this has, almost surely, a quote that is never closed; what follows cannot be told apart from it. */
const MAX_ROW_CHARS = 4 * 1024 * 1024;

/** RFC 4180 with a header row: each row becomes an object of strings. Line numbers are those of the file, line breaks within quotes counted. */
export async function* csv(chunks: AsyncIterable<Buffer>): AsyncGenerator<Row[]> {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const reader = new RowReader();
    let text = '';
    for await (const chunk of chunks) {
        text += decode(decoder, chunk, reader.line);
        if (text.length < BLOCK) continue;
        const { rows, used } = reader.read(text, false);
        text = text.slice(used);
        if (rows.length > 0) yield rows;
        if (text.length > MAX_ROW_CHARS) {
            yield [
                {
                    line: reader.line,
                    code: 'CSV_QUOTE',
                    message: 'the row does not end: a quote is probably not closed; nothing after it was read',
                },
            ];
            return;
        }
    }
    text += decode(decoder, undefined, reader.line);
    const { rows } = reader.read(text, true);
    if (!reader.header) throw new SourceError('SOURCE_EMPTY', 'the CSV is empty: it has no header row');
    if (rows.length > 0) yield rows;
}

function decode(decoder: TextDecoder, chunk: Buffer | undefined, line: number): string {
    try {
        return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
        throw new SourceError('NOT_UTF8', `the CSV is not UTF-8 (after line ${line}); convert it first`);
    }
}

class RowReader {
    header: string[] | null = null;
    /** Line on which the next row begins. */
    line = 1;
    private parser: { parse: (input: string, base: number, ignoreLastRow: boolean) => Papa.ParseResult<string[]> } | null = null;

    /** The rows in `text`; unless it is the last text, the row that it breaks off in is left for the next call. */
    read(text: string, last: boolean): { rows: Row[]; used: number } {
        this.parser ??= parserFor(text);
        const result = this.parser.parse(text, 0, !last);
        const badQuotes = new Map<number, string>();
        for (const error of result.errors) if (error.type === 'Quotes' && error.row !== undefined) badQuotes.set(error.row, error.message);
        const rows: Row[] = [];
        for (const [i, fields] of result.data.entries()) {
            const row = this.row(fields, badQuotes.get(i));
            if (row) rows.push(row);
            this.line += 1 + fields.reduce((n, field) => (field.includes('\n') ? n + field.split('\n').length - 1 : n), 0);
        }
        return { rows, used: result.meta.cursor };
    }

    private row(fields: string[], badQuote: string | undefined): Row | null {
        if (fields.length === 1 && fields[0]!.trim() === '' && !badQuote) return null;
        if (!this.header) {
            this.header = headerOf(fields, this.line, badQuote);
            return null;
        }
        if (badQuote) return { line: this.line, code: 'CSV_QUOTE', message: `bad quote: ${badQuote}` };
        if (fields.length !== this.header.length)
            return {
                line: this.line,
                code: 'CSV_RAGGED',
                message: `the row has ${fields.length} fields, the header ${this.header.length}`,
            };
        const value: Record<string, string> = {};
        for (let i = 0; i < fields.length; i++) value[this.header[i]!] = fields[i]!;
        return item(this.line, value);
    }
}

function headerOf(fields: string[], line: number, badQuote: string | undefined): string[] {
    if (badQuote) throw new SourceError('CSV_HEADER', `the header on line ${line} has a bad quote: ${badQuote}`);
    const names = fields.map((f) => f.trim());
    const empty = names.indexOf('');
    if (empty >= 0) throw new SourceError('CSV_HEADER', `the header on line ${line} has no name for column ${empty + 1}`);
    // Assigned to an object, this name would set nothing, and the column would be lost.
    if (names.includes('__proto__'))
        throw new SourceError('CSV_HEADER', `the header on line ${line} has the column "__proto__", which no item can hold; rename it`);
    const twice = names.find((n, i) => names.indexOf(n) !== i);
    if (twice !== undefined) throw new SourceError('CSV_HEADER', `the header on line ${line} has the column "${twice}" twice`);
    return names;
}

/** The parser is told the line ending of the first line: it does not look for itself. Papa Parse's row parser is public, if sparsely documented. */
function parserFor(text: string) {
    const end = text.indexOf('\n');
    const newline = end > 0 && text[end - 1] === '\r' ? '\r\n' : end < 0 && text.includes('\r') ? '\r' : '\n';
    const Parser = (
        Papa as unknown as {
            Parser: new (config: object) => { parse: (input: string, base: number, ignoreLastRow: boolean) => Papa.ParseResult<string[]> };
        }
    ).Parser;
    return new Parser({ delimiter: ',', newline, quoteChar: '"' });
}
