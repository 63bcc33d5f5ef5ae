// One call of one item, and how it ended: an outcome, or a failed attempt and the time of the next.
import type { Blame } from '../../core/blame';
import { CallCounter, type CallStats } from '../../core/callStats';
import { failure, type Failure } from '../../core/errors';
import { KEPT_GROUPS, sampleText, type FailureGroup } from '../../core/failures';
import { afterFailure, heldDelay, type RetryPolicy } from '../../core/retry';
import { messageOf } from '../../core/text';
import { reach } from '../../crashPoints';
import { FailureTally } from '../../items/failureTally';
import type { ItemKey } from '../../items/itemKey';
import { attemptLine, outcomeLine } from '../../items/outcomeLines';
import { parseExact } from '../../json/exactJson';
import type { Failed, ProcessorResult } from '../../processors/processor';
import type { Admission } from './admission';
import type { Clock } from './clock';
import { evidenceOf } from './evidence';
import type { PartitionWriter } from './partitionWriter';

export interface Call {
    index: number;
    key: ItemKey;
    attempt: number;
    item: unknown;
    rawItem: string;
}

/** Whoever is told how items end. */
export interface Spending {
    /** An item has been given its outcome; `code`: it failed with that. */
    settled(code: string | null): void;
    /** The last attempt at an item has failed with that, and nobody can say yet whether it counts. */
    opened(code: string): void;
    /** Of those somebody can say now: the ones that count were told as settled before. */
    decided(codes: string[]): void;
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
    spending?: Spending;
}

/** What a call leads to: nothing more, or a retry that is due then (ms); or it is open whose fault its failure is, which `decide` finds out. */
export type CallEnd = { kind: 'ended' } | { kind: 'retry'; due: number } | { kind: 'open' };

/** Kinds of failure that a slice counts exactly: many more than it reports, so that a kind that becomes frequent late is not overlooked. */
const TALLIED_KINDS = 1_000;

const ENDED: CallEnd = { kind: 'ended' };
const OPEN: CallEnd = { kind: 'open' };

/** An item to be called again, at `due` (ms). */
export interface Retry {
    partition: PartitionWriter;
    index: number;
    due: number;
}

/** An attempt at an item of a partition. */
interface Attempt {
    partition: PartitionWriter;
    index: number;
    key: ItemKey;
    attempt: number;
    /** When it began, in ms, and how long before that it had failed at a target that may have been away. */
    began: number;
    heldMs: number;
}

/** What a line says of an attempt beside how it ended. */
interface Told {
    at: string;
    throttled?: number;
    waitedMs?: number;
    ms: number;
    status?: number;
    truncated?: boolean;
    outputBytes?: number;
    redacted?: boolean;
}

/** The last call of an item that failed: what it was, and its output as JSON text if that is kept. */
interface LastCall {
    output?: string | undefined;
    request?: string | undefined;
}

/** Whose fault a failure is. */
interface Fault {
    /** As far as anybody can say, now or later. */
    blame: () => Blame;
    /** There was no connection, at the item's first attempt: nothing was asked of the target for it. */
    isUnreachable: boolean;
}

/** A failed attempt of which nobody can say yet whose fault it is: nothing has been answered after it. */
interface Undecided extends Fault {
    current: Attempt;
    result: Failed;
    told: Told;
    /** When it ended, in ms. */
    ended: number;
    /** If it counts, its item has failed. */
    isLast: boolean;
}

/** The calls of one slice. What they come to is taken to be recorded; whoever makes them sees to the flushing. */
export class ItemCalls {
    /** Calls that were made. */
    made = 0;
    inFlight = 0;
    private readonly failed = new FailureTally(TALLIED_KINDS);
    private undecided: Undecided[] = [];
    private readonly counter = new CallCounter();
    private lastIso = { ms: 0, text: '' };

    constructor(private readonly o: ItemCallsOptions) {}

    /** Items that failed, by their kinds. */
    get failures(): FailureGroup[] {
        return this.failed.groups(KEPT_GROUPS);
    }

    /** How long they took, and how they were answered. */
    get stats(): CallStats {
        return this.counter.stats;
    }

