// One partition in the hands of one slice: what is recorded of it, and the only way to record more.
//
// The outcomes are the checkpoint. Every append is conditional on the position this run expects, so a line lands only when everything before it has
// been read: what another run has recorded is dropped from the batch, and a later fence ends this run. Nothing else drops a line: an append that
// storage refuses is tried again with growing pauses, for as long as `patience` says.
import { linesOf } from '../../storage/lineReader';
import type { PartitionEntry } from '../../contracts/documents';
import { blobs } from '../../contracts/names';
import { MAX_APPEND_BYTES, type JobStore } from '../../storage/jobStore';
import { isStatus, StorageContradiction } from '../../storage/trouble';
import type { Intent } from '../../core/poison';
import { pauseAfter, type Trouble } from '../../core/trouble';
import { reach } from '../../crashPoints';
import type { Spent } from '../../core/budget';
import { noCounts, type Counts, type OutcomeKind } from '../../core/counts';
import {
    continuedLine,
    fenceLine,
    isAttempt,
    isCompany,
    isContinued,
    isFence,
    isHeld,
    isIntent,
    OUTCOME_PREFIX,
    readOutcomeHead,
    type ControlLine,
} from '../../items/outcomeLines';
import { AppendBuffer, eachOutcome, without, type Block, type Line } from './appendBuffer';
import { pause, type Clock } from './clock';
import { HeldItems } from './heldItems';
import { InheritedSpending } from './inheritedSpending';
import { PartitionItems } from './partitionItems';

/** Another run of this slice, or a later lease, owns the partition now. */
export class Superseded extends Error {
    constructor(
        part: number,
        /** The epoch that owns it now. */
        readonly epoch: number,
    ) {
        super(`partition ${part} was taken over under epoch ${epoch}`);
    }
}

/** Storage has lost outcomes that it had acknowledged. Whoever takes over reads what is left. */
export class OutcomesLost extends StorageContradiction {}

export interface Waiting {
    attempts: number;
    /** When the next attempt is due, in ms. */
    due: number;
}

/** How long an append that storage does not take is tried again, in ms. */
export type Patience = (trouble: Trouble) => number;

/** A refusal is left to the ledger soon: it knows when to give up. An outage is waited out: the answers that are held here need not be asked for again. */
export const slicePatience: Patience = ({ code }) => (code === 'STORAGE_AWAY' ? 600_000 : 20_000);
/** Whoever cancels wants an end, and less depends on it. */
export const cancelPatience: Patience = ({ code }) => (code === 'STORAGE_AWAY' ? 600_000 : 3_000);
/** Between two tries at an append, at most; a cancel may have shortened the patience meanwhile. */
const MAX_APPEND_PAUSE_MS = 5_000;

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** A blob takes 50,000 blocks; a further segment is begun well before, so that there is room for the line that says so. */
const FULL_BLOCKS = 45_000;

export type OutcomesStore = Pick<JobStore, 'createOutcomes' | 'appendOutcomes' | 'readSegment' | 'measureSegment' | 'diagnose'>;

export interface PartitionWriterOptions {
    store: OutcomesStore;
    jobId: string;
    part: number;
    entry: Pick<PartitionEntry, 'items' | 'firstIndex'>;
    /** Of the lease, and the one under which it was first given. */
    epoch: number;
    first?: number;
    /** Names this run of the slice in its fence; no two runs have one name. */
    runId: string;
    clock: Clock;
    patience: Patience;
}

export class PartitionWriter {
    readonly part: number;
    readonly items: number;
    readonly firstIndex: number;
    counts: Counts = noCounts();
    /** Items with a failed attempt behind them and another before them, by index. */
    readonly waiting = new Map<number, Waiting>();
    /** Items among them, and items in flight, with a call behind them that used up no attempt. */
    readonly held = new HeldItems();
    /** What was announced in isolation, oldest first. */
    readonly intents: Intent[] = [];
    /** This very lease had a run before: its process died with it. */
    redelivered = false;
    inFlight = 0;
    /** When the last flush was asked for, in ms. */
    flushedAt = 0;
    /** Next item of the partition that was not looked at, counted from its first. */
    cursor = 0;
    /** What earlier runs of the lease have brought to an end here. */
    private readonly inheritance: InheritedSpending;
    /** Set while storage does not take an append: nothing new is called until it does. */
    stalled: (Trouble & { since: number }) | null = null;

