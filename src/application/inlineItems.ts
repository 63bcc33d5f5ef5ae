// The items that stand in a job spec: the text of a JSON array, which is gone through and never parsed as a whole.
import type { FieldError } from '../core/errors';
import { JsonSyntaxError, JsonText, PAUSED, STRETCH } from '../json/strictReader';
import { MAX_ITEM_BYTES, MAX_ITEM_DEPTH } from '../sources/row';
import type { Stretches } from '../turns';

export interface InlineItems {
    /** The JSON array as it came. */
    text: Buffer;
    count: number;
    /** Items that are too large or too deep, the first few. */
    bad: FieldError[];
}

export function wrongSize(size: number, depth: number): { message: string; allowed: string } | null {
    if (size > MAX_ITEM_BYTES) return { message: `the item has ${size} bytes`, allowed: `at most ${MAX_ITEM_BYTES}` };
    if (depth > MAX_ITEM_DEPTH) return { message: `the item has ${depth} levels of nesting`, allowed: `at most ${MAX_ITEM_DEPTH}` };
    return null;
}

/** Goes through the elements of the array at `from`, as long as `take` says so; the place behind the array, or where it was left. */
export function* elements(text: JsonText, from: number, take: (begin: number, end: number) => boolean): Stretches<number> {
    const { bytes } = text;
    let at = text.skipBlanks(from + 1);
    if (bytes[at] === 0x5d) return at + 1;
    for (let stop = at + STRETCH; ;) {
        const begin = at;
        at = text.skip(begin, STRETCH);
        if (at === PAUSED) at = yield* text.restInStretches();
        if (!take(begin, at)) return at;
        if (at > stop) {
            yield;
            stop = at + STRETCH;
        }
        at = text.skipBlanks(at);
        if (bytes[at] === 0x5d) return at + 1;
        if (bytes[at] !== 0x2c) throw new JsonSyntaxError(at);
        at = text.skipBlanks(at + 1);
    }
}

/** Gives the JSON text of one item after the other, null for one that is too large or too deep, until `take` says that it is enough. */
export function* eachItem({ text: bytes }: InlineItems, take: (json: string | null) => boolean): Stretches<void> {
    const text = new JsonText(bytes);
    yield* elements(text, 0, (begin, end) =>
        take(wrongSize(end - begin - text.blanks, text.deepest) ? null : bytes.toString('utf8', begin, end)),
    );
}

/** The items one a line, without blanks; otherwise as they came. */
export function* asLines({ text: array }: InlineItems): Stretches<Buffer> {
    const writer = new LineWriter(array);
    while (writer.write(STRETCH)) yield;
    return writer.lines;
}

/** Writes an array that is known to be JSON as lines. */
class LineWriter {
    private readonly text: JsonText;
    private readonly written: Buffer;
    private at = 0;
    private end = 0;
    private depth = 0;

    constructor(private readonly array: Buffer) {
        this.text = new JsonText(array);
        this.written = Buffer.allocUnsafe(array.length);
    }

    get lines(): Buffer {
        return this.written.subarray(0, this.end);
    }

    /** Goes on for some bytes more, to the end of a text where one is long; false behind the last. */
    write(most: number): boolean {
        const { array, written } = this;
        let { at, end, depth } = this;
        for (const stop = Math.min(array.length, at + most); at < stop; at++) {
            const byte = array[at]!;
            if (byte === 0x22) {
                const behind = this.text.text(at);
                end += array.copy(written, end, at, behind);
                at = behind - 1;
            } else if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
            else if (byte === 0x5b || byte === 0x7b) {
                if (depth++ > 0) written[end++] = byte;
            } else if (byte === 0x5d || byte === 0x7d) written[end++] = --depth > 0 ? byte : 0x0a;
            else written[end++] = byte === 0x2c && depth === 1 ? 0x0a : byte;
        }
        [this.at, this.end, this.depth] = [at, end, depth];
        return at < array.length;
    }
}
