// The conservation check's reading of one partition's outcomes: what is counted here is what the fold writes down and what a verification compares with it.
import { createHash } from 'node:crypto';
import { noCounts, type Counts } from '../core/counts';
import { linesOf, outcomeHead } from './lineReader';

export type OutcomeHead = NonNullable<ReturnType<typeof outcomeHead>>;

/** Counts and digests the outcomes of one partition, in bounded memory. After a read that failed it holds what came before the failure. */
export class OutcomesTally {
    /** Bytes read, lines of every kind. */
    bytes = 0;
    /** Outcomes found; an item that is recorded twice counts twice. */
    outcomes = 0;
    /** The bytes stop within a line. */
    torn = false;
    readonly counts: Counts = noCounts();
    private readonly hash = createHash('sha256');

    /** `countTorn`: a last line without its end counts where its head can be read. Such an item was called, so the fold counts it; a verification only reports it. */
    constructor(private readonly countTorn: boolean) {}

    /**
     * Reads the stream to its end and hands each outcome to `take`, its line as bytes. A line is not parsed: its head tells index, outcome and attempts.
     * Called once; rejects with what the stream rejects with.
     */
    async read(stream: AsyncIterable<Buffer>, take: (head: OutcomeHead, line: Buffer) => void): Promise<void> {
        for await (const { lines, torn } of linesOf(this.digested(stream))) {
            if (torn) this.torn = true;
            if (torn && !this.countTorn) continue;
            for (const line of lines) {
                const head = outcomeHead(line);
                if (!head) continue;
                this.outcomes++;
                this.counts[head.outcome]++;
                this.counts.retries += Math.max(0, head.attempts - 1);
                take(head, line);
            }
        }
    }

    /** SHA-256 of all bytes, in hex. Asked for once, after `read`. */
    sha256(): string {
        return this.hash.digest('hex');
    }

    private async *digested(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
        for await (const chunk of stream) {
            this.hash.update(chunk);
            this.bytes += chunk.length;
            yield chunk;
        }
    }
}