    private readonly recorded: Uint8Array;
    /** Items that earlier runs have tried: they come back as retries, never as fresh, also while their retry is in flight. */
    private readonly begun: Uint8Array;
    private farTaken = 0;
    private segment = 0;
    private position = 0;
    private blocks = 0;
    /** The segment ends within a line, as only storage that lost something leaves it: the next append begins a new one. */
    private torn = false;
    private fencedIn = false;
    /** Lines that were taken to be recorded, and lines that are being appended: the buffers change places. */
    private taken = new AppendBuffer();
    private going = new AppendBuffer();
    /** How many lines were taken to be recorded in all, and up to which of them they are to be appended now. */
    private lines = 0;
    private wanted = 0;
    private flushing: Promise<void> | null = null;
    /** Why nothing more can be recorded by this run. */
    private broken: { error: unknown } | null = null;
    private readonly texts: PartitionItems;

    constructor(private readonly o: PartitionWriterOptions) {
        this.part = o.part;
        ({ items: this.items, firstIndex: this.firstIndex } = o.entry);
        this.recorded = new Uint8Array(this.items);
        this.begun = new Uint8Array(this.items);
        this.texts = new PartitionItems(this.items);
        this.inheritance = new InheritedSpending(o.first ?? o.epoch);
    }

    get inherited(): Spent {
        return this.inheritance.spent;
    }

    /** An earlier run of the lease has taken the partition over. */
    get isBegunByLease(): boolean {
        return this.inheritance.isOfLease;
    }

    /** Reads what is done, then puts up the fence. From here on every earlier run stops at its next append. */
    async takeOver(): Promise<void> {
        if (!(await this.o.store.createOutcomes(this.o.jobId, this.part, 0))) await this.readBack();
        if (this.redelivered) return;
        reach('partition.read');
        await this.appendLine(fenceLine({ fence: this.o.epoch, run: this.o.runId }));
        this.fencedIn = true;
        reach('partition.fenced');
    }

    /** Takes the partition's items, one JSON text a line. */
    load(data: Buffer): void {
        this.texts.load(data);
    }

    /** Gives the memory back: nothing is left to call, and nothing to record. */
    unload(): void {
        if (!this.idle && !this.broken) return;
        this.texts.unload();
        this.taken.release();
        this.going.release();
    }

    /** The JSON text of an item. */
    text(index: number): string {
        return this.texts.text(index - this.firstIndex);
    }

    isRecorded = (index: number): boolean => this.recorded[index - this.firstIndex] === 1;

    /** Whether there is an item that nobody has tried yet. */
    hasFresh(): boolean {
        while (this.cursor < this.items && (this.recorded[this.cursor] || this.begun[this.cursor])) this.cursor++;
        return this.cursor < this.items;
    }

    /** The next item that nobody has tried yet, of which `hasFresh` has said that it is there. */
    takeFresh(): number {
        return this.firstIndex + this.cursor++;
    }

    /**
     * The same, far from the last: items that fail for themselves often stand side by side. By steps of the golden section, which come near to none that was
     * taken before.
     */
    takeFarFresh(): number {
        const left = this.items - this.cursor;
        const place = this.cursor + Math.floor(((++this.farTaken * GOLDEN) % 1) * left);
        if (this.recorded[place] || this.begun[place]) return this.takeFresh();
        this.begun[place] = 1;
        return this.firstIndex + place;
    }

    /** An item that waits for a retry is tried now; gives how many attempts it has behind it. */
    takeWaiting(index: number): number {
        const attempts = this.waiting.get(index)?.attempts ?? 0;
        this.waiting.delete(index);
        return attempts;
    }

    /** An attempt at the item is made now: it is neither fresh nor waiting any more. */
    begin(index: number): void {
        this.begun[index - this.firstIndex] = 1;
        this.waiting.delete(index);
    }

    /** Nothing is left to call. Lines may still have to be flushed. */
    get exhausted(): boolean {
        return this.cursor >= this.items && this.inFlight === 0 && this.waiting.size === 0;
    }

    /** Nothing waits to be recorded, and nothing is on its way. */
    get idle(): boolean {
        return this.flushing === null && this.taken.count === 0;
    }

    get unflushedLines(): number {
        return this.taken.count;
    }

    get unflushedBytes(): number {
        return this.taken.bytes;
    }

    /** Takes a line to be recorded by the next flush. */
    record(line: Line): void {
        this.taken.add(line);
        this.lines++;
    }

    /** Takes lines to be recorded for items that wait without having used up an attempt: who takes the partition over goes on from them. */
    recordHeld(): void {
        for (const text of this.held.lines((index) => this.waiting.get(index)?.due)) this.record({ text });
    }

