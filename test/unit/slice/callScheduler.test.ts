// The scheduler of calls, with a clock that only the test moves: what is called when, what is recorded, and that nothing is left running.
import type { ItemCode } from '../../../src/core/codes';
import { RestError } from '@azure/storage-blob';
import * as fc from 'fast-check';
import { finished } from '../../../src/core/counts';
import { Superseded, type PartitionWriter } from '../../../src/activities/processSlice/partitionWriter';
import { systemClock, type Clock } from '../../../src/activities/processSlice/clock';
import { CallScheduler } from '../../../src/activities/processSlice/callScheduler';
import { ItemCalls } from '../../../src/activities/processSlice/itemCalls';
import type { ProcessorResult } from '../../../src/processors/processor';
import { dice } from '../../support/dice';
import { FakeClock, settled } from '../../support/fakeClock';
import { attemptLine } from '../../../src/items/outcomeLines';
import { MemoryOutcomes } from '../../support/memoryOutcomes';
import { runs } from '../../support/runs';
import { newWriter } from '../../support/writers';
import { SLICE_MS, ok, failing, type Made, admissionOf, Bench, upTo } from '../../support/schedulerBench';

test('keeps as many calls in flight as it may, and records every item once', async () => {
    const b = new Bench({ partitions: 3 });
    await b.start();
    expect(b.calls).toHaveLength(4);
    await b.answerAll();
    expect(b.calls).toHaveLength(4);
    await b.finish();
    expect(b.recorded).toEqual(upTo(30));
    expect(b.itemCalls).toMatchObject({ inFlight: 0, made: 30 });
    expect(b.end).toEqual({ why: 'done' });
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
    expect(b.partitions[0]!.waiting.get(0)).toMatchObject({ attempts: 1 });
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
    expect(b.end).toEqual({ why: 'time' });
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
    expect(b.itemCalls.made).toBe(20);
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
    expect(b.end).toMatchObject({ why: 'trouble', error: { statusCode: 403 } });
    expect(b.recorded).toEqual([2, 3]);
    expect(b.partitions[0]!.counts.succeeded).toBe(0);
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
    expect(old.end).toEqual({ why: 'trouble', error: expect.any(Superseded) as Superseded });
    expect(outcomes[0]!.recorded()).toEqual([]);
    await heir.finish();
    expect(heir.recorded).toEqual(upTo(8));
});

test('a partition that cannot be opened ends the slice, and what was answered is recorded', async () => {
    const b = new Bench({ partitions: 5, items: 4 });
    await b.start();
    b.openError = refusal();
    await b.finish();
    expect(b.end).toEqual({ why: 'trouble', error: b.openError });
    expect(b.partitions).toHaveLength(2); // the second was opened ahead
    expect(b.recorded).toHaveLength(b.itemCalls.made);
});

test('an answer to an append that is lost changes nothing', async () => {
    const b = new Bench({ items: 12 });
    await b.start();
    b.outcomes[0]!.loseNextAnswer = true;
    await b.finish();
    expect(b.recorded).toEqual(upTo(12));
    expect(b.itemCalls.made).toBe(12);
});

test('back-pressure: with too much unrecorded nothing new is called', async () => {
    const b = new Bench({ items: 20_000, concurrency: 512 });
    await b.start();
    b.outcomes[0]!.hold();
    for (let turns = 0; turns < 100; turns++) await b.answerAll();
    const made = b.itemCalls.made;
    expect(made).toBeLessThan(9_000); // 4,000 on their way to storage, as many behind them, and what was in flight
    b.outcomes[0]!.release();
    await settled();
    await b.answerAll();
    expect(b.itemCalls.made).toBeGreaterThan(made);
    b.scheduler.stop('cancelled');
    await b.finish();
    expect(b.recorded).toHaveLength(b.itemCalls.made);
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
    expect(b.partitions[0]!.counts).toMatchObject({ succeeded: 2, failed: 1 });
});

