// A job with a budget of failures, its workers, and all that can go wrong between them: how many items fail before it stands still.
//
// The bound: of the outcomes since the last resume, those that came while the allowance of their lease was not used up never exceed a limit. What comes after
// that was in flight at that moment, for no call begins any more: so a limit is overshot by no more than that, in all leases together.
import * as fc from 'fast-check';
import { BudgetMeter } from '../../../src/activities/processSlice/budgetMeter';
import { addSpent, isSameBudget, nothingSpent, reachedLimit, type Budget, type Spent } from '../../../src/core/budget';
import { limitsOf, moved, newControl, retuned, seenOf, type Control, type Limits } from '../../../src/core/control';
import { noCounts, sumOf, type Counts } from '../../../src/core/counts';
import {
    newLedger,
    partsOf,
    reduceLedger,
    type Lease,
    type LeaseReply,
    type LedgerOperation,
    type LedgerReply,
    type LedgerState,
    type OperationOf,
    type OverBudget,
    type SettleReply,
    type SliceReport,
} from '../../../src/core/ledger';
import { expectCame, SELDOM } from '../../support/came';
import { fail } from '../../support/fail';
import { dice } from '../../support/dice';
import { runs } from '../../support/runs';

interface WorldOptions {
    partitions: number;
    perPartition: number;
    /** Workers at most, and calls in flight of each. */
    workers: number;
    calls: number;
    /** The share of items that fail. */
    failing: number;
    seed: number;
    budget: Budget;
}

/** An item that has its outcome: under which epoch that was recorded, and with what code it failed. */
interface Ended {
    epoch: number;
    code: string | null;
}

/** A partition as its outcomes tell. `fence`: the last epoch that has taken it over. */
interface Partition {
    ended: Ended[];
    fences: number[];
}

/** What has come to an end since one resume, and what of it came when nothing more should have begun. */
interface Since {
    spent: Spent;
    /** Failures while their lease was used up, or by which it was. */
    beyond: Spent;
    /** Of leases that were given under another budget, or before the resume: the ledger need not hear of them. */
    outdated: number;
    /** What had failed, without what was beyond, when the last lease of another budget came back. */
    floor: Spent;
}

interface Run {
    lease: Lease;
    meter: BudgetMeter;
    isOut: boolean;
    /** Calls in flight when it was out the last time, and failures since. */
    inFlightThen: number;
    failedSince: number;
    saw: number;
    /** Taken over, in the order of the lease. */
    opened: number[];
    left: number[];
    /** Calls in flight, by their partitions. */
    inFlight: number[];
    recorded: number;
    made: number;
}

interface Worker {
    name: string;
    round: number;
    slot: number;
    seq: number;
    run: Run | null;
    report: SliceReport | null;
    over: OverBudget | null;
    isDone: boolean;
}

const doings = [
    ...['call', 'call', 'call', 'call', 'answer', 'answer', 'answer', 'answer', 'answer', 'look', 'look', 'end', 'end', 'end'],
    ...['ask', 'ask', 'ask', 'job', 'job', 'repeat', 'crash', 'gone', 'pause', 'resume', 'resume', 'budget', 'deliver', 'lose', 'time'],
] as const;
type Doing = (typeof doings)[number];

class World {
    private now = 1_000_000_000;
    private ledger: LedgerState = newLedger('job');
    private readonly documents: Control[] = [newControl()];
    private words: OperationOf<'control'>[] = [];
    private readonly partitions: Partition[];
    private readonly since = new Map<number, Since>();
    private readonly past: Exclude<LedgerOperation, { op: 'settle' }>[] = [];
    private phase: 'settling' | 'waiting' | 'working' | 'ended' = 'settling';
    private until = 0;
    private round = 0;
    private workers: Worker[] = [];
    private idle = 0;
    /** The budget that the ledger has heard of, at the last look. */
    private budgetThen: Budget | null = null;
    private readonly throws: () => number;
    private readonly job: { createdAt: string; spec: Limits };
    readonly came = new Map<string, number>();

