import { longAndTooDeep } from './depth';
import { ElementScanner } from './elementScanner';
import { DESCRIBED, describeDocument, looksLikeEncoding } from './lookalike';
import { NotUtf8, utf8Text } from './text';
import { charsOnOneLine, itemOfText, MAX_ITEM_BYTES, MAX_ITEM_DEPTH, SourceError, tooLarge, trimBlanks, type Row } from './row';

/** Characters of one element, white space and all, beyond which nothing more is read. */
const MAX_ELEMENT_CHARS = 16 * MAX_ITEM_BYTES;

/**
 * A top-level JSON array; each element is an item as it is written, and `line` its 1-based position. A syntax error ends the whole source: what follows
 * it cannot be told apart. Memory is bounded by some MAX_ELEMENT_CHARS. @throws SourceError
 */
export async function* jsonArray(chunks: AsyncIterable<Buffer>): AsyncGenerator<Row[]> {
    const reader = new ArrayReader();
    try {
        for await (const piece of utf8Text(chunks)) {
            // What is read before an error stands beside it.
            yield* reader.read(piece);
        }
    } catch (error) {
        if (!(error instanceof NotUtf8)) throw error;
        throw new SourceError('NOT_UTF8', `the JSON is not UTF-8 (${reader.place}): ${looksLikeEncoding(error.bytes)}`);
    }
    reader.finish();
}

class ArrayReader {
    private state: 'before' | 'other' | 'within' | 'behind' = 'before';
    /** Elements read. */
    private position = 0;
    private readonly scanner = new ElementScanner();
    /** What has been read of an element that goes on, or of a document that is no array. */
    private held: string[] = [];
    private heldChars = 0;

    get place(): string {
        return this.position === 0 ? 'before the first element' : `after element ${this.position}`;
    }

    *read(piece: string): Generator<Row[]> {
        let at = 0;
        if (this.state === 'before') {
            at = afterBlanks(piece, 0);
            if (at === piece.length) return;
            this.state = piece[at] === '[' ? 'within' : 'other';
            if (this.state === 'within') at++;
        }
        if (this.state === 'other') return this.other(piece.slice(at));
        const rows: Row[] = [];
        let problem: SourceError | null = null;
        while (this.state === 'within' && problem === null) {
            const end = this.scanner.end(piece, at);
            const text = piece.slice(at, end < 0 ? piece.length : end);
            if (this.heldChars + text.length > MAX_ELEMENT_CHARS) {
                rows.push(tooLarge(this.position + 1, `more than ${MAX_ELEMENT_CHARS}`));
                problem = new SourceError(
                    'ITEM_TOO_LARGE',
                    `element ${this.position + 1} has more than ${MAX_ELEMENT_CHARS} characters; nothing after it was read`,
                );
            } else if (end < 0) {
                this.hold(text);
                break;
            } else {
                problem = this.element(this.whole(text), piece[end]!, rows);
                at = end + 1;
            }
        }
        if (rows.length > 0) yield rows;
        if (problem) throw problem;
        if (this.state === 'behind' && afterBlanks(piece, at) < piece.length)
            throw new SourceError(
                'JSON_SYNTAX',
                `more text follows the array, which has ${this.position} elements; for one value a line set source.format to ndjson`,
            );
    }

    /** @throws SourceError when the document is no array, or not whole */
    finish(): void {
        if (this.state === 'before') throw new SourceError('SOURCE_EMPTY', 'the JSON document is empty');
        if (this.state === 'other') throw this.notArray();
        if (this.state === 'within') throw new SourceError('JSON_SYNTAX', `the JSON ends within the array, ${this.place}`);
    }

    private other(text: string): void {
        this.hold(text);
        if (this.heldChars >= DESCRIBED) throw this.notArray();
    }

    private notArray(): SourceError {
        return new SourceError('JSON_NOT_ARRAY', `the JSON document ${describeDocument(this.held.join('').slice(0, DESCRIBED))}`);
    }

    /** Adds the element that ends with `end`, a comma or a closing bracket; gives what is wrong with the document. */
    private element(text: string, end: string, rows: Row[]): SourceError | null {
        const { deepest } = this.scanner;
        this.scanner.next();
        if (end === ']') this.state = 'behind';
        if (end === ']' && this.position === 0 && afterBlanks(text, 0) === text.length) return null;
        this.position++;
        // Parsed, a text that is nothing but brackets would take many times its size, and one of numbers seconds.
        if (text.length > MAX_ITEM_BYTES && (deepest > MAX_ITEM_DEPTH || charsOnOneLine(trimBlanks(text)) > MAX_ITEM_BYTES))
            rows.push(tooLarge(this.position, Buffer.byteLength(text)));
        else {
            try {
                rows.push(longAndTooDeep(this.position, text) ?? itemOfText(this.position, text));
            } catch (error) {
                return new SourceError('JSON_SYNTAX', `element ${this.position} is not JSON: ${(error as Error).message.slice(0, 200)}`);
            }
        }
        return end === '}' ? new SourceError('JSON_SYNTAX', `a "}" that closes nothing follows element ${this.position}`) : null;
    }

    private hold(text: string): void {
        this.held.push(text);
        this.heldChars += text.length;
    }

    private whole(end: string): string {
        if (this.held.length === 0) return end;
        const text = this.held.join('') + end;
        this.held = [];
        this.heldChars = 0;
        return text;
    }
}

function afterBlanks(text: string, at: number): number {
    while (' \n\r\t'.includes(text[at] ?? 'x')) at++;
    return at;
}
