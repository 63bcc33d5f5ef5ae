import { MAX_ROW_CHARS, type CsvRow } from './csvSplitter';
import { looksLikeNoCsv } from './lookalike';
import { MAX_ITEM_BYTES, SourceError } from './row';

/** The names of the columns, from the first row, trimmed. @throws SourceError when no item can have them, or the file looks like something else */
export function headerOf(row: CsvRow): string[] {
    const wrong = wrongInHeader(row);
    if (wrong !== null) throw new SourceError('CSV_HEADER', `the header on line ${row.line} ${wrong}`);
    return 'fields' in row ? row.fields.map((field) => field.trim()) : [];
}

function wrongInHeader(row: CsvRow): string | null {
    if ('tooLong' in row) return `has more than ${MAX_ROW_CHARS} characters and no line end; this looks like no CSV`;
    const lookalike = looksLikeNoCsv(row);
    if (lookalike !== null) return lookalike;
    if ('badQuote' in row) return `has a bad quote: ${row.badQuote}`;
    const names = row.fields.map((field) => field.trim());
    const nul = names.findIndex((name) => name.includes('\0'));
    if (nul >= 0)
        return `has a NUL character in column ${nul + 1}; this looks like a binary file, or like text in another encoding than UTF-8`;
    const empty = names.indexOf('');
    if (empty >= 0) return `has no name for column ${empty + 1}${names.slice(empty).every((name) => name === '') ? behindLast(empty) : ''}`;
    // Assigned to an object, this name would set nothing, and the column would be lost.
    if (names.includes('__proto__')) return 'has the column "__proto__", which no item can hold; rename it';
    const seen = new Set<string>();
    for (const name of names) {
        if (seen.has(name)) return `has the column "${name}" twice`;
        seen.add(name);
    }
    // A row that is filled up would be as large, and as dear, for two characters of the file.
    const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(name) + '"":"",'.length, 1);
    if (bytes > MAX_ITEM_BYTES)
        return `has ${names.length} columns, whose names alone make items of ${bytes} bytes; at most ${MAX_ITEM_BYTES} are allowed`;
    return null;
}

/** Spreadsheets write such columns where cells beyond the table were touched. */
const behindLast = (columns: number): string =>
    columns === 0
        ? ''
        : `, nor any behind it: there are commas after the last of ${columns} columns; delete the empty columns and save again`;
