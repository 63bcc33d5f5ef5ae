// How many items may fail in one slice, and what it tells of those that did.
import { BudgetMeter } from '../../../src/activities/processSlice/budgetMeter';
import { InheritedSpending } from '../../../src/activities/processSlice/inheritedSpending';
import { nothingSpent, type Allowance, type Budget, type Spent } from '../../../src/core/budget';
import { limitsOf, newControl, retuned, type Control } from '../../../src/core/control';
import type { LeasedBudget } from '../../../src/core/ledger';
import { outcomeLine } from '../../../src/items/outcomeLines';
import { jobSpec } from '../../../src/contracts/jobSpec';
import { fine, JobBench, refused, status, timeout } from '../../support/jobBench';
import { controlAfter } from '../../support/moves';
import { ITEMS, SliceBench } from '../../support/sliceBench';

const budget: Budget = { failures: 20, minimum: 50, then: 'pause' };
const leased = (allowance: Partial<Allowance>, over: Partial<LeasedBudget> = {}): LeasedBudget => ({
    of: budget,
    resumed: 0,
    allowance: { failures: null, percent: null, codes: {}, ...allowance },
    ...over,
});
const spent = (settled: number, failed = 0, codes: Record<string, number> = {}): Spent => ({ settled, failed, codes });

describe('the meter', () => {
    const meterOf = (lease: LeasedBudget | undefined, resumed = 0) => {
        const told: boolean[] = [];
        const meter: BudgetMeter = new BudgetMeter(lease, resumed, () => told.push(meter.isOut));
        return { meter, told };
    };

    test('is out when as many have failed as may, and says when that may have changed', () => {
        const { meter, told } = meterOf(leased({ failures: 2 }));
        meter.settled(null);
        meter.settled('A');
        expect(meter.isOut).toBe(false);
        meter.settled('A');
        expect([meter.isOut, told]).toEqual([true, [false, true]]);
        expect(meter.spent).toEqual({ settled: 3, failed: 2, codes: { A: 2 }, resumed: 0 });
    });

    test('is never out without a budget, and counts all the same', () => {
        const { meter, told } = meterOf(undefined);
        meter.heed(undefined, 0);
        for (let i = 0; i < 9; i++) meter.settled('A');
        expect([meter.isOut, told, meter.spent.failed]).toEqual([false, [], 9]);
    });

    test('is out by a share as soon as the minimum has settled, be it by a success', () => {
        const { meter, told } = meterOf(leased({ percent: { of: 50, room: 0, minimum: 3 } }));
        meter.settled('A');
        meter.settled('A');
        expect(meter.isOut).toBe(false);
        meter.settled(null);
        expect([meter.isOut, told.at(-1)]).toEqual([true, true]);
    });

    test('is out by one code, whatever fails with others', () => {
        const { meter } = meterOf(leased({ codes: { A: 2 } }));
        for (const code of ['B', 'A', 'B', 'B']) meter.settled(code);
        expect(meter.isOut).toBe(false);
        meter.settled('A');
        expect(meter.isOut).toBe(true);
    });

    test('counts what an earlier run of the lease has brought to an end', () => {
        const { meter, told } = meterOf(leased({ failures: 3 }));
        meter.inherit(spent(5, 2, { A: 2 }));
        meter.settled('B');
        expect([meter.isOut, told]).toEqual([true, [false, true]]);
        expect(meter.spent).toEqual({ settled: 6, failed: 3, codes: { A: 2, B: 1 }, resumed: 0 });
    });

    test('forgives what came before a resume, and gives back the lease of before it: what comes then is told', () => {
        const { meter } = meterOf(leased({ failures: 2 }));
        meter.heed(budget, 0);
        for (const code of ['A', 'A', null]) meter.settled(code);
        expect(meter.isOut).toBe(true);
        meter.heed(budget, 4);
        expect([meter.spent, meter.isOut]).toEqual([{ ...spent(0, 0, { A: 0 }), resumed: 4 }, true]);
        // These were in flight.
        meter.settled('A');
        meter.settled(null);
        expect(meter.spent).toEqual({ ...spent(2, 1, { A: 1 }), resumed: 4 });
        // A word from before is none.
        meter.heed(budget, 0);
        expect(meter.spent.resumed).toBe(4);
    });

    test('forgives what an earlier run has left where the job was resumed since', () => {
        const { meter } = meterOf(leased({ failures: 2 }), 4);
        meter.inherit(spent(9, 2, { A: 2 }));
        expect(meter.spent).toEqual({ ...spent(0, 0, { A: 0 }), resumed: 4 });
        meter.heed(budget, 4);
        expect(meter.isOut).toBe(true);
        // Of a lease that was given after the resume it is not.
        const { meter: later } = meterOf(leased({ failures: 2 }, { resumed: 4 }), 4);
        later.inherit(spent(9, 1, { A: 1 }));
        later.heed(budget, 4);
        expect([later.spent.failed, later.isOut]).toEqual([1, false]);
    });

    test('is out where another budget is in force than the one that its lease has a part of', () => {
        const { meter } = meterOf(leased({ failures: 2 }));
        meter.heed({ ...budget, failures: 21 }, 0);
        expect(meter.isOut).toBe(true);
        meter.heed(undefined, 0);
        expect(meter.isOut).toBe(true);
        meter.heed({ ...budget, percent: undefined }, 0);
        expect(meter.isOut).toBe(false);
        const { meter: free } = meterOf(undefined);
        free.heed(budget, 0);
        expect(free.isOut).toBe(true);
    });

    test('counts a failure of which nobody can say yet whether it counts as if it did, until somebody can', () => {
        const { meter, told } = meterOf(leased({ failures: 2 }));
        meter.opened('A');
        meter.opened('A');
        expect([meter.isOut, meter.spent.failed]).toEqual([true, 0]);
        // The target was away.
        meter.decided(['A', 'A']);
        expect([meter.isOut, told]).toEqual([false, [false, true, false]]);
        meter.opened('A');
        meter.settled('A');
        meter.decided(['A']);
        expect([meter.isOut, meter.spent.failed]).toEqual([false, 1]);
    });
});