    constructor(private readonly o: WorldOptions) {
        this.throws = dice(o.seed);
        this.partitions = Array.from({ length: o.partitions }, () => ({ ended: [], fences: [] }));
        const spec: Limits = {
            concurrency: { max: 32 * o.workers, adaptive: false },
            retry: { attempts: 1, initialDelay: 'PT1S', maxDelay: 'PT1M', factor: 2 },
            outage: { giveUpAfter: 'P3D' },
            budget: o.budget,
        };
        this.job = { createdAt: new Date(this.now).toISOString(), spec };
        const { partitions, perPartition } = o;
        const opened = { total: partitions * perPartition, invalid: 0, partitions, maxConcurrency: spec.concurrency.max, budget: o.budget };
        this.tell({ op: 'open', jobId: 'job', ...opened });
    }

    private note(what: string, times = 1): void {
        this.came.set(what, (this.came.get(what) ?? 0) + times);
    }

    private get control(): Control {
        return this.documents.at(-1)!;
    }

    private budgetIn = (control: Control): Budget | undefined => limitsOf(this.job.spec, control).budget;
    private word = (control: Control): OperationOf<'control'> => ({ op: 'control', ...seenOf(this.job, control) });

    private sinceResume(resumed: number): Since {
        const before = this.since.get(resumed);
        if (before) return before;
        const since = { spent: nothingSpent(), beyond: nothingSpent(), outdated: 0, floor: nothingSpent() };
        this.since.set(resumed, since);
        return since;
    }

    private tell(operation: LedgerOperation): LedgerReply {
        const { state, reply } = reduceLedger(this.ledger, operation, this.now);
        // A copy of the same is no other.
        if (isSameBudget(state.budget, this.ledger.budget)) state.budget = this.ledger.budget;
        this.ledger = state;
        if (operation.op !== 'settle') this.past.push(operation);
        this.check();
        return reply;
    }

    // --- what holds at every moment -----------------------------------------------------------------------------------

    private check(): void {
        const { ledger } = this;
        const held = [...Object.values(ledger.leases), ...Object.values(ledger.orphans)];
        const { resumed } = ledger;
        const since = this.sinceResume(resumed);
        const within = without(since.spent, since.beyond);
        const isOfNow = ({ budget }: Lease) => budget?.resumed === resumed && JSON.stringify(budget.of) === JSON.stringify(ledger.budget);
        // A lease of another budget goes by that one: only when all of them have come back is this one kept to.
        if (ledger.budget !== this.budgetThen || !held.every(isOfNow)) since.floor = within;
        this.budgetThen = ledger.budget;
        if (!ledger.budget) return;
        const { failures = Infinity, percent, minimum, codes = {} } = ledger.budget;
        const told = () => JSON.stringify({ within, since, budget: ledger.budget });
        if (within.failed > Math.max(failures, since.floor.failed)) fail(`more have failed than budget.failures: ${told()}`);
        for (const [code, most] of Object.entries(codes))
            if ((within.codes[code] ?? 0) > Math.max(most, since.floor.codes[code] ?? 0)) fail(`more have failed with ${code}: ${told()}`);
        if (percent === undefined) return;
        // The failure that uses up a part of a share may be more than the part, by a part of an item for each worker.
        const share = Math.max(percent * since.spent.settled + 100 * this.o.workers, 100 * minimum, 100 * since.floor.failed);
        if (100 * within.failed > share + 1e-6) fail(`a greater share has failed than budget.percent: ${told()}`);
    }

    // --- what is wanted -----------------------------------------------------------------------------------------------

    private change(control: Control | null): boolean {
        if (!control) return false;
        this.documents.push(control);
        this.words.push(this.word(control));
        return true;
    }

    private move(move: 'pause' | 'resume'): void {
        if (this.change(moved(this.control, move, { by: 'user', at: this.now }))) this.note(move);
    }

    private retune(budget: Budget | undefined): void {
        const { spec } = this.job;
        const inForce = limitsOf(spec, this.control);
        if (
            this.control.desired !== 'cancel' &&
            this.change(retuned(this.control, spec, { ...inForce, budget }, { by: 'user', at: this.now }))
        )
            this.note(budget ? 'budget' : 'budget taken away');
    }

