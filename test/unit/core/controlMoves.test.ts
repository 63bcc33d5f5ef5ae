// What users want of a job, and what becomes of it, in whatever order the word of it reaches the ledger.
import * as fc from 'fast-check';
import { limitsOf, moved, newControl, retuned, seenOf, seenState, type Control, type Limits } from '../../../src/core/control';
import { addCounts, finished, noCounts, type Counts } from '../../../src/core/counts';
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
    type Range,
    type SettleReply,
    type SliceReport,
} from '../../../src/core/ledger';
import { ledgerState } from '../../../src/core/status';
import {
    decideMove,
    isEnded,
    isRetunable,
    moves,
    states,
    type Desire,
    type EndState,
    type JobState,
    type UserMove,
} from '../../../src/core/states';
import { runs } from '../../support/runs';

const spec: Limits = {
    concurrency: { max: 64, adaptive: true },
    retry: { attempts: 5, initialDelay: 'PT1S', maxDelay: 'PT1M', factor: 2 },
    outage: { giveUpAfter: 'P3D' },
};
const total = (counts: Counts[]): Counts => counts.reduce(addCounts, noCounts());
const fail = (why: string): never => {
    throw new Error(why);
};

interface Worker {
    name: string;
    round: number;
    slot: number;
    seq: number;
    lease: Lease | null;
    report: SliceReport | null;
    /** The version of the control document that its last slice has seen. */
    sawVersion: number;
    isDone: boolean;
}

const doings = [
    ...['pause', 'pause', 'resume', 'resume', 'cancel', 'retune', 'deadline'],
    ...['deliver', 'deliver', 'lose', 'remind', 'repeat'],
    ...['job', 'job', 'job', 'job', 'ask', 'ask', 'ask', 'ask', 'ask', 'slice', 'slice', 'slice', 'slice', 'crash', 'fail', 'time', 'time'],
] as const;
type Doing = (typeof doings)[number];

/** A job with its control document, those who change it, the words that are on their way to the ledger, and the story that runJob and its workers tell. */
class World {
    private now = 1_000_000_000;
    private ledger: LedgerState = newLedger('job');
    /** The ledger as somebody still sees it who read it a moment ago. */
    private readBefore = this.ledger;
    private readonly documents: Control[] = [newControl()];
    private words: OperationOf<'control'>[] = [];
    private wakes: number[] = [];
    private readonly past: Exclude<LedgerOperation, { op: 'settle' }>[] = [];
    private phase: 'planning' | 'settling' | 'waiting' | 'working' | 'broken' | 'folding' | 'ended' = 'planning';
    private until = 0;
    private seen = 0;
    private endsAs: EndState = 'completed';
    private repairs = 0;
    private round = 0;
    private workers: Worker[] = [];
    /** The state in which the ledger was before it was folded. */
    private foldedFrom: JobState | null = null;
    private readonly recorded: Counts[];
    private readonly job: { createdAt: string; spec: Limits & { startAt?: string } };
    readonly came = new Map<string, number>();

    constructor(private readonly o: { partitions: number; perPartition: number; startsIn: number; skew: number; repairs: number }) {
        this.recorded = Array.from({ length: o.partitions }, noCounts);
        const startAt = o.startsIn > 0 ? { startAt: new Date(this.now + o.startsIn).toISOString() } : {};
        this.job = { createdAt: new Date(this.now).toISOString(), spec: { ...spec, ...startAt } };
    }

    private note(what: string): void {
        this.came.set(what, (this.came.get(what) ?? 0) + 1);
    }

    private get startsAt(): number {
        return Date.parse(this.job.spec.startAt ?? this.job.createdAt);
    }

    private get control(): Control {
        return this.documents.at(-1)!;
    }

    private word = (control: Control): OperationOf<'control'> => ({ op: 'control', ...seenOf(this.job, control) });

    // --- the ledger ---------------------------------------------------------------------------------------------------

