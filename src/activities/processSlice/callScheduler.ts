// The scheduler of a slice's calls: keeps as many in flight as it may, records what comes back, stops in time.
import { retryDelay, type RetryPolicy } from '../../core/retry';
import { succeeded, throttled, type Concurrency } from '../../core/concurrency';
import { attemptLine, outcomeLine } from '../../items/outcomeLines';
import { failure, type Failure } from '../../core/errors';
import { parseExact } from '../../json/exactJson';
import { mergeFailures, type FailureGroup } from '../../core/failures';
import { plainKey, type ItemKey } from '../../items/itemKey';
import { messageOf } from '../../core/text';
import type { ProcessorResult } from '../../processors/types';
import type { Clock } from './clock';
import type { PartitionRun } from './partitionWriter';

/** Items of one partition that may wait for a retry before the slice takes no new ones from it. */
export const MAX_WAITING = 500;
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
 * Calls are begun for so long at a time (ms), then everything else in the process has a turn. A call that fails before anything is sent is followed by
 * the next at once, and reading one item may take a fraction of a second.
 */
const UNINTERRUPTED_MS = 100;

export interface Call {
    index: number;
    key: ItemKey;
    attempt: number;
    item: unknown;
    rawItem: string;
}

export interface SchedulerOptions {
    call: (call: Call) => Promise<ProcessorResult>;
    keyOf: (item: unknown, index: number) => ItemKey;
    /** Items are parsed; otherwise `call` and `keyOf` get undefined in their place. */
    readsItem: boolean;
    retry: RetryPolicy;
    concurrency: Concurrency;
    keepOutput: (ok: boolean) => boolean;
    /** Opens the next partition, fenced and loaded; null when there is none. */
    openNext: () => Promise<PartitionRun | null>;
    /** No new call after this time (ms). */
    until: number;
    clock: Clock;
    /** Uniform in [0, 1). */
    chance: () => number;
}

/** Why no new call is made. */
export type StopReason = 'time' | 'cancelled' | 'makingRoom' | 'trouble';

interface Retry {
    run: PartitionRun;
    index: number;
    due: number;
}

/**
 * States and what leads from one to the next:
 *
 *     calling ── time up, cancelled, room asked for, a partition that cannot be opened or recorded ──► closing
 *     calling ── nothing left that can be done in time ──► closing
 *     closing ── the last call has answered, and what was answered is recorded or cannot be ──► closed
 *
 * While calling, nothing new is called when too much is unrecorded (storage is slow) or an append has been refused and is being tried again. Nothing
 * is dropped on the way to closed but by a fence: `run` comes back only when no call is in flight any more.
 */
export class CallScheduler {
    readonly runs: PartitionRun[] = [];
    failures: FailureGroup[] = [];
    stopped: StopReason | null = null;
    inFlight = 0;
    /** Calls made. */
    calls = 0;
    /** What kept a partition from being opened or recorded, the first that did. */
    broke: unknown = null;

    private current: PartitionRun | null = null;
    private ahead: PartitionRun | null = null;
    private opening = false;
    private noMore = false;
    /** Retries by due time, the earliest last. */
    private retries: Retry[] = [];
    private cancelWake = (): void => undefined;
    /** When all else last had its turn, and whether it is having it now. */
    private restedAt = 0;
    private resting = false;
    private done: (() => void) | null = null;
    private lastIso = { ms: 0, text: '' };

    constructor(private readonly o: SchedulerOptions) {}

    /** Calls what there is until that is done or the scheduler is stopped; resolves when it is closed, and never rejects. What went wrong is in `broke`. */
    async run(): Promise<void> {
        const cancelFlushes = this.flushNowAndThen();
        await new Promise<void>((resolve) => {
            this.done = resolve;
            this.restedAt = this.o.clock.now();
            this.pump();
        });
        this.done = null;
        cancelFlushes();
        this.cancelWake();
        await this.recordAll();
    }

    /** Records what has been answered, as far as that can be; the partitions give their memory back. */
    async recordAll(): Promise<void> {
        const recorded = await Promise.allSettled(this.runs.map((run) => run.flush()));
        for (const one of recorded) if (one.status === 'rejected') this.broke ??= one.reason;
        for (const run of this.runs) run.unload();
    }

    /** No new calls from now on; what is in flight is waited for and recorded. */
    stop(why: StopReason): void {
        this.stopped ??= why;
        this.pump();
    }