    /** Records what was taken so far; rejects when this run can record nothing more. What comes while an append runs gathers for the next flush: each append is a storage transaction. */
    flush(): Promise<void> {
        this.wanted = this.lines;
        if (!this.flushing && !this.broken && this.taken.count > 0) this.flushing = this.drain();
        return this.flushing ?? (this.broken ? rejected(this.broken.error) : Promise.resolve());
    }

    private async drain(): Promise<void> {
        try {
            while (this.lines - this.taken.count < this.wanted) {
                [this.taken, this.going] = [this.going, this.taken];
                await this.append(this.going);
                this.going.clear();
            }
        } catch (error) {
            this.broken = { error };
            throw error;
        } finally {
            this.flushing = null;
        }
    }

    private async append(lines: AppendBuffer): Promise<void> {
        for (const block of lines.blocks(MAX_APPEND_BYTES)) await this.appendBlock(block);
    }

    private async appendLine(text: string): Promise<void> {
        const line = new AppendBuffer();
        line.add({ text });
        await this.append(line);
    }

    /** Whether this is why nothing more is recorded. */
    isBrokenBy = (error: unknown): boolean => this.broken !== null && this.broken.error === error;

    /** Superseded or given up by storage: no further line of this run will be recorded. */
    get isBroken(): boolean {
        return this.broken !== null;
    }

    private async appendBlock(block: Block): Promise<void> {
        if (this.blocks >= FULL_BLOCKS) await this.beginSegment();
        for (let left = block; left.bytes.length > 0;) {
            const found = await this.write(left.bytes);
            if (found === 'written') return eachOutcome(left, this.count);
            left = without(left, (index, text) => (index === null ? found.has(text()) : this.isRecorded(index)));
        }
    }

    /** Appends the bytes. When others have appended meanwhile, they are not written, and the control lines that stand there are given back. */
    private async write(bytes: Buffer): Promise<'written' | Set<string>> {
        let suspect = false;
        for (let tries = 1; ; tries++) {
            try {
                if (suspect) await this.expectWhole();
                suspect = false;
                const text = this.torn ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes;
                reach('append.begun');
                const done = await this.o.store.appendOutcomes(this.o.jobId, this.part, this.segment, this.position, text);
                if (done) {
                    reach('append.done');
                    this.position += text.length;
                    this.blocks = done.blocks ?? this.blocks + 1;
                    this.torn = false;
                    this.stalled = null;
                    return 'written';
                }
                const before = [this.segment, this.position];
                const found = await this.readBack();
                if (this.segment !== before[0] || this.position !== before[1]) return found;
                await this.expectWhole();
                throw new StorageContradiction(`storage answered 412 to PUT ${this.segmentName}, an append at the position where it ends`);
            } catch (error) {
                if (error instanceof Superseded || error instanceof OutcomesLost) throw error;
                suspect ||= isStatus(error, 404);
                const trouble = await this.o.store.diagnose(error);
                const now = this.o.clock.now();
                this.stalled = { ...trouble, since: this.stalled?.since ?? now };
                const left = this.stalled.since + this.o.patience(trouble) - now;
                if (left <= 0) throw error;
                await pause(this.o.clock, Math.min(left, pauseAfter(tries), MAX_APPEND_PAUSE_MS));
            }
        }
    }

    /** Throws when the segment is shorter than it was. */
    private async expectWhole(): Promise<void> {
        const size = await this.o.store.measureSegment(this.o.jobId, this.part, this.segment);
        if (this.position > 0 && (size?.bytes ?? 0) < this.position)
            throw new OutcomesLost(`the outcomes of partition ${this.part} are shorter than they were`);
        // Refused at its creation and not there all the same: created now.
        if (size === null && !(await this.o.store.createOutcomes(this.o.jobId, this.part, this.segment)))
            throw new StorageContradiction(`storage answered 409 or 412 to the creation of ${this.segmentName}, and 404 to HEAD`);
    }

    private get segmentName(): string {
        return blobs.outcomes(this.o.jobId, this.part, this.segment);
    }

    /** Ends the segment with a line that names the next. An earlier run that still appends to it is refused, reads that line, and follows. */
    private async beginSegment(): Promise<void> {
        const next = this.segment + 1;
        if ((await this.write(Buffer.from(continuedLine({ continued: next })))) === 'written') {
            reach('segment.ended');
            await this.follow(next);
        }
        this.blocks = 0;
        await this.appendBlock(blockOf(fenceLine({ fence: this.o.epoch, run: this.o.runId })));
    }