    /** As stopOverBudget does. That the limit is reached, all that has come to an end must say, and not only what the ledger knows. */
    private stop({ generation, then }: OverBudget, n: number): void {
        const { control } = this;
        if (n % 6 === 1) return this.note('stop died');
        if (control.generation <= generation && control.desired === 'run') {
            const budget = this.budgetIn(control)!;
            const { spent } = this.sinceResume(control.resumed);
            const known = this.ledger.spent;
            if (!reachedLimit(budget, known)) fail(`stopped, and ${JSON.stringify(known)} reaches nothing of ${JSON.stringify(budget)}`);
            if (known.failed > spent.failed || known.settled > spent.settled)
                fail(`the ledger counts ${JSON.stringify(known)}, and there is ${JSON.stringify(spent)}`);
            const asked = { by: 'budget', at: this.now };
            this.change(then === 'pause' ? moved(control, 'pause', asked) : moved(control, 'cancel', asked, 'overBudget'));
            this.note(`stopped by ${reachedLimit(budget, known)!.split('/')[0]}`);
        }
        if (n % 6 !== 2) this.tell(this.word(this.control));
    }

    // --- the story ----------------------------------------------------------------------------------------------------

    do(what: Doing, n: number): void {
        this.now += 20;
        if (what === 'pause') return n < 4 ? this.move('pause') : undefined;
        if (what === 'resume') return this.move('resume');
        if (what === 'budget') return n < 8 ? this.retune(this.anotherBudget(n)) : undefined;
        if (what === 'deliver') return this.deliver(n);
        if (what === 'lose') return void this.words.splice(n % (this.words.length + 1), 1);
        if (what === 'time') return void (this.now += 500 * n);
        if (what === 'repeat')
            return this.past.length > 0 ? void this.tell(this.past.at(-1 - (n % Math.min(6, this.past.length)))!) : undefined;
        if (what === 'job' || this.phase !== 'working') return this.goOn(n);
        const left = this.workers.filter((w) => !w.isDone);
        const w = left[n % Math.max(1, left.length)];
        if (!w) return this.goOn(n);
        if (what === 'gone') return n < 4 ? void (w.isDone = true) : undefined;
        if (!w.run) return this.ask(w, n);
        if (what === 'call') this.call(w.run, n);
        else if (what === 'answer') this.answer(w, w.run, 1 + (n % 5));
        else if (what === 'look') this.look(w.run, n % 3);
        else if (what === 'end' || what === 'ask') this.end(w, w.run);
        else if (what === 'crash' && n < 7)
            this.reported(w, { epoch: w.run.lease.epoch, lost: n % 2 ? 'crashed' : 'superseded', reason: 'test' });
    }

    private anotherBudget(n: number): Budget | undefined {
        const { then } = this.o.budget;
        if (n === 0) return undefined;
        if (n % 3 === 0) return { percent: 4 * n, minimum: 1 + n, then };
        return n % 3 === 1 ? { failures: n, minimum: 50, then } : { codes: { A: n }, minimum: 50, then };
    }

    private deliver(n: number): void {
        const at = n % Math.max(1, this.words.length);
        const word = this.words[at];
        if (!word) return;
        if (n % 3 > 0) this.words.splice(at, 1);
        this.tell(word);
    }

    private goOn(n: number): void {
        if (this.phase === 'working' && this.workers.every((w) => w.isDone || w.round < this.round)) this.phase = 'settling';
        if (this.phase === 'waiting' && (this.now >= this.until || n % 2 === 0)) {
            this.now = Math.max(this.now, Math.min(this.until, this.now + 60_000));
            this.phase = 'settling';
        }
        if (this.phase === 'settling') this.settle(n);
    }

    private settle(n: number): void {
        const reply = this.tell({ op: 'settle', seen: 0 }) as SettleReply;
        this.checkKnown();
        if (reply.kind === 'wait') [this.phase, this.until] = ['waiting', reply.until];
        else if (reply.kind === 'over') this.stop(reply, n);
        else if (reply.kind === 'work') {
            const { round } = reply;
            this.note(`workers ${reply.workers > 1 ? 'several' : 'one'}`);
            [this.phase, this.round] = ['working', round];
            const workers = Array.from({ length: reply.workers }, (_, slot) => ({
                ...{ name: `r${round}w${slot}`, round, slot, seq: 0 },
                ...{ run: null, report: null, over: null, isDone: false },
            }));
            this.workers = [...this.workers.filter((w) => !w.isDone && w.run), ...workers];
        } else if (reply.kind === 'done') {
            this.phase = 'ended';
            this.note(`ended ${reply.as}`);
            this.tell({ op: 'end', state: reply.as });
        } else fail(`settled with ${reply.kind}`);
    }

