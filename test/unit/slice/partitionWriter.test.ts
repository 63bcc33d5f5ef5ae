import { RestError } from '@azure/storage-blob';
import * as fc from 'fast-check';
import { attemptLine, companyLine, intentLine, outcomeLine } from '../../../src/items/outcomeLines';
import {
    cancelPatience,
    OutcomesLost,
    type PartitionWriter,
    slicePatience,
    Superseded,
} from '../../../src/activities/processSlice/partitionWriter';
import { suspicion } from '../../../src/core/poison';
import { FakeClock } from '../../support/fakeClock';
import { MemoryOutcomes as Blob } from '../../support/memoryOutcomes';
import { runs } from '../../support/runs';
import { newWriter, nextFresh } from '../../support/writers';

const ITEMS = 10;
/** The line of a first attempt that failed. */
const failedOnce = (index: number) => ({
    text: attemptLine({
        attempt: 1,
        index,
        at: 'T',
        ms: 1,
        error: { code: 'HTTP_STATUS', message: '' },
        retryAt: '2026-11-24T00:00:00.000Z',
    }),
});
const run = (blob: Blob, epoch: number, id: string) =>
    newWriter({ store: blob.store, items: ITEMS, firstIndex: 100, epoch, runId: id, clock });
const clock = new FakeClock();
const done = (index: number) => ({
    text: outcomeLine({ index, outcome: 'succeeded', key: index, attempts: 1, ms: 1, at: 'T' }, '{}'),
    index,
    outcome: 'succeeded' as const,
    attempts: 1,
});

test('a run records what it is given, and the next one knows it', async () => {
    const blob = new Blob();
    const first = run(blob, 1, 'a');
    await first.takeOver();
    first.record(done(100));
    first.record(done(103));
    await first.flush();
    const second = run(blob, 2, 'b');
    await second.takeOver();
    expect(second.counts.succeeded).toBe(2);
    expect([nextFresh(second), nextFresh(second), nextFresh(second)]).toEqual([101, 102, 104]);
});

test('a zombie is stopped by the fence of a later epoch and records nothing more', async () => {
    const blob = new Blob();
    const zombie = run(blob, 1, 'a');
    await zombie.takeOver();
    const heir = run(blob, 2, 'b');
    await heir.takeOver();
    zombie.record(done(100));
    await expect(zombie.flush()).rejects.toBeInstanceOf(Superseded);
    heir.record(done(100));
    await heir.flush();
    expect(blob.recorded()).toEqual([100]);
});

test('without the check of the position, which is what the fence stands on, the same zombie records twice', async () => {
    const blob = new Blob();
    blob.checkPosition = false;
    const zombie = run(blob, 1, 'a');
    await zombie.takeOver();
    const heir = run(blob, 2, 'b');
    await heir.takeOver();
    zombie.record(done(100));
    await zombie.flush();
    heir.record(done(100));
    await heir.flush();
    expect(blob.recorded()).toEqual([100, 100]);
});

test('an append whose answer was lost is not recorded a second time', async () => {
    const blob = new Blob();
    const only = run(blob, 1, 'a');
    await only.takeOver();
    blob.loseNextAnswer = true;
    only.record(done(100));
    only.record(done(101));
    await only.flush();
    only.record(done(102));
    await only.flush();
    expect(blob.recorded()).toEqual([100, 101, 102]);
    expect(only.counts.succeeded).toBe(3);
});

test('storage that has lost what it acknowledged ends the run; the next one reads what is left', async () => {
    const blob = new Blob();
    const first = run(blob, 1, 'a');
    await first.takeOver();
    first.record(done(100));
    await first.flush();
    blob.data = blob.data!.subarray(0, blob.data!.indexOf('\n') + 1);
    first.record(done(101));
    await expect(first.flush()).rejects.toBeInstanceOf(OutcomesLost);
    const second = run(blob, 2, 'b');
    await second.takeOver();
    expect([second.counts.succeeded, nextFresh(second)]).toEqual([0, 100]);
});

/** What happens to a partition, in any order: runs take it over, record items, and flush, whose answer may be lost; older runs go on as zombies. */
const happening = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('takeOver' as const), lose: fc.boolean() }) },
    {
        weight: 6,
        arbitrary: fc.record({
            kind: fc.constant('record' as const),
            who: fc.nat(),
            index: fc.integer({ min: 100, max: 100 + ITEMS - 1 }),
        }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('flush' as const), who: fc.nat(), lose: fc.boolean() }) },
);

