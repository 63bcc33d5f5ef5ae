// Lines that wait to be recorded, as bytes: kept as strings until they are appended, they would be most of what the garbage collector moves about.
import type { OutcomeKind } from '../../core/outcome';

/** A line to record. `index` is the item's, absent for control lines. */
export interface Line {
    text: string;
    index?: number;
    outcome?: OutcomeKind;
    attempts?: number;
}

interface Taken {
    bytes: number;
    index: number | undefined;
    outcome: OutcomeKind | undefined;
    attempts: number | undefined;
}

/** Lines that one append records. */
export interface Block {
    bytes: Buffer;
    lines: Taken[];
}

const INITIAL_BYTES = 64 * 1024;

export class Lines {
    /** In UTF-8. */
    bytes = 0;
    private taken: Taken[] = [];
    private buffer: Buffer = Buffer.alloc(0);

    get count(): number {
        return this.taken.length;
    }

    add({ text, index, outcome, attempts }: Line): void {
        // Three bytes a UTF-16 unit is the most that UTF-8 needs.
        const most = this.bytes + text.length * 3;
        if (most > this.buffer.length) {
            const larger = Buffer.allocUnsafe(Math.max(INITIAL_BYTES, most, this.buffer.length * 2));
            this.buffer.copy(larger, 0, 0, this.bytes);
            this.buffer = larger;
        }
        const bytes = this.buffer.write(text, this.bytes);
        this.bytes += bytes;
        this.taken.push({ bytes, index, outcome, attempts });
    }

    /** The lines in blocks of at most so many bytes; a single line is never cut. They are good until `clear`. */
    *blocks(maxBytes: number): Generator<Block> {
        let at = 0;
        for (let first = 0; first < this.taken.length;) {
            let next = first;
            let size = 0;
            do size += this.taken[next++]!.bytes;
            while (next < this.taken.length && size + this.taken[next]!.bytes <= maxBytes);
            yield { bytes: this.buffer.subarray(at, at + size), lines: this.taken.slice(first, next) };
            at += size;
            first = next;
        }
    }

    clear(): void {
        this.bytes = 0;
        this.taken = [];
    }
}

/** What is left of a block without the lines that are recorded already. */
export function without(block: Block, isRecorded: (line: Taken, text: () => string) => boolean): Block {
    const kept: Buffer[] = [];
    const lines: Taken[] = [];
    let at = 0;
    for (const line of block.lines) {
        const bytes = block.bytes.subarray(at, (at += line.bytes));
        if (isRecorded(line, () => bytes.toString('utf8'))) continue;
        kept.push(bytes);
        lines.push(line);
    }
    return { bytes: Buffer.concat(kept), lines };
}
