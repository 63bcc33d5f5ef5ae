// A whole slice over storage in memory, with a clock that only the test moves: what it reports, and what it leaves behind when storage fails.
import { RestError } from '@azure/storage-blob';
import { z } from 'zod';
import { Occupancy } from '../../../src/activities/occupancy';
import { processSlice } from '../../../src/activities/processSlice/processSlice';
import { PartitionRun } from '../../../src/activities/processSlice/partitionWriter';
import { suspicion } from '../../../src/core/poison';
import { NewerVersion } from '../../../src/contracts/contract';
import { moved, newControl, type Control } from '../../../src/core/control';
import type { Lease, SliceDone, SliceReport } from '../../../src/core/ledger';
import { intentLine } from '../../../src/items/outcomeLines';
import { jobSpec } from '../../../src/contracts/jobSpec';
import { registerProcessor } from '../../../src/processors';
import { defineProcessor } from '../../../src/processors/define';
import type { Plan, Progress } from '../../../src/contracts/documents';
import { blobs } from '../../../src/contracts/names';
import type { JobStore } from '../../../src/storage/jobStore';
import { troubleOf } from '../../../src/storage/trouble';
import { FakeClock } from '../../support/fakeClock';
import { MemoryOutcomes } from '../../support/memoryOutcomes';

const ITEMS = 4;
const refusal = (statusCode: number) => new RestError('no', { statusCode });

let jobs = 0;
let called: number[] = [];
registerProcessor(
    defineProcessor({
        name: 'noted',
        description: 'Notes that it was called.',
        item: z.object({}),
        options: z.object({}),
        run: async ({ context }) => void called.push(context.index),
    }),
);

registerProcessor(
    defineProcessor({
        name: 'failing',
        description: 'Fails every time, and could be tried again.',
        item: z.object({}),
        options: z.object({}),
        run: async ({ context }) => {
            called.push(context.index);
            throw new Error('no');
        },
    }),
);

let letGo: (() => void)[] = [];
registerProcessor(
    defineProcessor({
        name: 'held',
        description: 'Is at work until it is let go.',
        item: z.object({}),
        options: z.object({}),
        run: () => new Promise<void>((resolve) => void letGo.push(resolve)),
    }),
);

/** A job of so many partitions of four items each. */
class Bench {
    readonly clock = new FakeClock();
    readonly jobId = `job ${++jobs}`;
    readonly outcomes: MemoryOutcomes[];
    readonly progress: Progress[] = [];
    control = newControl();
    glanceAtControl: () => Promise<Control> = async () => this.control;
    readPartition: (abortSignal?: AbortSignal) => Promise<Buffer> = async () => Buffer.from('{"id":"x"}\n'.repeat(ITEMS));
    writeProgress: (progress: Progress) => Promise<void> = async (progress) => void this.progress.push(progress);

    constructor(
        private readonly partitions: number,
        private readonly spec: object = {},
    ) {
        this.outcomes = Array.from({ length: partitions }, () => new MemoryOutcomes());
        called = [];
    }

    private get store(): JobStore {
        const of = (part: number) => this.outcomes[part]!.store;
        const spec = jobSpec.parse({ source: { blob: 'x' }, process: { processor: 'noted' }, ...this.spec });
        const entry = (i: number): Plan['partitions'][number] => ({ offset: 0, bytes: 0, items: ITEMS, firstIndex: i * ITEMS });
        const total = this.partitions * ITEMS;
        const plan: Plan = {
            jobId: this.jobId,
            items: 'i',
            total,
            invalid: 0,
            createdAt: 'T',
            partitions: this.outcomes.map((_, i) => entry(i)),
        };
        const store = {
            readJob: async () => ({ id: this.jobId, createdAt: 'T', spec }),
            readPlan: async () => plan,
            readPartition: (_plan: Plan, _part: number, abortSignal?: AbortSignal) => this.readPartition(abortSignal),
            glanceAtControl: () => this.glanceAtControl(),
            writeProgress: (_job: string, progress: Progress) => this.writeProgress(progress),
            createOutcomes: (job, part, segment) => of(part).createOutcomes(job, part, segment),
            appendOutcomes: (job, part, ...rest) => of(part).appendOutcomes(job, part, ...rest),
            readSegment: (job, part, ...rest) => of(part).readSegment(job, part, ...rest),
            measureSegment: (job, part, segment) => of(part).measureSegment(job, part, segment),
            diagnose: async (error) => troubleOf(error),
        } satisfies Partial<Record<keyof JobStore, unknown>> & MemoryOutcomes['store'];
        return store as unknown as JobStore;
    }

    /** Runs a slice, letting time pass until it reports. */
    async slice(lease: Partial<Lease> = {}): Promise<SliceReport> {
        const whole: Lease = {
            epoch: 1,
            resume: [],
            from: 0,
            to: this.partitions,
            mode: 'normal',
            concurrency: 4,
            startAt: null,
            ...lease,
        };
        const occupancy = new Occupancy((ms, what) => this.clock.after(ms, what));
        let report: SliceReport | null = null;
        const surroundings = { clock: this.clock, chance: () => 1, enter: (makeRoom: () => void) => occupancy.enter(makeRoom) };
        const running = processSlice({ jobId: this.jobId, worker: 'r1w0', lease: whole }, this.store, surroundings);
        const reported = running.then((given) => void (report = given));
        while (!report) await this.clock.pass(500);
        await reported;
        return report;
    }
}

