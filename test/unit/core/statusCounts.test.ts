// The counts that users see of a running job: whatever dies, is given again or read late, none goes down, and none is more than what is recorded.
import * as fc from 'fast-check';
import { noCalls } from '../../../src/core/callStats';
import { addCounts, finished, noCounts, outcomes, type Counts } from '../../../src/core/counts';
import {
    newLedger,
    nothingOpened,
    reduceLedger,
    type Lease,
    type LeaseReply,
    type LedgerOperation,
    type LedgerState,
    type PartCounts,
    type SettleReply,
    type SliceDone,
    type SliceReport,
} from '../../../src/core/ledger';
import { statusOf, type SliceProgress } from '../../../src/core/status';
import type { Desire } from '../../../src/core/states';
import { runs } from '../../support/runs';

const countNames = [...outcomes, 'retries'] as const;
const total = (counts: Counts[]): Counts => counts.reduce(addCounts, noCounts());

/** A run of a slice, as processSlice and LeasedPartitions have it. */
class Run {
    readonly queue: number[];
    readonly opened: number[] = [];
    private readonly inherited: Map<number, Counts>;

    /** `isAgain`: the process of an earlier run under the same epoch died, after it had opened something. */
    constructor(
        private readonly job: Job,
        readonly lease: Lease,
        readonly told: PartCounts[],
        readonly isAgain = false,
    ) {
        this.queue = [...lease.resume, ...Array.from({ length: lease.to - lease.from }, (_, i) => lease.from + i)];
        this.inherited = new Map(told.map(({ part, counts }) => [part, counts]));
    }

    private of = (part: number): PartCounts => ({ part, counts: { ...this.job.recorded[part]! } });

    get begun(): PartCounts[] {
        return this.queue.flatMap((part) => {
            const counts = this.inherited.get(part);
            return counts ? [{ part, counts }] : [];
        });
    }

    get parts(): PartCounts[] {
        return [...this.opened.map(this.of), ...this.begun];
    }

    report(): SliceDone {
        const { resume, to, epoch } = this.lease;
        const isClosed = (part: number) => finished(this.job.recorded[part]!) === this.job.perPartition;
        const { begun } = this;
        return {
            epoch,
            closed: this.opened.filter(isClosed).length,
            counts: total(this.opened.filter(isClosed).map((part) => this.job.recorded[part]!)),
            open: this.opened.filter((part) => !isClosed(part)).map((part) => ({ ...this.of(part), wakeAt: this.job.now })),
            unreached: this.queue.filter((part) => resume.includes(part)),
            untouched: this.queue.find((part) => !resume.includes(part) && !this.inherited.has(part)) ?? to,
            ...(begun.length > 0 ? { begun } : {}),
            failures: [],
            rate: 5,
            limit: null,
            worked: this.opened.length > 0,
        };
    }
}

interface Worker {
    name: string;
    slot: number;
    seq: number;
    run: Run | null;
    report: SliceReport | null;
    isDone: boolean;
}

const doings = [
    ...['ask', 'ask', 'ask', 'ask', 'work', 'work', 'work', 'work', 'tell', 'tell', 'tell', 'end', 'look', 'look', 'see', 'see'],
    ...['look', 'see', 'die', 'fail', 'again', 'supersede', 'refuse', 'persist', 'pass', 'control'],
] as const;
type Doing = (typeof doings)[number];

/** A job of a few workers, whose slices tell of their progress, and somebody who looks at its status. What the ledger was last asked, storage may not have yet. */
class Job {
    now = 1_000_000;
    /** What is recorded of each partition. */
    readonly recorded: Counts[];
    private ledger: LedgerState = newLedger('job');
    /** What is read of it. */
    private stored = this.ledger;
    private workers: Worker[] = [];
    private round = 0;
    private isOver = false;
    private generation = 0;
    private desired: Desire = 'run';
    private readonly progress = new Map<number, { at: number; told: SliceProgress }>();
    /** Progress that was read for a status, whose ledger is not read yet. */
    private looked: { at: number; told: SliceProgress }[] | null = null;
    private shown = noCounts();
    /** How often something came. */
    readonly came = new Map<string, number>();

    constructor(
        readonly partitions: number,
        readonly perPartition: number,
        workers: number,
    ) {
        this.recorded = Array.from({ length: partitions }, noCounts);
        const maxConcurrency = workers * 32;
        this.tell({ op: 'open', jobId: 'job', total: partitions * perPartition, invalid: 0, partitions, maxConcurrency });
        this.stored = this.ledger;
    }

    private note(what: string): void {
        this.came.set(what, (this.came.get(what) ?? 0) + 1);
    }

