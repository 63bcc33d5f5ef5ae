/** One unit of input, or what is wrong with it. `line` is 1-based: a line of the file, or the position in a JSON array. */
export type Row = { line: number; json: string; value: unknown } | { line: number; code: string; message: string };

/** Bytes of one item as JSON text. */
export const MAX_ITEM_BYTES = 1_048_576;

export const isItem = (row: Row): row is Extract<Row, { json: string }> => 'json' in row;

export const tooLarge = (line: number, bytes: number | string): Row => ({
    line,
    code: 'ITEM_TOO_LARGE',
    message: `the item has ${bytes} bytes; at most ${MAX_ITEM_BYTES} are allowed`,
});

/** A value as an item, when it is not too large. */
export function item(line: number, value: unknown): Row {
    const json = JSON.stringify(value);
    // Only a long text is worth counting in bytes.
    if (json.length * 3 > MAX_ITEM_BYTES) {
        const bytes = Buffer.byteLength(json);
        if (bytes > MAX_ITEM_BYTES) return tooLarge(line, bytes);
    }
    return { line, json, value };
}

/** The source as a whole cannot be read as what it is said to be. */
export class SourceError extends Error {
    constructor(
        readonly code: string,
        message: string,
    ) {
        super(message);
    }
}