test('whatever runs take a partition over, record and flush, their answers lost or not: no item twice, none lost that was acknowledged', async () => {
    await fc.assert(
        fc.asyncProperty(fc.array(happening, { maxLength: 60 }), async (happenings) => {
            const blob = new Blob();
            const runs: { run: PartitionWriter; taken: Set<number> }[] = [];
            const acknowledged = new Set<number>();
            for (const h of happenings) {
                if (h.kind === 'takeOver') {
                    blob.loseNextAnswer = h.lose && blob.data !== null;
                    const next = run(blob, runs.length + 1, `run${runs.length}`);
                    await next.takeOver();
                    runs.push({ run: next, taken: new Set() });
                    continue;
                }
                const chosen = runs[h.who % Math.max(1, runs.length)];
                if (!chosen) continue;
                if (h.kind === 'record') {
                    // A run calls an item once, and none that it knows to be recorded.
                    if (chosen.taken.has(h.index) || chosen.run.isRecorded(h.index)) continue;
                    chosen.taken.add(h.index);
                    chosen.run.record(done(h.index));
                    continue;
                }
                blob.loseNextAnswer = h.lose && chosen.run.unflushedLines > 0;
                const flushed = await chosen.run.flush().then(
                    () => true,
                    (error: unknown) => {
                        expect(error).toBeInstanceOf(Superseded);
                        return false;
                    },
                );
                blob.loseNextAnswer = false;
                if (flushed) for (const index of chosen.taken) acknowledged.add(index);
                else runs.splice(runs.indexOf(chosen), 1);
            }
            const recorded = blob.data ? blob.recorded() : [];
            expect(recorded).toHaveLength(new Set(recorded).size);
            for (const index of acknowledged) expect(recorded).toContain(index);
        }),
        { numRuns: runs(300) },
    );
});

test('a fence whose answer was lost is taken as put up', async () => {
    const blob = new Blob();
    blob.loseNextAnswer = true;
    const only = run(blob, 1, 'a');
    await only.takeOver();
    only.record(done(100));
    await only.flush();
    expect(
        blob
            .data!.toString()
            .split('\n')
            .filter((l) => l.startsWith('{"fence"')),
    ).toHaveLength(1);
});

test('a second run of the same lease says that it is one, and leaves the blob alone', async () => {
    const blob = new Blob();
    await run(blob, 1, 'a').takeOver();
    const again = run(blob, 1, 'b');
    const before = blob.data!.length;
    await again.takeOver();
    expect(again.redelivered).toBe(true);
    expect(blob.data).toHaveLength(before);
});

test('failed attempts survive the slice: the next run goes on counting and waits until they are due', async () => {
    const blob = new Blob();
    const first = run(blob, 1, 'a');
    await first.takeOver();
    first.record({
        text: attemptLine({
            attempt: 3,
            index: 105,
            at: 'T',
            ms: 1,
            error: { code: 'HTTP_STATUS', message: '' },
            retryAt: '2026-11-24T00:00:00.000Z',
        }),
    });
    await first.flush();
    const second = run(blob, 2, 'b');
    await second.takeOver();
    expect(second.waiting.get(105)).toEqual({ attempts: 3, due: Date.parse('2026-11-24T00:00:00.000Z') });
});

const pairs = (indexes: number[], attempt = 1) => indexes.map((index) => ({ index, attempt }));

/** A process that dies with whatever was announced, once the poison is in it; gives what was suspected before. */
async function isolatedRun(blob: Blob, epoch: number, announce: number[][], poison: number, alone = true) {
    const r = run(blob, epoch, `run${epoch}`);
    await r.takeOver();
    const before = suspicion(r.intents, r.hasEnded);
    for (const set of announce) {
        r.record({ text: intentLine({ trying: set, attempts: set.map(() => 1), epoch, ...(alone ? { alone } : {}) }) });
        await r.flush();
        if (set.includes(poison)) return before;
        for (const i of set) if (!r.isRecorded(i)) r.record(done(i));
        await r.flush();
    }
    return before;
}

test('runs in isolation narrow a set of suspects down to one item, and give it up after two strikes', async () => {
    const blob = new Blob();
    expect(await isolatedRun(blob, 1, [[100, 101, 102, 103]], 102)).toEqual({ kind: 'none' });
    expect(await isolatedRun(blob, 2, [[100], [101], [102]], 102)).toEqual({
        kind: 'suspects',
        pairs: pairs([100, 101, 102, 103]),
        joined: 0,
    });
    expect(await isolatedRun(blob, 3, [[102]], 102)).toEqual({ kind: 'suspects', pairs: pairs([102]), joined: 0 });
    expect(await isolatedRun(blob, 4, [], 102)).toEqual({ kind: 'poison', pair: { index: 102, attempt: 1 }, strikes: 2 });
});