    /** With nothing in anybody's hands, the ledger knows of all that has failed, but for what was in flight under another budget. */
    private checkKnown(): void {
        const { leases, orphans, resumed, spent } = this.ledger;
        // Of a job that is cancelled nobody finds out any more what a run that died has brought to an end.
        if (Object.keys(leases).length > 0 || Object.keys(orphans).length > 0 || this.control.desired === 'cancel') return;
        const since = this.sinceResume(resumed);
        if (spent.failed > since.spent.failed || spent.failed < since.spent.failed - since.outdated)
            fail(`the ledger counts ${JSON.stringify(spent)}, and there is ${JSON.stringify(since)}`);
        this.note('known');
    }

    private ask(w: Worker, n: number): void {
        if (w.over) {
            this.stop(w.over, n);
            w.isDone = true;
            return;
        }
        const ask = { op: 'lease' as const, round: w.round, worker: w.name, slot: w.slot, seq: ++w.seq, report: w.report };
        const reply = this.tell(ask) as LeaseReply;
        // What died with its answer is told again.
        if (n % 4 === 0 && JSON.stringify(this.tell(ask)) !== JSON.stringify(reply)) fail('the same operation is answered otherwise');
        w.report = null;
        if (reply.kind === 'stop' && reply.over) w.over = reply.over;
        else if (reply.kind === 'stop') w.isDone = true;
        else if (reply.kind === 'wait') this.now = Math.max(this.now, Math.min(reply.until, this.now + 2_000));
        else this.begin(w, reply.lease, n);
    }

    // --- a slice ------------------------------------------------------------------------------------------------------

    private begin(w: Worker, lease: Lease, n: number): void {
        // The document is looked at first, and shows what the ledger has heard of.
        const saw = Math.max(lease.generation, this.documents.length - 1 - (n % 2));
        const control = this.documents[saw]!;
        const run: Run = {
            ...{ lease, saw, isOut: false, inFlightThen: 0, failedSince: 0, recorded: 0, made: 0 },
            ...{ opened: [], left: partsOf(lease), inFlight: [] },
            meter: new BudgetMeter(lease.budget, control.resumed, () => undefined),
        };
        w.run = run;
        if (lease.mode === 'cancel') return;
        run.meter.heed(this.budgetIn(control), control.resumed);
        if (lease.budget && lease.epoch !== lease.first && control.desired !== 'cancel') {
            this.note('given again');
            for (let isBegun = true; isBegun && run.left.length > 0;) {
                const partition = this.open(run);
                const ofLease = partition.ended.filter(({ epoch }) => epoch >= lease.first);
                isBegun = partition.fences.some((fence) => fence >= lease.first && fence !== lease.epoch);
                run.meter.inherit(ofLease.reduce((sum, { code }) => addSpent(sum, one(code)), nothingSpent()));
                if (ofLease.some(({ code }) => code !== null)) this.note('inherited');
            }
        }
        this.noteOut(run);
    }

    private open(run: Run): Partition {
        const part = run.left.shift()!;
        run.opened.push(part);
        const partition = this.partitions[part]!;
        partition.fences.push(run.lease.epoch);
        return partition;
    }

    private noteOut(run: Run): void {
        const { isOut } = run.meter;
        if (isOut && !run.isOut) [run.inFlightThen, run.failedSince] = [run.inFlight.length, 0];
        run.isOut = isOut;
    }

    private mayCall = (run: Run): boolean => !run.meter.isOut && this.documents[run.saw]!.desired === 'run' && run.lease.mode !== 'cancel';

    /** Begins calls, as many as may be in flight. */
    private call(run: Run, n: number): void {
        for (let left = 1 + n; left > 0 && this.mayCall(run) && run.inFlight.length < this.o.calls; left--) {
            const part = this.withItem(run);
            if (part === null) return;
            run.inFlight.push(part);
            run.made++;
        }
    }

