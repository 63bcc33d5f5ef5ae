// One call of one item, and how it ended: an outcome, or a failed attempt and the time of the next.
import { CallCounter, type CallStats } from '../../core/callStats';
import type { ItemCode } from '../../core/codes';
import { throttles } from '../../core/concurrency';
import { failure, type Failure } from '../../core/errors';
import { mergeFailures, type FailureGroup } from '../../core/failures';
import { afterFailure, type RetryPolicy } from '../../core/retry';
import { messageOf } from '../../core/text';
import { reach } from '../../crashPoints';
import { plainKey, type ItemKey } from '../../items/itemKey';
import { attemptLine, outcomeLine } from '../../items/outcomeLines';
import { parseExact } from '../../json/exactJson';
import type { ProcessorResult } from '../../processors/processor';
import type { Admission, CallEnding } from './admission';
import type { Clock } from './clock';
import type { PartitionWriter } from './partitionWriter';

export interface Call {
    index: number;
    key: ItemKey;
    attempt: number;
    item: unknown;
    rawItem: string;
}

export interface ItemCallsOptions {
    call: (call: Call) => Promise<ProcessorResult>;
    keyOf: (item: unknown, index: number) => ItemKey;
    /** Items are parsed; otherwise `call` and `keyOf` get undefined in their place. */
    readsItem: boolean;
    /** As it is now. */
    retry: () => RetryPolicy;
    /** Whether the output of an item that ended well, or not, is kept. */
    keepOutput: (ok: boolean) => boolean;
    /** Has admitted each call before it is made. */
    admission: Admission;
    clock: Clock;
    /** Uniform in [0, 1). */
    chance: () => number;
}

/** What a call leads to: nothing more, or a retry that is due then (ms). */
export type CallEnd = { kind: 'ended' } | { kind: 'retry'; due: number };

const ENDED: CallEnd = { kind: 'ended' };

/** An attempt at an item of a partition. */
interface Attempt {
    partition: PartitionWriter;
    index: number;
    key: ItemKey;
    attempt: number;
    /** When it began, in ms. */
    began: number;
}

/** What a line says of an attempt beside how it ended. */
interface Told {
    at: string;
    ms: number;
    status?: number;
    truncated?: boolean;
    outputBytes?: number;
    redacted?: boolean;
}

/** The calls of one slice. What they come to is taken to be recorded; whoever makes them sees to the flushing. */
export class ItemCalls {
    /** Calls that were made. */
    made = 0;
    inFlight = 0;
    failures: FailureGroup[] = [];
    private readonly counter = new CallCounter();
    private lastIso = { ms: 0, text: '' };

    constructor(private readonly o: ItemCallsOptions) {}

    /** How long they took, and how they were answered. */
    get stats(): CallStats {
        return this.counter.stats;
    }

    /** Makes a call that was admitted; resolves when what it came to is taken to be recorded, and never rejects. */
    call(partition: PartitionWriter, index: number, attempt: number): Promise<CallEnd> {
        this.made++;
        this.inFlight++;
        partition.inFlight++;
        const current: Attempt = { partition, index, key: index, attempt, began: this.o.clock.now() };
        const answered = (result: ProcessorResult) => this.answered(current, result);
        const broke = (error: unknown) => this.answered(current, { ok: false, error: failure('PROCESSOR_ERROR', messageOf(error), true) });
        try {
            const rawItem = partition.text(index);
            const item: unknown = this.o.readsItem ? parseExact(rawItem) : undefined;
            current.key = this.o.keyOf(item, index);
            const answer = this.o.call({ index, key: current.key, attempt, item, rawItem });
            reach('call.begun');
            return answer.then(answered, broke);
        } catch (error) {
            return Promise.resolve(error).then(broke);
        }
    }