    /** What was asked before is stored by then; this may come to be stored a moment later. */
    private tell(operation: LedgerOperation) {
        this.stored = this.ledger;
        const { state, reply } = reduceLedger(this.ledger, operation, this.now);
        this.ledger = state;
        return reply;
    }

    do(what: Doing, n: number): void {
        if (what === 'look') return void (this.looked = [...this.progress.values()]);
        if (what === 'see') return this.see();
        if (what === 'persist') return void (this.stored = this.ledger);
        if (what === 'pass') return void (this.now += 400 * n);
        if (what === 'control') return this.control(n);
        if (this.workers.every((w) => w.isDone)) return this.settle();
        const left = this.workers.filter((w) => !w.isDone);
        this.doOf(left[n % left.length]!, what, n);
    }

    private doOf(w: Worker, what: Doing, n: number): void {
        this.now += 50;
        const { run } = w;
        if (what === 'fail') return this.fail(w, n);
        if (!run) return this.ask(w);
        if (what === 'ask' && n % 3 === 0) what = 'end';
        if (what === 'work' || what === 'ask') this.work(w, run, n);
        if (what === 'tell') this.tellProgress(w, run);
        if (what === 'end') this.end(w, run.report());
        if (what === 'die') this.end(w, { epoch: run.lease.epoch, lost: 'crashed', reason: 'test' });
        if (what === 'supersede') this.end(w, { epoch: run.lease.epoch, lost: 'superseded', reason: 'test' });
        // The process dies, and the activity comes once more.
        if (what === 'again') w.run = new Run(this, run.lease, this.inherited(w, run.lease), run.opened.length > 0 || run.isAgain);
        // Spec or plan cannot be read.
        if (what === 'refuse' && run.opened.length === 0)
            this.end(w, nothingOpened(run.lease, { code: 'STORAGE_AWAY', message: 'test' }, run.told));
    }

    private end(w: Worker, report: SliceReport): void {
        [w.report, w.run] = [report, null];
    }

    private work(w: Worker, run: Run, n: number): void {
        if (run.isAgain) return this.end(w, { epoch: run.lease.epoch, lost: 'crashed', reason: 'test' });
        const isFull = run.opened.every((part) => finished(this.recorded[part]!) === this.perPartition);
        if (run.queue.length > 0 && (isFull || n % 2 === 0)) run.opened.push(run.queue.shift()!);
        const part = run.opened[n % Math.max(1, run.opened.length)];
        if (part === undefined) return this.end(w, run.report());
        const counts = this.recorded[part]!;
        const left = this.perPartition - finished(counts);
        const kind = run.lease.mode === 'cancel' ? 'cancelled' : outcomes[n % 3]!;
        counts[kind] += run.lease.mode === 'cancel' ? left : Math.min(left, n % 5);
        counts.retries += n % 2;
    }

    private tellProgress({ name, slot }: Worker, { lease, parts }: Run): void {
        const told: SliceProgress = {
            ...{ worker: name, epoch: lease.epoch, first: lease.first, parts, before: lease.before },
            ...{ inFlight: 0, rate: 1, calls: noCalls(), at: 'T' },
        };
        this.progress.set(slot, { at: this.now, told });
    }

    private inherited({ slot }: Worker, { first }: Lease): PartCounts[] {
        const here = this.progress.get(slot)?.told;
        const last = here?.first === first ? here : [...this.progress.values()].find(({ told }) => told.first === first)?.told;
        return last?.parts ?? [];
    }

    private ask(w: Worker): void {
        const { name: worker, slot, report } = w;
        const reply = this.tell({ op: 'lease', round: this.round, worker, slot, seq: ++w.seq, report }) as LeaseReply;
        w.report = null;
        if (reply.kind === 'stop') w.isDone = true;
        if (reply.kind === 'wait') this.now = Math.max(this.now, Math.min(reply.until, this.now + 5_000));
        if (reply.kind !== 'work') return;
        const { lease } = reply;
        this.note(lease.epoch > lease.first ? 'given again' : 'given');
        w.run = new Run(this, lease, this.inherited(w, lease));
    }

    /** The worker itself fails, when it asks the ledger: what it asked was done, or was not. */
    private fail(w: Worker, n: number): void {
        if (w.run) this.end(w, w.run.report());
        if (n % 2 === 0) this.ask(w);
        [w.isDone, w.run] = [true, null];
    }

