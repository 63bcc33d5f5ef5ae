// What slices have learned of how many calls in flight a target bears: the next slice, worker and job begin there.
import { LimiterAgent } from '../../../src/activities/limits/limiterAgent';
import { JobAtTarget } from '../../../src/activities/limits/jobAtTarget';
import { SliceAdmission } from '../../../src/activities/processSlice/admission';
import { newRegister } from '../../../src/core/limiter/state';
import type { Limits } from '../../../src/core/control';
import { dice } from '../../support/dice';
import { FakeClock } from '../../support/fakeClock';
import { fine, JobBench } from '../../support/jobBench';
import { quiet } from '../../support/log';
import { MemoryRegisters } from '../../support/memoryRegisters';
import { anyRetry } from '../../support/schedulerBench';

const NAME = 'target:443';

/** A process at the target, after it has looked at the register. */
async function process(registers: MemoryRegisters, clock: FakeClock, holder: string) {
    const agent = new LimiterAgent({ name: NAME, store: registers, clock, chance: dice(3), holder, log: quiet });
    const target = new JobAtTarget(agent, 'job', clock);
    await target.enter([]);
    return { agent, target };
}

/** One worker, and what it has found. */
const ALONE = { slot: 0, of: 1 };
const found = (limit: number, isMost = false) => ({ limit, isMost });

const limits = (max: number): Limits => ({ concurrency: { max, adaptive: true }, retry: anyRetry, outage: { giveUpAfter: 'P3D' } });
const admissionAt = (target: JobAtTarget, share: { slot: number; of: number }, startAt: number | null = null) =>
    new SliceAdmission({ concurrency: 64, share, startAt }, limits(128), 0, target);

describe('what an agent has learned', () => {
    test('is written once, reaches another process, and is not written again for a difference of less than a fifth', async () => {
        const clock = new FakeClock();
        const registers = new MemoryRegisters(clock.now);
        const [one, two] = [await process(registers, clock, 'one'), await process(registers, clock, 'two')];
        expect([one.target.learnedInFlight, registers.writes]).toEqual([null, 0]);
        one.target.learn(found(24), ALONE);
        await clock.pass(1_000);
        expect([registers.of(NAME)?.bears, registers.writes]).toEqual([24, 1]);
        await clock.pass(10_000);
        expect(two.target.learnedInFlight).toBe(24);
        for (const near of [20, 28, 24]) two.target.learn(found(near), ALONE);
        await clock.pass(10_000);
        expect([registers.of(NAME)?.bears, registers.writes]).toEqual([24, 1]);
        two.target.learn(found(60), ALONE);
        await clock.pass(10_000);
        expect([registers.of(NAME)?.bears, registers.writes, one.target.learnedInFlight]).toEqual([60, 2, 60]);
    });

    test('is what the slices of a job have said last, together: their parts are seldom equal', async () => {
        const clock = new FakeClock();
        const registers = new MemoryRegisters(clock.now);
        const { target } = await process(registers, clock, 'one');
        for (const [slot, limit] of [40, 2, 2, 2].entries()) target.learn(found(limit), { slot, of: 4 });
        await clock.pass(1_000);
        expect([registers.of(NAME)?.bears, registers.writes]).toEqual([46, 1]);
        // Of another number of workers nothing is known yet.
        target.learn(found(12), { slot: 0, of: 2 });
        expect(target.learnedInFlight).toBe(24);
    });

    test('is not less than a slice has had at its maximum; that says nothing where nothing was learned', async () => {
        const clock = new FakeClock();
        const registers = new MemoryRegisters(clock.now);
        const { target } = await process(registers, clock, 'one');
        target.learn(found(100, true), ALONE);
        expect(target.learnedInFlight).toBeNull();
        target.learn(found(24), ALONE);
        target.learn(found(20, true), ALONE);
        expect(target.learnedInFlight).toBe(24);
        target.learn(found(100, true), ALONE);
        expect(target.learnedInFlight).toBe(100);
    });

    test('reaches the register although the slice leaves at once', async () => {
        const clock = new FakeClock();
        const registers = new MemoryRegisters(clock.now);
        const { target } = await process(registers, clock, 'one');
        target.learn(found(24), ALONE);
        target.leave();
        await clock.pass(10_000);
        expect(registers.of(NAME)).toMatchObject({ bears: 24, holders: {} });
    });

    test('is not told again by one who has told it, when another has learned better', async () => {
        const clock = new FakeClock();
        const registers = new MemoryRegisters(clock.now);
        await registers.replace({ ...newRegister(NAME), set: { rates: [], inFlight: 500, by: 'set', at: 0 } }, null);
        const [one, two] = [await process(registers, clock, 'one'), await process(registers, clock, 'two')];
        one.target.learn(found(24), ALONE);
        await clock.pass(6_000);
        two.target.learn(found(200), ALONE);
        await clock.pass(60_000);
        expect(registers.of(NAME)?.bears).toBe(200);
    });
});

describe('a slice of which nothing is known begins', () => {
    test('at its part of what was learned; with eight where nothing was', async () => {
        const clock = new FakeClock();
        const registers = new MemoryRegisters(clock.now);
        const { target } = await process(registers, clock, 'one');
        const admitted = (admission: SliceAdmission): number => {
            let n = 0;
            while (n < 200 && admission.ask(clock.now()) === 'admitted') n++;
            return n;
        };
        expect(admitted(admissionAt(target, { slot: 0, of: 2 }))).toBe(8);
        target.learn(found(25), ALONE);
        expect([0, 1].map((slot) => admitted(admissionAt(target, { slot, of: 2 })))).toEqual([13, 12]);
        // The ledger knows better where this worker's last slice stood.
        expect(admitted(admissionAt(target, { slot: 0, of: 2 }, 30))).toBe(30);
        target.learn(found(1), ALONE);
        expect(admitted(admissionAt(target, { slot: 3, of: 4 }))).toBeGreaterThanOrEqual(1);
    });
});

describe('a whole job', () => {
    /** A target of so many threads: who comes when all are taken waits in line. */
    const queue = (bench: JobBench, threads: number, ms: number) => {
        const freeAt = Array<number>(threads).fill(0);
        bench.answer = ({ at }) => {
            const first = freeAt.indexOf(Math.min(...freeAt));
            freeAt[first] = Math.max(at, freeAt[first]!) + ms;
            return fine(freeAt[first] - at);
        };
    };
    // Time is simulated, and so the process has no time to itself: as a slice measures it, that would hide every queue.
    beforeEach(() => void jest.spyOn(performance, 'eventLoopUtilization').mockReturnValue({ idle: 1, active: 0, utilization: 0 }));
    afterEach(() => jest.restoreAllMocks());
    const adaptive = { concurrency: { max: 128, adaptive: true } };

    test('at a target of 24 threads leaves about that in the register', async () => {
        const bench = new JobBench({ partitions: 200, items: 200, max: 128, spec: adaptive });
        queue(bench, 24, 50);
        bench.start();
        await bench.ended();
        expect(bench.register?.bears).toBeGreaterThanOrEqual(12);
        expect(bench.register?.bears).toBeLessThanOrEqual(80);
        expect(bench.registers.writes).toBeLessThan(2 * bench.began.length);
    });

    test('that stands at its maximum writes nothing', async () => {
        const bench = new JobBench({ partitions: 40, items: 200, max: 8, spec: { concurrency: { max: 8, adaptive: true } } });
        bench.start();
        await bench.ended();
        expect(bench.began.length).toBeGreaterThan(1);
        expect([bench.register, bench.registers.writes]).toEqual([null, 0]);
    });
});
