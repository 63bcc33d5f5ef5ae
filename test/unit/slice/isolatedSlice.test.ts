// The mode of isolation, with an item that ends the process: what is announced before it is called, who is found, and who is left alone.
import { controlAfter } from '../../support/moves';
import type { SliceDone } from '../../../src/core/ledger';
import { attemptLine, intentLine } from '../../../src/items/outcomeLines';
import { SliceBench } from '../../support/sliceBench';
import { newWriter } from '../../support/writers';

interface Intent {
    trying: number[];
    epoch: number;
    alone?: boolean;
}

const lines = (bench: SliceBench): object[] =>
    bench.outcomes.flatMap((o) => o.text().split('\n').filter(Boolean)).map((line) => JSON.parse(line) as object);
const intentsOf = (bench: SliceBench): Intent[] => lines(bench).filter((line): line is Intent => 'trying' in line);

/** Slices in isolation, one after the other, each in a process of its own, until one closes the partition; how many processes died. */
async function untilClosed(bench: SliceBench, concurrency: number): Promise<number> {
    let deaths = 0;
    for (let epoch = 1; epoch < 40; epoch++) {
        bench.isDead = false;
        const report = (await bench.run({ epoch, mode: 'isolated', concurrency })) as SliceDone | null;
        if (!report) deaths++;
        else if (report.closed === 1) return deaths;
    }
    throw new Error('nothing came of forty slices');
}

test.each([
    [4, 4, 2],
    [9, 9, 8],
    [9, 9, 0],
    [64, 64, 40],
    [64, 3, 63],
])(
    'of %i items, %i at a time, the one that ends the process (%i) is found, and nobody else is blamed',
    async (items, concurrency, poison) => {
        const bench = new SliceBench(1, { process: { processor: 'deadly' }, key: 'id' }, items);
        bench.poison = poison;
        let unannounced = 0;
        bench.look = (index) => {
            // On storage before it is called.
            if (!intentsOf(bench).at(-1)!.trying.includes(index)) unannounced++;
        };
        const deaths = await untilClosed(bench, concurrency);
        bench.isDead = true;
        bench.letGo();
        expect(unannounced).toBe(0);
        const ends = lines(bench).filter((line): line is { index: number; outcome: string; error?: { code: string } } => 'outcome' in line);
        expect(ends.map(({ index }) => index).sort((a, b) => a - b)).toEqual(Array.from({ length: items }, (_, i) => i));
        for (const { index, outcome, error } of ends)
            expect([index, outcome, error?.code]).toEqual(index === poison ? [index, 'failed', 'POISON'] : [index, 'succeeded', undefined]);
        // One with all of a set, one with each eighth of it, two alone.
        expect(deaths).toBeLessThanOrEqual(2 + Math.ceil(Math.log(concurrency) / Math.log(8)) + 1);
        // A strike is a death with the process to itself: two, and no more calls of it after them.
        expect(
            intentsOf(bench)
                .filter(({ alone }) => alone === true)
                .filter(({ trying }) => trying[0] === poison),
        ).toHaveLength(2);
    },
);

/** A partition whose last process died with these attempts announced. */
async function announced(bench: SliceBench, trying: number[]): Promise<void> {
    const writer = newWriter({
        store: bench.outcomes[0]!.store,
        jobId: bench.jobId,
        items: bench.items,
        runId: 'dead',
        clock: bench.clock,
    });
    await writer.takeOver();
    writer.record({ text: intentLine({ trying, attempts: trying.map(() => 1), epoch: 1 }) });
    await writer.flush();
}

test('suspects come first, and one that takes longer than it may be alone gets company, which is written before others are let in', async () => {
    const bench = new SliceBench(1, { process: { processor: 'held' } });
    await announced(bench, [2]);
    const slice = bench.begin({ epoch: 2, mode: 'isolated' });
    await bench.clock.pass(14_900);
    expect(bench.called).toEqual([2]);
    expect(intentsOf(bench).at(-1)).toMatchObject({ trying: [2], alone: true });
    expect(bench.outcomes[0]!.text()).not.toContain('{"company":2}');
    await bench.clock.pass(200);
    expect(bench.outcomes[0]!.text()).toContain('{"company":2}');
    bench.letGo();
    await bench.clock.pass(100);
    expect(await slice).toMatchObject({ closed: 0, untouched: 1 });
    // Its time was up with the suspect: the others were not called.
    expect(bench.called).toEqual([2]);
});

test('a cancel: what is in flight is recorded, and nothing more is announced', async () => {
    const bench = new SliceBench(1, { process: { processor: 'held' } }, 8);
    const slice = bench.begin({ epoch: 2, mode: 'isolated', concurrency: 2 });
    await bench.clock.pass(100);
    expect(bench.called).toEqual([0, 1]);
    bench.control = controlAfter('cancel');
    await bench.clock.pass(2_000);
    bench.letGo();
    await bench.clock.pass(100);
    expect(await slice).toMatchObject({ counts: expect.anything() as object, control: { desired: 'cancel' } });
    expect(bench.called).toEqual([0, 1]);
    expect(bench.outcomes[0]!.recorded()).toEqual([0, 1]);
});

test('it ends after 512 calls and its concurrency: what kills was among those in flight', async () => {
    const bench = new SliceBench(1, { process: { processor: 'noted' } }, 600);
    const report = (await bench.slice({ mode: 'isolated', concurrency: 8 })) as SliceDone;
    expect(bench.called).toHaveLength(520);
    expect(report).toMatchObject({ closed: 0, open: [{ part: 0, wakeAt: expect.any(Number) as number }] });
});

test('retries are made when they are due, not before, and come before items that nobody has tried', async () => {
    const bench = new SliceBench(1, { process: { processor: 'noted' } });
    const store = bench.outcomes[0]!.store;
    const writer = newWriter({ store, jobId: bench.jobId, items: bench.items, runId: 'dead', clock: bench.clock });
    await writer.takeOver();
    const failedOnce = (index: number, retryAt: number) =>
        attemptLine({
            attempt: 1,
            index,
            at: 'T',
            ms: 1,
            error: { code: 'TIMEOUT', message: '' },
            retryAt: new Date(retryAt).toISOString(),
        });
    writer.record({ text: failedOnce(0, 60_000) });
    writer.record({ text: failedOnce(3, 0) });
    await writer.flush();
    const report = (await bench.slice({ epoch: 2, mode: 'isolated', concurrency: 1 })) as SliceDone;
    expect(bench.called).toEqual([3, 1, 2]);
    expect(report.open).toMatchObject([{ part: 0, wakeAt: 60_000 }]);
});

test('of a set of suspects that does not come out even the last is alone, too', async () => {
    const bench = new SliceBench(1, { process: { processor: 'noted' } }, 9);
    await announced(bench, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    await bench.slice({ epoch: 2, mode: 'isolated' });
    const own = intentsOf(bench).filter(({ epoch }) => epoch === 2);
    expect(own.map(({ trying, alone }) => [trying.length, alone === true])).toEqual([
        ...Array.from({ length: 4 }, () => [2, false]),
        [1, true],
    ]);
});