    private tell(operation: LedgerOperation): LedgerReply {
        const before = this.ledger;
        // Its clock is another than that of those who ask it.
        const { state, reply } = reduceLedger(before, operation, this.now + this.o.skew);
        [this.readBefore, this.ledger] = [before, state];
        if (operation.op !== 'settle') this.past.push(operation);
        if (state.generation < before.generation)
            fail(`the ledger has gone from generation ${before.generation} back to ${state.generation}`);
        this.checkMoves(before, state);
        this.checkPaused(before, operation, reply);
        this.checkMatch();
        if (state.state === 'folding' && before.state !== 'folding') {
            this.foldedFrom = before.state;
            const as = before.state === 'cancelling' ? this.control.ending : 'completed';
            if (state.endsAs !== as) fail(`folded from ${before.state} as ${state.endsAs}`);
        }
        return reply;
    }

    /** Each state follows from the one before by a move of the table. */
    private checkMoves(before: LedgerState, { state, timeline }: LedgerState): void {
        const length = ({ first, omitted, last }: LedgerState['timeline']) =>
            first.length + last.length + Object.values(omitted?.counts ?? {}).reduce((a, b) => a + b, 0);
        const added = length(timeline) - length(before.timeline);
        let from = before.state;
        for (const event of added === 0 ? [] : [...timeline.first, ...timeline.last].slice(-added)) {
            if (event.kind !== 'state') continue;
            const { state: to } = event;
            if (!states.includes(to)) fail(`no state: ${to}`);
            if (!Object.values<Partial<Record<JobState, JobState>>>(moves).some((table) => table[from] === to))
                fail(`no move leads from ${from} to ${to}`);
            from = to;
        }
        if (from !== state) fail(`the ledger is ${state}, and the last that it tells of is ${from}`);
    }

    /** Of a job that is paused nothing is given to a worker; of one that is cancelled, only what is to be recorded so. */
    private checkPaused(before: LedgerState, operation: LedgerOperation, reply: LedgerReply): void {
        const { state, epoch, deadline } = this.ledger;
        const given = epoch > before.epoch && reply.kind === 'work' && 'lease' in reply ? reply.lease : null;
        if (given && (given.mode === 'cancel') !== (state === 'cancelling'))
            fail(`a lease in the mode ${given.mode} of a job that is ${state}`);
        if (given && given.mode === 'cancel' && given.ending !== this.control.ending) fail(`a lease that ends items as ${given.ending}`);
        if (state !== 'paused') return;
        this.note('told while it was paused');
        if (epoch > before.epoch) fail('a lease of a job that is paused');
        if (operation.op === 'settle' && reply.kind !== 'wait' && !(reply.kind === 'expire' && deadline! <= this.now + this.o.skew))
            fail(`a paused job is settled with ${reply.kind}`);
    }

    /** Who has heard the last word goes by it. */
    private checkMatch(): void {
        const { ledger, control } = this;
        const { state, generation } = ledger;
        if (generation > control.generation) fail(`the ledger has heard of ${generation}, and nobody has written it`);
        if (generation === 0 || generation < control.generation) return;
        this.note(`heard ${control.desired}`);
        const fits = {
            run: !['paused', 'cancelling', 'cancelled', 'expired'].includes(state),
            // The plan comes first.
            pause: ['scheduled', 'planning', 'paused', 'folding'].includes(state) || isEnded(state),
            cancel: ['cancelling', 'folding'].includes(state) || isEnded(state),
        }[control.desired];
        if (!fits) fail(`the ledger is ${state}, has heard of ${generation}, and ${control.desired} is wanted`);
        const { concurrency, deadline = null, ending } = seenOf(this.job, control);
        const heard = [ledger.desired, ledger.maxConcurrency, ledger.deadline];
        const wanted = [control.desired, concurrency, deadline];
        if (heard.join() !== wanted.join()) fail(`the ledger goes by ${heard.join()}, and ${wanted.join()} is wanted`);
        if (control.desired === 'cancel' && ledger.ending !== ending) fail(`it ends as ${ledger.ending}, and as ${ending} it is wanted`);
    }

    // --- what is wanted -----------------------------------------------------------------------------------------------

    /** As users see it, who may have read the ledger a moment ago. */
    private stateSeen(isLate: boolean): JobState {
        const ledger = isLate ? this.readBefore : this.ledger;
        const state = ledgerState(ledger, this.startsAt, this.now);
        return isEnded(state) ? 'folding' : seenState(state, this.control);
    }

