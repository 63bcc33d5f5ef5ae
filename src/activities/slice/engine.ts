// The hot loop of a slice: keeps as many calls in flight as it may, records what comes back, stops in time.
import { retryDelay, type RetryPolicy } from '../../core/retry';
import { succeeded, throttled, type Concurrency } from '../../core/concurrency';
import { attemptLine, outcomeLine } from '../../core/outcome';
import { failure, type Failure } from '../../core/errors';
import { mergeFailures, type FailureGroup } from '../../core/failures';
import type { ProcessorResult } from '../../processors/types';
import type { PartitionRun } from './partitionRun';

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

export interface Call {
    index: number;
    key: string | number;
    attempt: number;
    item: unknown;
    rawItem: string;
}

export interface EngineOptions {
    call: (call: Call) => Promise<ProcessorResult>;
    keyOf: (item: unknown, index: number) => string | number;
    /** Items are parsed; otherwise `call` and `keyOf` get undefined in their place. */
    readsItem: boolean;
    retry: RetryPolicy;
    concurrency: Concurrency;
    keepOutput: (ok: boolean) => boolean;
    /** Opens the next partition, fenced and loaded; null when there is none. */
    openNext: () => Promise<PartitionRun | null>;
    /** No new call after this time (ms). */
    until: number;
    /** Careful and cancelling slices choose what is called themselves, with callAll. */
    manual: boolean;
    now: () => number;
    chance: () => number;
}

interface Retry {
    run: PartitionRun;
    index: number;
    due: number;
}

export class Engine {
    readonly runs: PartitionRun[] = [];
    failures: FailureGroup[] = [];
    stopped: string | null = null;
    inFlight = 0;

    private current: PartitionRun | null = null;
    private ahead: PartitionRun | null = null;
    private opening = false;
    private noMore = false;
    /** Retries by due time, the earliest last. */
    private retries: Retry[] = [];
    private timer: NodeJS.Timeout | undefined;
    private resolve!: () => void;
    private reject!: (error: unknown) => void;
    private finished = false;
    private lastIso = { ms: 0, text: '' };

    constructor(private readonly o: EngineOptions) {}

    /** Runs until everything that can be done in time is done and recorded. Throws Fenced, or the storage error that would not go away. */
    async run(): Promise<void> {
        const flusher = setInterval(() => {
            this.flushLines();
            this.pump();
        }, FLUSH_MS);
        try {
            await new Promise<void>((resolve, reject) => {
                this.resolve = resolve;
                this.reject = reject;
                this.pump();
            });
            await Promise.all(this.runs.map((r) => r.flush()));
            for (const run of this.runs) run.unload();
        } finally {
            this.finished = true;
            clearInterval(flusher);
            clearTimeout(this.timer);
        }
    }

    /** No new calls from now on; what is in flight is waited for and recorded. */
    stop(why: string): void {
        this.stopped ??= why;
        this.pump();
    }

    private pump(): void {
        if (this.finished || this.o.manual) return;
        const now = this.o.now();
        if (now >= this.o.until) this.stopped ??= 'time is up';
        while (!this.stopped && this.inFlight < this.o.concurrency.limit) {
            if (this.choked()) {
                this.flushLines();
                break;
            }
            const next = this.take(now);
            if (!next) break;
            void this.start(next.run, next.index, next.attempt);
        }
        if (this.inFlight > 0 || this.opening) return;
        if (this.stopped || (!this.current && !this.ahead && this.noMore && !this.wakeLater(now))) {
            this.resolve();
        }
    }

