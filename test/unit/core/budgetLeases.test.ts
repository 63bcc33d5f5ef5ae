// Whole jobs with a budget of failures by dice: leases in any order, slices and workers that die, and calls one at a time. No worker goes beyond its allowance, so
// no limit is exceeded at all; and every job comes to its end, or to its limit.
import { BudgetMeter } from '../../../src/activities/processSlice/budgetMeter';
import { addSpent, nothingSpent, type Budget, type Spent } from '../../../src/core/budget';
import { addCounts, noCounts, sumOf, type Counts } from '../../../src/core/counts';
import {
    newLedger,
    reduceLedger,
    type Lease,
    type LeaseReply,
    type LedgerOperation,
    type LedgerState,
    type OperationOf,
    type SliceReport,
} from '../../../src/core/ledger';
import { dice } from '../../support/dice';

const ITEMS = 20;
const PARTITIONS = 60;

class Worker {
    private lease: Lease | null = null;
    private meter: BudgetMeter | null = null;
    private worked = false;
    private seq = 0;
    until = 0;
    hasEnded = false;

    constructor(
        private readonly world: World,
        private readonly round: number,
        private readonly slot: number,
    ) {}

    /** One step: a question, a call, a report, or a death. */
    step(): void {
        const { world, lease, meter } = this;
        if (!lease || !meter) return this.ask(null);
        if (world.roll() < 0.003) return this.die(lease, meter);
        const parts = [...lease.resume, ...Array.from({ length: lease.to - lease.from }, (_, i) => lease.from + i)];
        const part = parts.find((p) => world.finished(p) < ITEMS);
        if (part === undefined || meter.isOut || world.roll() < 0.005) return this.ask(this.report(lease, parts, meter));
        this.worked = true;
        meter.settled(world.call(part));
    }

    private die(lease: Lease, { spent: { settled, failed, codes } }: BudgetMeter): void {
        this.world.left.set(lease.first, { settled, failed, codes });
        // The worker itself is gone now and then, and nobody hears of it.
        if (this.world.roll() < 0.2) this.hasEnded = true;
        else this.ask({ epoch: lease.epoch, lost: 'crashed', reason: 'x' });
    }

    private report({ epoch, resume, to }: Lease, parts: number[], { spent }: BudgetMeter): SliceReport {
        const begun = parts.filter((p) => this.world.finished(p) > 0 || resume.includes(p));
        const closed = begun.filter((p) => this.world.finished(p) === ITEMS);
        const open = begun.filter((p) => !closed.includes(p)).map((part) => ({ part, counts: this.world.counts[part]!, wakeAt: 0 }));
        const counts = sumOf(closed.map((part) => ({ counts: this.world.counts[part]! })));
        const untouched = parts.find((p) => !begun.includes(p)) ?? to;
        const rest = { unreached: [], failures: [], rate: 20, limit: null, worked: this.worked };
        return { epoch, closed: closed.length, counts, open, untouched, ...rest, spent };
    }

    private ask(report: SliceReport | null): void {
        const { round, slot } = this;
        const reply: LeaseReply = this.world.tell({ op: 'lease', round, worker: `r${round}w${slot}`, slot, seq: ++this.seq, report });
        [this.lease, this.meter, this.worked] = [null, null, false];
        if (reply.kind === 'stop') this.hasEnded = true;
        else if (reply.kind === 'wait') this.until = reply.until;
        else {
            this.lease = reply.lease;
            this.meter = new BudgetMeter(reply.lease.budget, 0, () => undefined);
            const { epoch, first } = reply.lease;
            if (epoch !== first) this.meter.inherit(this.world.left.get(first) ?? nothingSpent());
        }
    }
}

class World {
    now = 1_000_000;
    state: LedgerState = newLedger('job');
    readonly counts: Counts[] = Array.from({ length: PARTITIONS }, noCounts);
    spent: Spent = nothingSpent();
    workers = 0;
    /** What runs of a lease that died have brought to an end, by its first epoch. */
    readonly left = new Map<number, Spent>();
    readonly roll: () => number;
    readonly budget: Budget;
    private readonly failing: number;

