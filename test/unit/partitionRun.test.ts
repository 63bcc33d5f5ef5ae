import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { outcomeLine, readOutcomeHead, attemptLine, tryingLine } from '../../src/core/outcome';
import { Fenced, PartitionRun } from '../../src/activities/slice/partitionRun';
import { suspicion } from '../../src/activities/slice/careful';
import type { JobStore } from '../../src/storage/jobStore';

/** An append blob in memory, with the two ways in which the real one surprises: an answer lost after the append, and the check of the position left out. */
class Blob {
    data: Buffer | null = null;
    loseNextAnswer = false;
    checkPosition = true;
    readonly store = {
        createOutcomes: async () => (this.data ? false : ((this.data = Buffer.alloc(0)), true)),
        appendOutcomes: async (_job: string, _part: number, position: number, lines: Buffer) => {
            if (this.checkPosition && position !== this.data!.length) return false;
            this.data = Buffer.concat([this.data!, lines]);
            if (!this.loseNextAnswer) return true;
            // The client of storage repeats a request that got no answer: the repeat meets its own lines.
            this.loseNextAnswer = false;
            return false;
        },
        readOutcomes: (_job: string, _part: number, offset: number) => Readable.from([this.data!.subarray(offset)]),
    } as unknown as JobStore;

    recorded(): number[] {
        return this.data!.toString()
            .split('\n')
            .map((l) => readOutcomeHead(l)?.index)
            .filter((i) => i !== undefined);
    }
}

const ITEMS = 10;
const run = (blob: Blob, epoch: number, id: string) => new PartitionRun(blob.store, 'job', 0, [0, 0, ITEMS, 100], epoch, id);
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
    expect([second.nextFresh(), second.nextFresh(), second.nextFresh()]).toEqual([101, 102, 104]);
});

test('a zombie is stopped by the fence of a later epoch and records nothing more', async () => {
    const blob = new Blob();
    const zombie = run(blob, 1, 'a');
    await zombie.takeOver();
    const heir = run(blob, 2, 'b');
    await heir.takeOver();
    zombie.record(done(100));
    await expect(zombie.flush()).rejects.toBeInstanceOf(Fenced);
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
    await expect(first.flush()).rejects.toBeInstanceOf(Fenced);
    const second = run(blob, 2, 'b');
    await second.takeOver();
    expect([second.counts.succeeded, second.nextFresh()]).toEqual([0, 100]);
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
            const runs: { run: PartitionRun; taken: Set<number> }[] = [];
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
                        expect(error).toBeInstanceOf(Fenced);
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
        { numRuns: 300 },
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

test('careful runs narrow a set of suspects down to one item, and give it up after two strikes', async () => {
    const blob = new Blob();
    let epoch = 0;
    /** A process that dies with whatever was announced, once the poison is in it. */
    const careful = async (announce: number[][], poison: number) => {
        const r = run(blob, ++epoch, `run${epoch}`);
        await r.takeOver();
        const before = suspicion(r.tried, r.isRecorded);
        for (const set of announce) {
            r.record({ text: tryingLine({ trying: set, epoch }) });
            await r.flush();
            if (set.includes(poison)) return before;
            for (const i of set) if (!r.isRecorded(i)) r.record(done(i));
            await r.flush();
        }
        return before;
    };
    expect(await careful([[100, 101, 102, 103]], 102)).toEqual({ kind: 'none' });
    expect(await careful([[100], [101], [102]], 102)).toEqual({ kind: 'suspects', indexes: [100, 101, 102, 103] });
    expect(await careful([[102]], 102)).toEqual({ kind: 'suspects', indexes: [102] });
    expect(await careful([], 102)).toEqual({ kind: 'poison', index: 102, strikes: 2 });
});

test('an item that waits for its retry never comes as fresh, also while the retry is in flight', async () => {
    const blob = new Blob();
    const first = run(blob, 1, 'a');
    await first.takeOver();
    const line = {
        attempt: 1,
        index: 101,
        at: 'T',
        ms: 1,
        error: { code: 'HTTP_STATUS', message: '' },
        retryAt: '2026-11-24T00:00:00.000Z',
    };
    first.record({ text: attemptLine(line) });
    await first.flush();
    const second = run(blob, 2, 'b');
    await second.takeOver();
    second.waiting.delete(101); // as when its retry is taken up
    const fresh: number[] = [];
    for (let index = second.nextFresh(); index !== null; index = second.nextFresh()) fresh.push(index);
    expect(fresh).toEqual([100, 102, 103, 104, 105, 106, 107, 108, 109]);
});

test('failed attempts whose append lost its answer are recorded once, and do not wait again', async () => {
    const blob = new Blob();
    const only = run(blob, 1, 'a');
    await only.takeOver();
    blob.loseNextAnswer = true;
    const line = {
        attempt: 1,
        index: 101,
        at: 'T',
        ms: 1,
        error: { code: 'HTTP_STATUS', message: '' },
        retryAt: '2026-11-24T00:00:00.000Z',
    };
    only.record({ text: attemptLine(line) });
    await only.flush();
    expect(blob.data!.toString().match(/"attempt":/g)).toHaveLength(1);
    expect(only.waiting.size).toBe(0);
});
