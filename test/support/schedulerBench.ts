// A scheduler over partitions in memory, whose calls the test answers, with a clock that only the test moves.
import type { Hold } from '../../src/core/ledger';
import type { Blame, Evidence } from '../../src/core/blame';
import type { EndedCall } from '../../src/activities/limits/jobAtTarget';
import { SliceAdmission, type Admission, type Refusal } from '../../src/activities/processSlice/admission';
import { type PartitionWriter } from '../../src/activities/processSlice/partitionWriter';
import { CallScheduler } from '../../src/activities/processSlice/callScheduler';
import { ItemCalls, type Call } from '../../src/activities/processSlice/itemCalls';
import type { SliceEnd } from '../../src/activities/processSlice/sliceWork';
import type { ProcessorResult } from '../../src/processors/processor';
import { FakeClock, settled } from './fakeClock';
import { MemoryOutcomes } from './memoryOutcomes';
import { newWriter } from './writers';

export const SLICE_MS = 15_000;
export const ok: ProcessorResult = { ok: true };
export const failing = (retryAfterMs?: number): ProcessorResult => ({
    ok: false,
    error: { code: 'HTTP_STATUS', message: 'HTTP 503', retryable: true },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

export interface Made {
    call: Call;
    at: number;
    answer: (result: ProcessorResult) => void;
    fail: (error: unknown) => void;
}

/** Notes what is asked and given back, so that a test can say afterwards that no call was made that was not admitted. */
export class Noted implements Admission {
    inFlight = 0;
    /** The most calls in flight beyond the limit of that moment. */
    excess = 0;
    private readonly concurrency: SliceAdmission;
    /** Refuses everything until then (ms). */
    closedUntil = 0;

    constructor(
        readonly max: number,
        adaptive: boolean,
    ) {
        this.concurrency = admissionOf(max, adaptive);
    }

    get limit(): number {
        return this.concurrency.learned ?? this.max;
    }

    ask(now: number): 'admitted' | Refusal {
        if (now < this.closedUntil) return { why: 'concurrency', askAgainAt: this.closedUntil };
        const verdict = this.concurrency.ask(now);
        if (verdict !== 'admitted') return verdict;
        this.inFlight++;
        this.excess = Math.max(this.excess, this.inFlight - this.limit);
        return verdict;
    }

    ended(result: ProcessorResult, evidence: Evidence, call: EndedCall, now: number): () => Blame {
        this.inFlight--;
        return this.concurrency.ended(result, evidence, call, now);
    }

    notMade(): void {
        this.inFlight--;
        this.concurrency.notMade();
    }

    lastWord = (hasFresh: boolean) => this.concurrency.lastWord(hasFresh);
    readonly meansRetryAfter = true;
    readonly targetWasThere = true;
    readonly isProbing = false;

    holdsOff(now: number): Hold | null {
        return this.concurrency.holdsOff(now);
    }
}

export const admissionOf = (max: number, adaptive: boolean) =>
    new SliceAdmission(
        { concurrency: max, share: null, startAt: null },
        { concurrency: { max, adaptive }, retry: anyRetry, outage: { giveUpAfter: 'P3D' } },
    );
export const anyRetry = { attempts: 3, initialDelay: 'PT1S', maxDelay: 'PT1M', factor: 2 };

/** A slice over partitions of ten items each, whose calls the test answers. */
export class Bench {
    readonly clock = new FakeClock();
    /** Every call that was made, and those that are not answered yet. */
    readonly made: Made[] = [];
    readonly calls: Made[] = [];
    readonly outcomes: MemoryOutcomes[];
    readonly partitions: PartitionWriter[] = [];
    readonly admission: Noted;
    readonly itemCalls: ItemCalls;
    readonly scheduler: CallScheduler;
    openError: Error | null = null;
    beforeOpening = async (): Promise<void> => undefined;
    end: SliceEnd | null = null;
    private closed: Promise<void> | null = null;

    constructor(
        o: {
            partitions?: number;
            items?: number;
            concurrency?: number;
            adaptive?: boolean;
            attempts?: number;
            epoch?: number;
            outcomes?: MemoryOutcomes[];
        } = {},
    ) {
        const { partitions = 1, items = 10, concurrency = 4, adaptive = false, attempts = 3, epoch = 1 } = o;
        this.outcomes = o.outcomes ?? Array.from({ length: partitions }, () => new MemoryOutcomes());
        this.admission = new Noted(concurrency, adaptive);
        this.itemCalls = new ItemCalls({
            call: (call) =>
                new Promise<ProcessorResult>((answer, fail) => {
                    const made = { call, at: this.clock.now(), answer, fail };
                    this.made.push(made);
                    this.calls.push(made);
                }),
            keyOf: (_item, index) => index,
            readsItem: false,
            retry: () => ({ attempts, initialDelayMs: 1000, maxDelayMs: 60_000, factor: 2 }),
            keepOutput: () => true,
            admission: this.admission,
            clock: this.clock,
            chance: () => 1,
        });
        this.scheduler = new CallScheduler({
            calls: this.itemCalls,
            admission: this.admission,
            opened: this.partitions,
            openNext: async () => {
                await this.beforeOpening();
                if (this.openError) throw this.openError;
                const part = this.partitions.length;
                const outcomes = this.outcomes[part];
                if (!outcomes) return null;
                const { clock } = this;
                const store = outcomes.store;
                const writer = newWriter({ store, part, items, firstIndex: part * items, epoch, runId: `run of ${epoch}`, clock });
                await writer.takeOver();
                writer.load(Buffer.from('{}\n'.repeat(items)));
                this.partitions.push(writer);
                return writer;
            },
            until: SLICE_MS,
            hasMore: false,
            clock: this.clock,
        });
    }

    async start(): Promise<void> {
        this.closed = this.scheduler.run().then(async (end) => {
            const recorded = await Promise.allSettled(this.partitions.map((writer) => writer.flush()));
            const refused = recorded.find((one) => one.status === 'rejected');
            this.end = refused && end.why !== 'trouble' ? { why: 'trouble', error: refused.reason } : end;
        });
        await settled();
    }

    get isClosed(): boolean {
        return this.end !== null;
    }

    /** Answers what is in flight, and lets go on what follows. */
    async answerAll(result: ProcessorResult = ok): Promise<void> {
        for (const made of this.calls.splice(0)) made.answer(result);
        await settled();
        // Where much time has passed everything else in the process is let run first: a call that is not made then says nothing.
        await this.clock.pass(0);
    }

    /** Answers everything until nothing more is called and time stands. */
    async finish(result: ProcessorResult = ok): Promise<void> {
        for (let turns = 0; !this.isClosed && turns < 1000; turns++) {
            await this.answerAll(result);
            if (this.calls.length === 0) await this.clock.pass(1000);
        }
        await this.closed;
    }

    get recorded(): number[] {
        return this.outcomes.flatMap((o) => o.recorded()).sort((a, b) => a - b);
    }
}

export const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
