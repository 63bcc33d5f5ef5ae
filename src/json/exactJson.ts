// JSON with every number as it is written: plain JavaScript values, and an ExactNumber where a double would not be written the same.
import { ExactNumber, RawJson } from './exactNumber';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** Digits that a double gives back whatever they are. */
const SAFE_DIGITS = 15;

/**
 * True when a number in the JSON text may need care: an exponent, more than 15 digits, a zero at the end of its decimals, less than a millionth, minus
 * zero. All others are the same when they are parsed and written again.
 */
export function needsCare(json: string): boolean {
    for (let at = 0; at < json.length; at++) {
        const unit = json.charCodeAt(at);
        if (unit === QUOTE) at = endOfText(json, at);
        else if (unit === MINUS || (unit >= ZERO && unit <= NINE)) {
            const from = unit === MINUS ? at + 1 : at;
            let dot = 0;
            for (at = from; at < json.length; at++) {
                const next = json.charCodeAt(at);
                if (next === DOT) dot = at;
                else if (next < ZERO || next > NINE) break;
            }
            const last = json.charCodeAt(at - 1);
            if (at - from > SAFE_DIGITS || (dot > 0 && (last === ZERO || json.startsWith('0.000000', from)))) return true;
            if ((unit === MINUS && last === ZERO && at - from === 1) || isExponent(json.charCodeAt(at))) return true;
            at--;
        }
    }
    return false;
}

const isExponent = (unit: number): boolean => unit === 0x65 || unit === 0x45;

/** The place of the quote that ends the text which begins at `at`. */
function endOfText(json: string, at: number): number {
    for (;;) {
        at = json.indexOf('"', at + 1);
        if (at < 0) return json.length;
        let slashes = 0;
        while (json.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
        if (slashes % 2 === 0) return at;
    }
}

/** Parses JSON without changing a number. @throws SyntaxError */
export function parseExact(json: string): unknown {
    const plain: unknown = JSON.parse(json);
    return needsCare(json) ? new ExactReader(json).read() : plain;
}

/** Characters of a double as JavaScript writes it, and more. */
const LONGEST_DOUBLE = 32;

/** Values that are read without a stop: well below a millisecond's work for most. */
const STRETCH = 2_000;

/** The exact value of text that is known to be JSON, in stretches: for a text so long that the event loop must have its turn meanwhile. */
export function* exactInStretches(json: string): Generator<undefined, unknown, undefined> {
    const reader = new ExactReader(json);
    for (;;) {
        const read = reader.readOn(STRETCH);
        if (read) return read.value;
        yield;
    }
}

/** The exact value of JSON text that has been parsed already. */
export const exactValue = ({ json, value }: { json: string; value: unknown }): unknown =>
    needsCare(json) ? new ExactReader(json).read() : value;

/** The value as JSON text, every number as it was read. @throws what JSON.stringify throws */
export function writeExact(value: unknown): string {
    return holdsExact(value) ? write(value)! : JSON.stringify(value);
}

/** The value with a double for each exact number that is one; the others stay. The same value when there are none. */
export const withDoubles = (value: unknown): unknown => (holdsExact(value) ? doubled(value) : value);

function doubled(value: unknown): unknown {
    if (value instanceof ExactNumber) return value.isDouble ? value.valueOf() : value;
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(doubled);
    const made: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(value)) add({ into: made, name }, doubled(field));
    return made;
}

export function holdsExact(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    if (Array.isArray(value)) return value.some(holdsExact);
    if (value instanceof RawJson) return true;
    for (const name in value) if (holdsExact((value as Record<string, unknown>)[name])) return true;
    return false;
}

/** As JSON.stringify has it, but for RawJson: a processor's output may hold dates, functions and whatever else. */
function write(given: unknown, name = ''): string | undefined {
    if (given instanceof RawJson) return given.text;
    const value = hasOwnForm(given) ? given.toJSON(name) : given;
    if (value instanceof RawJson) return value.text;
    // By Array.from, which passes over no hole.
    if (Array.isArray(value)) return `[${Array.from(value, (element, i) => write(element, String(i)) ?? 'null').join(',')}]`;
    if (typeof value !== 'object' || value === null || isBoxed(value)) return JSON.stringify(value);
    const fields = Object.entries(value).flatMap(([field, member]) => {
        const text = write(member, field);
        return text === undefined ? [] : [`${JSON.stringify(field)}:${text}`];
    });
    return `{${fields.join(',')}}`;
}

