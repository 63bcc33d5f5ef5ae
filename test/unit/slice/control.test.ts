// What is wanted of a job, its limits, its windows and its deadline, as one slice goes by them.
import { limitsOf, moved, newControl, retuned, type Control, type Limits } from '../../../src/core/control';
import type { SliceDone } from '../../../src/core/ledger';
import { controlAfter } from '../../support/moves';
import { ITEMS, SliceBench } from '../../support/sliceBench';

const asked = { by: 'test', at: 0 };
const spec: Limits = {
    concurrency: { max: 4, adaptive: false },
    retry: { attempts: 3, initialDelay: 'PT0S', maxDelay: 'PT0S', factor: 1 },
    outage: { giveUpAfter: 'P3D' },
};

/** The document with these limits changed. */
const withLimits = (control: Control, limits: Partial<Limits>): Control =>
    retuned(control, spec, { ...limitsOf(spec, control), ...limits }, asked)!;
/** The lease of the only worker. */
const only = { share: { slot: 0, of: 1 } };
const held = (partitions = 1, more: object = {}, items = ITEMS) =>
    new SliceBench(partitions, { process: { processor: 'held' }, ...spec, ...more }, items);

describe('a pause', () => {
    test('that stands when the slice begins: nothing is called and nothing opened, and the ledger hears which word it has seen', async () => {
        const bench = held(2);
        bench.control = controlAfter('pause');
        const report = (await bench.slice()) as SliceDone;
        expect(bench.called).toEqual([]);
        expect(bench.outcomes.map((o) => o.text())).toEqual(['', '']);
        expect(report).toMatchObject({ worked: false, untouched: 0, control: { generation: 1, desired: 'pause' } });
    });

    test('is looked for before the first call: what the look does not say in time, calls do not wait for', async () => {
        // The paired negative: a slice that knew of the pause only by its second look would have called.
        const bench = held(1);
        let looks = 0;
        bench.glanceAtControl = async () => (looks++ === 0 ? newControl() : controlAfter('pause'));
        const slice = bench.begin();
        await bench.clock.pass(100);
        expect(bench.called).toEqual([0, 1, 2, 3]);
        await bench.clock.pass(1_000);
        bench.letGo();
        await bench.clock.pass(100);
        await slice;
    });

    test('that the ledger has heard of, and storage does not show: nothing is called, and the lease is given back', async () => {
        const bench = held(2);
        expect(await bench.slice({ generation: 1 })).toMatchObject({ worked: false, untouched: 0, trouble: { code: 'STORAGE_REFUSED' } });
        expect(bench.called).toEqual([]);
    });

    test('in the middle: what is in flight is recorded, and nothing more is called', async () => {
        const bench = held(3);
        const slice = bench.begin();
        await bench.clock.pass(100);
        expect(bench.called).toHaveLength(4);
        bench.control = controlAfter('pause');
        await bench.clock.pass(1_000);
        bench.letGo();
        await bench.clock.pass(100);
        const report = (await slice) as SliceDone;
        expect(bench.called).toHaveLength(4);
        expect(bench.outcomes[0]!.recorded()).toEqual([0, 1, 2, 3]);
        expect(report).toMatchObject({ worked: true, control: { desired: 'pause' } });
    });

    test('that is taken back while calls are in flight: the slice goes on without waiting for them', async () => {
        const bench = held(3);
        const slice = bench.begin(only);
        await bench.clock.pass(100);
        bench.control = controlAfter('pause');
        await bench.clock.pass(1_000);
        bench.control = withLimits(controlAfter('pause', 'resume'), { concurrency: { max: 6, adaptive: false } });
        await bench.clock.pass(1_000);
        expect(bench.called).toHaveLength(6);
        for (let i = 0; i < 4; i++) {
            bench.letGo();
            await bench.clock.pass(700);
        }
        expect(await slice).toMatchObject({ closed: 3, control: { generation: 3, desired: 'run' } });
    });

    test('and a cancel behind it: no resume brings the slice back to calling', async () => {
        const bench = held(3);
        const slice = bench.begin();
        await bench.clock.pass(100);
        bench.control = controlAfter('pause', 'cancel');
        await bench.clock.pass(1_000);
        bench.control = controlAfter('pause', 'cancel', 'resume');
        await bench.clock.pass(1_000);
        bench.letGo();
        await bench.clock.pass(100);
        expect(await slice).toMatchObject({ control: { desired: 'cancel', ending: 'cancelled' } });
        expect(bench.called).toHaveLength(4);
    });
});