    private settle(): void {
        if (this.isOver) return void this.tell({ op: 'end', state: this.desired === 'cancel' ? 'cancelled' : 'completed' });
        const reply = this.tell({ op: 'settle' }) as SettleReply;
        if (reply.kind === 'work' && Object.keys(this.ledger.orphans).length > 0) this.note('orphaned');
        if (reply.kind === 'wait') this.now = Math.max(this.now, Math.min(reply.until, this.now + 60_000));
        if (reply.kind === 'done') [this.isOver] = [true, this.note('done')];
        if (reply.kind !== 'work') return;
        this.round = reply.round;
        this.workers = Array.from({ length: reply.workers }, (_, slot) => ({
            ...{ name: `r${reply.round}w${slot}`, slot, seq: 0 },
            ...{ run: null, report: null, isDone: false },
        }));
    }

    private control(n: number): void {
        if (this.desired === 'cancel' || (this.desired === 'run' && n > 5)) return;
        this.desired = n === 0 ? 'cancel' : this.desired === 'pause' ? 'run' : 'pause';
        this.tell({ op: 'control', generation: ++this.generation, desired: this.desired });
    }

    /** Somebody sees a status, of the progress that was read before and the ledger as it is stored now. */
    private see(): void {
        this.looked ??= [...this.progress.values()];
        this.note('seen');
        if (this.stored !== this.ledger) this.note('seen late');
        const { now } = this;
        const slices = this.looked.map(({ at, told }) => ({ ...told, age: now - at }));
        this.looked = null;
        const control = { generation: this.generation, desired: this.desired, approval: null };
        const { counts } = statusOf({ ledger: this.stored, control, progress: { slices, steps: [] }, createdAt: 0, startsAt: 0, now });
        const recorded = total(this.recorded);
        for (const name of countNames) {
            if (counts[name] < this.shown[name]) throw new Error(`${name} went from ${this.shown[name]} down to ${counts[name]}`);
            if (counts[name] > recorded[name]) throw new Error(`${name} is told as ${counts[name]}, and ${recorded[name]} is recorded`);
        }
        this.shown = counts;
    }
}

const jobs = fc.record({
    partitions: fc.integer({ min: 1, max: 8 }),
    perPartition: fc.integer({ min: 1, max: 20 }),
    workers: fc.integer({ min: 1, max: 3 }),
    story: fc.array(fc.tuple(fc.constantFrom(...doings), fc.nat(20)), { maxLength: 300, size: 'max' }),
});

test('no count goes down from one look to the next, and none is more than what is recorded, while storage loses nothing', () => {
    const came = new Map<string, number>();
    fc.assert(
        fc.property(jobs, ({ partitions, perPartition, workers, story }) => {
            const job = new Job(partitions, perPartition, workers);
            for (const [what, n] of [...story, ['see', 0] as const]) job.do(what, n);
            for (const [what, times] of job.came) came.set(what, (came.get(what) ?? 0) + times);
        }),
        { numRuns: runs(250) },
    );
    // The stories are worth their name.
    for (const what of ['given', 'given again', 'orphaned', 'seen late', 'done'])
        if ((came.get(what) ?? 0) < runs(10)) throw new Error(`${what} came ${came.get(what) ?? 0} times`);
});

test('what a worker that failed has recorded still counts when the job is given fewer workers', () => {
    let now = 1_000_000;
    let ledger = newLedger('job');
    const tell = (operation: LedgerOperation) => {
        const { state, reply } = reduceLedger(ledger, operation, (now += 10));
        ledger = state;
        return reply;
    };
    tell({ op: 'open', jobId: 'job', total: 100, invalid: 0, partitions: 10, maxConcurrency: 64 });
    const { round } = tell({ op: 'settle' }) as Extract<SettleReply, { kind: 'work' }>;
    const ask = { op: 'lease' as const, round, worker: `r${round}w1`, slot: 1, seq: 1, report: null };
    const { lease } = tell(ask) as Extract<LeaseReply, { kind: 'work' }>;
    const told: SliceProgress = {
        ...{ worker: `r${round}w1`, epoch: lease.epoch, first: lease.first, before: null, inFlight: 0, rate: 1, calls: noCalls(), at: 'T' },
        parts: [{ part: lease.from, counts: { ...noCounts(), succeeded: 7 } }],
    };
    const seen = () => {
        const control = { generation: ledger.generation, desired: 'run' as const, approval: null };
        const progress = { slices: [{ ...told, age: 0 }], steps: [] };
        return statusOf({ ledger, control, progress, createdAt: 0, startsAt: 0, now }).counts.succeeded;
    };
    expect(seen()).toBe(7);
    // The worker fails with what it holds, and there is no such place in the next round.
    tell({ op: 'control', generation: 1, desired: 'run', concurrency: 32 });
    tell({ op: 'settle' });
    expect(seen()).toBe(7);
});
