import { MAX_ITEM_DEPTH, type Row } from './row';

/** The row, or why it is no item: what walks through an item by recursion must come to its end. */
export const notTooDeep = (row: Row): Row => ('json' in row && isTooDeep(row.json) ? tooDeep(row.line) : row);

const tooDeep = (line: number): Row => ({
    line,
    code: 'ITEM_TOO_DEEP',
    message: `the item has more than ${MAX_ITEM_DEPTH} levels of nesting`,
});

/** Characters of a text that is looked through before it is parsed: to parse one that is nothing but brackets takes a hundred times as long. */
const LONG = 65_536;

/** What is wrong with a long text that is too deep, told before it is parsed. */
export const longAndTooDeep = (line: number, text: string): Row | null => (text.length > LONG && isTooDeep(text) ? tooDeep(line) : null);

/** Whether arrays and objects stand in each other beyond the bound, in a JSON text. */
export function isTooDeep(json: string): boolean {
    // Every level needs two brackets, so most items are too short to be looked through.
    if (json.length <= 2 * MAX_ITEM_DEPTH) return false;
    let depth = 0;
    for (let at = 0; at < json.length; at++) {
        const char = json.charCodeAt(at);
        if (char === 0x22) at = endOfText(json, at);
        else if (char === 0x5b || char === 0x7b) {
            if (++depth > MAX_ITEM_DEPTH) return true;
        } else if (char === 0x5d || char === 0x7d) depth--;
    }
    return false;
}

/** The place of the quote that closes the text opened at `from`; the length of the JSON when none does. */
export function endOfText(json: string, from: number): number {
    for (let end = json.indexOf('"', from + 1); end >= 0; end = json.indexOf('"', end + 1)) {
        let before = end;
        while (json.charCodeAt(before - 1) === 0x5c) before--;
        if ((end - before) % 2 === 0) return end;
    }
    return json.length;
}