describe('what earlier runs of a lease have brought to an end', () => {
    const line = (over: Partial<Parameters<typeof outcomeLine>[0]>, output?: string) => {
        const text = outcomeLine({ index: 0, outcome: 'failed', key: 'k', attempts: 1, ms: 1, at: 'T', ...over }, output);
        return (bytes: number) => text.slice(0, bytes);
    };
    const failed = (code: string, over = {}) => line({ error: { code, message: 'm', retryable: false }, ...over });

    test('is what stands behind their fences, and not behind those of leases before', () => {
        const inherited = new InheritedSpending(5);
        inherited.outcome('failed', failed('TIMEOUT'));
        inherited.fence(4);
        inherited.outcome('failed', failed('TIMEOUT'));
        expect([inherited.spent, inherited.isOfLease]).toEqual([nothingSpent(), false]);
        inherited.fence(5);
        inherited.outcome('succeeded', line({ outcome: 'succeeded' }));
        inherited.fence(7);
        inherited.outcome('failed', failed('TIMEOUT'));
        inherited.outcome('failed', failed('HTTP_STATUS'));
        expect(inherited.spent).toEqual(spent(3, 2, { TIMEOUT: 1, HTTP_STATUS: 1 }));
    });

    test.each([
        ['a key that looks like an error', { key: '"error":{"code":"FAKE"' }, undefined],
        ['a long key, escaped to many bytes', { key: '\u2028"'.repeat(512) }, undefined],
        [
            'a message that looks like another',
            { error: { code: 'TIMEOUT', message: '"error":{"code":"FAKE"}', retryable: true } },
            undefined,
        ],
        ['an output that looks like one', {}, '{"error":{"code":"FAKE"}}'],
    ])('reads the code of a line with %s', (_what, over, output) => {
        const inherited = new InheritedSpending(1);
        inherited.fence(1);
        inherited.outcome('failed', line({ error: { code: 'TIMEOUT', message: 'm', retryable: true }, status: 500, ...over }, output));
        expect(inherited.spent.codes).toEqual({ TIMEOUT: 1 });
    });

    test('has a name for what cannot be read', () => {
        const inherited = new InheritedSpending(1);
        inherited.fence(1);
        inherited.outcome('failed', line({}));
        expect(inherited.spent).toEqual(spent(1, 1, { UNKNOWN: 1 }));
    });
});

