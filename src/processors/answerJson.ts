// The body of an answer as JSON. A target may send ten megabytes of anything: brackets alone, parsed in one go, hold the event loop for seconds. So a long
// text is gone through in stretches, and one that is nested too deeply is never parsed.
import { exactInStretches, parseExact } from '../json/exactJson';
import { JsonSyntaxError, JsonText } from '../json/strictReader';
import { inTurns, type Stretches } from '../turns';

/** Arrays and objects in each other, in a body that is taken for JSON: as many as an item may have. */
export const MAX_ANSWER_DEPTH = 500;
/** Characters of a text that is parsed in one go. */
const SHORT = 65_536;

/** What a text is: no JSON, JSON that is nested too deeply, or JSON. */
export type LooksLike = 'text' | 'tooDeep' | 'json';

export const looksLike = (text: string): Promise<LooksLike> => inTurns(looking(text));

function* looking(text: string): Stretches<LooksLike> {
    if (!/^\s*[[{"\d\-tfn]/.test(text)) return 'text';
    // Most answers are short, and too short for so many levels: the engine's own parser is the quickest.
    if (text.length <= MAX_ANSWER_DEPTH) return isJson(text) ? 'json' : 'text';
    const json = new JsonText(Buffer.from(text));
    try {
        const end = yield* json.skipInStretches(json.skipBlanks(0));
        if (json.skipBlanks(end) < json.bytes.length) return 'text';
    } catch (error) {
        if (error instanceof JsonSyntaxError) return 'text'; // looked like JSON and is not
        throw error;
    }
    return json.deepest > MAX_ANSWER_DEPTH ? 'tooDeep' : 'json';
}

function isJson(text: string): boolean {
    try {
        JSON.parse(text);
        return true;
    } catch {
        return false; // looked like JSON and is not
    }
}

/** The value of text that is known to be JSON. */
export const valueOf = async (json: string): Promise<unknown> =>
    json.length <= SHORT ? parseExact(json) : inTurns(exactInStretches(json));

/** JSON on one line. Digits stay as they are: only the blanks between tokens are taken out. Not by a pattern, which a long text takes beyond its stack. */
export function onOneLine(json: string): string {
    if (!/[\r\n]/.test(json)) return json;
    const from = Buffer.from(json);
    const to = Buffer.allocUnsafe(from.length);
    let end = 0;
    let inText = false;
    for (let at = 0; at < from.length; at++) {
        const byte = from[at]!;
        if (!inText && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)) continue;
        to[end++] = byte;
        if (byte === 0x22) inText = !inText;
        else if (byte === 0x5c) to[end++] = from[++at]!;
    }
    return to.toString('utf8', 0, end);
}