test('lines are appended when there are many, and when a partition has nothing more to call, without waiting for the clock', async () => {
    const many = new Bench({ items: 2_000, concurrency: 500 });
    await many.start();
    await many.clock.pass(100);
    await many.answerAll();
    expect(many.recorded.length).toBeGreaterThanOrEqual(400);
    const last = new Bench({ partitions: 2, items: 4 });
    await last.start();
    await last.answerAll();
    expect(last.outcomes[0]!.recorded()).toEqual(upTo(4));
});

test('what waits for a retry when a partition is taken over is called when it is due; what was recorded meanwhile is not', async () => {
    const outcomes = [new MemoryOutcomes()];
    const before = newWriter({ store: outcomes[0]!.store, items: 3, epoch: 1, clock: new FakeClock(), jobId: 'j' });
    await before.takeOver();
    for (const index of [0, 1]) {
        const retryAt = new Date(2_000).toISOString();
        before.record({ text: attemptLine({ attempt: 1, index, at: 'T', ms: 1, error: { code: 'TIMEOUT', message: '' }, retryAt }) });
    }
    await before.flush();
    const b = new Bench({ items: 3, outcomes, epoch: 2 });
    await b.start();
    await b.answerAll();
    expect(b.made.map(({ call }) => call.index)).toEqual([2]);
    b.partitions[0]!.waiting.delete(1);
    await b.clock.pass(2_000);
    expect(b.made.map(({ call }) => [call.index, call.attempt])).toEqual([
        [2, 1],
        [0, 2],
    ]);
    expect(b.made.every(({ call }) => call.rawItem === '{}')).toBe(true);
});

test('with five hundred items of a partition waiting nothing fresh of it is called', async () => {
    const b = new Bench({ items: 700, concurrency: 10, attempts: 5 });
    await b.start();
    for (let round = 0; !b.isClosed && round < 200; round++) await b.answerAll(failing(100_000));
    // None of the retries is due in this slice: it does not wait for its time to be up.
    expect(b.end).toEqual({ why: 'done' });
    expect(b.clock.now()).toBe(0);
    expect(b.itemCalls.made).toBe(500);
});

test('a target that throttles has fewer calls in flight, and more again after as many successes', async () => {
    const b = new Bench({ items: 200, concurrency: 8, adaptive: true, attempts: 1 });
    await b.start();
    await b.clock.pass(200);
    await b.answerAll(throttling());
    expect(b.calls).toHaveLength(5);
    for (let round = 0; round < 4; round++) await b.answerAll();
    expect(b.calls).toHaveLength(8);
});

test('where nothing was learned few calls are in flight, and more with every answer, also one that refuses the item; a target that is not reached gets no more', async () => {
    for (const [result, most] of [
        [refused(404, 'HTTP_STATUS'), 20],
        [refused(undefined, 'PROCESSOR_ERROR'), 20],
        [refused(undefined, 'CONNECTION'), 8],
    ] as const) {
        const b = new Bench({ items: 200, concurrency: 20, adaptive: true, attempts: 1 });
        await b.start();
        expect(b.calls).toHaveLength(8);
        for (let round = 0; round < 5; round++) await b.answerAll(result);
        expect(b.calls).toHaveLength(most);
    }
});

const refused = (status: number | undefined, code: ItemCode): ProcessorResult => ({
    ok: false,
    error: { code, message: 'no', retryable: false },
    ...(status === undefined ? {} : { status }),
});

test('what is kept of an answer is in its line: an output that the job keeps, that it was cut, that a secret was taken out', async () => {
    const b = new Bench({ items: 2, concurrency: 2, attempts: 1 });
    await b.start();
    const [good, bad] = b.calls.splice(0);
    good!.answer({ ok: true, output: 'abc', truncated: true, outputBytes: 9, redacted: true, status: 200 });
    bad!.answer({ ok: false, error: { code: 'HTTP_STATUS', message: 'HTTP 400', retryable: false }, output: { n: 1 }, status: 400 });
    await b.finish();
    const [first, second] = b.outcomes[0]!.text()
        .split('\n')
        .filter((line) => line.startsWith('{"index"'));
    expect(JSON.parse(first!)).toMatchObject({ status: 200, output: 'abc', truncated: true, outputBytes: 9, redacted: true });
    expect(JSON.parse(second!)).toMatchObject({ outcome: 'failed', status: 400, output: { n: 1 }, error: { code: 'HTTP_STATUS' } });
});