    private async follow(segment: number): Promise<void> {
        this.segment = segment;
        this.position = 0;
        // Where that fails, the append finds that the segment is not there, and creates it with the patience of an append: no answer is dropped for it.
        await this.o.store.createOutcomes(this.o.jobId, this.part, segment).catch(() => false);
    }

    private count = (index: number, outcome: OutcomeKind, attempts: number): void => {
        if (this.isRecorded(index)) return;
        this.recorded[index - this.firstIndex] = 1;
        this.waiting.delete(index);
        this.held.forget(index);
        this.counts[outcome]++;
        this.counts.retries += Math.max(0, attempts - 1);
    };

    /** Reads on from the position; gives the control lines found, among them this run's own when an append went through and its answer was lost. */
    private async readBack(): Promise<Set<string>> {
        const controls = new Set<string>();
        while (await this.readSegment(controls));
        this.blocks = (await this.o.store.measureSegment(this.o.jobId, this.part, this.segment))?.blocks ?? 0;
        return controls;
    }

    /** Reads the segment to its end; true when another follows. */
    private async readSegment(controls: Set<string>): Promise<boolean> {
        for await (const { lines, torn } of linesOf(this.o.store.readSegment(this.o.jobId, this.part, this.segment, this.position))) {
            for (const line of lines) {
                this.position += line.length + (torn ? 0 : 1);
                const next = this.readLine(line, controls);
                if (next === null) continue;
                await this.follow(next);
                return true;
            }
            this.torn = torn === true;
        }
        return false;
    }

    /** Takes in one line; gives the number of the segment that follows, if it says so. */
    private readLine(line: Buffer, controls: Set<string>): number | null {
        if (line.toString('latin1', 0, OUTCOME_PREFIX.length) === OUTCOME_PREFIX) {
            const start = (bytes: number): string => line.toString('latin1', 0, bytes);
            const head = readOutcomeHead(start);
            if (!head || head.index < this.firstIndex || head.index >= this.firstIndex + this.items) return null;
            if (!this.fencedIn && !this.isRecorded(head.index)) this.inheritance.outcome(head.outcome, start);
            this.count(head.index, head.outcome, head.attempts);
            return null;
        }
        const text = line.toString('utf8');
        let control: ControlLine;
        try {
            control = JSON.parse(text) as ControlLine;
        } catch {
            return null; // the torn rest of a line that storage has lost the end of
        }
        controls.add(`${text}\n`);
        if (isContinued(control)) return control.continued;
        this.readControlLine(control);
        return null;
    }

    private readControlLine(line: ControlLine): void {
        if (isFence(line)) {
            if (line.run === this.o.runId) return;
            if (line.fence > this.o.epoch || (line.fence === this.o.epoch && this.fencedIn)) throw new Superseded(this.part, line.fence);
            if (line.fence === this.o.epoch) this.redelivered = true;
            this.inheritance.fence(line.fence);
            return;
        }
        // Behind its own fence a run finds no lines but its own, and what they say it knows.
        if (this.fencedIn) return;
        if (isAttempt(line)) {
            this.waiting.set(line.index, { attempts: line.attempt, due: Date.parse(line.retryAt) });
            this.begun[line.index - this.firstIndex] = 1;
            this.held.forget(line.index);
        } else if (isHeld(line)) {
            this.waiting.set(line.held, { attempts: line.tried - 1, due: Date.parse(line.retryAt) });
            this.begun[line.held - this.firstIndex] = 1;
            this.held.read(line);
            // That attempt has ended; it may be announced once more.
            for (const intent of this.intents)
                intent.pairs = intent.pairs.filter(({ index, attempt }) => index !== line.held || attempt !== line.tried);
        } else if (isIntent(line)) {
            const pairs = line.trying.map((index, i) => ({
                index,
                attempt: line.attempts?.[i] ?? (this.waiting.get(index)?.attempts ?? 0) + 1,
            }));
            this.intents.push({ pairs, alone: line.alone === true });
        } else if (isCompany(line)) {
            const last = this.intents.at(-1);
            if (last) Object.assign(last, { alone: false, joined: true });
        }
    }

    /** Whether it is known how this attempt at an item ended. */
    hasEnded = (index: number, attempt: number): boolean => this.isRecorded(index) || (this.waiting.get(index)?.attempts ?? 0) >= attempt;
}

function blockOf(text: string): Block {
    const bytes = Buffer.from(text);
    return { bytes, known: Int32Array.of(bytes.length, -1, -1, 1) };
}

async function rejected(error: unknown): Promise<never> {
    throw error;
}
