// A whole slice over storage in memory, with a clock that only the test moves.
import { z } from 'zod';
import { Occupancy } from '../../src/activities/occupancy';
import type { JobAtTarget } from '../../src/activities/limits/jobAtTarget';
import { processSlice } from '../../src/activities/processSlice/processSlice';
import type { Plan, Progress } from '../../src/contracts/documents';
import { jobSpec } from '../../src/contracts/jobSpec';
import { newControl, type Control } from '../../src/core/control';
import type { Lease, SliceReport } from '../../src/core/ledger';
import { registerProcessor } from '../../src/processors';
import { defineProcessor, FatalError } from '../../src/processors/defineProcessor';
import type { JobStore } from '../../src/storage/jobStore';
import { troubleOf } from '../../src/storage/trouble';
import { FakeClock } from './fakeClock';
import { MemoryOutcomes } from './memoryOutcomes';
import { noted } from './log';

/** Items of each partition. */
export const ITEMS = 4;

let jobs = 0;
let slices = 0;
const benches = new Map<string, SliceBench>();

const processor = (name: string, description: string, run: (bench: SliceBench, attempt: number, index: number) => Promise<void>): void =>
    registerProcessor(
        defineProcessor({
            name,
            description,
            item: z.object({}),
            options: z.object({}),
            run: async ({ context }) => {
                const bench = benches.get(context.jobId)!;
                // Nobody hears what a dead process calls.
                if (bench.isDead) return;
                bench.called.push(context.index);
                return run(bench, context.attempt, context.index);
            },
        }),
    );

const no = async (): Promise<never> => {
    throw new Error('no');
};
processor('noted', 'Notes that it was called.', async () => undefined);
registerProcessor(
    defineProcessor({
        name: 'giving',
        description: 'Gives an output, and fails at every other item.',
        item: z.object({}),
        options: z.object({}),
        run: async ({ context }) => {
            if (context.index % 2 === 1) throw new FatalError('no');
            return { given: context.index };
        },
    }),
);
processor('failing', 'Fails every time, and could be tried again.', no);
processor('flaky', 'Fails the first time.', async (_bench, attempt) => (attempt === 1 ? no() : undefined));
processor('deadly', 'Ends the process at one item.', async (bench, _attempt, index) => {
    bench.look(index);
    if (index !== bench.poison) return;
    bench.die();
    // The dead process comes no further; the test lets its calls go when all is over.
    return bench.hold();
});
processor('held', 'Is at work until it is let go.', (bench) => bench.hold());
processor('judged', 'Is at work until it is let go, and fails where the test says so.', async (bench, _attempt, index) => {
    await bench.hold();
    if (bench.fails(index)) throw new FatalError('no');
});

/** A job of so many partitions of ITEMS items each. */
export class SliceBench {
    readonly clock = new FakeClock();
    readonly jobId = `job ${++jobs}`;
    outcomes: MemoryOutcomes[];
    readonly progress: Progress[] = [];
    /** Indexes of the items that were called, in that order. */
    readonly called: number[] = [];
    /** The process is dead: what still runs of it has no effect. */
    isDead = false;
    /** The item that ends the process. */
    poison: number | null = null;
    /** Whether an item fails for good at `judged`. */
    fails: (index: number) => boolean = () => false;
    /** Told of each call of `deadly`, before it does anything. */
    look: (index: number) => void = () => undefined;
    control = newControl();
    /** This process, at the target of the job. */
    atTarget: () => JobAtTarget | null = () => null;
    processId = 'this process';
    worker = 'r1w0';
    /** Requests at storage, by what they were. */
    readonly requests: Record<string, number> = {};
    glanceAtControl: () => Promise<Control> = async () => this.control;
    readPartition: (abortSignal?: AbortSignal) => Promise<Buffer> = async () => Buffer.from('{"id":"x"}\n'.repeat(this.items));
    writeProgress: (progress: Progress) => Promise<string | null> = async (progress) => String(this.progress.push(progress));
    private readonly noted = noted();
    private held: (() => void)[] = [];

    /** What the slices have logged. */
    get lines(): string[] {
        return this.noted.lines;
    }

    constructor(
        readonly partitions: number,
        private readonly spec: object = {},
        readonly items = ITEMS,
    ) {
        this.outcomes = Array.from({ length: partitions }, () => new MemoryOutcomes());
        benches.set(this.jobId, this);
    }

