// One partition in the hands of one slice: what is recorded of it, and the only way to record more.
//
// The outcomes blob is the checkpoint. Every append is conditional on the position this run expects, so a line lands only
// when everything before it has been read: what another run has recorded is dropped from the batch, and a later fence ends this run.
import { giveBuffer } from '../../storage/buffers';
import { linesOf } from '../../storage/results';
import { MAX_APPEND_BYTES, type PartitionEntry, type JobStore } from '../../storage/jobStore';
import {
    addCounts,
    fenceLine,
    isAttempt,
    isFence,
    isTrying,
    noCounts,
    OUTCOME_PREFIX,
    readOutcomeHead,
    type ControlLine,
    type Counts,
    type OutcomeKind,
} from '../../core/outcome';
import { eachOutcome, Lines, without, type Block, type Line } from './lines';

/** Another run of this slice, or a later lease, owns the partition now. */
export class Fenced extends Error {}

export interface Waiting {
    attempts: number;
    /** When the next attempt is due, in ms. */
    due: number;
}

const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

export class PartitionRun {
    readonly items: number;
    readonly firstIndex: number;
    counts: Counts = noCounts();
    /** Items with a failed attempt behind them and another before them, by index. */
    readonly waiting = new Map<number, Waiting>();
    /** Careful mode: sets of items that were about to be called, oldest first. */
    readonly tried: number[][] = [];
    /** This very lease had a run before: its process died with it. */
    redelivered = false;
    inFlight = 0;
    /** When the last flush was asked for, in ms. */
    flushedAt = 0;
    /** Next item of the partition that was not looked at, counted from its first. */
    cursor = 0;

    private readonly recorded: Uint8Array;
    /** Items that earlier runs have tried: they come back as retries, never as fresh, also while their retry is in flight. */
    private readonly begun: Uint8Array;
    private position = 0;
    private fencedIn = false;
    /** What was taken to be recorded, and what is being appended: they change places. */
    private lines = new Lines();
    private going = new Lines();
    /** How many lines were taken to be recorded, and up to which of them they are to be appended now. */
    private taken = 0;
    private wanted = 0;
    private flushing: Promise<void> | null = null;
    private data: Buffer = NOTHING;
    private starts: Uint32Array = new Uint32Array(0);

    constructor(
        private readonly store: JobStore,
        private readonly jobId: string,
        readonly part: number,
        entry: PartitionEntry,
        private readonly epoch: number,
        private readonly run: string,
    ) {
        [, , this.items, this.firstIndex] = entry;
        this.recorded = new Uint8Array(this.items);
        this.begun = new Uint8Array(this.items);
    }

    /** Reads what is done, then puts up the fence. From here on every earlier run stops at its next append. */
    async takeOver(): Promise<void> {
        if (!(await this.store.createOutcomes(this.jobId, this.part))) await this.readBack();
        if (this.redelivered) return;
        const fence = new Lines();
        fence.add({ text: fenceLine({ fence: this.epoch, run: this.run }) });
        await this.append(fence);
        this.fencedIn = true;
    }

    /** Takes the partition's items, one JSON text a line, in a buffer that is given back when they are not needed any more. */
    load(data: Buffer): void {
        this.data = data;
        this.starts = new Uint32Array(this.items + 1);
        let at = 0;
        for (let i = 0; i < this.items; i++) {
            this.starts[i] = at;
            at = data.indexOf(NEWLINE, at) + 1;
        }
        this.starts[this.items] = at;
    }

    /** Gives the memory back: nothing is left to call, and nothing to record. */
    unload(): void {
        if (!this.idle) return;
        if (this.data !== NOTHING) giveBuffer(this.data);
        this.data = NOTHING;
        this.lines.release();
        this.going.release();
    }

    /** The JSON text of an item. */
    text(index: number): string {
        const local = index - this.firstIndex;
        return this.data.toString('utf8', this.starts[local], this.starts[local + 1]! - 1);
    }

    isRecorded = (index: number): boolean => this.recorded[index - this.firstIndex] === 1;

    /** The next item that nobody has tried yet, or null. */
    nextFresh(): number | null {
        while (this.cursor < this.items) {
            const local = this.cursor++;
            if (!this.recorded[local] && !this.begun[local]) return this.firstIndex + local;
        }
        return null;
    }

