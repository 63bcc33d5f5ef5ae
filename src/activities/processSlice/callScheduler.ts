// The scheduler of a slice's calls: keeps as many in flight as are admitted, records what comes back, stops in time.
import { MAX_WAITING } from '../../core/partition';
import type { Admission, Refusal } from './admission';
import type { Clock } from './clock';
import type { CallEnd, ItemCalls, Retry } from './itemCalls';
import type { PartitionWriter } from './partitionWriter';
import type { SliceEnd } from './sliceWork';
import type { AskedToStop } from './stopRequest';

// A crash repeats the calls whose outcomes were not recorded, so few may be outstanding; each append is a storage transaction, so not too many either:
// so many lines are appended, but not sooner than FLUSH_EVERY_MS after the last append; so many bytes at once; and whatever there is after FLUSH_MS.
const FLUSH_LINES = 400;
const FLUSH_EVERY_MS = 80;
const FLUSH_BYTES = 1024 * 1024;
const FLUSH_MS = 500;
/** With this many lines unrecorded (storage is slow or away) nothing new is called. */
const MAX_UNFLUSHED_LINES = 4_000;
const MAX_UNFLUSHED_BYTES = 8 * 1024 * 1024;
/**
 * Calls are begun for so long at a time (ms), then everything else in the process is let run. A call that fails before anything is sent is followed by
 * the next at once, and reading one item may take a fraction of a second.
 */
const UNINTERRUPTED_MS = 100;

export interface SchedulerOptions {
    calls: ItemCalls;
    admission: Admission;
    /** Those that were opened, in that order. */
    opened: readonly PartitionWriter[];
    /** Opens the next partition, fenced and loaded; null when there is none. */
    openNext: () => Promise<PartitionWriter | null>;
    /** No new call after this time (ms). */
    until: number;
    /** The job has items beyond those of this slice that nobody has been given. */
    hasMore: boolean;
    clock: Clock;
}

/** Reasons to stop that may be taken back. */
const WITHDRAWN = new Set<SliceEnd['why']>(['paused', 'expired', 'unseen', 'budget']);

type Phase = { is: 'calling' } | { is: 'closing'; end: SliceEnd } | { is: 'closed' };

/** The partition after the current one: nobody has asked for it, it is being opened, it is there, or there is none. */
type Ahead = { is: 'unasked' } | { is: 'opening' } | { is: 'ready'; partition: PartitionWriter } | { is: 'none' };

type Source = { kind: 'retry'; retry: Retry } | { kind: 'fresh'; partition: PartitionWriter; isFar: boolean };

/**
 * Phases, and what leads from one to the next:
 *
 *     calling ── time is up ─────────────────────────────────────────► closing (time)
 *     calling ── it is asked to stop ─► closing (cancelled, paused, expired, unseen, budget, makingRoom)
 *     calling ── nothing may be called for longer than is waited ────► closing (held)
 *     calling ── a partition cannot be opened or recorded ───────────► closing (trouble)
 *     calling ── nothing is left that can be done in time ───────────► closing (done)
 *     closing ── a partition cannot be opened or recorded ───────────► closing (trouble)
 *     closing (paused, expired, unseen, budget, held) ── that is withdrawn ──► calling
 *     closing ── no call is in flight, and no partition being opened ► closed
 *
 * The reason that came first holds, but for trouble, which holds over every other. While calling, a call is begun only when it is
 * admitted, when not too much is unrecorded, and when no append is being tried again. While closing, none is begun; what is in flight
 * is waited for and taken to be recorded. `run` resolves when closed.
 *
 * A failure of which nobody can say yet whose fault it is stays open, until a success or the breaker says so; when nothing is left that could, what is known
 * decides.
 */
export class CallScheduler {
    private phase: Phase = { is: 'calling' };
    private current: PartitionWriter | null = null;
    private ahead: Ahead = { is: 'unasked' };
    /** Retries by due time, the earliest last. */
    private retries: Retry[] = [];
    /** When a retry or an admission is waited for, in ms. */
    private wakesAt: number | null = null;
    private cancelWake = (): void => undefined;
    /** Calls whose end has not been heard of here. */
    private inFlight = 0;
    private cancelFlush = (): void => undefined;
    /** Since when calls are begun without anything else being let run; null while something is. */
    private uninterruptedSince: number | null = null;
    private readonly closed: Promise<SliceEnd>;
    private tellClosed: (end: SliceEnd) => void = () => undefined;

    constructor(private readonly o: SchedulerOptions) {
        this.closed = new Promise((resolve) => (this.tellClosed = resolve));
    }

    /** Calls what there is until that is done or the scheduler is stopped; resolves when it is closed, and never rejects. To be called once. */
    run(): Promise<SliceEnd> {
        // It may have been stopped before it began.
        if (this.phase.is === 'calling') {
            this.uninterruptedSince = this.o.clock.now();
            this.flushNowAndThen();
            this.pump();
        }
        return this.closed;
    }