    /** A partition cannot be opened or recorded. */
    private fail(error: unknown): void {
        this.broke ??= error;
        this.stop('trouble');
    }

    private flushNowAndThen(): () => void {
        let cancel = (): void => undefined;
        const again = () => {
            this.flushLines();
            this.pump();
            cancel = this.o.clock.after(FLUSH_MS, again);
        };
        cancel = this.o.clock.after(FLUSH_MS, again);
        return () => cancel();
    }

    private pump(): void {
        // Without `done` nobody runs the scheduler: isolation makes its calls one by one.
        if (!this.done) return;
        const now = this.o.clock.now();
        if (now >= this.o.until) this.stopped ??= 'time';
        while (!this.stopped && this.inFlight < this.o.concurrency.limit) {
            if (this.rests()) return;
            if (this.holdsBack()) {
                this.flushLines();
                break;
            }
            const next = this.take(now);
            if (!next) break;
            this.call(next.run, next.index, next.attempt).catch((error: unknown) => this.fail(error));
        }
        if (this.inFlight > 0 || this.opening) return;
        if (this.stopped || (!this.current && !this.ahead && this.noMore && !this.wakeLater(now))) this.done();
    }

    /** Says that others have their turn now; `pump` is called again behind it. */
    private rests(): boolean {
        if (!this.resting && this.o.clock.now() - this.restedAt >= UNINTERRUPTED_MS) {
            this.resting = true;
            this.o.clock.after(0, () => {
                this.resting = false;
                this.restedAt = this.o.clock.now();
                this.pump();
            });
        }
        return this.resting;
    }

    /** Retries that are due within the slice are waited for; says whether there is one. */
    private wakeLater(now: number): boolean {
        const due = this.retries.at(-1)?.due;
        if (due === undefined || due > this.o.until) return false;
        this.cancelWake();
        this.cancelWake = this.o.clock.after(Math.max(1, due - now), () => this.pump());
        return true;
    }

    /** Back-pressure: what is answered must be recorded before more is called. */
    private holdsBack(): boolean {
        let lines = 0;
        let bytes = 0;
        for (const run of this.runs) {
            if (run.stalled) return true;
            lines += run.unflushedLines;
            bytes += run.unflushedBytes;
        }
        return lines > MAX_UNFLUSHED_LINES || bytes > MAX_UNFLUSHED_BYTES;
    }

    /** ISO text of a time; a thousand answers share a millisecond or two. */
    private iso(ms: number): string {
        if (ms !== this.lastIso.ms) this.lastIso = { ms, text: new Date(ms).toISOString() };
        return this.lastIso.text;
    }

    private take(now: number): { run: PartitionRun; index: number; attempt: number } | null {
        const retry = this.retries.at(-1);
        if (retry && retry.due <= now) {
            this.retries.pop();
            const waiting = retry.run.waiting.get(retry.index);
            retry.run.waiting.delete(retry.index);
            return waiting ? { run: retry.run, index: retry.index, attempt: waiting.attempts + 1 } : this.take(now);
        }
        for (;;) {
            if (!this.current) {
                if (!this.ahead) {
                    this.openAhead();
                    return null;
                }
                this.current = this.ahead;
                this.ahead = null;
            }
            const run = this.current;
            const index = run.waiting.size < MAX_WAITING ? run.nextFresh() : null;
            if (run.cursor * 2 >= run.items) this.openAhead();
            if (index !== null) return { run, index, attempt: 1 };
            this.current = null;
            if (run.exhausted) this.flush(run);
        }
    }

    private openAhead(): void {
        if (this.opening || this.ahead || this.noMore || this.stopped) return;
        this.opening = true;
        this.o.openNext().then(
            (run) => {
                this.opening = false;
                if (run) {
                    this.ahead = run;
                    this.runs.push(run);
                    for (const [index, { due }] of run.waiting) this.addRetry({ run, index, due });
                } else this.noMore = true;
                this.pump();
            },
            (error: unknown) => {
                this.opening = false;
                this.fail(error);
            },
        );
    }