    private change(control: Control | null): void {
        if (!control) return;
        this.documents.push(control);
        this.say();
    }

    /** Tells the ledger, and wakes the job up: both are on their way then. */
    private say(): void {
        this.words.push(this.word(this.control));
        this.wakes.push(this.control.generation);
    }

    private move(move: UserMove, isLate: boolean): void {
        const decision = decideMove(this.stateSeen(isLate), move, this.control.desired);
        const after = moved(this.control, move, { by: 'user', at: this.now });
        if (decision.kind === 'make' && !after) fail(`${move} is to be made, and changes nothing`);
        if (decision.kind === 'underWay' && after) fail(`${move} is under way, and changes something`);
        if (decision.kind === 'underWay') this.say();
        if (decision.kind !== 'make') return;
        this.change(after);
        this.note(move);
    }

    private retune(limits: Partial<Limits>, isLate: boolean): void {
        if (!isRetunable(this.stateSeen(isLate)) || this.control.desired === 'cancel') return;
        this.change(retuned(this.control, spec, { ...limitsOf(spec, this.control), ...limits }, { by: 'user', at: this.now }));
        this.note('retune');
    }

    /** A look at the job finds that the ledger has not heard, or that the job sleeps though it has. */
    private remind(): void {
        const { generation } = this.control;
        const { restsAt, state } = this.ledger;
        if (this.ledger.generation < generation || (restsAt !== null && restsAt < generation && !isEnded(state))) this.say();
    }

    // --- the story ----------------------------------------------------------------------------------------------------

    do(what: Doing, n: number): void {
        this.now += 20;
        const isLate = n % 3 === 0;
        if (what === 'pause' || what === 'resume') return this.move(what, isLate);
        if (what === 'cancel') return n < 2 ? this.move(what, isLate) : undefined;
        if (what === 'retune') return this.retune({ concurrency: { max: 1 + 15 * n, adaptive: n % 2 === 0 } }, isLate);
        if (what === 'deadline') return this.retune({ deadline: n % 3 === 0 ? `PT${n + 1}M` : undefined }, isLate);
        if (what === 'time') return void (this.now += 1_000 * n * n);
        if (what === 'lose') return void (n % 2 === 0 ? this.words.splice(n % (this.words.length + 1), 1) : this.wakes.shift());
        if (what === 'remind') return this.remind();
        if (what === 'deliver') return this.deliver(n);
        // What died with its answer is told again, also when much has come between.
        if (what === 'repeat')
            return this.past.length > 0 ? void this.tell(this.past.at(-1 - (n % Math.min(6, this.past.length)))!) : undefined;
        if (what === 'job') return this.goOn(n);
        const left = this.workers.filter((w) => !w.isDone);
        const w = left[n % Math.max(1, left.length)];
        if (!w || !(this.phase === 'working' || this.phase === 'broken') || n === 0) return this.goOn(n);
        if (what === 'ask' || !w.lease) return what === 'fail' ? this.failed(w, n) : this.ask(w);
        if (what === 'crash') return this.reported(w, { epoch: w.lease.epoch, lost: n % 2 ? 'crashed' : 'superseded', reason: 'test' });
        if (what === 'fail') return this.failed(w, n);
        this.slice(w, w.lease, n);
    }

    /** A word arrives, not in the order in which they were said; now and then it will arrive again. */
    private deliver(n: number): void {
        const at = n % Math.max(1, this.words.length);
        const word = this.words[at];
        if (!word) return;
        if (n % 3 > 0) this.words.splice(at, 1);
        this.tell(word);
        if (word.generation < this.control.generation) this.note('heard late');
    }

    private goOn(n: number): void {
        // Reading a source takes its time, and so does folding: much may be asked for and heard meanwhile.
        if ((this.phase === 'planning' || this.phase === 'folding') && n % 4 > 0) return n % 4 === 1 ? this.deliver(n) : undefined;
        if (this.phase === 'planning') return this.plan(n);
        if (this.phase === 'folding') return this.fold(n);
        if (this.phase === 'waiting') return this.wait(n);
        if (this.phase === 'broken') return this.settleBroken(n);
        if (this.phase === 'working') this.phase = this.workers.every((w) => w.isDone || w.round < this.round) ? 'settling' : 'working';
        else if (this.phase === 'settling') this.settle(n);
    }