    /** Nothing is left to call. Lines may still have to be flushed. */
    get exhausted(): boolean {
        return this.cursor >= this.items && this.inFlight === 0 && this.waiting.size === 0;
    }

    /** Nothing waits to be recorded, and nothing is on its way. */
    get idle(): boolean {
        return this.flushing === null && this.lines.count === 0;
    }

    get unflushedLines(): number {
        return this.lines.count;
    }

    get unflushedBytes(): number {
        return this.lines.bytes;
    }

    /** Takes a line to be recorded by the next flush. */
    record(line: Line): void {
        this.lines.add(line);
        this.taken++;
    }

    /** Records what was taken so far. What comes while an append runs gathers for the next flush: each append is a storage transaction. */
    flush(): Promise<void> {
        this.wanted = this.taken;
        if (!this.flushing && this.lines.count > 0) this.flushing = this.drain();
        return this.flushing ?? Promise.resolve();
    }

    private async drain(): Promise<void> {
        try {
            while (this.taken - this.lines.count < this.wanted) {
                [this.lines, this.going] = [this.going, this.lines];
                await this.append(this.going);
                this.going.clear();
            }
        } finally {
            this.flushing = null;
        }
    }

    private async append(lines: Lines): Promise<void> {
        for (const block of lines.blocks(MAX_APPEND_BYTES)) await this.appendBlock(block);
    }

    private async appendBlock(block: Block): Promise<void> {
        for (let left = block; left.bytes.length > 0;) {
            if (await this.store.appendOutcomes(this.jobId, this.part, this.position, left.bytes)) {
                this.position += left.bytes.length;
                eachOutcome(left, this.count);
                return;
            }
            const before = this.position;
            const found = await this.readBack();
            // Refused, and nothing is there that this run has not read: storage has lost what it had acknowledged. Whoever takes over reads what is left.
            if (this.position === before) throw new Fenced(`the outcomes of partition ${this.part} are shorter than they were`);
            left = without(left, (index, text) => (index === null ? found.has(text()) : this.isRecorded(index)));
        }
    }

    private count = (index: number, outcome: OutcomeKind, attempts: number): void => {
        if (this.isRecorded(index)) return;
        this.recorded[index - this.firstIndex] = 1;
        this.waiting.delete(index);
        this.counts[outcome]++;
        this.counts.retries += Math.max(0, attempts - 1);
    };

    /** Reads on from the position; gives the control lines found, among them this run's own when an append went through and its answer was lost. */
    private async readBack(): Promise<Set<string>> {
        const controls = new Set<string>();
        for await (const { lines } of linesOf(this.store.readOutcomes(this.jobId, this.part, this.position))) {
            for (const line of lines) {
                this.position += line.length + 1;
                const start = line.toString('utf8', 0, 4096);
                if (start.startsWith(OUTCOME_PREFIX)) {
                    const head = readOutcomeHead(start);
                    if (head) this.count(head.index, head.outcome, head.attempts);
                    continue;
                }
                const text = line.toString('utf8');
                controls.add(`${text}\n`);
                this.readControlLine(JSON.parse(text) as ControlLine);
            }
        }
        return controls;
    }

    private readControlLine(line: ControlLine): void {
        if (isFence(line)) {
            if (line.run === this.run) return;
            if (line.fence > this.epoch || (line.fence === this.epoch && this.fencedIn))
                throw new Fenced(`partition ${this.part} was taken over under epoch ${line.fence}`);
            if (line.fence === this.epoch) this.redelivered = true;
            return;
        }
        // Behind its own fence a run finds no lines but its own, and what they say it knows.
        if (this.fencedIn) return;
        if (isAttempt(line)) {
            this.waiting.set(line.index, { attempts: line.attempt, due: Date.parse(line.retryAt) });
            this.begun[line.index - this.firstIndex] = 1;
            // The item answered, so it is not the one that kills.
            for (const set of this.tried) if (set.includes(line.index)) set.splice(set.indexOf(line.index), 1);
        } else if (isTrying(line)) {
            this.tried.push([...line.trying]);
        }
    }
}

export const total = (runs: Iterable<PartitionRun>): Counts => [...runs].reduce((sum, r) => addCounts(sum, r.counts), noCounts());
