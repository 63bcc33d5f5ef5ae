import type { JobCode, RowCode } from '../core/codes';

/** One unit of input, or what is wrong with it. `line` is 1-based: a line of the file, or the position in a JSON array. */
export type Row = { line: number; json: string; value: unknown } | { line: number; code: RowCode; message: string };

/** Bytes of one item as JSON text. */
export const MAX_ITEM_BYTES = 1_048_576;

/** Arrays and objects in each other, in one item: deeper ones end what walks through them by recursion. */
export const MAX_ITEM_DEPTH = 500;

export const isItem = (row: Row): row is Extract<Row, { json: string }> => 'json' in row;

export const tooLarge = (line: number, bytes: number | string): Row => ({
    line,
    code: 'ITEM_TOO_LARGE',
    message: `the item has ${bytes} bytes; at most ${MAX_ITEM_BYTES} are allowed`,
});

/** A value as an item, when it is not too large. */
export const item = (line: number, value: unknown): Row => notTooLarge(line, JSON.stringify(value), value);

/**
 * JSON text as an item, when it is not too large. It stays as it is written, but for blanks around it, and line breaks with the indentation behind
 * them: an item is one line. @throws SyntaxError
 */
export function itemOfText(line: number, text: string): Row {
    const value: unknown = JSON.parse(text);
    // No text within JSON holds a line break as it is, so what is taken out stands between others.
    const onOneLine = text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\r\n][ \t\r\n]*/g, '') : text;
    return notTooLarge(line, trimBlanks(onOneLine), value);
}

/** Characters of a JSON text as `itemOfText` writes it, but for blanks at its ends. Cheap, where to parse the text could take seconds. */
export function charsOnOneLine(text: string): number {
    let chars = 0;
    let isIndentation = false;
    for (let at = 0; at < text.length; at++) {
        const unit = text.charCodeAt(at);
        if (unit === 0x0a || unit === 0x0d) isIndentation = true;
        else if (!isIndentation || (unit !== 0x20 && unit !== 0x09)) {
            isIndentation = false;
            chars++;
        }
    }
    return chars;
}

function notTooLarge(line: number, json: string, value: unknown): Row {
    // Only a long text is worth counting in bytes.
    if (json.length * 3 > MAX_ITEM_BYTES) {
        const bytes = Buffer.byteLength(json);
        if (bytes > MAX_ITEM_BYTES) return tooLarge(line, bytes);
    }
    return { line, json, value };
}

/** Without the white space of JSON at both ends, which is less than that of `trim`. */
export function trimBlanks(json: string): string {
    let from = 0;
    let to = json.length;
    while (from < to && isBlank(json.charCodeAt(from))) from++;
    while (to > from && isBlank(json.charCodeAt(to - 1))) to--;
    return json.slice(from, to);
}

const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;

/** The source as a whole cannot be read as what it is said to be. */
export class SourceError extends Error {
    constructor(
        readonly code: JobCode,
        message: string,
    ) {
        super(message);
    }
}