    private withItem(run: Run): number | null {
        for (;;) {
            const free = (part: number) =>
                this.partitions[part]!.ended.length + run.inFlight.filter((p) => p === part).length < this.o.perPartition;
            const part = run.opened.find(free);
            if (part !== undefined) return part;
            if (run.left.length === 0) return null;
            this.open(run);
        }
    }

    /** Calls are answered; what comes to its end is recorded, unless another has taken the partition over. */
    private answer(w: Worker, run: Run, calls: number): void {
        for (let n = 0; n < calls; n++) {
            const part = run.inFlight.shift();
            if (part === undefined) return;
            const partition = this.partitions[part]!;
            if (partition.fences.at(-1) !== run.lease.epoch)
                return this.reported(w, { epoch: run.lease.epoch, lost: 'superseded', reason: 'test' });
            const code = this.throws() < this.o.failing ? (this.throws() < 0.6 ? 'A' : 'B') : null;
            partition.ended.push({ epoch: run.lease.epoch, code });
            run.recorded++;
            const wasOut = run.meter.isOut;
            const since = this.sinceResume(run.meter.spent.resumed);
            run.meter.settled(code);
            since.spent = addSpent(since.spent, one(code));
            const isOutdated = run.lease.budget?.resumed !== run.meter.spent.resumed;
            if (code !== null && isOutdated) since.outdated++;
            if (code !== null && wasOut && ++run.failedSince > run.inFlightThen) fail('a call began when the allowance was used up');
            if (code !== null && (wasOut || isOutdated)) since.beyond = addSpent(since.beyond, one(code));
            if (wasOut && code !== null) this.note('overshot');
            this.noteOut(run);
            this.check();
        }
    }

    private look(run: Run, behind: number): void {
        run.saw = Math.max(run.saw, this.documents.length - 1 - behind);
        const control = this.documents[run.saw]!;
        if (run.lease.mode !== 'cancel') run.meter.heed(this.budgetIn(control), control.resumed);
        this.noteOut(run);
    }

    /** The slice ends: what is in flight is waited for. */
    private end(w: Worker, run: Run): void {
        const { lease } = run;
        const { perPartition } = this.o;
        if (lease.mode === 'cancel')
            while (run.left.length > 0) {
                const { ended } = this.open(run);
                while (ended.length < perPartition) ended.push({ epoch: lease.epoch, code: 'cancelled' });
                run.recorded++;
            }
        this.answer(w, run, run.inFlight.length);
        if (!w.run) return;
        this.idle = run.made === 0 && lease.mode !== 'cancel' ? this.idle + 1 : 0;
        const isClosed = (part: number) => this.partitions[part]!.ended.length === perPartition;
        const closed = run.opened.filter(isClosed);
        const control = this.documents[run.saw]!;
        this.reported(w, {
            epoch: lease.epoch,
            closed: closed.length,
            counts: sumOf(closed.map((part) => this.counted(part))),
            open: run.opened.filter((part) => !isClosed(part)).map((part) => ({ ...this.counted(part), part, wakeAt: this.now })),
            unreached: run.left.filter((part) => lease.resume.includes(part)),
            untouched: run.left.find((part) => !lease.resume.includes(part)) ?? lease.to,
            ...{ failures: [], rate: 20, limit: null, worked: run.made > 0 || run.recorded > 0, process: `p${w.slot % 3}` },
            ...(lease.mode === 'cancel' ? {} : { spent: run.meter.spent }),
            ...(control.generation > 0 ? { control: seenOf(this.job, control) } : {}),
        });
    }

    private counted(part: number): { counts: Counts } {
        const counts = noCounts();
        for (const { code } of this.partitions[part]!.ended)
            counts[code === null ? 'succeeded' : code === 'cancelled' ? 'cancelled' : 'failed']++;
        return { counts };
    }

    private reported(w: Worker, report: SliceReport): void {
        [w.run, w.report] = [null, report];
    }