    private plan(n: number): void {
        // What it has read of the control document may have changed since.
        const control = this.documents.at(n % 3 === 0 ? -2 : -1) ?? this.control;
        const { deadline = null, concurrency: maxConcurrency = 1 } = seenOf(this.job, control);
        if (control.desired === 'cancel') {
            this.endsAs = control.ending!;
            this.tell({ op: 'end', state: this.endsAs, error: { code: 'CANCELLED', message: 'test' } });
            this.note('ended while it was planned');
            this.phase = 'ended';
        } else if (this.startsAt > this.now) {
            this.tell({ op: 'schedule', startAt: this.startsAt });
            if (n % 8 === 0) return;
            this.now = this.startsAt;
            this.tell({ op: 'schedule', startAt: this.startsAt });
        } else {
            const { partitions, perPartition } = this.o;
            this.tell({ op: 'open', jobId: 'job', total: partitions * perPartition, invalid: 0, partitions, maxConcurrency, deadline });
            this.phase = 'settling';
        }
    }

    private settle(n: number): void {
        let reply = this.tell({ op: 'settle', seen: this.seen }) as SettleReply;
        if (n % 5 === 0) reply = this.tell({ op: 'settle', seen: this.seen }) as SettleReply;
        if (reply.kind === 'wait') [this.phase, this.until] = ['waiting', Math.min(reply.until, this.now + 300_000)];
        else if (reply.kind === 'expire') {
            // As expireJob does: the document may say otherwise by now.
            const { deadline } = seenOf(this.job, this.control);
            const isOver = (deadline ?? Infinity) <= this.now;
            if (isOver) this.change(moved(this.control, 'expire', { by: 'deadline', at: this.now }));
            else this.now += 1_000;
            this.note('expire');
            this.tell(this.word(this.control));
        } else if (reply.kind === 'work') {
            const { round } = reply;
            [this.phase, this.round] = ['working', round];
            const workers = Array.from({ length: reply.workers }, (_, slot) => ({
                ...{ name: `r${round}w${slot}`, round, slot, seq: 0, sawVersion: 0 },
                ...{ lease: null, report: null, isDone: false },
            }));
            this.workers = [...this.workers.filter((w) => !w.isDone), ...workers];
        } else [this.phase, this.endsAs] = ['folding', reply.kind === 'done' ? reply.as : reply.state];
    }

    private wait(n: number): void {
        const wake = this.wakes.shift();
        if (wake !== undefined) this.seen = Math.max(this.seen, wake);
        else if (n % 2 === 0) this.now = Math.max(this.now, this.until);
        if (wake !== undefined || this.now >= this.until) this.phase = 'settling';
    }

    private settleBroken(n: number): void {
        const reply = this.tell({ op: 'settle', broken: true }) as SettleReply;
        if (reply.kind !== 'wait' || reply.code !== 'WORK') this.phase = 'settling';
        else if (n % 2 === 0) this.now = Math.max(this.now, reply.until);
    }

    private fold(n: number): void {
        if (this.repairs < this.o.repairs) {
            // Storage has lost what it had acknowledged of some partitions.
            const from = n % this.o.partitions;
            const ranges: Range[] = [{ from, to: Math.min(this.o.partitions, from + 1 + (n % 2)) }];
            for (let part = from; part < ranges[0]!.to; part++) this.recorded[part] = noCounts();
            const closed = this.recorded.filter((counts) => finished(counts) > 0);
            this.tell({ op: 'reopen', repair: ++this.repairs, ranges, counts: total(closed), closed: closed.length });
            this.phase = 'settling';
            this.note('repair');
        } else {
            this.tell({ op: 'end', state: this.endsAs });
            this.phase = 'ended';
        }
    }

    private ask(w: Worker): void {
        const { name: worker, round, slot, report } = w;
        const reply = this.tell({ op: 'lease', round, worker, slot, seq: ++w.seq, report }) as LeaseReply;
        w.report = null;
        if (reply.kind === 'stop') w.isDone = true;
        else if (reply.kind === 'wait') this.now = Math.max(this.now, Math.min(reply.until, this.now + 5_000));
        else w.lease = reply.lease;
    }