    /** Calls one item; resolves when its answer is taken to be recorded. */
    call(run: PartitionRun, index: number, attempt: number): Promise<void> {
        this.inFlight++;
        this.calls++;
        run.inFlight++;
        const began = this.o.clock.now();
        const rawItem = run.text(index);
        let key: ItemKey = index;
        const answered = (result: ProcessorResult) => this.answered(run, index, key, attempt, result, began);
        const broke = (error: unknown) => answered({ ok: false, error: failure('PROCESSOR_ERROR', messageOf(error), true) });
        try {
            const item: unknown = this.o.readsItem ? parseExact(rawItem) : undefined;
            key = this.o.keyOf(item, index);
            return this.o.call({ index, key, attempt, item, rawItem }).then(answered, broke);
        } catch (error) {
            return Promise.resolve().then(() => broke(error));
        }
    }

    private answered(run: PartitionRun, index: number, key: ItemKey, attempt: number, result: ProcessorResult, began: number): void {
        this.inFlight--;
        run.inFlight--;
        try {
            this.settle(run, index, key, attempt, result, began);
        } catch (error) {
            // A result that no line can hold: the item fails, the others go on.
            const at = this.iso(this.o.clock.now());
            this.giveUp(run, index, key, attempt, failure('BAD_RESULT', `the result cannot be recorded: ${messageOf(error)}`), {
                ms: 0,
                at,
            });
        }
        const enough =
            run.unflushedBytes >= FLUSH_BYTES ||
            (run.unflushedLines >= FLUSH_LINES && this.o.clock.now() >= run.flushedAt + FLUSH_EVERY_MS);
        if (enough || (run.exhausted && run !== this.current)) this.flush(run);
        this.pump();
    }

    /** Records how an attempt ended: an outcome, or a failed attempt with the time of the next. */
    private settle(run: PartitionRun, index: number, key: ItemKey, attempt: number, result: ProcessorResult, began: number): void {
        const now = this.o.clock.now();
        const ms = now - began;
        const at = this.iso(now);
        const status = result.status === undefined ? {} : { status: result.status };
        const redacted = result.redacted ? { redacted: true } : {};
        if (result.ok) {
            succeeded(this.o.concurrency);
            const { cut, output } = this.kept(result);
            run.record({
                text: outcomeLine({ index, outcome: 'succeeded', key, attempts: attempt, ...status, ms, at, ...cut, ...redacted }, output),
                index,
                outcome: 'succeeded',
                attempts: attempt,
            });
            return;
        }
        if (result.throttled) throttled(this.o.concurrency, now, ms);
        const error = { ...failure(result.error.code, result.error.message), retryable: result.error.retryable };
        if (error.retryable && attempt < this.o.retry.attempts) {
            const due = now + retryDelay(this.o.retry, attempt, result.retryAfterMs, this.o.chance());
            run.record({
                text: attemptLine({ attempt, index, at, ms, ...status, error, ...redacted, retryAt: new Date(due).toISOString() }),
            });
            run.waiting.set(index, { attempts: attempt, due });
            this.addRetry({ run, index, due });
            return;
        }
        const { cut, output } = this.kept(result);
        this.giveUp(run, index, key, attempt, error, { ...status, ms, at, ...cut, ...redacted }, output);
    }

    /** The output as JSON text, if the job keeps it, and whether it was cut. */
    private kept(result: ProcessorResult): { output?: string; cut: { truncated?: true; outputBytes?: number } } {
        const output = result.outputJson ?? (result.output === undefined ? undefined : JSON.stringify(result.output));
        if (output === undefined || !this.o.keepOutput(result.ok)) return { cut: {} };
        return { output, cut: result.truncated ? { truncated: true, outputBytes: result.outputBytes ?? 0 } : {} };
    }

    /** Records an item as failed. */
    giveUp(
        run: PartitionRun,
        index: number,
        key: ItemKey,
        attempts: number,
        error: Failure,
        rest: { status?: number; ms: number; at: string; truncated?: boolean; outputBytes?: number; redacted?: boolean },
        output?: string,
    ): void {
        this.failures = mergeFailures(this.failures, [
            { code: error.code, count: 1, sample: { index, key: plainKey(key), message: error.message } },
        ]);
        run.record({
            text: outcomeLine({ index, outcome: 'failed', key, attempts, ...rest, error }, output),
            index,
            outcome: 'failed',
            attempts,
        });
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

    private flush(run: PartitionRun): void {
        if (run.isBroken) return;
        run.flushedAt = this.o.clock.now();
        run.flush().then(
            () => {
                if (this.done && run.exhausted && run !== this.current) run.unload();
                this.pump();
            },
            (error: unknown) => this.fail(error),
        );
    }

    private flushLines(): void {
        for (const run of this.runs) if (run.unflushedLines > 0) this.flush(run);
    }
}