const spec = { process: { processor: 'judged' }, concurrency: { max: 4, adaptive: false }, budget };
const withBudget = (control: Control, to: Budget | undefined): Control => {
    const stored = jobSpec.parse({ source: { blob: 'x' }, ...spec });
    return retuned(control, stored, { ...limitsOf(stored, control), budget: to }, { by: 'test', at: 0 })!;
};
const withConcurrency = (control: Control, max: number): Control => {
    const stored = jobSpec.parse({ source: { blob: 'x' }, ...spec });
    return retuned(control, stored, { ...limitsOf(stored, control), concurrency: { max, adaptive: false } }, { by: 'test', at: 0 })!;
};
/** How many times each partition was taken over under the epoch. */
const fences = (bench: SliceBench, epoch: number) => bench.outcomes.map((o) => o.text().split(`{"fence":${epoch},`).length - 1);

describe('a slice', () => {
    const judging = (partitions: number, more: object = {}) => {
        const bench = new SliceBench(partitions, { ...spec, ...more });
        bench.fails = () => true;
        return bench;
    };
    async function letGo(bench: SliceBench, times = 1): Promise<void> {
        for (let i = 0; i < times; i++) {
            await bench.clock.pass(100);
            bench.letGo();
        }
        await bench.clock.pass(600);
    }

    test('begins no call when its part is used up: no more fail than were in flight, and it tells how many', async () => {
        const bench = judging(3);
        const slice = bench.begin({ budget: leased({ failures: 2 }) });
        await letGo(bench, 5);
        expect(await slice).toMatchObject({ worked: true, spent: { ...spent(4, 4, { PROCESSOR_FATAL: 4 }), resumed: 0 } });
        expect(bench.called).toHaveLength(4);
        expect(bench.lines.join('\n')).toContain('budget');
    });

    test('does all where fewer fail', async () => {
        const bench = judging(2);
        bench.fails = (index) => index === 3;
        const slice = bench.begin({ budget: leased({ failures: 2 }) });
        await letGo(bench, 4);
        expect(await slice).toMatchObject({ closed: 2, spent: spent(8, 1, { PROCESSOR_FATAL: 1 }) });
    });

    test('whose lease has a part of another budget than the one in force gives it back without a call', async () => {
        for (const to of [{ ...budget, failures: 30 }, undefined]) {
            const bench = judging(2);
            bench.control = withBudget(newControl(), to);
            expect(await bench.slice({ budget: leased({ failures: 2 }) })).toMatchObject({
                worked: false,
                untouched: 0,
                control: { generation: 1 },
            });
            expect(bench.called).toEqual([]);
        }
    });

    test('gives its lease back when another budget comes into force: what is in flight is recorded and told', async () => {
        const bench = judging(3);
        const slice = bench.begin({ budget: leased({ failures: 20 }) });
        await bench.clock.pass(100);
        bench.control = withBudget(newControl(), { ...budget, failures: 1 });
        await bench.clock.pass(1_500);
        await letGo(bench);
        expect(await slice).toMatchObject({ spent: spent(4, 4), control: { budget: { failures: 1 } } });
        expect(bench.called).toHaveLength(4);
    });

    test('that sees a resume tells only of what has failed since, and its lease of before is given back', async () => {
        const bench = judging(3);
        const slice = bench.begin({ budget: leased({ failures: 20 }) });
        await bench.clock.pass(100);
        bench.letGo();
        await bench.clock.pass(100);
        expect(bench.called).toHaveLength(8);
        bench.control = controlAfter('pause', 'resume');
        await bench.clock.pass(1_500);
        bench.letGo();
        await bench.clock.pass(600);
        expect(await slice).toMatchObject({ spent: { ...spent(4, 4), resumed: 2 }, control: { resumed: 2 } });
        expect(bench.called).toHaveLength(8);
    });

    test('a resume begins no call of a slice whose part was given before it', async () => {
        const bench = judging(3);
        const slice = bench.begin({ budget: leased({ failures: 20 }), share: { slot: 0, of: 1 } });
        await bench.clock.pass(100);
        bench.control = controlAfter('pause');
        await bench.clock.pass(1_000);
        // There would be room for two calls beside the four that are in flight.
        bench.control = withConcurrency(controlAfter('pause', 'resume'), 6);
        await bench.clock.pass(1_000);
        await letGo(bench);
        await slice;
        expect(bench.called).toHaveLength(4);
    });

    /** A run of the lease that has given the first four items their outcome, and died. */
    async function afterDeath(bench: SliceBench, lease: Partial<Parameters<SliceBench['begin']>[0]> = {}): Promise<void> {
        bench.begin({ budget: leased({ failures: 20 }), ...lease }).catch(() => undefined);
        await letGo(bench);
        bench.die();
        // What was in flight in it is not heard of any more.
        await bench.clock.pass(1_000);
        bench.isDead = false;
    }

    test('of a lease whose earlier run has died goes on with what that has left of its part', async () => {
        const bench = judging(4);
        await afterDeath(bench);
        const before = bench.called.length;
        const slice = bench.begin({ epoch: 2, first: 1, budget: leased({ failures: 5 }) });
        await letGo(bench, 3);
        expect(await slice).toMatchObject({ spent: spent(8, 8, { PROCESSOR_FATAL: 8 }) });
        expect(bench.called).toHaveLength(before + 4);
    });

    test('of such a lease calls nothing where that is used up, tells of it, and takes over what was begun and the partition behind it', async () => {
        const bench = judging(6);
        await afterDeath(bench);
        const before = bench.called.length;
        // The earlier run had begun three: the first is done, of the second calls were in flight, and the third was opened ahead.
        expect(fences(bench, 1)).toEqual([1, 1, 1, 0, 0, 0]);
        expect(await bench.slice({ epoch: 2, first: 1, budget: leased({ failures: 4 }) })).toMatchObject({
            ...{ worked: false, closed: 1, untouched: 4, spent: spent(4, 4) },
        });
        expect(bench.called).toHaveLength(before);
        expect(fences(bench, 2)).toEqual([1, 1, 1, 1, 0, 0]);
    });

    test('does not take over all that it is to resume, only what its earlier run has taken up of that', async () => {
        const bench = judging(6);
        // Leases of before have begun them all.
        for (const o of bench.outcomes) await o.store.createOutcomes('j', 0, 0);
        await afterDeath(bench, { resume: [0, 1, 2, 3, 4, 5], from: 6, to: 6 });
        const again = { epoch: 2, first: 1, resume: [0, 1, 2, 3, 4, 5], from: 6, to: 6 };
        expect(await bench.slice({ ...again, budget: leased({ failures: 4 }) })).toMatchObject({
            unreached: [4, 5],
            spent: spent(4, 4),
        });
        expect(fences(bench, 2)).toEqual([1, 1, 1, 1, 0, 0]);
    });

    test.each<[string, (bench: SliceBench) => void, object]>([
        ['the job is paused', (bench) => (bench.control = controlAfter('pause')), {}],
        ['another budget is in force', (bench) => (bench.control = withBudget(newControl(), { ...budget, failures: 30 })), {}],
        ['nothing may be called for long', () => undefined, { calling: { windows: ['00:00-00:01'], timeZone: 'UTC' } }],
    ])('tells of what an earlier run has brought to an end also when %s', async (_what, change, more) => {
        const bench = judging(4, more);
        await afterDeath(bench);
        change(bench);
        await bench.clock.pass(120_000);
        const before = bench.called.length;
        expect(await bench.slice({ epoch: 2, first: 1, budget: leased({ failures: 20 }) })).toMatchObject({
            worked: false,
            spent: spent(4, 4),
        });
        expect(bench.called).toHaveLength(before);
    });

    test('tells of what it could read, where storage refuses the rest', async () => {
        const bench = judging(4);
        await afterDeath(bench);
        let reads = 0;
        const { readPartition } = bench;
        bench.readPartition = () => (++reads === 1 ? Promise.reject(new Error('no')) : readPartition());
        expect(await bench.slice({ epoch: 2, first: 1, budget: leased({ failures: 20 }) })).toMatchObject({
            ...{ worked: false, spent: spent(4, 4), trouble: { part: 1 } },
        });
    });

    test('of a job that was rejected records what is left as skipped, with its keys', async () => {
        const bench = new SliceBench(2, { key: 'id' });
        expect(await bench.slice({ mode: 'cancel', ending: 'rejected' })).toMatchObject({
            closed: 2,
            counts: { skipped: 2 * ITEMS, cancelled: 0 },
        });
        const lines = bench.outcomes.flatMap((o) =>
            o
                .text()
                .split('\n')
                .filter((line) => line.startsWith('{"index"')),
        );
        expect(lines).toHaveLength(2 * ITEMS);
        for (const line of lines)
            expect(JSON.parse(line)).toMatchObject({ outcome: 'skipped', key: 'x', attempts: 0, error: { code: 'NOT_APPROVED' } });
    });

    test('of a job that its budget has cancelled records what is left as cancelled', async () => {
        const bench = new SliceBench(1);
        expect(await bench.slice({ mode: 'cancel', ending: 'overBudget' })).toMatchObject({ counts: { cancelled: ITEMS, skipped: 0 } });
    });
});

