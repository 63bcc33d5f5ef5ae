// A strict reader of JSON text (RFC 8259) over bytes that builds no values: it checks the grammar and says where a value ends.

/** The text stops being JSON at `position` (in bytes). */
export class JsonSyntaxError extends Error {
    constructor(readonly position: number) {
        super(`not JSON at byte ${position}`);
    }
}

/** What `skip` gives in place of a place when it has not come to the value's end. */
export const PAUSED = -1;
/** Bytes that are gone through without a stop, where others wait for the event loop. */
export const STRETCH = 16 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= NINE;

/** 1 for white space. */
const blank = Uint8Array.from({ length: 256 }, (_, byte) => ([0x20, 0x0a, 0x0d, 0x09].includes(byte) ? 1 : 0));
/** 1 for the bytes that a text may hold as they are and that end nothing: no control characters, no quote, no backslash. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0));
/** 1 for what may stand behind a backslash. */
const escapes = Uint8Array.from({ length: 256 }, (_, byte) => ('"\\/bfnrtu'.includes(String.fromCharCode(byte)) ? 1 : 0));
const words = ['true', 'false', 'null'].map((word) => Buffer.from(word));

export class JsonText {
    /** Of the value that `skip` has passed: how deep arrays and objects stand in it (0 for a number, 1 for `[]`), and its blanks outside of texts. */
    deepest = 0;
    blanks = 0;
    /** What is open inside the value at hand, outermost first: 1 for an object, 0 for an array. On the heap, so that no depth overflows the call stack. */
    private open = new Uint8Array(64);
    private depth = 0;
    /** Where `skip` has paused, and whether a value had ended there. */
    private pausedAt = 0;
    private hasEnded = false;

    constructor(readonly bytes: Uint8Array) {}

    /** The first place from `at` on that is no blank. */
    skipBlanks(at: number): number {
        const { bytes } = this;
        // Never behind the end: a table that is once asked for the byte "undefined" is many times slower from then on.
        while (at < bytes.length && blank[bytes[at]!]) at++;
        return at;
    }

    /**
     * The place behind the value that begins at `at`; PAUSED when it has more than `most` bytes, and then `resume` goes on. A text or a number is passed
     * over whole, however long it is: that takes some two milliseconds for a megabyte.
     * @throws JsonSyntaxError
     */
    skip(at: number, most = Infinity): number {
        this.depth = 0;
        this.deepest = 0;
        this.blanks = 0;
        return this.pass(at, false, most);
    }

    /** Goes on where `skip` has paused, for at most so many bytes. @throws JsonSyntaxError */
    resume(most: number): number {
        return this.pass(this.pausedAt, this.hasEnded, most);
    }

    /** As `skip`, with a stop after each stretch. @throws JsonSyntaxError */
    *skipInStretches(at: number): Generator<undefined, number, undefined> {
        const end = this.skip(at, STRETCH);
        return end === PAUSED ? yield* this.restInStretches() : end;
    }

    /** The same from where `skip` has paused: who skips many small values makes no generator for each. @throws JsonSyntaxError */
    *restInStretches(): Generator<undefined, number, undefined> {
        for (;;) {
            yield;
            const end = this.resume(STRETCH);
            if (end !== PAUSED) return end;
        }
    }

    /** `hasEnded`: at this place a value has ended, or an array or object may; otherwise one begins. */
    private pass(at: number, hasEnded: boolean, most: number): number {
        const { bytes } = this;
        const stop = at + most;
        for (;;) {
            if (hasEnded && this.depth === 0) return at;
            if (at > stop) {
                this.pausedAt = at;
                this.hasEnded = hasEnded;
                return PAUSED;
            }
            if (!hasEnded) {
                const byte = bytes[at];
                if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
                    if (this.depth === this.open.length) this.grow();
                    this.open[this.depth++] = byte === OPEN_OBJECT ? 1 : 0;
                    if (this.depth > this.deepest) this.deepest = this.depth;
                    at = this.passBlanks(at + 1);
                    if (byte === OPEN_OBJECT && bytes[at] !== CLOSE_OBJECT) {
                        at = this.passBlanks(this.name(at));
                        continue;
                    }
                    if (byte === OPEN_ARRAY && bytes[at] !== CLOSE_ARRAY) continue;
                } else at = this.scalar(at);
                hasEnded = true;
                continue;
            }
            at = this.passBlanks(at);
            const byte = bytes[at];
            const inObject = this.open[this.depth - 1] === 1;
            if (byte === COMMA) {
                at = this.passBlanks(at + 1);
                if (inObject) at = this.passBlanks(this.name(at));
                hasEnded = false;
            } else {
                if (byte !== (inObject ? CLOSE_OBJECT : CLOSE_ARRAY)) throw new JsonSyntaxError(at);
                this.depth--;
                at++;
            }
        }
    }

    /** The place behind a name and its colon. */
    name(at: number): number {
        if (this.bytes[at] !== QUOTE) throw new JsonSyntaxError(at);
        at = this.passBlanks(this.text(at));
        if (this.bytes[at] !== COLON) throw new JsonSyntaxError(at);
        return at + 1;
    }

    /** The place behind the text whose quote stands at `at`. */
    text(at: number): number {
        const { bytes } = this;
        for (at++; ; at++) {
            while (at < bytes.length && plain[bytes[at]!]) at++;
            if (bytes[at] === QUOTE) return at + 1;
            if (bytes[at] !== BACKSLASH) throw new JsonSyntaxError(at);
            at++;
            if (at >= bytes.length || !escapes[bytes[at]!]) throw new JsonSyntaxError(at);
            if (bytes[at] === 0x75) {
                for (let digit = 0; digit < 4; digit++) if (!isHex(bytes[++at])) throw new JsonSyntaxError(at);
            }
        }
    }

    private scalar(at: number): number {
        const byte = this.bytes[at];
        if (byte === QUOTE) return this.text(at);
        if (byte === MINUS || isDigit(byte)) return this.number(at);
        const word = words.find((w) => w[0] === byte);
        if (!word) throw new JsonSyntaxError(at);
        for (const letter of word) if (this.bytes[at++] !== letter) throw new JsonSyntaxError(at - 1);
        return at;
    }

    private number(at: number): number {
        const { bytes } = this;
        if (bytes[at] === MINUS) at++;
        // No digit follows a leading zero.
        at = bytes[at] === ZERO ? at + 1 : this.digits(at);
        if (bytes[at] === 0x2e) at = this.digits(at + 1);
        if (bytes[at] === 0x65 || bytes[at] === 0x45) {
            at++;
            if (bytes[at] === 0x2b || bytes[at] === MINUS) at++;
            at = this.digits(at);
        }
        return at;
    }

    /** At least one digit. */
    private digits(at: number): number {
        if (!isDigit(this.bytes[at])) throw new JsonSyntaxError(at);
        while (isDigit(this.bytes[at])) at++;
        return at;
    }

    private passBlanks(at: number): number {
        const end = this.skipBlanks(at);
        this.blanks += end - at;
        return end;
    }

    private grow(): void {
        const larger = new Uint8Array(this.open.length * 2);
        larger.set(this.open);
        this.open = larger;
    }
}

const isHex = (byte: number | undefined): boolean =>
    byte !== undefined && (isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66));