const throttling = (): ProcessorResult => ({
    ok: false,
    status: 429,
    error: { code: 'HTTP_STATUS', message: 'HTTP 429', retryable: true },
});

test('whatever answers, throttles, fails, is refused or lost, in any order: no call beyond the limit, none after the stop, none before it is due, every item recorded once or left', async () => {
    await fc.assert(
        fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }), async (seed, partitions, items) => {
            const roll = dice(seed);
            const b = new Bench({ partitions, items, concurrency: 1 + Math.floor(roll() * 8), adaptive: roll() < 0.5 });
            let seen = 0;
            const due = new Map<number, number>();
            const throttled = new Set<Made>();
            await b.start();
            const stopAt = roll() < 0.3 ? Math.floor(roll() * 50) : Infinity;
            let madeAtStop = Infinity;
            const look = () => {
                for (const { call, at } of b.made.slice(seen)) {
                    expect(at).toBeGreaterThanOrEqual(due.get(call.index) ?? 0);
                    expect(at).toBeLessThan(SLICE_MS);
                }
                seen = b.made.length;
                expect(b.admission.excess).toBe(0);
                expect(b.admission.inFlight).toBe(b.itemCalls.inFlight);
                expect(b.itemCalls.made).toBeLessThanOrEqual(madeAtStop);
            };
            for (let round = 0; !b.isClosed && round < 2_000; round++) {
                if (round === stopAt) {
                    b.scheduler.stop('makingRoom');
                    madeAtStop = b.itemCalls.made;
                }
                const outcomes = b.outcomes[Math.floor(roll() * partitions)]!;
                if (roll() < 0.05) outcomes.answers.push(refusal());
                if (roll() < 0.05) outcomes.loseNextAnswer = outcomes.data !== null;
                if (roll() < 0.03) b.admission.closedUntil = b.clock.now() + Math.floor(roll() * 3_000);
                // Often one answer at a time, sometimes several in the same turn.
                const ones = b.calls.splice(Math.floor(roll() * b.calls.length), roll() < 0.3 ? 8 : 1);
                if (ones.length === 0 || roll() < 0.1) await b.clock.pass(Math.floor(roll() * 2_000));
                look();
                for (const one of ones) {
                    const kind = roll();
                    if (kind >= 0.5) due.set(one.call.index, b.clock.now() + 500);
                    if (kind >= 0.5 && kind < 0.7) throttled.add(one);
                    one.answer(kind < 0.5 ? ok : kind < 0.7 ? throttling() : failing(kind < 0.9 ? 500 : undefined));
                }
                await settled();
                look();
            }
            expect(b.isClosed).toBe(true);
            expect(b.itemCalls.inFlight).toBe(0);
            // Each attempt at each item once, but for those that the target refused to hear: they do not count, and are made again.
            const heard = b.made.filter((made) => !throttled.has(made));
            expect(new Set(heard.map(({ call }) => `${call.index}/${call.attempt}`)).size).toBe(heard.length);
            expect(b.made).toHaveLength(b.itemCalls.made);
            for (const { attempt } of b.made.map(({ call }) => call)) expect(attempt).toBeLessThanOrEqual(3);
            expect(new Set(b.recorded).size).toBe(b.recorded.length);
            for (const { counts, waiting, items } of b.partitions) expect(finished(counts) + waiting.size).toBeLessThanOrEqual(items);
            // A retry that is due after the slice's end closes it too, and stays waiting.
            const waiting = b.partitions.reduce((sum, { waiting }) => sum + waiting.size, 0);
            if (b.end?.why === 'done' && b.admission.closedUntil <= SLICE_MS) expect(b.recorded.length + waiting).toBe(partitions * items);
        }),
        { numRuns: runs(100) },
    );
});