test('a death is no strike while something else ran in the process, also when it began later', async () => {
    const blob = new Blob();
    for (const epoch of [1, 2, 3]) await isolatedRun(blob, epoch, [[102]], 102, false);
    const joined = run(blob, 4, 'run4');
    await joined.takeOver();
    expect(suspicion(joined.intents, joined.hasEnded)).toEqual({ kind: 'suspects', pairs: pairs([102]), joined: 0 });
    joined.record({ text: intentLine({ trying: [102], attempts: [1], epoch: 4, alone: true }) });
    joined.record({ text: companyLine({ company: 4 }) });
    await joined.flush();
    expect(await isolatedRun(blob, 5, [[102]], 102)).toEqual({ kind: 'suspects', pairs: pairs([102]), joined: 1 });
    expect(await isolatedRun(blob, 6, [[102]], 102)).toEqual({ kind: 'suspects', pairs: pairs([102]), joined: 1 });
    expect(await isolatedRun(blob, 7, [], 102)).toMatchObject({ kind: 'poison', strikes: 2 });
});

test('an attempt that ended is no suspect; the next attempt at the same item can be one', async () => {
    const blob = new Blob();
    const first = run(blob, 1, 'a');
    await first.takeOver();
    first.record({ text: intentLine({ trying: [102], attempts: [1], epoch: 1, alone: true }) });
    first.record({ text: attempt(102, 1) });
    await first.flush();
    const second = run(blob, 2, 'b');
    await second.takeOver();
    expect(suspicion(second.intents, second.hasEnded)).toEqual({ kind: 'none' });
    second.record({ text: intentLine({ trying: [102], attempts: [2], epoch: 2, alone: true }) });
    await second.flush();
    const third = run(blob, 3, 'c');
    await third.takeOver();
    expect(suspicion(third.intents, third.hasEnded)).toEqual({ kind: 'suspects', pairs: pairs([102], 2), joined: 0 });
});

const attempt = (index: number, attempt: number) =>
    attemptLine({
        attempt,
        index,
        at: 'T',
        ms: 1,
        error: { code: 'HTTP_STATUS', message: '' },
        retryAt: '2026-11-24T00:00:00.000Z',
    });

const refusal = (statusCode: number) => new RestError('no', { statusCode });
const outage = () => new RestError('gone', { code: 'REQUEST_SEND_ERROR' });

test.each([
    ['refused for good reason', () => refusal(403)],
    ['refused for no reason', () => 'refused' as const],
    ['answered 404 though the blob is there', () => refusal(404)],
    ['not answered', outage],
])('an append that is %s is made again after a pause, with everything that was answered', async (_what, answer) => {
    const blob = new Blob();
    const only = run(blob, 1, 'a');
    await only.takeOver();
    blob.answers = [answer(), answer()];
    only.record(done(100));
    const flushed = only.flush();
    await clock.pass(0);
    only.record(done(101));
    expect(only.stalled).not.toBeNull();
    expect(blob.recorded()).toEqual([]);
    await clock.pass(3_000);
    await flushed;
    await only.flush();
    expect(only.stalled).toBeNull();
    expect(blob.recorded()).toEqual([100, 101]);
});

test('an append that storage goes on refusing is given up after a while, and nothing more is recorded by that run', async () => {
    const blob = new Blob();
    const only = run(blob, 1, 'a');
    await only.takeOver();
    blob.answers = Array.from({ length: 100 }, () => refusal(403));
    only.record(done(100));
    const flushed = only.flush().catch((error: unknown) => error);
    await clock.pass(60_000);
    expect(await flushed).toMatchObject({ statusCode: 403 });
    const appends = blob.appends;
    only.record(done(101));
    await expect(only.flush()).rejects.toMatchObject({ statusCode: 403 });
    expect(blob.appends).toBe(appends);
    expect(appends).toBeLessThan(10);
});

test('storage that says there is a blob when it is to be made, and that there is none when it is to be written, is told with both', async () => {
    const blob = new Blob();
    const store = { ...blob.store, createOutcomes: async () => false };
    const only = newWriter({ store, firstIndex: 100, clock });
    const taken = only.takeOver().catch((error: unknown) => error);
    await clock.pass(60_000);
    expect(String(await taken)).toMatch(/answered 409 or 412 to the creation of jobs\/job\/outcomes\/00000.ndjson, and 404/);
});

test('an append that is refused at the very position where the blob ends says so', async () => {
    const blob = new Blob();
    const only = run(blob, 1, 'a');
    await only.takeOver();
    blob.answers = Array.from({ length: 100 }, () => 'refused');
    only.record(done(100));
    const flushed = only.flush().catch((error: unknown) => error);
    await clock.pass(60_000);
    expect(String(await flushed)).toMatch(/answered 412 to PUT jobs\/job\/outcomes\/00000.ndjson/);
});

test('a cancel cuts short how long a refused append is made again', async () => {
    const blob = new Blob();
    let patience = slicePatience;
    const only = newWriter({ store: blob.store, firstIndex: 100, clock, patience: (trouble) => patience(trouble) });
    await only.takeOver();
    blob.answers = Array.from({ length: 100 }, () => refusal(403));
    only.record(done(100));
    let ended = false;
    const flushed = only.flush().catch(() => (ended = true));
    await clock.pass(6_000);
    expect(ended).toBe(false);
    patience = cancelPatience;
    await clock.pass(5_000); // the pause that it is in
    expect(ended).toBe(true);
    await flushed;
});