test('a slice calls each item of its lease once and reports what it has closed', async () => {
    const bench = new Bench(3);
    const report = (await bench.slice()) as SliceDone;
    expect(report).toMatchObject({ closed: 3, open: [], untouched: 3, counts: { succeeded: 12 }, worked: true });
    expect(called.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
});

test('the limits of the control document are in force in the slices that begin after it, those of the spec until then', async () => {
    const retry = { attempts: 3, initialDelay: 'PT0S', maxDelay: 'PT0S', factor: 1 };
    const before = new Bench(1, { process: { processor: 'failing' }, retry });
    expect(await before.slice()).toMatchObject({ closed: 1, counts: { failed: 4, retries: 8 } });
    const after = new Bench(1, { process: { processor: 'failing' }, retry });
    after.control = { ...newControl(), generation: 1, limits: { retry: { ...retry, attempts: 1 } } };
    expect(await after.slice()).toMatchObject({ closed: 1, counts: { failed: 4, retries: 0 } });
});

test('a slice of a job that is cancelled already calls nothing, and says which word of it it has seen', async () => {
    const bench = new Bench(2);
    bench.control = moved(newControl(), { move: 'cancel', by: 'api', at: 'T' })!;
    const report = (await bench.slice()) as SliceDone;
    expect(called).toEqual([]);
    expect(report).toMatchObject({ worked: false, untouched: 0, control: { generation: 1, desired: 'cancel' } });
});

test('a control document of a newer version is not gone by: nothing is called, and the lease is given back', async () => {
    const bench = new Bench(2);
    bench.glanceAtControl = async () => Promise.reject(new NewerVersion('control document', 9, 2));
    expect(await bench.slice()).toMatchObject({ untouched: 0, closed: 0, worked: false, trouble: { code: 'NEWER_VERSION' } });
    expect(called).toEqual([]);
});

test('a control document that cannot be read holds nothing up', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const bench = new Bench(1);
    bench.glanceAtControl = async () => Promise.reject(refusal(403));
    expect(await bench.slice()).toMatchObject({ closed: 1, counts: { succeeded: 4 } });
    warn.mockRestore();
});

test('a cancelled job whose items cannot be read is cancelled without them: their reading is not waited for partition by partition', async () => {
    const bench = new Bench(8, { key: 'id' });
    bench.readPartition = (abortSignal) =>
        new Promise((_resolve, reject) => {
            const lift = bench.clock.after(60_000, () => reject(refusal(500)));
            abortSignal?.addEventListener('abort', () => (lift(), reject(new Error('given up'))));
        });
    const report = (await bench.slice({ mode: 'cancel' })) as SliceDone;
    expect(bench.clock.now()).toBeLessThan(30_000);
    expect(report).toMatchObject({ closed: 8, counts: { cancelled: 32 } });
});

test('the progress of a slice is written by one request at a time, however slow storage is', async () => {
    const bench = new Bench(1, { process: { processor: 'held' } });
    let open = 0;
    let most = 0;
    bench.writeProgress = async () => {
        most = Math.max(most, ++open);
        await new Promise<void>((resolve) => void bench.clock.after(8_000, resolve));
        open--;
    };
    letGo = [];
    const slice = bench.slice();
    await bench.clock.pass(12_000);
    for (const go of letGo) go();
    await slice;
    expect(most).toBe(1);
});

test('the progress of a slot is one blob, in whatever round', () => {
    expect(blobs.progress('j', 'r1w3')).toBe(blobs.progress('j', 'r20000w3'));
    expect(blobs.progress('j', 'r1w3')).not.toBe(blobs.progress('j', 'r1w2'));
});

test('what isolation announced and storage did not record is no strike: the process has not died of it', async () => {
    const bench = new Bench(1, { process: { processor: 'held' } });
    const { store } = bench.outcomes[0]!;
    const run = (epoch: number) =>
        new PartitionRun(store, bench.jobId, 0, { offset: 0, bytes: 0, items: ITEMS, firstIndex: 0 }, epoch, `run ${epoch}`, bench.clock);
    for (const epoch of [1, 3]) {
        const isolated = run(epoch);
        await isolated.takeOver();
        isolated.record({ text: intentLine({ trying: [0], attempts: [1], epoch, alone: true }) });
        await isolated.flush();
        // The attempt is answered, and storage refuses the answer until the slice ends: the ledger hears of no crash.
        letGo = [];
        const next = bench.slice({ epoch: epoch + 1 });
        await bench.clock.pass(1_000);
        const heir = run(epoch + 2);
        await heir.takeOver();
        expect(suspicion(heir.intents, heir.hasEnded)).toMatchObject({ kind: 'suspects' });
        expect(heir.intents.some(({ alone }) => alone)).toBe(false);
        for (const go of letGo) go();
        await next;
    }
});

test('of two partitions that fail, the one whose failure is told is named with it', async () => {
    const bench = new Bench(2);
    let reads = 0;
    bench.readPartition = async () => {
        if (reads++ === 0) return Buffer.from('{}\n'.repeat(ITEMS));
        // The second partition is being opened for longer than an append to the first is made again.
        bench.outcomes[0]!.answers = Array.from({ length: 100 }, () => refusal(403));
        await new Promise<void>((resolve) => void bench.clock.after(30_000, resolve));
        throw refusal(404);
    };
    const report = (await bench.slice()) as SliceDone;
    expect(report.trouble).toMatchObject({ part: 0, message: expect.stringContaining('403') as string });
});