    /** Retries that are due within the slice are waited for; says whether there is one. */
    private wakeLater(now: number): boolean {
        const due = this.retries.at(-1)?.due;
        if (due === undefined || due > this.o.until) return false;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.pump(), Math.max(1, due - now));
        return true;
    }

    private choked(): boolean {
        let lines = 0;
        let bytes = 0;
        for (const run of this.runs) {
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
                this.reject(error);
            },
        );
    }

    /** Calls one item; resolves when its answer is in the buffer. */
    private start(run: PartitionRun, index: number, attempt: number): Promise<void> {
        this.inFlight++;
        run.inFlight++;
        const began = this.o.now();
        const rawItem = run.text(index);
        let key: string | number = index;
        const answered = (result: ProcessorResult) => this.answered(run, index, key, attempt, result, began);
        const broke = (error: unknown) => answered({ ok: false, error: failure('PROCESSOR_ERROR', String(error), true) });
        try {
            const item: unknown = this.o.readsItem ? JSON.parse(rawItem) : undefined;
            key = this.o.keyOf(item, index);
            return this.o.call({ index, key, attempt, item, rawItem }).then(answered, broke);
        } catch (error) {
            return Promise.resolve().then(() => broke(error));
        }
    }

    private answered(
        run: PartitionRun,
        index: number,
        key: string | number,
        attempt: number,
        result: ProcessorResult,
        began: number,
    ): void {
        this.inFlight--;
        run.inFlight--;
        if (this.finished) return;
        this.settle(run, index, key, attempt, result, began);
        const enough =
            run.unflushedBytes >= FLUSH_BYTES || (run.unflushedLines >= FLUSH_LINES && this.o.now() >= run.flushedAt + FLUSH_EVERY_MS);
        if (enough || (run.exhausted && run !== this.current)) this.flush(run);
        this.pump();
    }

    /** Records how an attempt ended: an outcome, or a failed attempt with the time of the next. */
    private settle(run: PartitionRun, index: number, key: string | number, attempt: number, result: ProcessorResult, began: number): void {
        const now = this.o.now();
        const ms = now - began;
        const at = this.iso(now);
        const status = result.status === undefined ? {} : { status: result.status };
        if (result.ok) {
            succeeded(this.o.concurrency);
            const { cut, output } = this.kept(result);
            run.record({
                text: outcomeLine({ index, outcome: 'succeeded', key, attempts: attempt, ...status, ms, at, ...cut }, output),
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
            run.record({ text: attemptLine({ attempt, index, at, ms, ...status, error, retryAt: new Date(due).toISOString() }) });
            run.waiting.set(index, { attempts: attempt, due });
            this.addRetry({ run, index, due });
            return;
        }
        const { cut, output } = this.kept(result);
        this.fail(run, index, key, attempt, error, { ...status, ms, at, ...cut }, output);
    }

    /** The output as JSON text, if the job keeps it, and whether it was cut. */
    private kept(result: ProcessorResult): { output?: string; cut: { truncated?: true; outputBytes?: number } } {
        const output = result.outputJson ?? (result.output === undefined ? undefined : JSON.stringify(result.output));
        if (output === undefined || !this.o.keepOutput(result.ok)) return { cut: {} };
        return { output, cut: result.truncated ? { truncated: true, outputBytes: result.outputBytes ?? 0 } : {} };
    }

    /** Careful mode: calls just these items and resolves when each has answered. */
    async callAll(run: PartitionRun, indexes: number[]): Promise<void> {
        await Promise.all(indexes.map((index) => this.start(run, index, (run.waiting.get(index)?.attempts ?? 0) + 1)));
    }

    fail(
        run: PartitionRun,
        index: number,
        key: string | number,
        attempts: number,
        error: Failure,
        rest: { status?: number; ms: number; at: string; truncated?: boolean; outputBytes?: number },
        output?: string,
    ): void {
        this.failures = mergeFailures(this.failures, [{ code: error.code, count: 1, sample: { index, key, message: error.message } }]);
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
        run.flushedAt = this.o.now();
        run.flush().then(
            () => {
                if (!this.o.manual && run.exhausted && run !== this.current) run.unload();
                this.pump();
            },
            (error: unknown) => this.reject(error),
        );
    }

    private flushLines(): void {
        for (const run of this.runs) if (run.unflushedLines > 0) this.flush(run);
    }
}
