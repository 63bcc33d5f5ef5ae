const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Finds where the elements of a JSON array end, in text that comes in pieces. It looks at brackets, commas and quotes alone: what stands between the ends is
 * an element of JSON when `JSON.parse` takes it.
 */
export class ElementScanner {
    /** Arrays and objects that are open within the element at hand. */
    private depth = 0;
    /** The most that were open in it. */
    deepest = 0;
    private inText = false;
    /** Whether the next character stands behind a backslash in a text. */
    private escaped = false;

    /** The place of the comma or bracket that ends the element, from `at` on; -1 when it goes on behind this piece. */
    end(piece: string, at: number): number {
        if (this.inText) at = this.endText(piece, at);
        for (; at < piece.length; at++) {
            const unit = piece.charCodeAt(at);
            if (unit === QUOTE) {
                this.inText = true;
                at = this.endText(piece, at + 1) - 1;
            } else if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) {
                if (++this.depth > this.deepest) this.deepest = this.depth;
            } else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) {
                // One that closes nothing ends the array, or is a syntax error: the reader tells.
                if (this.depth === 0) return at;
                this.depth--;
            } else if (unit === COMMA && this.depth === 0) return at;
        }
        return -1;
    }

    /** Begins the next element. */
    next(): void {
        this.depth = 0;
        this.deepest = 0;
    }

    /** The place behind the text's last quote, or the piece's end. */
    private endText(piece: string, from: number): number {
        let at = this.escaped && from < piece.length ? from + 1 : from;
        if (at > from) this.escaped = false;
        for (;;) {
            const quote = piece.indexOf('"', at);
            const end = quote < 0 ? piece.length : quote;
            let slashes = 0;
            while (end - slashes > at && piece.charCodeAt(end - slashes - 1) === BACKSLASH) slashes++;
            if (quote < 0) {
                if (end > at) this.escaped = slashes % 2 === 1;
                return end;
            }
            at = quote + 1;
            if (slashes % 2 === 0) {
                this.inText = false;
                return at;
            }
        }
    }
}