    /** No new calls from now on; what is in flight is waited for and recorded. */
    stop(why: AskedToStop): void {
        this.close({ why });
    }

    /** It is not asked to stop any more: what was stopped for that alone goes on. */
    goOn(): void {
        if (this.phase.is === 'closing' && WITHDRAWN.has(this.phase.end.why)) this.callAgain();
    }

    /** Asks again for what was refused: the limits have changed. */
    lookAgain(): void {
        const isHeld = this.phase.is === 'closing' && this.phase.end.why === 'held';
        if (isHeld && !this.o.admission.holdsOff(this.o.clock.now())) this.callAgain();
        else this.pump();
    }

    private callAgain(): void {
        this.phase = { is: 'calling' };
        this.pump();
    }

    private close(end: SliceEnd): void {
        if (this.phase.is === 'calling') this.phase = { is: 'closing', end };
        // The ledger must hear of it, also when a partition cannot be opened or recorded only after there was another reason to stop.
        else if (this.phase.is === 'closing' && end.why === 'trouble' && this.phase.end.why !== 'trouble') this.phase.end = end;
        this.endIfIdle();
    }

    /** A partition cannot be opened or recorded. */
    private fail(error: unknown): void {
        this.close({ why: 'trouble', error });
    }

    private endIfIdle(): void {
        if (this.phase.is !== 'closing' || this.inFlight > 0 || this.ahead.is === 'opening') return;
        this.decideAll();
        // By that, what it was asked to stop for may have been taken back: it goes on then.
        if (this.phase.is !== 'closing' || this.inFlight > 0) return;
        const { end } = this.phase;
        this.phase = { is: 'closed' };
        this.cancelFlush();
        this.cancelWake();
        this.tellClosed(end);
    }

    /** Whatever is taken to be recorded is on its way after FLUSH_MS at the latest. */
    private flushNowAndThen(): void {
        this.cancelFlush = this.o.clock.after(FLUSH_MS, () => {
            this.flushNowAndThen();
            this.flushLines();
            this.pump();
        });
    }

    /** Begins as many calls as may be, and closes when there is nothing to wait for. */
    private pump(): void {
        const now = this.o.clock.now();
        if (now >= this.o.until) this.close({ why: 'time' });
        for (const retry of this.o.calls.decide(now)) this.addRetry(retry);
        // Once is enough: while calls are begun nothing is answered.
        if (this.phase.is === 'calling' && this.holdsBack()) return this.flushLines();
        while (this.phase.is === 'calling') {
            if (this.letsOthersRun()) return;
            const source = this.source(now);
            if (!source) return this.waitForWork(now);
            const verdict = this.o.admission.ask(now);
            if (verdict !== 'admitted') return this.waitForAdmission(verdict, now);
            this.begin(source);
        }
        this.endIfIdle();
    }

    /**
     * Where the next call comes from: a retry that is due, or else a partition with an item that nobody has tried. Null: there is none for now. Whether a target
     * is there is best asked with an item that has not failed, and that stands elsewhere than those that have.
     */
    private source(now: number): Source | null {
        if (this.o.admission.isProbing) return this.freshSource(true) ?? this.dueSource(now);
        return this.dueSource(now) ?? this.freshSource(false);
    }

    private dueSource(now: number): Source | null {
        for (let retry = this.retries.at(-1); retry && retry.due <= now; retry = this.retries.at(-1)) {
            if (retry.partition.waiting.has(retry.index)) return { kind: 'retry', retry };
            // Another run has recorded it.
            this.retries.pop();
        }
        return null;
    }

    /** `isFar`: another than the next. */
    private freshSource(isFar: boolean): Source | null {
        for (;;) {
            this.current ??= this.takeAhead();
            const partition = this.current;
            if (!partition) return null;
            const hasFresh = partition.waiting.size < MAX_WAITING && partition.hasFresh();
            if (partition.cursor * 2 >= partition.items) this.openAhead();
            if (hasFresh) return { kind: 'fresh', partition, isFar };
            this.current = null;
            if (partition.exhausted) this.flush(partition);
        }
    }

    /** The partition that was opened ahead; null when there is none yet, or none at all. */
    private takeAhead(): PartitionWriter | null {
        this.openAhead();
        if (this.ahead.is !== 'ready') return null;
        const { partition } = this.ahead;
        this.ahead = { is: 'unasked' };
        return partition;
    }

    private openAhead(): void {
        if (this.ahead.is !== 'unasked' || this.phase.is !== 'calling') return;
        this.ahead = { is: 'opening' };
        this.o.openNext().then(
            (partition) => {
                this.ahead = partition ? { is: 'ready', partition } : { is: 'none' };
                if (partition) for (const [index, { due }] of partition.waiting) this.addRetry({ partition, index, due });
                this.pump();
            },
            (error: unknown) => {
                this.ahead = { is: 'none' };
                this.fail(error);
            },
        );
    }