const hasOwnForm = (value: unknown): value is { toJSON: (name: string) => unknown } =>
    typeof value === 'object' && value !== null && 'toJSON' in value && typeof value.toJSON === 'function';

const isBoxed = (value: object): boolean => value instanceof Number || value instanceof String || value instanceof Boolean;

/** An array or object that is open; an object with the name of the field at hand. */
interface Container {
    into: unknown[] | Record<string, unknown>;
    name: string | null;
}

const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Reads text that is known to be JSON. What is open is kept on the heap, so that no depth overflows the call stack. */
class ExactReader {
    private at = 0;
    private readonly open: Container[] = [];

    constructor(private readonly json: string) {}

    read(): unknown {
        return this.readOn(Infinity)!.value;
    }

    /** Reads so many values more; null where the text goes on behind them. */
    readOn(most: number): { value: unknown } | null {
        for (let left = most; left > 0; left--) {
            let value = this.begin();
            if (value === undefined) continue;
            // A value has ended; arrays and objects may end with it.
            for (;;) {
                const container = this.open.at(-1);
                if (!container) return { value };
                add(container, value);
                if (this.next() === COMMA) {
                    if (container.name !== null) container.name = this.name();
                    break;
                }
                value = this.open.pop()!.into;
            }
        }
        return null;
    }

    /** The value that begins here; undefined when it is an array or object that is not empty, and is open now. */
    private begin(): unknown {
        const unit = this.next();
        if (unit === QUOTE) return this.text();
        if (unit === OPEN_OBJECT) {
            if (this.peek() === CLOSE_OBJECT) return this.behind({});
            this.open.push({ into: {}, name: this.name() });
            return undefined;
        }
        if (unit === OPEN_ARRAY) {
            if (this.peek() === CLOSE_ARRAY) return this.behind([]);
            this.open.push({ into: [], name: null });
            return undefined;
        }
        const from = this.at - 1;
        while (isPartOfScalar(this.json.charCodeAt(this.at))) this.at++;
        const token = this.json.slice(from, this.at);
        if (token === 'true') return true;
        if (token === 'false') return false;
        if (token === 'null') return null;
        // No double is written with so many characters, and to make one of millions takes long.
        if (token.length > LONGEST_DOUBLE) return new ExactNumber(token);
        const value = Number(token);
        return String(value) === token ? value : new ExactNumber(token);
    }

    private behind<T>(empty: T): T {
        this.at++;
        return empty;
    }

    /** A field's name, up to its colon. */
    private name(): string {
        this.next();
        const name = this.text();
        this.next();
        return name;
    }

    /** The text whose first quote has been passed. */
    private text(): string {
        const from = this.at;
        const to = endOfText(this.json, from - 1);
        this.at = to + 1;
        const inside = this.json.slice(from, to);
        return inside.includes('\\') ? (JSON.parse(`"${inside}"`) as string) : inside;
    }

    private next(): number {
        const unit = this.peek();
        this.at++;
        return unit;
    }

    private peek(): number {
        while (isBlank(this.json.charCodeAt(this.at))) this.at++;
        return this.json.charCodeAt(this.at);
    }
}

/** Letters, digits, signs and dots: what numbers and words are made of. False at the end. */
const isPartOfScalar = (unit: number): boolean => unit > 0x2a && unit !== COMMA && unit !== CLOSE_ARRAY && unit !== CLOSE_OBJECT;

function add({ into, name }: Container, value: unknown): void {
    if (Array.isArray(into)) into.push(value);
    // Assigned, this name would set the prototype.
    else if (name === '__proto__') Object.defineProperty(into, name, { value, enumerable: true, configurable: true, writable: true });
    else into[name!] = value;
}
