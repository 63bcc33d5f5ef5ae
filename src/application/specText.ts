// The text of a job spec, before any schema sees it: JSON at all, within bounds, and cut into the spec proper and its inline items.
// Items are data of any size and shape. They are passed over here and stay the text that they came as, so that they cost a schema nothing, no
// digit of a number and no name of a field is lost, and planning reads them as it reads a file.
import { isUtf8 } from 'node:buffer';
import { isSameNumber } from '../json/decimal';
import { problem, type FieldError, type Problem } from '../core/errors';
import { MAX_ERRORS, pointer, specBounds as bounds } from '../contracts/jobSpec';
import { JsonSyntaxError, JsonText, STRETCH } from '../json/strictReader';
import { atOnce, type Stretches } from '../turns';
import { elements, wrongSize, type InlineItems } from './inlineItems';

export interface SpecText {
    /** The spec, where in place of inline items a list of one 0 stands (an empty one if there are none); undefined when its schema must not be asked. */
    document: unknown;
    items: InlineItems | null;
    /** What is wrong with it before its schema is asked. */
    errors: FieldError[];
}

/** Bad items that an answer lists. */
const LISTED_ITEMS = 20;

/** Reads a small document. @throws Problem BAD_JSON, with the place where the text stops being JSON */
export const readSpecText = (body: Buffer): SpecText => atOnce(specTextOf(body));

/** Reads the body of `POST /jobs`. @throws Problem BAD_JSON, with the place where the text stops being JSON */
export function* specTextOf(body: Buffer): Stretches<SpecText> {
    if (body.length === 0) throw problem('BAD_JSON', { detail: 'The body is empty.' });
    if (!isUtf8(body)) throw problem('BAD_JSON', { detail: 'The body is not UTF-8 text.' });
    const bytes = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;
    const text = new JsonText(bytes);
    try {
        const begin = text.skipBlanks(0);
        const walk = new SpecWalk(text, bytes);
        const end = text.skipBlanks(yield* walk.run(begin));
        if (end < bytes.length) throw new JsonSyntaxError(end);
        return cut(bytes, walk);
    } catch (error) {
        if (error instanceof JsonSyntaxError) throw yield* broken(bytes, Math.min(error.position, bytes.length));
        throw error;
    }
}

function cut(bytes: Buffer, { items, errors, refused }: SpecWalk): SpecText {
    const rest = items
        ? Buffer.concat([bytes.subarray(0, items.from), Buffer.from(items.count > 0 ? '[0]' : '[]'), bytes.subarray(items.to)])
        : bytes;
    const tooLarge = rest.length > bounds.bytes;
    if (tooLarge)
        errors.unshift({
            pointer: '',
            message: `the spec has ${rest.length} bytes without its inline items`,
            allowed: `at most ${bounds.bytes}`,
        });
    return {
        document: refused || tooLarge ? undefined : JSON.parse(rest.toString('utf8')),
        items: items && { text: bytes.subarray(items.from, items.to), count: items.count, bad: items.bad },
        errors,
    };
}

class TooManyValues extends Error {}

/** One walk over the spec: finds the inline items, and what a schema would not see or would choke on. */
class SpecWalk {
    readonly errors: FieldError[] = [];
    items: { from: number; to: number; count: number; bad: FieldError[] } | null = null;
    /** The schema need not be asked. */
    refused = false;
    private values = 0;

    constructor(
        private readonly text: JsonText,
        private readonly bytes: Buffer,
    ) {}

    /** The place behind the document that begins at `begin`. */
    *run(begin: number): Stretches<number> {
        if (this.bytes[begin] !== 0x7b) {
            const end = yield* this.text.skipInStretches(begin);
            this.refuse([], 'not an object', 'a job spec, {"source": …, "process": …}');
            return end;
        }
        try {
            return yield* this.value(begin, []);
        } catch (error) {
            if (!(error instanceof TooManyValues)) throw error;
            this.refuse([], 'the spec has too many values without its inline items', `at most ${bounds.values}`);
            return yield* this.text.skipInStretches(begin);
        }
    }

    private *value(at: number, path: PropertyKey[]): Stretches<number> {
        if (++this.values > bounds.values) throw new TooManyValues();
        const byte = this.bytes[at];
        const nested = byte === 0x7b || byte === 0x5b;
        if (nested && path.length < bounds.depth) return yield* byte === 0x7b ? this.object(at, path) : this.array(at, path);
        if (nested) this.refuse(path, 'nested too deeply', `at most ${bounds.depth} levels`);
        const end = yield* this.text.skipInStretches(at);
        if (byte === 0x2d || (byte! >= 0x30 && byte! <= 0x39)) this.number(this.bytes.toString('latin1', at, end), path);
        return end;
    }

