// Lines that wait to be recorded, as bytes and numbers: as strings and objects they would wait long enough to be moved to old memory, a hundred
// bytes an item, and be most of what a job's memory is.
import { outcomes, type OutcomeKind } from '../../core/counts';
import { giveBuffer, takeBuffer } from '../../storage/buffers';

/** A line to record. `index` is the item's, absent for control lines. */
export interface Line {
    text: string;
    index?: number;
    outcome?: OutcomeKind;
    attempts?: number;
}

/** What is known of each line, as so many numbers: its length in bytes, the item's index or -1, the outcome's place in `outcomes` or -1, the attempts. */
const FIELDS = 4;

/** Lines that one append records. */
export interface Block {
    bytes: Buffer;
    known: Int32Array;
}

/** Lines in the order in which they were added. Its memory is used again after `clear`. */
export class AppendBuffer {
    count = 0;
    /** In UTF-8. */
    bytes = 0;
    private text: Buffer | null = null;
    private known: Int32Array | null = null;

    add({ text, index = -1, outcome, attempts = 1 }: Line): void {
        // Three bytes a UTF-16 unit is the most that UTF-8 needs.
        const most = this.bytes + text.length * 3;
        if (!this.text || most > this.text.length) this.text = larger(this.text, this.bytes, most);
        const bytes = this.text.write(text, this.bytes);
        const at = this.count * FIELDS;
        if (!this.known || at === this.known.length) this.known = numbers(larger(this.known && bytesOf(this.known), at * 4, at * 8));
        this.known[at] = bytes;
        this.known[at + 1] = index;
        this.known[at + 2] = outcome === undefined ? -1 : outcomes.indexOf(outcome);
        this.known[at + 3] = attempts;
        this.bytes += bytes;
        this.count++;
    }

    /** The lines in blocks of at most so many bytes; a single line is never cut. They are good until `clear`. */
    *blocks(maxBytes: number): Generator<Block> {
        const [text, known] = [this.text!, this.known!];
        let at = 0;
        for (let first = 0; first < this.count;) {
            let next = first;
            let size = 0;
            do size += known[next++ * FIELDS]!;
            while (next < this.count && size + known[next * FIELDS]! <= maxBytes);
            yield { bytes: text.subarray(at, at + size), known: known.subarray(first * FIELDS, next * FIELDS) };
            at += size;
            first = next;
        }
    }

    clear(): void {
        this.count = 0;
        this.bytes = 0;
    }

    /** Gives the memory back; what blocks there were are gone with it. */
    release(): void {
        this.clear();
        if (this.text) giveBuffer(this.text);
        if (this.known) giveBuffer(this.known);
        this.text = this.known = null;
    }
}

const bytesOf = (known: Int32Array): Buffer => Buffer.from(known.buffer, known.byteOffset, known.byteLength);
const numbers = (buffer: Buffer): Int32Array => new Int32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4);

/** A buffer of at least so many bytes in the place of `old`, with the `used` bytes of it. */
function larger(old: Buffer | null, used: number, bytes: number): Buffer {
    const buffer = takeBuffer(bytes);
    if (old) {
        old.copy(buffer, 0, 0, used);
        giveBuffer(old);
    }
    return buffer;
}

/** Tells of the lines of a block that are outcomes. */
export function eachOutcome({ known }: Block, tell: (index: number, outcome: OutcomeKind, attempts: number) => void): void {
    for (let at = 0; at < known.length; at += FIELDS)
        if (known[at + 2]! >= 0) tell(known[at + 1]!, outcomes[known[at + 2]!]!, known[at + 3]!);
}

/** What is left of a block without the lines that are recorded already. `index` is null for control lines. */
export function without({ bytes, known }: Block, isRecorded: (index: number | null, text: () => string) => boolean): Block {
    const kept: Buffer[] = [];
    const left: number[] = [];
    let start = 0;
    for (let at = 0; at < known.length; at += FIELDS) {
        const line = bytes.subarray(start, (start += known[at]!));
        const index = known[at + 1]!;
        if (isRecorded(index < 0 ? null : index, () => line.toString('utf8'))) continue;
        kept.push(line);
        left.push(...known.subarray(at, at + FIELDS));
    }
    return { bytes: Buffer.concat(kept), known: Int32Array.from(left) };
}