    /** Nothing more goes wrong, and whoever is asked to resumes the job: it comes to its end. */
    finish(): void {
        const most = 300 + 30 * this.o.partitions * this.o.perPartition;
        for (let n = 0; this.phase !== 'ended'; n++) {
            if (n > most) fail(`no end: ${this.phase} ${JSON.stringify(this.ledger)}`);
            if (this.idle > 30) fail(`leases without a call, one after the other: ${JSON.stringify(this.ledger)}`);
            this.now += 200 + n * 20;
            if (this.ledger.generation < this.control.generation) this.tell(this.word(this.control));
            if (this.control.desired === 'pause' && this.ledger.state === 'paused' && this.phase !== 'working') this.move('resume');
            this.goOn(4);
            for (const w of this.workers.filter(({ isDone }) => !isDone)) {
                if (!w.run) this.ask(w, 3);
                else {
                    this.look(w.run, 0);
                    this.call(w.run, 20);
                    this.answer(w, w.run, 2);
                    if (w.run && (w.run.inFlight.length === 0 || !this.mayCall(w.run))) this.end(w, w.run);
                }
            }
        }
        const { ledger, partitions, o } = this;
        if (partitions.some(({ ended }) => ended.length !== o.perPartition)) fail('an item has no outcome, or two');
        if (JSON.stringify(ledger.counts) !== JSON.stringify(sumOf(partitions.map((_, part) => this.counted(part)))))
            fail('the counts are others');
        const byBudget = [...this.control.changes.first, ...this.control.changes.last].some(({ by }) => by === 'budget');
        if (ledger.state === 'cancelled' && !byBudget) fail('nobody has cancelled it');
    }
}

const one = (code: string | null): Spent => ({ settled: 1, failed: code === null ? 0 : 1, codes: code === null ? {} : { [code]: 1 } });
const without = (all: Spent, part: Spent): Spent => ({
    settled: all.settled - part.settled,
    failed: all.failed - part.failed,
    codes: Object.fromEntries(Object.entries(all.codes).map(([code, n]) => [code, n - (part.codes[code] ?? 0)])),
});

const then = fc.constantFrom('pause' as const, 'pause' as const, 'pause' as const, 'cancel' as const);
const budgets: fc.Arbitrary<Budget> = fc.oneof(
    fc.record({ failures: fc.integer({ min: 1, max: 12 }), minimum: fc.constant(50), then }),
    fc.record({ percent: fc.constantFrom(1, 5, 20, 50, 100), minimum: fc.integer({ min: 1, max: 20 }), then }),
    fc.record({ codes: fc.record({ A: fc.integer({ min: 1, max: 8 }) }), minimum: fc.constant(50), then }),
    fc.record({
        failures: fc.integer({ min: 1, max: 20 }),
        percent: fc.constantFrom(10, 30),
        codes: fc.record({ A: fc.integer({ min: 1, max: 9 }), B: fc.integer({ min: 1, max: 9 }) }),
        minimum: fc.integer({ min: 1, max: 10 }),
        then,
    }),
);
const worlds = fc.record({
    world: fc.record({
        partitions: fc.integer({ min: 1, max: 12 }),
        perPartition: fc.integer({ min: 1, max: 9 }),
        workers: fc.integer({ min: 1, max: 8 }),
        calls: fc.integer({ min: 1, max: 6 }),
        failing: fc.constantFrom(0, 0.05, 0.2, 0.5, 1),
        seed: fc.integer(),
        budget: budgets,
    }),
    story: fc.array(fc.tuple(fc.constantFrom(...doings), fc.nat(20)), { maxLength: 300, size: 'max' }),
});

test('no limit is overshot by more than what was in flight when allowances were used up, whoever dies, repeats, loses or retunes what; none stops the job before it is reached; and the job ends', () => {
    const came = new Map<string, number>();
    fc.assert(
        fc.property(worlds, ({ world, story }) => {
            const w = new World(world);
            for (const [what, n] of story) w.do(what, n);
            w.finish();
            for (const [what, times] of w.came) came.set(what, (came.get(what) ?? 0) + times);
        }),
        { numRuns: runs(500) },
    );
    // The stories are worth their name.
    const often = ['budget', 'overshot', 'known', 'resume', 'pause', 'given again', 'workers one', 'workers several', 'ended completed'];
    const stopped = ['stopped by failures', 'stopped by percent', 'stopped by codes'];
    expectCame(came, [...often, ...stopped], runs(5));
    expectCame(came, ['budget taken away', 'ended cancelled', 'inherited', 'stop died'], SELDOM);
});