    private begin(source: Source): void {
        const { partition, index, attempt } = this.take(source);
        this.inFlight++;
        this.o.calls.call(partition, index, attempt).then(
            (end) => this.ended(partition, index, end),
            (error: unknown) => {
                this.inFlight--;
                this.fail(error);
            },
        );
    }

    private take(source: Source): { partition: PartitionWriter; index: number; attempt: number } {
        if (source.kind === 'fresh') {
            const { partition, isFar } = source;
            return { partition, index: isFar ? partition.takeFarFresh() : partition.takeFresh(), attempt: 1 };
        }
        const { partition, index } = source.retry;
        this.retries.pop();
        return { partition, index, attempt: partition.takeWaiting(index) + 1 };
    }

    private ended(partition: PartitionWriter, index: number, end: CallEnd): void {
        this.inFlight--;
        if (end.kind === 'retry') this.addRetry({ partition, index, due: end.due });
        const enough =
            partition.unflushedBytes >= FLUSH_BYTES ||
            (partition.unflushedLines >= FLUSH_LINES && this.o.clock.now() >= partition.flushedAt + FLUSH_EVERY_MS);
        if (enough || (partition.exhausted && partition !== this.current)) this.flush(partition);
        this.pump();
    }

    /** Nothing is left that could say whose fault the failures are that are open. */
    private decideAll(): void {
        const { calls, admission, opened, hasMore, clock } = this.o;
        if (!calls.hasOpen) return;
        const hasFresh = hasMore || this.ahead.is === 'ready' || opened.some((partition) => partition.hasFresh());
        // What the budget would have to bear is not decided in haste: those items are called again, when others have been.
        const isStopped = this.phase.is === 'closing' && this.phase.end.why === 'budget';
        const rest = isStopped && hasFresh ? 'target' : admission.lastWord(hasFresh);
        for (const retry of calls.decide(clock.now(), rest)) this.addRetry(retry);
    }

    private addRetry(retry: Retry): void {
        let low = 0;
        for (let high = this.retries.length; low < high;) {
            const middle = (low + high) >> 1;
            if (this.retries[middle]!.due > retry.due) low = middle + 1;
            else high = middle;
        }
        this.retries.splice(low, 0, retry);
    }

    private flush(partition: PartitionWriter): void {
        if (partition.isBroken) return;
        partition.flushedAt = this.o.clock.now();
        partition.flush().then(
            () => {
                if (partition.exhausted && partition !== this.current) partition.unload();
                this.pump();
            },
            (error: unknown) => this.fail(error),
        );
    }

    private flushLines(): void {
        for (const partition of this.o.opened) if (partition.unflushedLines > 0) this.flush(partition);
    }

    /** Nothing can be called now. A retry that is due in time is waited for; with none, nothing in flight and nothing being opened, the slice is done. */
    private waitForWork(now: number): void {
        if (this.inFlight === 0 && this.ahead.is !== 'opening' && this.o.calls.hasOpen) {
            this.decideAll();
            return this.pump();
        }
        const due = this.retries.at(-1)?.due;
        if (due !== undefined && due <= this.o.until) this.wakeAt(due, now);
        else if (this.inFlight === 0 && this.ahead.is !== 'opening') this.close({ why: 'done' });
    }

    /** A call was refused: it is asked for again at that time, or when a call has ended. With neither to come, the slice is done. */
    private waitForAdmission({ askAgainAt }: Refusal, now: number): void {
        const hold = this.o.admission.holdsOff(now);
        if (hold) this.close({ why: 'held', hold });
        else if (askAgainAt !== null && askAgainAt <= this.o.until) this.wakeAt(askAgainAt, now);
        else if (this.inFlight === 0) this.close({ why: 'done' });
    }

    private wakeAt(time: number, now: number): void {
        if (time === this.wakesAt) return;
        this.cancelWake();
        this.wakesAt = time;
        this.cancelWake = this.o.clock.after(Math.max(1, time - now), () => {
            this.wakesAt = null;
            this.pump();
        });
    }

    /** Says that others are let run now; `pump` is called again behind them. */
    private letsOthersRun(): boolean {
        if (this.uninterruptedSince !== null && this.o.clock.now() - this.uninterruptedSince >= UNINTERRUPTED_MS) {
            this.uninterruptedSince = null;
            this.o.clock.after(0, () => {
                this.uninterruptedSince = this.o.clock.now();
                this.pump();
            });
        }
        return this.uninterruptedSince === null;
    }

    /** Back-pressure: what is answered must be recorded before more is called. */
    private holdsBack(): boolean {
        let lines = 0;
        let bytes = 0;
        for (const partition of this.o.opened) {
            if (partition.stalled) return true;
            lines += partition.unflushedLines;
            bytes += partition.unflushedBytes;
        }
        return lines > MAX_UNFLUSHED_LINES || bytes > MAX_UNFLUSHED_BYTES;
    }
}