    constructor(seed: number) {
        const roll = (this.roll = dice(seed));
        const one = <T>(from: T[]): T => from[Math.floor(roll() * from.length)]!;
        const codes = roll() < 0.5 ? { codes: { A: 1 + Math.floor(roll() * 20) } } : {};
        const percent = roll() < 0.6 ? { percent: one([0.001, 1, 5, 10, 50, 100]) } : {};
        const failures = roll() < 0.6 || !('codes' in codes || 'percent' in percent) ? { failures: 1 + Math.floor(roll() * 60) } : {};
        this.budget = { minimum: 1 + Math.floor(roll() * 60), then: 'pause', ...codes, ...percent, ...failures };
        this.failing = one([0, 0.01, 0.05, 0.1, 0.5, 1]);
        const { budget } = this;
        this.tell({ op: 'open', jobId: 'job', maxConcurrency: 256, total: ITEMS * PARTITIONS, invalid: 0, partitions: PARTITIONS, budget });
    }

    tell<Op extends LedgerOperation['op']>(operation: OperationOf<Op> & { op: Op }) {
        const { state, reply } = reduceLedger<Op>(this.state, operation, this.now);
        this.state = state;
        return reply;
    }

    finished = (part: number): number => this.counts[part]!.succeeded + this.counts[part]!.failed;

    /** Calls an item of the partition; gives the code with which it failed, or null. */
    call(part: number): string | null {
        const code = this.roll() < this.failing ? (this.roll() < 0.5 ? 'A' : 'B') : null;
        this.counts[part] = addCounts(this.counts[part]!, { ...noCounts(), ...(code ? { failed: 1 } : { succeeded: 1 }) });
        this.spent = addSpent(this.spent, { settled: 1, failed: code ? 1 : 0, codes: code ? { [code]: 1 } : {} });
        if (code) this.expectWithin();
        return code;
    }

    private expectWithin(): void {
        const { failures = Infinity, percent = Infinity, minimum, codes = {} } = this.budget;
        const { failed, settled, codes: by } = this.spent;
        const share = settled <= minimum ? 0 : (100 * failed - percent * settled) / 100;
        // Of a share, which no whole number of failures has, each worker may begin one.
        if (failed > failures || (by.A ?? 0) > (codes.A ?? Infinity) || share > this.workers + 1e-6)
            throw new Error(`too many have failed: ${JSON.stringify({ budget: this.budget, spent: this.spent })}`);
    }

    /** Runs the job to its end, or to its limit. */
    run(): string {
        for (let rounds = 0; rounds < 3_000; rounds++) {
            const next = this.tell({ op: 'settle' });
            if (next.kind === 'wait') this.now = Math.max(this.now + 1, Math.min(next.until, this.now + 300_000));
            else if (next.kind === 'work') this.work(next.round, next.workers);
            else return next.kind;
        }
        throw new Error(`no end: ${JSON.stringify(this.state)}`);
    }

    private work(round: number, among: number): void {
        this.workers = among;
        let workers = Array.from({ length: among }, (_, slot) => new Worker(this, round, slot));
        for (let steps = 0; workers.length > 0; steps++) {
            if (steps > 60_000) throw new Error(`the round has no end: ${JSON.stringify(this.state)}`);
            const free = workers.filter(({ until }) => until <= this.now);
            if (free.length > 0) free[Math.floor(this.roll() * free.length)]!.step();
            this.now = free.length > 0 ? this.now + 1 : Math.min(...workers.map(({ until }) => until));
            workers = workers.filter(({ hasEnded }) => !hasEnded);
        }
    }
}

test('no limit is exceeded, nothing is miscounted, and no worker waits for good for what another had', () => {
    const ends = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
        const world = new World(seed);
        const end = world.run();
        ends.add(end);
        expect([seed, end, world.state.spent]).toMatchObject([seed, end, end === 'done' ? world.spent : {}]);
        if (end === 'over') expect(world.state.reached).not.toBeNull();
    }
    expect([...ends].sort()).toEqual(['done', 'over']);
});
