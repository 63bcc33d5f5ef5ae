// A job spec as text: read without losing a digit, and refused where a field stands twice, for a merge would silently drop one of the two.
import { isUtf8 } from 'node:buffer';
import { parseExact } from '../../json/exactJson';
import { RawJson } from '../../json/exactNumber';
import { JsonSyntaxError, JsonText } from '../../json/strictReader';
import { badSpec } from '../errors';

export type Fields = Record<string, unknown>;

export const isFields = (value: unknown): value is Fields =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RawJson);

/** @throws CliError for what is no JSON object; `from` names it */
export function readSpec(bytes: Buffer, from: string): Fields {
    if (!isUtf8(bytes)) throw badSpec(`${from} is not UTF-8 text.`);
    const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    const counted = new CountedText(bytes);
    try {
        const end = counted.skipBlanks(counted.skip(counted.skipBlanks(start)));
        if (end < bytes.length) throw new JsonSyntaxError(end);
    } catch (error) {
        if (error instanceof JsonSyntaxError) throw badSpec(`${from} is no JSON: ${placeOf(bytes, error.position)}.`);
        throw error;
    }
    const document = parseExact(bytes.toString('utf8', start));
    if (!isFields(document)) throw badSpec(`${from} is no JSON object.`, 'A job spec is {"source": …, "process": …}.');
    if (namesIn(document) !== counted.names) throw badSpec(`In ${from} a field stands twice in one object.`);
    return document;
}

/** Counts the names of all objects. */
class CountedText extends JsonText {
    names = 0;

    override name(at: number): number {
        this.names++;
        return super.name(at);
    }
}

/** On a list of what is open, so that no depth overflows the call stack. */
function namesIn(document: unknown): number {
    let names = 0;
    for (const open: unknown[] = [document]; open.length > 0;) {
        const value = open.pop();
        if (typeof value !== 'object' || value === null || value instanceof RawJson) continue;
        const members: unknown[] = Object.values(value);
        if (!Array.isArray(value)) names += members.length;
        for (const member of members) open.push(member);
    }
    return names;
}

function placeOf(bytes: Buffer, at: number): string {
    if (at >= bytes.length) return 'it ends too early';
    const before = bytes.toString('utf8', 0, at).split('\n');
    return `line ${before.length}, character ${before.at(-1)!.length + 1}`;
}