    /** Makes a call that was admitted; resolves when what it came to is taken to be recorded, and never rejects. */
    call(partition: PartitionWriter, index: number, attempt: number): Promise<CallEnd> {
        this.made++;
        this.inFlight++;
        partition.inFlight++;
        const began = this.o.clock.now();
        const current: Attempt = { partition, index, key: index, attempt, began, heldMs: partition.held.called(index, began) };
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
        const told: Told = { at: this.iso(now), ms: now - current.began };
        let end: CallEnd = ENDED;
        try {
            this.count(result, told.ms);
            // First of all what it tells of the target: whose fault it is depends on that.
            const { attempt, heldMs } = current;
            const evidence = evidenceOf(result);
            const blame = this.o.admission.ended(result, evidence, { ms: told.ms, isProven: attempt > 1, heldMs }, now);
            end = this.judge(current, result, told, now, { blame, isUnreachable: evidence === 'unreachable' && attempt === 1 });
        } catch (error) {
            // A result that no line can hold: the item fails, the others go on.
            const failed = failure('BAD_RESULT', `the result cannot be recorded: ${messageOf(error)}`);
            this.giveUp(current, failed, { at: told.at, ms: 0 });
        }
        // What is open is as good as in flight: its partition is not through.
        if (end.kind !== 'open') current.partition.inFlight--;
        reach('call.answered');
        return end;
    }

    private judge(current: Attempt, result: ProcessorResult, told: Told, now: number, fault: Fault): CallEnd {
        if (result.ok || !result.error.retryable) return this.record(current, result, told, now);
        const verdict = fault.blame();
        if (verdict === 'item') return this.record(current, result, told, now);
        if (verdict !== 'open') return this.hold(current, result, verdict, now, true);
        const isLast = current.attempt >= this.o.retry().attempts;
        this.undecided.push({ current, result, told, ended: now, isLast, ...fault });
        if (isLast) this.o.spending?.opened(result.error.code);
        return OPEN;
    }

    /** Whether there are failures of which nobody can say yet whose fault they are. */
    get hasOpen(): boolean {
        return this.undecided.length > 0;
    }

    /**
     * Decides what can be decided now of the failures that are open, or all of them: `rest` is the word on those of which nobody can say. Gives the items
     * that are to be called again.
     */
    decide(now: number, rest: 'item' | 'target' | null = null): Retry[] {
        if (this.undecided.length === 0) return [];
        const open = this.undecided;
        const decided: string[] = [];
        this.undecided = [];
        const retries = open.flatMap((one) => {
            const found = one.blame();
            const last = rest === 'item' && one.isUnreachable && !this.o.admission.targetWasThere ? 'target' : rest;
            const verdict = found === 'open' ? last : found;
            if (verdict === null) {
                this.undecided.push(one);
                return [];
            }
            const { current, result, told, ended } = one;
            if (one.isLast) decided.push(result.error.code);
            const end =
                verdict === 'item' ? this.record(current, result, told, ended) : this.hold(current, result, verdict, now, found !== 'open');
            const { partition, index } = current;
            partition.inFlight--;
            return end.kind === 'retry' ? [{ partition, index, due: end.due }] : [];
        });
        if (decided.length > 0) this.o.spending?.decided(decided);
        return retries;
    }

    /** The item waits, and has used up no attempt. `isKnown`: that the target is away is known, and not only supposed. */
    private hold(
        { partition, index, attempt }: Attempt,
        { retryAfterMs }: Failed,
        blame: 'target' | 'throttle',
        now: number,
        isKnown: boolean,
    ): CallEnd {
        const times = partition.held.hold(index, attempt, now, blame === 'target');
        const asked = this.o.admission.meansRetryAfter ? retryAfterMs : undefined;
        // Of a target that is away somebody finds out when it is back: then at once.
        const due = blame === 'throttle' || !isKnown ? now + heldDelay(times, asked, this.o.chance()) : now;
        partition.waiting.set(index, { attempts: attempt - 1, due });
        return { kind: 'retry', due };
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
        Object.assign(told, partition.held.told(index));
        if (result.ok) {
            const output = this.keep(result, told);
            const text = outcomeLine({ index, outcome: 'succeeded', key, attempts: attempt, ...told }, output);
            partition.record({ text, index, outcome: 'succeeded', attempts: attempt });
            this.o.spending?.settled(null);
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
        this.giveUp(current, error, told, { output: this.keep(result, told), request: result.request });
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
    giveUp(
        { partition, index, key, attempt }: Omit<Attempt, 'began' | 'heldMs'>,
        error: Failure,
        told: Told,
        { output, request }: LastCall = {},
    ): void {
        const called = request === undefined ? {} : { request: sampleText(request) };
        this.failed.add({ index, key, at: told.at, status: told.status, error, ...called, output: () => output });
        const text = outcomeLine({ index, outcome: 'failed', key, attempts: attempt, ...told, error, ...called }, output);
        partition.record({ text, index, outcome: 'failed', attempts: attempt });
        this.o.spending?.settled(error.code);
    }

    /** ISO text of a time; a thousand answers share a millisecond or two. */
    private iso(ms: number): string {
        if (ms !== this.lastIso.ms) this.lastIso = { ms, text: new Date(ms).toISOString() };
        return this.lastIso.text;
    }
}