    private reported(w: Worker, report: SliceReport): void {
        [w.lease, w.report] = [null, report];
    }

    /** The worker ends with what it holds, and its siblings go on; or it fails, and the story goes on without waiting for them all. */
    private failed(w: Worker, n: number): void {
        w.isDone = true;
        if (n % 2 === 1 && w.round === this.round) this.phase = 'broken';
    }

    /** Records some of what was leased. What it has seen of the control document may be old, but not older than what it saw before. */
    private slice(w: Worker, lease: Lease, n: number): void {
        const latest = this.documents.length - 1;
        w.sawVersion = Math.max(w.sawVersion, latest - (n % 4));
        // The fence of a later lease ends what was leased before.
        if (this.ledger.leases[w.name]?.epoch !== lease.epoch)
            return this.reported(w, { epoch: lease.epoch, lost: 'superseded', reason: 'test' });
        const control = this.documents[w.sawVersion]!;
        const { perPartition } = this.o;
        const parts = partsOf(lease);
        const reach = lease.mode === 'normal' && control.desired !== 'run' ? 0 : n % 3 === 0 ? n % (parts.length + 1) : parts.length;
        for (const part of parts.slice(0, reach)) {
            const left = perPartition - finished(this.recorded[part]!);
            if (lease.mode === 'cancel') this.recorded[part]![lease.ending] += left;
            else this.recorded[part]!.succeeded += n % 2 === 0 ? left : Math.floor(left / 2);
        }
        const opened = parts.slice(0, reach);
        const isClosed = (part: number) => finished(this.recorded[part]!) === perPartition;
        const unreached = parts.slice(reach);
        this.reported(w, {
            epoch: lease.epoch,
            closed: opened.filter(isClosed).length,
            counts: total(opened.filter(isClosed).map((part) => this.recorded[part]!)),
            open: opened.filter((part) => !isClosed(part)).map((part) => ({ part, wakeAt: this.now, counts: { ...this.recorded[part]! } })),
            unreached: unreached.filter((part) => lease.resume.includes(part)),
            untouched: unreached.find((part) => !lease.resume.includes(part)) ?? lease.to,
            ...{ failures: [], rate: 20, limit: null, worked: reach > 0 },
            ...(control.generation > 0 ? { control: seenOf(this.job, control) } : {}),
        });
    }

    /** Nothing more goes wrong, and who has paused the job resumes it: it comes to its end, as is wanted of it. */
    end(): void {
        for (let n = 0; this.phase !== 'ended'; n++) {
            if (n > 500) fail(`no end: ${this.phase} ${JSON.stringify(this.ledger)}`);
            // Ever longer: for what is gone somebody may wait for half an hour.
            this.now += 200 + n * 50;
            this.remind();
            while (this.words.length > 0) this.deliver(1);
            this.move('resume', false);
            this.goOn(4);
            for (const w of this.workers.filter(({ isDone }) => !isDone))
                if (w.lease) this.slice(w, w.lease, 4);
                else this.ask(w);
            if (this.phase === 'waiting') this.wait(2);
        }
        const { control, ledger, foldedFrom, o } = this;
        this.note(ledger.state);
        const as = foldedFrom === null || foldedFrom === 'cancelling' ? control.ending! : 'completed';
        if (ledger.state !== as) fail(`it ended as ${ledger.state}, folded from ${foldedFrom}, and was to end as ${as}`);
        // Of a job that was never planned nothing is counted.
        if (foldedFrom === null) return;
        const all = total(this.recorded);
        if (ledger.closed !== o.partitions || this.recorded.some((counts) => finished(counts) !== o.perPartition))
            fail('not every item has its outcome');
        if (JSON.stringify(ledger.counts) !== JSON.stringify(all))
            fail(`counted is ${JSON.stringify(ledger.counts)}, and recorded ${JSON.stringify(all)}`);
        const { cancelled, expired } = all;
        if ((cancelled > 0 && control.ending !== 'cancelled') || (expired > 0 && control.ending !== 'expired'))
            fail(`items ended as what was not wanted: ${JSON.stringify(all)}`);
    }
}

