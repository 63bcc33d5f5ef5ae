// The scheduler of calls, with a clock that only the test moves: what is called when, what is recorded, and that nothing is left running.
import { RestError } from '@azure/storage-blob';
import * as fc from 'fast-check';
import { newConcurrency } from '../../../src/core/concurrency';
import { settled as settledCount } from '../../../src/core/counts';
import { PartitionRun, Superseded } from '../../../src/activities/processSlice/partitionWriter';
import { systemClock, type Clock } from '../../../src/activities/processSlice/clock';
import { CallScheduler, type Call } from '../../../src/activities/processSlice/callScheduler';
import type { ProcessorResult } from '../../../src/processors/types';
import { dice } from '../../support/dice';
import { FakeClock, settled } from '../../support/fakeClock';
import { MemoryOutcomes } from '../../support/memoryOutcomes';
import { runs } from '../../support/runs';

const SLICE_MS = 15_000;
const ok: ProcessorResult = { ok: true };
const failing = (retryAfterMs?: number): ProcessorResult => ({
    ok: false,
    error: { code: 'HTTP_STATUS', message: 'HTTP 503', retryable: true },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

interface Made {
    call: Call;
    at: number;
    answer: (result: ProcessorResult) => void;
    fail: (error: unknown) => void;
}

/** A slice over partitions of ten items each, whose calls the test answers. */
class Bench {
    readonly clock = new FakeClock();
    readonly calls: Made[] = [];
    readonly outcomes: MemoryOutcomes[];
    readonly runs: PartitionRun[] = [];
    readonly scheduler: CallScheduler;
    openError: Error | null = null;
    private closed: Promise<void> | null = null;
    isClosed = false;

    constructor(
        o: {
            partitions?: number;
            items?: number;
            concurrency?: number;
            attempts?: number;
            epoch?: number;
            outcomes?: MemoryOutcomes[];
        } = {},
    ) {
        const { partitions = 1, items = 10, concurrency = 4, attempts = 3, epoch = 1 } = o;
        this.outcomes = o.outcomes ?? Array.from({ length: partitions }, () => new MemoryOutcomes());
        this.scheduler = new CallScheduler({
            call: (call) =>
                new Promise<ProcessorResult>((answer, fail) => void this.calls.push({ call, at: this.clock.now(), answer, fail })),
            keyOf: (_item, index) => index,
            readsItem: false,
            retry: { attempts, initialDelayMs: 1000, maxDelayMs: 60_000, factor: 2 },
            concurrency: newConcurrency(concurrency, false, null),
            keepOutput: () => true,
            openNext: async () => {
                if (this.openError) throw this.openError;
                const part = this.runs.length;
                const outcomes = this.outcomes[part];
                if (!outcomes) return null;
                const run = new PartitionRun(
                    outcomes.store,
                    'j',
                    part,
                    { offset: 0, bytes: 0, items: items, firstIndex: part * items },
                    epoch,
                    `run of ${epoch}`,
                    this.clock,
                );
                await run.takeOver();
                run.load(Buffer.from('{}\n'.repeat(items)));
                this.runs.push(run);
                return run;
            },
            until: SLICE_MS,
            clock: this.clock,
            chance: () => 1,
        });
    }

    async start(): Promise<void> {
        this.closed = this.scheduler.run().then(() => void (this.isClosed = true));
        await settled();
    }

    /** Answers what is in flight, and lets go on what follows. */
    async answerAll(result: ProcessorResult = ok): Promise<void> {
        for (const made of this.calls.splice(0)) made.answer(result);
        await settled();
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

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

test('keeps as many calls in flight as it may, and records every item once', async () => {
    const b = new Bench({ partitions: 3 });
    await b.start();
    expect(b.calls).toHaveLength(4);
    await b.answerAll();
    expect(b.calls).toHaveLength(4);
    await b.finish();
    expect(b.recorded).toEqual(upTo(30));
    expect(b.scheduler).toMatchObject({ inFlight: 0, calls: 30, broke: null });
});

test('retries come when they are due, in the order in which they are, and not before', async () => {
    const b = new Bench({ items: 3, concurrency: 3, attempts: 5 });
    await b.start();
    const [first, second, third] = b.calls.splice(0);
    first!.answer(failing(5_000));
    second!.answer(failing(2_000));
    third!.answer(ok);
    await settled();
    expect(b.calls).toHaveLength(0);
    await b.clock.pass(2_000);
    expect(b.calls).toHaveLength(0); // a tenth of jitter on top
    await b.clock.pass(300);
    expect(b.calls.map((c) => [c.call.index, c.call.attempt])).toEqual([[1, 2]]);
    await b.clock.pass(3_300);
    expect(b.calls.map((c) => c.call.index)).toEqual([1, 0]);
    await b.finish();
    expect(b.recorded).toEqual(upTo(3));
});

test('a retry that is due after the slice is left for the next', async () => {
    const b = new Bench({ items: 1 });
    await b.start();
    await b.answerAll(failing(60_000));
    await b.finish();
    expect(b.runs[0]!.waiting.get(0)).toMatchObject({ attempts: 1 });
    expect(b.outcomes[0]!.text()).toContain('"attempt":1,"index":0');
});

test('when time is up nothing new is called; what is in flight is waited for and recorded', async () => {
    const b = new Bench({ items: 100 });
    await b.start();
    await b.clock.pass(SLICE_MS);
    await b.answerAll();
    expect(b.calls).toHaveLength(0);
    await b.finish();
    expect(b.recorded).toEqual(upTo(4));
    expect(b.scheduler.stopped).toBe('time');
});

test('a cancel in the middle: no further call, and the scheduler is not closed before the last has answered', async () => {
    const b = new Bench({ items: 100 });
    await b.start();
    b.scheduler.stop('cancelled');
    await b.clock.pass(60_000);
    expect(b.isClosed).toBe(false);
    await b.answerAll();
    await b.finish();
    expect(b.calls).toHaveLength(0);
    expect(b.recorded).toEqual(upTo(4));
});

const refusal = () => new RestError('no', { statusCode: 403 });

test('an append that is refused stops the calling, not the recording: nothing is called twice, and it goes on when storage does', async () => {
    const b = new Bench({ items: 20 });
    await b.start();
    b.outcomes[0]!.answers = [refusal(), refusal()];
    await b.answerAll();
    await b.clock.pass(600); // the flush, refused
    const inFlight = b.calls.length;
    await b.answerAll();
    expect(inFlight).toBe(4);
    expect(b.calls).toHaveLength(0);
    await b.clock.pass(4_000);
    expect(b.calls.length).toBeGreaterThan(0);
    await b.finish();
    expect(b.recorded).toEqual(upTo(20));
    expect(b.scheduler.calls).toBe(20);
});

test('an append that goes on being refused ends the slice, with what the other partitions answered recorded', async () => {
    const b = new Bench({ partitions: 2, items: 2 });
    await b.start();
    b.outcomes[0]!.answers = Array.from({ length: 100 }, refusal);
    await b.answerAll();
    for (let s = 0; s < 40; s++) {
        await b.answerAll();
        await b.clock.pass(1_000);
    }
    await b.finish();
    expect(b.scheduler.broke).toMatchObject({ statusCode: 403 });
    expect(b.recorded).toEqual([2, 3]);
    expect(b.runs[0]!.counts.succeeded).toBe(0);
});

test('a takeover in the middle: the superseded slice closes when its calls have answered, and records nothing more', async () => {
    const outcomes = [new MemoryOutcomes()];
    const old = new Bench({ items: 8, outcomes, epoch: 1 });
    await old.start();
    const heir = new Bench({ items: 8, outcomes, epoch: 2 });
    await heir.start();
    await old.answerAll();
    await old.clock.pass(1_000);
    expect(old.isClosed).toBe(false); // four more are in flight
    await old.answerAll();
    await old.finish();
    expect(old.scheduler.broke).toBeInstanceOf(Superseded);
    expect(outcomes[0]!.recorded()).toEqual([]);
    await heir.finish();
    expect(heir.recorded).toEqual(upTo(8));
});

test('a partition that cannot be opened ends the slice, and what was answered is recorded', async () => {
    const b = new Bench({ partitions: 5, items: 4 });
    await b.start();
    b.openError = refusal();
    await b.finish();
    expect(b.scheduler.broke).toBe(b.openError);
    expect(b.runs).toHaveLength(2); // the second was opened ahead
    expect(b.recorded).toHaveLength(b.scheduler.calls);
});

test('an answer to an append that is lost changes nothing', async () => {
    const b = new Bench({ items: 12 });
    await b.start();
    b.outcomes[0]!.loseNextAnswer = true;
    await b.finish();
    expect(b.recorded).toEqual(upTo(12));
    expect(b.scheduler.calls).toBe(12);
});

test('back-pressure: with too much unrecorded nothing new is called', async () => {
    const b = new Bench({ items: 20_000, concurrency: 512 });
    await b.start();
    b.outcomes[0]!.hold();
    for (let turns = 0; turns < 100; turns++) await b.answerAll();
    const made = b.scheduler.calls;
    expect(made).toBeLessThan(9_000); // 4,000 on their way to storage, as many behind them, and what was in flight
    b.outcomes[0]!.release();
    await settled();
    await b.answerAll();
    expect(b.scheduler.calls).toBeGreaterThan(made);
    b.scheduler.stop('cancelled');
    await b.finish();
    expect(b.recorded).toHaveLength(b.scheduler.calls);
});

test.each([
    ['a processor that throws', (made: Made) => made.fail(new Error('broken'))],
    ['a delay that is no number', (made: Made) => made.answer(failing(NaN))],
    ['an output that is no JSON', (made: Made) => made.answer({ ok: true, output: { n: 1n } })],
])('%s is its item’s own affair', async (_what, end) => {
    const b = new Bench({ items: 3, concurrency: 3, attempts: 1 });
    await b.start();
    const [first, ...others] = b.calls.splice(0);
    end(first!);
    for (const made of others) made.answer(ok);
    await b.finish();
    expect(b.recorded).toEqual(upTo(3));
    expect(b.runs[0]!.counts).toMatchObject({ succeeded: 2, failed: 1 });
});

test('whatever answers, fails, is refused or lost, in any order: every item is recorded once or is left, and no call is left running', async () => {
    await fc.assert(
        fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }), async (seed, partitions, items) => {
            const roll = dice(seed);
            const b = new Bench({ partitions, items, concurrency: 1 + Math.floor(roll() * 8) });
            await b.start();
            const stopAt = roll() < 0.3 ? Math.floor(roll() * 50) : Infinity;
            for (let turn = 0; !b.isClosed && turn < 2_000; turn++) {
                if (turn === stopAt) b.scheduler.stop('makingRoom');
                const outcomes = b.outcomes[Math.floor(roll() * partitions)]!;
                if (roll() < 0.05) outcomes.answers.push(refusal());
                if (roll() < 0.05) outcomes.loseNextAnswer = outcomes.data !== null;
                const [made] = b.calls.splice(Math.floor(roll() * b.calls.length), 1);
                if (!made || roll() < 0.1) await b.clock.pass(Math.floor(roll() * 2_000));
                if (made) made.answer(roll() < 0.7 ? ok : failing(roll() < 0.5 ? 500 : undefined));
                await settled();
            }
            expect(b.isClosed).toBe(true);
            expect(b.scheduler.inFlight).toBe(0);
            expect(new Set(b.recorded).size).toBe(b.recorded.length);
            for (const run of b.runs) expect(settledCount(run.counts) + run.waiting.size).toBeLessThanOrEqual(run.items);
            // A retry that is due after the slice's end closes it too, and stays waiting.
            const waiting = b.runs.reduce((sum, run) => sum + run.waiting.size, 0);
            if (stopAt === Infinity && !b.scheduler.broke && b.scheduler.stopped === null)
                expect(b.recorded.length + waiting).toBe(partitions * items);
        }),
        { numRuns: runs(100) },
    );
});

test('whatever a call ends with, its slot is free again: what has no text, what throws when it is looked at, no result at all', async () => {
    const noText = {
        toString: () => {
            throw noText as unknown as Error;
        },
    };
    const untouchable: object = new Proxy(noText, {
        getPrototypeOf: () => {
            throw noText as unknown as Error;
        },
        get: () => {
            throw noText as unknown as Error;
        },
    });
    const b = new Bench({ items: 6, concurrency: 6, attempts: 1 });
    await b.start();
    const calls = b.calls.splice(0);
    calls[0]!.fail(noText);
    calls[1]!.fail(untouchable);
    calls[2]!.fail(Object.create(null));
    calls[3]!.answer(undefined as never);
    calls[4]!.answer({ ok: true, output: untouchable });
    calls[5]!.answer(ok);
    await b.finish();
    expect(b.isClosed).toBe(true);
    expect(b.recorded).toEqual(upTo(6));
    expect(b.scheduler).toMatchObject({ inFlight: 0, broke: null });
});

test('everything else in the process has its turn, however long it takes to begin calls and however soon they fail', async () => {
    const outcomes = new MemoryOutcomes();
    let time = 0;
    let run: PartitionRun | null = null;
    const clock: Clock = { ...systemClock, now: () => time };
    let calls = 0;
    let others = 0;
    let mostInTurn = 0;
    let since = 0;
    const scheduler = new CallScheduler({
        // Each takes 20 ms to find that nothing is to be sent.
        call: async () => {
            time += 20;
            calls++;
            mostInTurn = Math.max(mostInTurn, ++since);
            return { ok: false, error: { code: 'BODY_EXPRESSION', message: '', retryable: false } };
        },
        keyOf: (_item, index) => index,
        readsItem: false,
        retry: { attempts: 1, initialDelayMs: 0, maxDelayMs: 0, factor: 1 },
        concurrency: newConcurrency(32, false, null),
        keepOutput: () => false,
        openNext: async () => {
            if (run) return null;
            run = new PartitionRun(outcomes.store, 'j', 0, { offset: 0, bytes: 0, items: 300, firstIndex: 0 }, 1, 'run', clock);
            await run.takeOver();
            run.load(Buffer.from('{}\n'.repeat(300)));
            return run;
        },
        until: SLICE_MS,
        clock,
        chance: () => 1,
    });
    let over = false;
    const look = (): void => {
        others++;
        since = 0;
        if (!over) setImmediate(look);
    };
    setImmediate(look);
    await scheduler.run();
    over = true;
    expect(calls).toBe(300);
    expect(mostInTurn).toBeLessThan(20);
    expect(others).toBeGreaterThan(30);
    expect(outcomes.recorded()).toEqual(upTo(300));
});