    private answered(current: Attempt, result: ProcessorResult): CallEnd {
        const now = this.o.clock.now();
        this.inFlight--;
        current.partition.inFlight--;
        const told: Told = { at: this.iso(now), ms: now - current.began };
        let ending = { answered: false, throttles: false };
        try {
            this.count(result, told.ms);
            ending = endingOf(result);
            return this.record(current, result, told, now);
        } catch (error) {
            // A result that no line can hold: the item fails, the others go on.
            const failed = failure('BAD_RESULT', `the result cannot be recorded: ${messageOf(error)}`);
            this.giveUp(current, failed, { at: told.at, ms: 0 });
            return ENDED;
        } finally {
            this.o.admission.ended({ ...ending, ms: told.ms }, now);
            reach('call.answered');
        }
    }

    private count(result: ProcessorResult, ms: number): void {
        const answer = result.status ?? (result.ok ? 'succeeded' : result.error.code);
        // What was never sent, or never connected, says nothing of how long the target takes.
        const took = result.ok || result.status !== undefined || result.error.code === 'TIMEOUT' ? ms : null;
        this.counter.add(took, answer);
    }

    /** Records how an attempt ended: an outcome, or a failed attempt with the time of the next. */
    private record(current: Attempt, result: ProcessorResult, told: Told, now: number): CallEnd {
        const { partition, index, key, attempt } = current;
        if (result.status !== undefined) told.status = result.status;
        if (result.redacted) told.redacted = true;
        if (result.ok) {
            const output = this.keep(result, told);
            const text = outcomeLine({ index, outcome: 'succeeded', key, attempts: attempt, ...told }, output);
            partition.record({ text, index, outcome: 'succeeded', attempts: attempt });
            return ENDED;
        }
        const { code, message, retryable } = result.error;
        const error = failure(code, message, retryable);
        const next = afterFailure(this.o.retry(), { attempt, retryable, retryAfterMs: result.retryAfterMs }, now, this.o.chance());
        if (next.kind === 'retry') {
            const retryAt = new Date(next.due).toISOString();
            partition.record({ text: attemptLine({ attempt, index, ...told, error, retryAt }) });
            partition.waiting.set(index, { attempts: attempt, due: next.due });
            return next;
        }
        this.giveUp(current, error, told, this.keep(result, told));
        return ENDED;
    }

    /** The output as JSON text, if the job keeps it; what is told of it says whether it was cut. */
    private keep(result: ProcessorResult, told: Told): string | undefined {
        const output = result.outputJson ?? (result.output === undefined ? undefined : JSON.stringify(result.output));
        if (output === undefined || !this.o.keepOutput(result.ok)) return undefined;
        if (result.truncated) Object.assign(told, { truncated: true, outputBytes: result.outputBytes ?? 0 });
        return output;
    }

    /** Records an item as failed. `attempt` is how many there were. */
    giveUp({ partition, index, key, attempt }: Omit<Attempt, 'began'>, error: Failure, told: Told, output?: string): void {
        const sample = { index, key: plainKey(key), message: error.message };
        this.failures = mergeFailures(this.failures, [{ code: error.code, count: 1, sample }]);
        const text = outcomeLine({ index, outcome: 'failed', key, attempts: attempt, ...told, error }, output);
        partition.record({ text, index, outcome: 'failed', attempts: attempt });
    }

    /** ISO text of a time; a thousand answers share a millisecond or two. */
    private iso(ms: number): string {
        if (ms !== this.lastIso.ms) this.lastIso = { ms, text: new Date(ms).toISOString() };
        return this.lastIso.text;
    }
}

const endingOf = (result: ProcessorResult): Omit<CallEnding, 'ms'> =>
    result.ok
        ? { answered: true, throttles: false }
        : {
              answered: result.status !== undefined || OWN_FAILURES.has(result.error.code),
              throttles: throttles(result.error.code, result.status),
          };

/** Of a processor that is a function: it was called, and whatever it calls may be slowed down by that. */
const OWN_FAILURES = new Set<ItemCode>(['PROCESSOR_ERROR', 'PROCESSOR_FATAL']);