test('an outage is waited out for minutes, with what was answered', async () => {
    const blob = new Blob();
    const only = run(blob, 1, 'a');
    await only.takeOver();
    blob.answers = Array.from({ length: 10 }, outage);
    only.record(done(100));
    const flushed = only.flush();
    await clock.pass(300_000);
    await flushed;
    expect(blob.recorded()).toEqual([100]);
});

/** One outcome, in a segment that has no room for many more. */
async function fillBlocks(blob: Blob): Promise<void> {
    const first = run(blob, 1, 'a');
    await first.takeOver();
    first.record(done(100));
    await first.flush();
    blob.segments.get(0)!.blocks = 45_000;
}

test('well before its blocks are used up the outcomes go on in a further segment, which the next run reads, and in which a zombie is stopped', async () => {
    const blob = new Blob();
    await fillBlocks(blob);
    const zombie = run(blob, 2, 'z');
    await zombie.takeOver();
    blob.loseNextAnswer = true;
    const heir = run(blob, 3, 'b');
    await heir.takeOver();
    expect(blob.segments.size).toBe(2);
    expect(blob.data!.toString()).toMatch(/\{"continued":1\}\n$/);
    heir.record(done(101));
    await heir.flush();
    zombie.record(done(102));
    await expect(zombie.flush()).rejects.toBeInstanceOf(Superseded);
    expect(blob.recorded()).toEqual([100, 101]);
    const last = run(blob, 4, 'c');
    await last.takeOver();
    expect(last.counts.succeeded).toBe(2);
    last.record(done(103));
    await last.flush();
    expect(blob.segments.get(0)!.data.toString()).not.toContain('"index":103');
    expect(blob.recorded()).toEqual([100, 101, 103]);
});

test('a further segment whose creation is refused is created a moment later, and no answer is dropped for it', async () => {
    const blob = new Blob();
    await fillBlocks(blob);
    const second = newWriter({ store: refusing(blob, 1), items: ITEMS, firstIndex: 100, epoch: 2, runId: 'b', clock });
    const took = second.takeOver();
    await clock.pass(2_000);
    await took;
    second.record(done(101));
    await second.flush();
    expect(blob.segments.get(1)!.data.toString()).toContain('"index":101');
    expect(blob.recorded()).toEqual([100, 101]);
});

/** The same storage, which refuses the first `times` creations of a further segment. */
function refusing(blob: Blob, times: number): typeof blob.store {
    const createOutcomes: typeof blob.store.createOutcomes = async (job, part, segment = 0) => {
        if (segment > 0 && times-- > 0) throw refusal(403);
        return blob.store.createOutcomes(job, part, segment);
    };
    return { ...blob.store, createOutcomes };
}

test('a run that is superseded says by whom', async () => {
    const blob = new Blob();
    await run(blob, 5_000, 'a').takeOver();
    await expect(run(blob, 1, 'b').takeOver()).rejects.toMatchObject({ epoch: 5_000 });
});

test('a segment that ends within a line is gone on with on a line of its own', async () => {
    const blob = new Blob();
    const first = run(blob, 1, 'a');
    await first.takeOver();
    first.record(done(100));
    await first.flush();
    blob.data = Buffer.concat([blob.data!, Buffer.from('{"attempt":1,"ind')]);
    const second = run(blob, 2, 'b');
    await second.takeOver();
    second.record(done(101));
    await second.flush();
    expect(blob.recorded()).toEqual([100, 101]);
    expect(blob.text()).toContain('"ind\n{"fence":2');
});

test('an item that waits for its retry never comes as fresh, also while the retry is in flight', async () => {
    const blob = new Blob();
    const first = run(blob, 1, 'a');
    await first.takeOver();
    first.record(failedOnce(101));
    await first.flush();
    const second = run(blob, 2, 'b');
    await second.takeOver();
    second.waiting.delete(101); // as when its retry is taken up
    const fresh: number[] = [];
    for (let index = nextFresh(second); index !== null; index = nextFresh(second)) fresh.push(index);
    expect(fresh).toEqual([100, 102, 103, 104, 105, 106, 107, 108, 109]);
});

test('failed attempts whose append lost its answer are recorded once, and do not wait again', async () => {
    const blob = new Blob();
    const only = run(blob, 1, 'a');
    await only.takeOver();
    blob.loseNextAnswer = true;
    only.record(failedOnce(101));
    await only.flush();
    expect(blob.data!.toString().match(/"attempt":/g)).toHaveLength(1);
    expect(only.waiting.size).toBe(0);
});
