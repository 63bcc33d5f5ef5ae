// What a run that died has used up of a budget of failures is told by the next run of its lease, also by one that calls nothing.
import { retuned } from '../../../src/core/control';
import type { Lease, SliceDone } from '../../../src/core/ledger';
import { jobSpec } from '../../../src/contracts/jobSpec';
import { watchCrashPoints } from '../../../src/crashPoints';
import { SliceBench } from '../../support/sliceBench';

const budget = { failures: 100, minimum: 50, then: 'pause' as const };
const spec = { process: { processor: 'failing' }, retry: { attempts: 1 }, budget };
const lease: Partial<Lease> = { budget: { of: budget, resumed: 0, allowance: { failures: 50, percent: null, codes: {} } } };

/** A slice that has recorded something, and died. */
async function dead(): Promise<SliceBench> {
    const bench = new SliceBench(3, spec);
    let count = 0;
    const forget = watchCrashPoints((point) => {
        if (point === 'append.done' && ++count === 5) bench.die();
    });
    await bench.run(lease);
    forget();
    expect(bench.isDead).toBe(true);
    bench.isDead = false;
    return bench;
}

const recorded = (bench: SliceBench): number => bench.outcomes.flatMap((o) => o.recorded()).length;
const again = async (bench: SliceBench): Promise<SliceDone> => (await bench.slice({ ...lease, epoch: 2, first: 1 })) as SliceDone;

test('by one that goes on', async () => {
    const bench = await dead();
    expect(recorded(bench)).toBeGreaterThan(0);
    expect((await again(bench)).spent).toMatchObject({ settled: 12, failed: 12 });
});

test('by one whose part is none of the budget in force', async () => {
    const bench = await dead();
    const limits = jobSpec.parse({ source: { blob: 'x' }, ...spec });
    bench.control = retuned(bench.control, limits, { ...limits, budget: { ...budget, failures: 200 } }, { by: 'test', at: 0 })!;
    const report = await again(bench);
    expect(report.worked).toBe(false);
    expect(report.spent).toMatchObject({ failed: recorded(bench) });
});

test('by one that finds its windows closed', async () => {
    const bench = await dead();
    const limits = jobSpec.parse({ source: { blob: 'x' }, ...spec });
    const calling = { windows: ['Thu 05:00-06:00'], timeZone: 'UTC' };
    bench.control = retuned(bench.control, limits, { ...limits, calling }, { by: 'test', at: 0 })!;
    const report = await again(bench);
    expect(report.hold).toBeDefined();
    expect(report.spent).toMatchObject({ failed: recorded(bench) });
});

test('by one that cannot read the items of the next partition', async () => {
    const bench = await dead();
    bench.readPartition = () => Promise.reject(Object.assign(new Error('no'), { statusCode: 403 }));
    const report = await again(bench);
    expect(report.trouble).toBeDefined();
    expect(report.spent).toMatchObject({ failed: recorded(bench) });
});