    /** The process dies: what storage holds now is what is left. */
    die(): void {
        this.isDead = true;
        this.outcomes = this.outcomes.map((outcomes) => outcomes.copy());
        this.held = [];
    }

    hold(): Promise<void> {
        return new Promise((resolve) => void this.held.push(resolve));
    }

    /** Lets go the calls that are held. */
    letGo(): void {
        for (const go of this.held.splice(0)) go();
    }

    private store(): JobStore {
        // A process that is dead goes on with the storage that it had, which nobody looks at any more.
        const { outcomes } = this;
        const of = (part: number) => outcomes[part]!.store;
        const spec = jobSpec.parse({ source: { blob: 'x' }, process: { processor: 'noted' }, ...this.spec });
        const entry = (i: number): Plan['partitions'][number] => ({ offset: 0, bytes: 0, items: this.items, firstIndex: i * this.items });
        const plan: Plan = {
            jobId: this.jobId,
            items: 'i',
            total: this.partitions * this.items,
            invalid: 0,
            createdAt: 'T',
            partitions: outcomes.map((_, i) => entry(i)),
        };
        const store = {
            readJob: async () => ({ id: this.jobId, createdAt: new Date(0).toISOString(), spec }),
            readPlan: async () => plan,
            readPartition: (_plan: Plan, _part: number, abortSignal?: AbortSignal) => this.readPartition(abortSignal),
            glanceAtControl: () => this.glanceAtControl(),
            glanceAtProgress: async () => {
                const progress = this.progress.at(-1);
                return progress ? { progress, etag: String(this.progress.length) } : null;
            },
            writeProgress: (_job: string, progress: Progress) => this.writeProgress(progress),
            createOutcomes: (job, part, segment) => of(part).createOutcomes(job, part, segment),
            appendOutcomes: (job, part, ...rest) => of(part).appendOutcomes(job, part, ...rest),
            readSegment: (job, part, ...rest) => of(part).readSegment(job, part, ...rest),
            measureSegment: (job, part, segment) => of(part).measureSegment(job, part, segment),
            changeControl: async (_job: string, change: (control: Control) => Control | null) =>
                (this.control = change(this.control) ?? this.control),
            readProgress: async () => ({ slices: this.progress, step: null }),
            diagnose: async (error) => troubleOf(error),
        } satisfies Partial<Record<keyof JobStore, unknown>> & MemoryOutcomes['store'];
        return this.counting(store) as unknown as JobStore;
    }

    /** Whatever is asked of it is counted. */
    private counting<T extends object>(store: T): T {
        return new Proxy(store, {
            get: (target, name: string) => {
                if (name !== 'diagnose') this.requests[name] = (this.requests[name] ?? 0) + 1;
                return target[name as keyof T];
            },
        });
    }

    /** Begins a slice. */
    begin(lease: Partial<Lease> = {}): Promise<SliceReport> {
        const whole: Lease = {
            epoch: 1,
            resume: [],
            from: 0,
            to: this.partitions,
            mode: 'normal',
            ending: 'cancelled',
            concurrency: 4,
            share: null,
            startAt: null,
            generation: 0,
            first: lease.epoch ?? 1,
            before: null,
            ...lease,
        };
        const occupancy = new Occupancy((ms, what) => this.clock.after(ms, what));
        return processSlice({ jobId: this.jobId, worker: this.worker, lease: whole }, this.store(), {
            clock: this.clock,
            chance: () => 1,
            newRunId: () => `slice ${++slices}`,
            enter: (makeRoom: () => void) => occupancy.enter(makeRoom),
            atTarget: () => this.atTarget(),
            processId: this.processId,
            log: this.noted.log,
        });
    }

    /** Runs a slice, letting time pass until it reports; null when its process died before. */
    async run(lease: Partial<Lease> = {}): Promise<SliceReport | null> {
        let report: SliceReport | null = null;
        const reported = this.begin(lease).then((given) => void (report = given));
        for (let passed = 0; !report && !this.isDead; passed += 500) {
            if (passed > 3_600_000) throw new Error('the slice has not reported within an hour');
            await this.clock.pass(500);
        }
        if (report) await reported;
        return report;
    }

    /** Runs a slice whose process lives, and gives what it reports. */
    async slice(lease: Partial<Lease> = {}): Promise<SliceReport> {
        return (await this.run(lease))!;
    }
}