test('answers that come together end no slice in which their retries are due', async () => {
    const b = new Bench({ items: 4, concurrency: 4 });
    await b.start();
    const [first, ...others] = b.calls.splice(0);
    first!.answer(ok);
    for (const made of others) made.answer(failing());
    await settled();
    expect(b.isClosed).toBe(false);
    await b.clock.pass(1_100);
    expect(b.calls.map(({ call }) => [call.index, call.attempt])).toEqual([1, 2, 3].map((index) => [index, 2]));
    await b.finish();
    expect(b.recorded).toEqual(upTo(4));
    expect(b.end).toEqual({ why: 'done' });
});

test('a retry that is due while other calls are in flight is made when it is due', async () => {
    const b = new Bench({ items: 2, concurrency: 2 });
    await b.start();
    b.calls.splice(0, 1)[0]!.answer(failing());
    await b.clock.pass(999);
    expect(b.made).toHaveLength(2);
    await b.clock.pass(1);
    expect(b.made).toHaveLength(3);
    await b.finish();
});

test.each(['time', 'makingRoom'] as const)('trouble that comes when the slice closes already (%s) is told all the same', async (why) => {
    const b = new Bench({ partitions: 2, items: 2, concurrency: 1 });
    let refuse = (_error: Error): void => undefined;
    const opening = new Promise<void>((_resolve, reject) => (refuse = reject));
    // Half of the first partition is called, and the second is being opened.
    b.beforeOpening = () => (b.partitions.length > 0 ? opening : Promise.resolve());
    await b.start();
    if (why === 'time') await b.clock.pass(SLICE_MS);
    else b.scheduler.stop(why);
    await b.answerAll();
    expect(b.isClosed).toBe(false);
    refuse(refusal());
    await b.finish();
    expect(b.end).toMatchObject({ why: 'trouble', error: { statusCode: 403 } });
});

test('a refusal that says until when is waited out; one that lasts longer than the slice ends it, and what is left is as it was', async () => {
    const b = new Bench({ items: 2, concurrency: 1 });
    b.admission.closedUntil = 5_000;
    await b.start();
    await b.clock.pass(4_999);
    expect(b.itemCalls.made).toBe(0);
    await b.clock.pass(1);
    expect(b.itemCalls.made).toBe(1);
    b.admission.closedUntil = SLICE_MS + 1;
    await b.finish();
    expect(b.end).toEqual({ why: 'done' });
    expect(b.recorded).toEqual([0]);
    expect(b.partitions[0]!.hasFresh()).toBe(true);
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
    expect(b.itemCalls.inFlight).toBe(0);
    expect(b.end).toEqual({ why: 'done' });
});

test('everything else in the process has its turn, however long it takes to begin calls and however soon they fail', async () => {
    const outcomes = new MemoryOutcomes();
    let time = 0;
    const opened: PartitionWriter[] = [];
    const clock: Clock = { ...systemClock, now: () => time };
    let others = 0;
    let mostInTurn = 0;
    let since = 0;
    const admission = admissionOf(32, false);
    const calls = new ItemCalls({
        // Each takes 20 ms to find that nothing is to be sent.
        call: async () => {
            time += 20;
            mostInTurn = Math.max(mostInTurn, ++since);
            return { ok: false, error: { code: 'BODY_EXPRESSION', message: '', retryable: false } };
        },
        keyOf: (_item, index) => index,
        readsItem: false,
        retry: () => ({ attempts: 1, initialDelayMs: 0, maxDelayMs: 0, factor: 1 }),
        keepOutput: () => false,
        admission,
        clock,
        chance: () => 1,
    });
    const scheduler = new CallScheduler({
        calls,
        admission,
        opened,
        openNext: async () => {
            if (opened.length > 0) return null;
            const writer = newWriter({ store: outcomes.store, items: 300, clock });
            await writer.takeOver();
            writer.load(Buffer.from('{}\n'.repeat(300)));
            opened.push(writer);
            return writer;
        },
        until: SLICE_MS,
        hasMore: false,
        clock,
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
    await opened[0]!.flush();
    expect(calls.made).toBe(300);
    expect(mostInTurn).toBeLessThan(20);
    expect(others).toBeGreaterThan(30);
    expect(outcomes.recorded()).toEqual(upTo(300));
});