describe('a retune', () => {
    test('to fewer calls: none begins until as few are in flight', async () => {
        const bench = held(3);
        const slice = bench.begin();
        await bench.clock.pass(100);
        bench.control = withLimits(newControl(), { concurrency: { max: 1, adaptive: false } });
        await bench.clock.pass(1_000);
        bench.letGo();
        await bench.clock.pass(100);
        expect(bench.called).toHaveLength(5);
        for (let i = 0; i < 8; i++) {
            bench.letGo();
            await bench.clock.pass(100);
        }
        expect(await slice).toMatchObject({ closed: 3 });
    });

    test('to more calls: they begin at once, whatever is in flight', async () => {
        const bench = held(3);
        const slice = bench.begin(only);
        await bench.clock.pass(100);
        bench.control = withLimits(newControl(), { concurrency: { max: 9, adaptive: false } });
        await bench.clock.pass(1_000);
        expect(bench.called).toHaveLength(9);
        bench.letGo();
        await bench.clock.pass(100);
        bench.letGo();
        await bench.clock.pass(100);
        await slice;
    });

    test('below the number of workers: one has all, the other none, until there are enough again', async () => {
        const one = withLimits(newControl(), { concurrency: { max: 1, adaptive: false } });
        const first = held(2, { concurrency: { max: 1, adaptive: false } });
        const second = held(2, { concurrency: { max: 1, adaptive: false } });
        for (const bench of [first, second]) bench.control = one;
        first.begin({ share: { slot: 0, of: 2 } }).catch(() => undefined);
        second.begin({ share: { slot: 1, of: 2 } }).catch(() => undefined);
        for (const bench of [first, second]) await bench.clock.pass(2_000);
        expect([first.called.length, second.called.length]).toEqual([1, 0]);
        second.control = withLimits(one, { concurrency: { max: 5, adaptive: false } });
        await second.clock.pass(1_500);
        expect(second.called).toHaveLength(2);
    });

    test('of retries holds for attempts that end afterwards', async () => {
        const bench = new SliceBench(1, { process: { processor: 'failing' }, ...spec, retry: { ...spec.retry, attempts: 20 } }, 1);
        bench.control = withLimits(newControl(), { retry: { ...spec.retry, attempts: 2 } });
        expect(await bench.slice()).toMatchObject({ closed: 1, counts: { failed: 1, retries: 1 } });
    });
});

describe('windows for calls', () => {
    // The bench's clock begins on Thursday 1970-01-01, 00:00.
    const calling = (...windows: string[]) => ({ calling: { windows, timeZone: 'UTC' } });

    test('closed when the slice begins: nothing is opened, and the ledger hears until when', async () => {
        const bench = held(2, calling('Fri'));
        expect(await bench.slice()).toMatchObject({ worked: false, untouched: 0, hold: { code: 'OUTSIDE_WINDOWS', until: 86_400_000 } });
        expect([bench.called, bench.outcomes[0]!.text()]).toEqual([[], '']);
    });

    test('that close in the middle: what is in flight is recorded, and the slice ends', async () => {
        const bench = held(3, calling('00:00-00:01'));
        await bench.clock.pass(55_000);
        const slice = bench.begin();
        await bench.clock.pass(5_500);
        expect(bench.called).toHaveLength(4);
        bench.letGo();
        await bench.clock.pass(200);
        expect(await slice).toMatchObject({ worked: true, hold: { code: 'OUTSIDE_WINDOWS', until: 86_400_000 } });
        expect(bench.outcomes[0]!.recorded()).toHaveLength(4);
        expect(bench.called).toHaveLength(4);
    });

    test('that somebody opens while calls are in flight: the slice goes on, and reports no hold', async () => {
        const bench = held(3, calling('00:00-00:01'));
        await bench.clock.pass(55_000);
        const slice = bench.begin();
        await bench.clock.pass(7_000);
        bench.control = withLimits(newControl(), { calling: { windows: ['00:00-00:10'], timeZone: 'UTC' } });
        await bench.clock.pass(1_000);
        bench.letGo();
        await bench.clock.pass(200);
        expect(bench.called).toHaveLength(8);
        bench.letGo();
        await bench.clock.pass(200);
        bench.letGo();
        await bench.clock.pass(200);
        expect(await slice).not.toHaveProperty('hold');
    });

    test('that open in a moment are waited for', async () => {
        const bench = held(1, calling('00:01-24:00'));
        await bench.clock.pass(57_000);
        bench.begin().catch(() => undefined);
        await bench.clock.pass(2_000);
        expect(bench.called).toEqual([]);
        await bench.clock.pass(1_500);
        expect(bench.called).toHaveLength(4);
    });

    test('that somebody opens meanwhile are gone by', async () => {
        const bench = held(1, calling('00:00-00:01'));
        await bench.clock.pass(58_000);
        bench.begin().catch(() => undefined);
        bench.control = withLimits(newControl(), { calling: { windows: ['00:00-00:05'], timeZone: 'UTC' } });
        await bench.clock.pass(1_500);
        bench.letGo();
        await bench.clock.pass(3_000);
        expect(bench.called).toHaveLength(4);
    });
});