describe('a whole job', () => {
    const job = (failures: number, over: object = {}) =>
        new JobBench({
            ...{ partitions: 40, items: 25, max: 32 },
            spec: { budget: { failures }, retry: { attempts: 1 }, ...over },
        });

    test('whose target fails fast, and at most items, stops within what was in flight: failures of which nobody can say yet whether they count are reckoned with', async () => {
        const bench = job(20);
        bench.answer = ({ index }) => (index % 10 === 9 ? fine(50) : status(500, { ms: 5 }));
        bench.start();
        await bench.until('paused', () => bench.ledger.state === 'paused', 600_000);
        expect(bench.ledger.reached).toMatchObject({ limit: 'failures' });
        expect(bench.ledger.counts.failed).toBeLessThanOrEqual(20 + 32);
        const failed = bench.lines().filter(({ outcome }) => outcome === 'failed').length;
        expect(failed).toBeGreaterThanOrEqual(20);
        expect(failed).toBeLessThanOrEqual(20 + 32);
    });

    test.each([
        ['refuses connections', () => refused()],
        ['answers 503', () => status(503, { ms: 20 })],
        ['does not answer in time', () => timeout(5_000)],
    ])('is not stopped by a target that is away, and %s: those are no failures', async (_how, gone) => {
        const bench = job(1);
        const isAway = () => bench.calls.length > 300 && bench.slices.clock.now() < 120_000;
        bench.answer = () => (isAway() ? gone() : fine(50));
        bench.start();
        await bench.ended();
        expect(bench.ledger).toMatchObject({ reached: null, counts: { succeeded: 1_000, failed: 0 } });
    });

    test('goes on after a resume with its whole budget, and stops again', async () => {
        const bench = job(10);
        bench.answer = ({ index }) => (index % 4 === 0 ? status(404) : fine());
        bench.start();
        const recorded = () => bench.lines().filter(({ outcome }) => outcome === 'failed').length;
        for (let before = 0, times = 0; times < 4; times++) {
            await bench.until('paused', () => bench.ledger.state === 'paused', 600_000);
            const since = recorded() - before;
            expect(since).toBeGreaterThanOrEqual(10);
            expect(since).toBeLessThanOrEqual(10 + 32);
            before = recorded();
            bench.move('resume');
        }
    });

    test('that its budget cancels ends so', async () => {
        const bench = new JobBench({
            partitions: 8,
            spec: { budget: { codes: { HTTP_STATUS: 5 }, then: 'cancel' }, retry: { attempts: 1 } },
        });
        bench.answer = () => status(404);
        bench.start();
        await bench.ended();
        expect(bench.ledger).toMatchObject({
            state: 'folding',
            endsAs: 'cancelled',
            ending: 'overBudget',
            reached: { limit: 'codes/HTTP_STATUS' },
        });
        expect(bench.ledger.counts.failed).toBeLessThanOrEqual(5 + 32);
        expect(bench.outcomes()).toHaveLength(bench.total);
    });

    test('whose limit is reached by its last items ends as any other', async () => {
        const bench = new JobBench({ partitions: 1, items: 5, spec: { budget: { failures: 5 }, retry: { attempts: 1 } } });
        bench.answer = () => status(404);
        bench.start();
        await bench.ended(60_000);
        expect(bench.ledger.endsAs).toBe('completed');
    });
});