const worlds = fc.record({
    world: fc.record({
        partitions: fc.integer({ min: 1, max: 8 }),
        perPartition: fc.integer({ min: 1, max: 9 }),
        startsIn: fc.constantFrom(0, 0, 60_000),
        skew: fc.constantFrom(-1_500, 0, 1_500),
        repairs: fc.constantFrom(0, 0, 1, 2),
    }),
    story: fc.array(fc.tuple(fc.constantFrom(...doings), fc.nat(20)), { maxLength: 250, size: 'max' }),
});

test('whatever is wanted, and however late, doubled or lost the word of it, the ledger makes legal moves, goes by the last word that it has heard, and the job ends as it should', () => {
    const came = new Map<string, number>();
    fc.assert(
        fc.property(worlds, ({ world, story }) => {
            const w = new World(world);
            for (const [what, n] of story) w.do(what, n);
            w.end();
            for (const [what, times] of w.came) came.set(what, (came.get(what) ?? 0) + times);
        }),
        { numRuns: runs(300) },
    );
    // The stories are worth their name.
    for (const what of ['heard pause', 'heard run', 'heard cancel', 'heard late', 'retune', 'repair', 'completed', 'cancelled', 'expired'])
        if ((came.get(what) ?? 0) < runs(5)) fail(`${what} came ${came.get(what) ?? 0} times`);
});

/** What the moves of users come to, told without a table: where the job is on its way, what is wanted of it, and what the ledger has heard of that. */
class Model {
    at: 'planning' | 'open' | 'folding' = 'planning';
    wanted: Desire = 'run';
    heard: Desire = 'run';

    get state(): JobState {
        if (this.at === 'folding') return 'folding';
        if (this.wanted === 'cancel') return 'cancelling';
        return this.at === 'planning' ? 'planning' : this.wanted === 'pause' ? 'paused' : 'running';
    }

    decide(move: UserMove): 'make' | 'underWay' | 'illegal' {
        const wants = { pause: 'pause', resume: 'run', cancel: 'cancel' } as const;
        if (this.at === 'folding') return 'illegal';
        if (this.wanted === 'cancel') return move === 'cancel' ? 'underWay' : 'illegal';
        if (this.wanted !== wants[move]) return 'make';
        // That nothing was paused yet is no resume on its way.
        return this.at === 'planning' && move === 'resume' ? 'illegal' : 'underWay';
    }
}

test('what users may ask for, and what it comes to, is as a model of it says, whatever the ledger has heard', () => {
    const step = fc.constantFrom('pause', 'resume', 'cancel', 'pause', 'resume', 'open', 'hear', 'hear', 'fold' as const);
    fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
            const model = new Model();
            let control = newControl();
            let ledger = newLedger('job');
            const tell = (operation: LedgerOperation) => (ledger = reduceLedger(ledger, operation, 1_000).state);
            for (const what of steps) {
                if (what === 'hear') {
                    tell({ op: 'control', ...control });
                    model.heard = model.wanted;
                } else if (what === 'open') {
                    tell({ op: 'open', jobId: 'job', total: 0, invalid: 0, partitions: 0, maxConcurrency: 1 });
                    if (model.at === 'planning') model.at = 'open';
                } else if (what === 'fold') {
                    tell({ op: 'settle' });
                    if (model.at === 'open' && model.heard !== 'pause') model.at = 'folding';
                } else {
                    const decision = decideMove(seenState(ledger.state, control), what, control.desired);
                    expect([what, decision.kind]).toEqual([what, model.decide(what)]);
                    const after = moved(control, what, { by: 'user', at: 1_000 });
                    if (decision.kind === 'underWay') expect(after).toBeNull();
                    if (decision.kind === 'illegal') for (const move of decision.allowed) expect(model.decide(move)).toBe('make');
                    if (decision.kind !== 'make') continue;
                    model.wanted = what === 'resume' ? 'run' : what;
                    expect(after).toMatchObject({ desired: model.wanted, generation: control.generation + 1 });
                    control = after!;
                }
                expect([what, seenState(ledger.state, control)]).toEqual([what, model.state]);
            }
        }),
        { numRuns: runs(500) },
    );
});