describe('a deadline', () => {
    const at = (ms: number) => ({ deadline: new Date(ms).toISOString() });

    test('that has come: nothing is opened', async () => {
        const bench = held(1, at(0));
        expect(await bench.slice()).toMatchObject({ worked: false, untouched: 0 });
        expect(bench.called).toEqual([]);
    });

    test('that comes in the middle: what is in flight is recorded, and nothing more is called', async () => {
        const bench = held(3, at(5_000));
        const slice = bench.begin();
        await bench.clock.pass(4_900);
        bench.letGo();
        await bench.clock.pass(50);
        expect(bench.called).toHaveLength(8);
        await bench.clock.pass(100);
        bench.letGo();
        await bench.clock.pass(100);
        expect(await slice).toMatchObject({ worked: true });
        expect(bench.called).toHaveLength(8);
    });

    test('that is put off while calls are in flight: the slice goes on', async () => {
        const bench = held(3, at(2_000));
        bench.begin().catch(() => undefined);
        await bench.clock.pass(2_500);
        bench.control = withLimits(newControl(), at(3_600_000));
        await bench.clock.pass(1_000);
        bench.letGo();
        await bench.clock.pass(200);
        expect(bench.called).toHaveLength(8);
    });

    test('has the rest recorded as expired', async () => {
        const bench = held(2);
        bench.control = moved(newControl(), 'expire', asked)!;
        expect(await bench.slice({ mode: 'cancel', ending: 'expired' })).toMatchObject({ closed: 2, counts: { expired: 8, cancelled: 0 } });
        expect(bench.outcomes[1]!.text()).toContain('"outcome":"expired"');
    });
});

describe('in isolation', () => {
    test('a pause while the process is cleared for a suspect, or while it is announced: it is not called, and nothing counts against it', async () => {
        const bench = held(1, {}, 8);
        const slice = bench.begin({ epoch: 2, mode: 'isolated', concurrency: 4 });
        bench.outcomes[0]!.hold();
        await bench.clock.pass(500);
        bench.control = controlAfter('pause');
        await bench.clock.pass(2_000);
        bench.outcomes[0]!.release();
        await bench.clock.pass(2_000);
        expect(await slice).toMatchObject({ control: { desired: 'pause' } });
        expect(bench.called).toEqual([]);
    });
});

describe('what an earlier run of the lease has recorded', () => {
    test('is told again by the next, of the partitions that it has not come to', async () => {
        const bench = held(4);
        const dead = bench.begin();
        for (let i = 0; i < 3; i++) {
            await bench.clock.pass(1_100);
            bench.letGo();
        }
        await bench.clock.pass(3_000);
        const told = bench.progress.at(-1)!;
        expect(told.parts.length).toBeGreaterThanOrEqual(3);
        bench.die();
        dead.catch(() => undefined);
        // The next run is paused before it has opened anything.
        bench.isDead = false;
        bench.control = controlAfter('pause');
        const report = (await bench.slice({ epoch: 2, first: 1 })) as SliceDone;
        expect(report.begun).toEqual(told.parts);
        expect(report.untouched).toBe(told.parts.length);
        // Of another lease it is none of the slice's business.
        const other = (await bench.slice({ epoch: 4, first: 3 })) as SliceDone;
        expect(other.begun).toBeUndefined();
        expect(other.untouched).toBe(0);
    });
});