    private *object(at: number, path: PropertyKey[]): Stretches<number> {
        const seen = new Set<string>();
        for (at = this.text.skipBlanks(at + 1); this.bytes[at] !== 0x7d || seen.size > 0;) {
            const name = this.nameAt(at, path);
            const inner = [...path, name ?? '…'];
            if (name !== null && seen.has(name)) this.wrong(inner, 'the field stands twice', 'each field once');
            seen.add(name ?? '');
            at = this.text.skipBlanks(this.text.name(at));
            const isItems = path.length === 1 && path[0] === 'source' && name === 'items' && this.bytes[at] === 0x5b;
            at = this.text.skipBlanks(isItems ? yield* this.inlineItems(at) : yield* this.value(at, inner));
            if (this.bytes[at] === 0x7d) break;
            if (this.bytes[at] !== 0x2c) throw new JsonSyntaxError(at);
            at = this.text.skipBlanks(at + 1);
        }
        return at + 1;
    }

    /** A field's name; null when it is too long. */
    private nameAt(at: number, path: PropertyKey[]): string | null {
        if (this.bytes[at] !== 0x22) throw new JsonSyntaxError(at);
        const end = this.text.text(at);
        // Six bytes at most stand for one character, so a longer text is too long as well, and is not decoded.
        const name = end - at - 2 > 6 * bounds.name ? null : (JSON.parse(this.bytes.toString('utf8', at, end)) as string);
        if (name === null || name.length > bounds.name) {
            this.refuse(path, `the name of a field has ${end - at - 2} bytes`, `at most ${bounds.name} characters`);
            return null;
        }
        // Assigned to an object, this name would set nothing, and the field would be lost.
        if (name === '__proto__') this.refuse([...path, name], 'the name "__proto__" cannot be used here', 'another name');
        return name;
    }

    private *array(at: number, path: PropertyKey[]): Stretches<number> {
        at = this.text.skipBlanks(at + 1);
        if (this.bytes[at] === 0x5d) return at + 1;
        for (let i = 0; ; i++) {
            at = this.text.skipBlanks(yield* this.value(at, [...path, i]));
            if (this.bytes[at] === 0x5d) return at + 1;
            if (this.bytes[at] !== 0x2c) throw new JsonSyntaxError(at);
            at = this.text.skipBlanks(at + 1);
        }
    }

    /** The place behind the array at /source/items. */
    private *inlineItems(from: number): Stretches<number> {
        if (++this.values > bounds.values) throw new TooManyValues();
        const bad: FieldError[] = [];
        let count = 0;
        const { text } = this;
        const end = yield* elements(text, from, (begin, to) => {
            const size = to - begin - text.blanks;
            const wrong = wrongSize(size, text.deepest);
            if (wrong && bad.length < LISTED_ITEMS) bad.push({ pointer: pointer(['source', 'items', count]), ...wrong });
            count++;
            return true;
        });
        // Named twice, the first is as good as the second: the spec is refused.
        this.items ??= { from, to: end, count, bad };
        return end;
    }

    /** Of a number in the spec the program sees a double. */
    private number(text: string, path: PropertyKey[]): void {
        if (text.length > bounds.name || !isSameNumber(text, Number(text)))
            this.wrong(
                path,
                'a number that cannot be kept exactly',
                'a number with at most 15 significant digits; or the digits as a text',
            );
    }

    /** Wrong in a way that its schema must not meet. */
    private refuse(path: PropertyKey[], message: string, allowed: string): void {
        this.refused = true;
        this.wrong(path, message, allowed);
    }

    private wrong(path: PropertyKey[], message: string, allowed: string): void {
        if (this.errors.length <= MAX_ERRORS) this.errors.push({ pointer: pointer(path), message, allowed });
    }
}

/** Not the engine's own message: it quotes the body, which may hold what does not belong in logs. */
function* broken(bytes: Buffer, at: number): Stretches<Problem> {
    let [line, lineStart, position] = [1, 0, 0];
    for (let from = 0; from < at; yield) {
        const to = Math.min(at, from + STRETCH);
        for (; from < to; from++) {
            const byte = bytes[from]!;
            // In characters as editors count, which are UTF-16 units: one for the first byte of each, and a second for one of four bytes.
            if ((byte & 0xc0) !== 0x80) position += byte >= 0xf0 ? 2 : 1;
            if (byte === 0x0a) [line, lineStart] = [line + 1, position];
        }
    }
    const column = position - lineStart + 1;
    return problem('BAD_JSON', {
        detail: `The JSON is broken at line ${line}, column ${column}${at >= bytes.length ? ' (it ends too early)' : ''}.`,
        position,
        line,
        column,
    });
}
