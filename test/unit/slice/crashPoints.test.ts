// The process dies at each named point of a slice, at its first occasion and at later ones: whoever comes next ends the partitions, with every item
// recorded once, and calls none again whose outcome had been recorded.
import { crashPoints, watchCrashPoints, type CrashPoint } from '../../../src/crashPoints';
import type { Lease, SliceDone } from '../../../src/core/ledger';
import { ITEMS, SliceBench } from '../../support/sliceBench';

const PARTITIONS = 3;
const ALL = Array.from({ length: PARTITIONS * ITEMS }, (_, i) => i);
const retry = { attempts: 3, initialDelay: 'PT0.1S', maxDelay: 'PT0.1S', factor: 1 };

const kinds = {
    'a slice with retries': { mode: 'normal', process: 'flaky', full: false },
    'a slice in isolation': { mode: 'isolated', process: 'noted', full: false },
    'a slice that cancels': { mode: 'cancel', process: 'noted', full: false },
    'a slice whose segments are full': { mode: 'normal', process: 'noted', full: true },
} as const;
type Kind = keyof typeof kinds;

/** Runs a slice whose process dies when the point is reached for the nth time; false when it never was. What storage held then is what is left. */
async function dieAt(bench: SliceBench, lease: Partial<Lease>, point: CrashPoint, nth: number): Promise<boolean> {
    let count = 0;
    const forget = watchCrashPoints((reached) => {
        if (reached !== point || ++count !== nth) return;
        bench.die();
    });
    await bench.run(lease);
    forget();
    return bench.isDead;
}

interface Aftermath {
    recordedBefore: number[];
    calledBefore: number[];
    calledAfter: number[];
    recorded: number[];
}

async function crash(kind: Kind, point: CrashPoint, nth: number, forget = false): Promise<Aftermath | null> {
    const { mode, process, full } = kinds[kind];
    const bench = new SliceBench(PARTITIONS, { process: { processor: process }, retry, key: 'id' });
    if (full) {
        await bench.slice({ mode: 'cancel', from: 0, to: 0 });
        for (const outcomes of bench.outcomes) outcomes.segments.set(0, { data: Buffer.alloc(0), blocks: 45_000 });
    }
    if (!(await dieAt(bench, { mode }, point, nth))) return null;
    const recordedBefore = recordedOf(bench);
    const calledBefore = bench.called.splice(0);
    if (forget) for (const outcomes of bench.outcomes) outcomes.segments.clear();
    bench.isDead = false;
    // The task hub gives the same slice to another process first, which finds that one has died with it, or that none has put up its fence.
    const again = await bench.slice({ mode });
    const heir = again.lost ? ((await bench.slice({ mode, epoch: 2 })) as SliceDone) : again;
    for (let epoch = 3; heir.closed < PARTITIONS && epoch < 6; epoch++) {
        const report = (await bench.slice({ mode: 'normal', epoch })) as SliceDone;
        if (report.closed === PARTITIONS) break;
    }
    return { recordedBefore, calledBefore, calledAfter: bench.called, recorded: recordedOf(bench) };
}

const recordedOf = (bench: SliceBench): number[] => bench.outcomes.flatMap((o) => o.recorded()).sort((a, b) => a - b);

/** Items that were called though their outcome had been recorded. */
const calledAgain = ({ recordedBefore, calledAfter }: Aftermath): number[] => recordedBefore.filter((i) => calledAfter.includes(i));

const points = Object.keys(crashPoints) as CrashPoint[];

test.each(points)('a process that dies at %s loses nothing, and nothing is recorded twice', async (point) => {
    let died = 0;
    for (const kind of Object.keys(kinds) as Kind[])
        for (let nth = 1; nth <= 6; nth++) {
            const after = await crash(kind, point, nth);
            if (!after) break;
            died++;
            expect({ kind, nth, recorded: after.recorded }).toEqual({ kind, nth, recorded: ALL });
            expect({ kind, nth, again: calledAgain(after) }).toEqual({ kind, nth, again: [] });
        }
    // A point that no slice comes to is none.
    expect(died).toBeGreaterThan(0);
});

test('storage that forgot what was recorded is found by the same look', async () => {
    const after = await crash('a slice with retries', 'slice.recorded', 1, true);
    expect(calledAgain(after!)).not.toEqual([]);
});
