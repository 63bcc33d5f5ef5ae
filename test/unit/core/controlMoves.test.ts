// What users want of a job, and what becomes of it, in whatever order the word of it reaches the ledger.
import * as fc from 'fast-check';
import type { Budget } from '../../../src/core/budget';
import {
    endStateOf,
    limitsOf,
    moved,
    newControl,
    retuned,
    seenOf,
    seenState,
    type Control,
    type Ending,
    type Limits,
} from '../../../src/core/control';
import { addCounts, finished, noCounts, type Counts, type OutcomeKind } from '../../../src/core/counts';
import {
    newLedger,
    openCanary,
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
import { expectCame, SELDOM } from '../../support/came';
import { fail } from '../../support/fail';
import { runs } from '../../support/runs';

const spec: Limits = {
    concurrency: { max: 64, adaptive: true },
    retry: { attempts: 5, initialDelay: 'PT1S', maxDelay: 'PT1M', factor: 2 },
    outage: { giveUpAfter: 'P3D' },
};
/** What items end as that have no outcome when their job ends so. */
const restOf: Record<Ending, OutcomeKind> = { cancelled: 'cancelled', overBudget: 'cancelled', expired: 'expired', rejected: 'skipped' };
const budgetOf = (failures: number, then: Budget['then']): Budget => ({ failures, minimum: 50, then });
const total = (counts: Counts[]): Counts => counts.reduce(addCounts, noCounts());

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
    ...['pause', 'pause', 'resume', 'resume', 'cancel', 'retune', 'deadline', 'approve', 'approve', 'reject', 'budget'],
    ...['deliver', 'deliver', 'lose', 'remind', 'repeat'],
    ...['job', 'job', 'job', 'job', 'ask', 'ask', 'ask', 'ask', 'ask', 'slice', 'slice', 'slice', 'slice', 'crash', 'fail', 'time', 'time'],
] as const;
type Doing = (typeof doings)[number];

interface WorldOptions {
    partitions: number;
    perPartition: number;
    startsIn: number;
    skew: number;
    repairs: number;
    /** `partitions`: those of the canary. */
    canary: { partitions: number; approval: 'manual' | 'automatic'; timeoutMs: number } | null;
    /** What who is asked at the end says; null: it is left to the timeout. */
    answers: 'approve' | 'reject' | null;
    budget: Budget | null;
    /** Whether many items fail. */
    isBad: boolean;
}

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

    constructor(private readonly o: WorldOptions) {
        this.recorded = Array.from({ length: o.partitions }, noCounts);
        const startAt = o.startsIn > 0 ? { startAt: new Date(this.now + o.startsIn).toISOString() } : {};
        this.job = { createdAt: new Date(this.now).toISOString(), spec: { ...spec, ...startAt, budget: o.budget ?? undefined } };
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
        this.checkCanary(before, operation, reply);
        this.checkMatch();
        if (state.state === 'folding' && before.state !== 'folding') {
            this.foldedFrom = before.state;
            const as = before.state === 'cancelling' ? endStateOf[this.control.ending!] : 'completed';
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

    /** Before there is a word on the canary nothing else is given to a worker, and while somebody is asked nothing at all. The first word holds. */
    private checkCanary(before: LedgerState, operation: LedgerOperation, reply: LedgerReply): void {
        const { state, epoch, canary, startedAt } = this.ledger;
        if (before.canary?.verdict && canary?.verdict !== before.canary.verdict) fail('another word on the canary than the first');
        if (startedAt !== null && (canary?.partitions ?? null) !== (this.o.canary?.partitions ?? null)) fail('the canary is another');
        const given = epoch > before.epoch && reply.kind === 'work' && 'lease' in reply ? reply.lease : null;
        if (given && given.mode !== 'cancel' && canary?.verdict === null) {
            this.note('given of a canary');
            if (partsOf(given).some((part) => part >= canary.partitions))
                fail('a partition behind the canary, of which nobody has said a word');
        }
        if (state !== 'awaitingApproval') return;
        this.note('told while somebody was asked');
        if (given) fail('a lease while somebody is asked');
        const own = this.recorded.slice(0, canary!.partitions);
        if (own.some((counts) => finished(counts) < this.o.perPartition)) fail('somebody is asked of a canary that is not through');
        if (operation.op !== 'settle' || reply.kind === 'wait') return;
        const later = (time: number | null) => time === null || time > this.now + this.o.skew;
        if (
            !(reply.kind === 'expire' && !later(this.ledger.deadline)) &&
            !(reply.kind === 'judge' && reply.overdue && !later(canary!.until))
        )
            fail(`a job that waits for a word is settled with ${reply.kind}`);
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
            // The plan comes first, and so does a word on the canary: it was not known yet that somebody is asked.
            pause: ['scheduled', 'planning', 'awaitingApproval', 'paused', 'folding'].includes(state) || isEnded(state),
            cancel: ['cancelling', 'folding'].includes(state) || isEnded(state),
        }[control.desired];
        if (!fits) fail(`the ledger is ${state}, has heard of ${generation}, and ${control.desired} is wanted`);
        const { concurrency, deadline = null, ending, budget } = seenOf(this.job, control);
        const heard = [ledger.desired, ledger.maxConcurrency, ledger.deadline, ledger.resumed, JSON.stringify(ledger.budget)];
        const wanted = [control.desired, concurrency, deadline, control.resumed, JSON.stringify(budget)];
        if (ledger.canary && ledger.canary.verdict !== (control.approval?.is ?? null))
            fail(`the word on the canary is ${control.approval?.is}`);
        if (control.approval && ['canary', 'awaitingApproval'].includes(state)) fail(`the ledger is ${state} after a word on the canary`);
        if (heard.join() !== wanted.join()) fail(`the ledger goes by ${heard.join()}, and ${wanted.join()} is wanted`);
        if (control.desired === 'cancel' && ledger.ending !== ending) fail(`it ends as ${ledger.ending}, and as ${ending} it is wanted`);
    }

    // --- what is wanted -----------------------------------------------------------------------------------------------

    /** As users see it, who may have read the ledger a moment ago. */
    private stateSeen(isLate: boolean): JobState {
        const ledger = isLate ? this.readBefore : this.ledger;
        const state = ledgerState(ledger, this.startsAt, this.now);
        return isEnded(state) ? 'folding' : seenState(state, this.control, openCanary(ledger) !== null);
    }

    private change(control: Control | null): void {
        if (!control) return;
        const { approval, ending, desired } = this.control;
        if (approval && control.approval !== approval) fail('a word on the canary was taken back');
        if (ending && control.ending !== ending) fail('the first word on how it ends was taken back');
        if (control.approval && !approval && control.approval.is === 'approved' && control.desired !== desired)
            fail('a pause was taken back by a word on the canary');
        this.documents.push(control);
        this.say();
    }

    /** Tells the ledger, and wakes the job up: both are on their way then. */
    private say(): void {
        this.words.push(this.word(this.control));
        this.wakes.push(this.control.generation);
    }

    private move(move: UserMove, isLate: boolean): void {
        const decision = decideMove(this.stateSeen(isLate), move, this.control);
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
        if (what === 'pause' || what === 'resume' || what === 'approve') return this.move(what, isLate);
        if (what === 'cancel') return n < 1 ? this.move(what, isLate) : undefined;
        if (what === 'reject') return n < 14 ? this.move(what, isLate) : undefined;
        if (what === 'budget')
            return this.retune({ budget: n % 3 === 0 ? undefined : budgetOf(1 + n, n % 2 === 0 ? 'pause' : 'cancel') }, isLate);
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
        const { deadline = null, concurrency: maxConcurrency = 1, budget = null } = seenOf(this.job, control);
        if (control.desired === 'cancel') {
            this.endsAs = endStateOf[control.ending!];
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
            const canary = this.o.canary && { ...this.o.canary, items: this.o.canary.partitions * perPartition };
            const total = partitions * perPartition;
            this.tell({ op: 'open', jobId: 'job', total, invalid: 0, partitions, maxConcurrency, deadline, canary, budget });
            this.phase = 'settling';
        }
    }

    private settle(n: number): void {
        let reply = this.tell({ op: 'settle', seen: this.seen }) as SettleReply;
        if (n % 5 === 0) reply = this.tell({ op: 'settle', seen: this.seen }) as SettleReply;
        if (reply.kind === 'wait') [this.phase, this.until] = ['waiting', Math.min(reply.until, this.now + 300_000)];
        else if (reply.kind === 'over') this.stop(reply, n);
        else if (reply.kind === 'judge') this.judge(reply, n);
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

    /** As stopOverBudget does; now and then its process dies before it has written, or its answer is lost. */
    private stop({ generation, then }: Extract<SettleReply, { kind: 'over' }>, n: number): void {
        if (n % 7 === 1) return this.note('stop died');
        const before = this.control;
        const asked = { by: 'budget', at: this.now };
        if (before.generation <= generation && before.desired === 'run')
            this.change(then === 'pause' ? moved(before, 'pause', asked) : moved(before, 'cancel', asked, 'overBudget'));
        if (n % 7 === 2) return this.note('stop died');
        this.tell(this.word(this.control));
        this.note('over');
    }

    /** As judgeCanary does, with the same deaths. */
    private judge({ overdue, partitions }: Extract<SettleReply, { kind: 'judge' }>, n: number): void {
        const { canary, perPartition } = this.o;
        const own = this.recorded.slice(0, partitions);
        if (own.some((counts) => finished(counts) < perPartition)) fail('a canary is judged that is not through');
        if (n % 7 === 1) return this.note('judge died');
        const say = (move: 'approve' | 'reject', by: string) => {
            if (!this.control.approval) this.change(moved(this.control, move, { by, at: this.now }));
        };
        if (overdue) say('reject', 'timeout');
        else if (canary!.approval === 'automatic') say(total(own).failed * 4 <= partitions * perPartition ? 'approve' : 'reject', 'canary');
        if (n % 7 === 2) return this.note('judge died');
        const { approval, desired } = this.control;
        this.tell({ ...this.word(this.control), op: 'judged', asks: approval === null && desired !== 'cancel' });
        this.note(`judged ${approval ? `${approval.is} by ${approval.by}` : 'nobody yet'}`);
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
        const spent = { settled: 0, failed: 0, codes: {}, resumed: control.resumed };
        for (const part of parts.slice(0, reach)) {
            const left = perPartition - finished(this.recorded[part]!);
            const done = lease.mode === 'cancel' || n % 2 === 0 ? left : Math.floor(left / 2);
            const failed = lease.mode !== 'cancel' && (this.o.isBad ? n % 2 === 0 : n % 5 === 1) ? Math.min(done, 2) : 0;
            this.recorded[part]![lease.mode === 'cancel' ? restOf[lease.ending] : 'succeeded'] += done - failed;
            this.recorded[part]!.failed += failed;
            spent.settled += done;
            spent.failed += failed;
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
            ...(lease.mode === 'cancel' ? {} : { spent }),
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
            if (this.o.answers) this.move(this.o.answers, false);
            this.goOn(4);
            for (const w of this.workers.filter(({ isDone }) => !isDone))
                if (w.lease) this.slice(w, w.lease, 4);
                else this.ask(w);
            if (this.phase === 'waiting') this.wait(2);
        }
        const { control, ledger, foldedFrom, o } = this;
        this.note(ledger.state);
        this.note(`ended ${control.ending}`);
        const as = foldedFrom === null || foldedFrom === 'cancelling' ? endStateOf[control.ending!] : 'completed';
        if (ledger.state !== as) fail(`it ended as ${ledger.state}, folded from ${foldedFrom}, and was to end as ${as}`);
        // Of a job that was never planned nothing is counted.
        if (foldedFrom === null) return;
        const all = total(this.recorded);
        if (ledger.closed !== o.partitions || this.recorded.some((counts) => finished(counts) !== o.perPartition))
            fail('not every item has its outcome');
        if (JSON.stringify(ledger.counts) !== JSON.stringify(all))
            fail(`counted is ${JSON.stringify(ledger.counts)}, and recorded ${JSON.stringify(all)}`);
        for (const kind of ['cancelled', 'expired', 'skipped'] as const)
            if (all[kind] > 0 && (!control.ending || restOf[control.ending] !== kind))
                fail(`items ended as what was not wanted: ${JSON.stringify(all)}`);
        if (control.approval?.is === 'rejected' && (ledger.state !== 'cancelled' || ledger.ending !== 'rejected'))
            fail('a rejected job did not end so');
        // Where storage loses what it had, items are called again, and may be recorded otherwise.
        if (control.approval?.is === 'rejected' && o.repairs === 0 && all.skipped < (o.partitions - o.canary!.partitions) * o.perPartition)
            fail('a rejected job has items behind its canary that were not skipped');
        if (o.canary && o.canary.partitions < o.partitions && !control.approval && !control.ending)
            fail('the rest was called without a word on the canary');
        if (control.ending === 'overBudget' && !control.changes.last.concat(control.changes.first).some(({ by }) => by === 'budget'))
            fail('no budget was reached');
    }
}

const worlds = fc.record({
    world: fc.record({
        partitions: fc.integer({ min: 1, max: 8 }),
        perPartition: fc.integer({ min: 1, max: 9 }),
        startsIn: fc.constantFrom(0, 0, 60_000),
        skew: fc.constantFrom(-1_500, 0, 1_500),
        repairs: fc.constantFrom(0, 0, 1, 2),
        canary: fc.option(
            fc.record({
                partitions: fc.integer({ min: 1, max: 2 }),
                approval: fc.constantFrom('manual' as const, 'automatic' as const),
                timeoutMs: fc.constantFrom(60_000, 600_000),
            }),
            { freq: 4 },
        ),
        answers: fc.constantFrom('approve' as const, 'approve' as const, 'reject' as const, null),
        isBad: fc.boolean(),
        budget: fc.constantFrom(null, null, budgetOf(2, 'pause'), budgetOf(4, 'cancel')),
    }),
    story: fc.array(fc.tuple(fc.constantFrom(...doings), fc.nat(20)), { maxLength: 250, size: 'max' }),
});

test('whatever is wanted, and however late, doubled or lost the word of it, the ledger makes legal moves, goes by the last word that it has heard, and the job ends as it should', () => {
    const came = new Map<string, number>();
    fc.assert(
        fc.property(worlds, ({ world, story }) => {
            // A canary is of items that there are.
            const canary = world.canary && { ...world.canary, partitions: Math.min(world.canary.partitions, world.partitions) };
            const w = new World({ ...world, canary });
            for (const [what, n] of story) w.do(what, n);
            w.end();
            for (const [what, times] of w.came) came.set(what, (came.get(what) ?? 0) + times);
        }),
        { numRuns: runs(300) },
    );
    // The stories are worth their name.
    const often = ['heard pause', 'heard run', 'heard cancel', 'heard late', 'retune', 'repair', 'completed', 'cancelled', 'expired'];
    const seldom = [
        ...['given of a canary', 'told while somebody was asked', 'approve', 'reject', 'judged nobody yet', 'judged approved by canary'],
        ...['judged rejected by canary', 'judged rejected by timeout', 'judge died', 'over', 'ended rejected', 'ended overBudget'],
    ];
    expectCame(came, often, runs(5));
    expectCame(came, seldom, SELDOM);
});

/** What the moves of users come to, told without a table: where the job is on its way, what is wanted of it, and what the ledger has heard of that. */
class Model {
    at: 'planning' | 'open' | 'folding' = 'planning';
    wanted: Desire = 'run';
    heard: Desire = 'run';
    word: 'approved' | 'rejected' | null = null;
    isAsked = false;

    constructor(private readonly hasCanary: boolean) {}

    get state(): JobState {
        if (this.at === 'folding') return 'folding';
        if (this.wanted === 'cancel') return 'cancelling';
        if (this.at === 'planning') return 'planning';
        if (this.isAsked && !this.word) return 'awaitingApproval';
        if (this.wanted === 'pause') return 'paused';
        return this.hasCanary && !this.word ? 'canary' : 'running';
    }

    decide(move: UserMove): 'make' | 'underWay' | 'illegal' {
        const { state, wanted } = this;
        if (move === 'approve') return state === 'awaitingApproval' ? 'make' : state === 'running' && this.word ? 'underWay' : 'illegal';
        if (move === 'reject')
            return state === 'awaitingApproval' ? 'make' : state === 'cancelling' && this.word === 'rejected' ? 'underWay' : 'illegal';
        if (move === 'cancel') return state === 'folding' ? 'illegal' : wanted === 'cancel' ? 'underWay' : 'make';
        if (state === 'folding' || state === 'cancelling' || state === 'awaitingApproval') return 'illegal';
        if (wanted !== (move === 'pause' ? 'pause' : 'run')) return 'make';
        // That nothing was paused yet is no resume on its way.
        return state === 'planning' && move === 'resume' ? 'illegal' : 'underWay';
    }

    make(move: UserMove): void {
        if (move === 'approve') this.word = 'approved';
        else this.wanted = move === 'resume' ? 'run' : move === 'pause' ? 'pause' : 'cancel';
        if (move === 'reject') this.word = 'rejected';
    }
}

test('what users may ask for, and what it comes to, is as a model of it says, whatever the ledger has heard', () => {
    const step = fc.constantFrom(
        ...(['pause', 'resume', 'pause', 'resume', 'open', 'hear', 'hear', 'ask', 'approve', 'approve'] as const),
        ...(['pause', 'resume', 'pause', 'resume', 'open', 'hear', 'ask', 'approve', 'fold', 'cancel', 'reject'] as const),
    );
    const came = new Map<string, number>();
    fc.assert(
        fc.property(fc.boolean(), fc.array(step, { maxLength: 40, size: 'max' }), (isCanary, steps) => {
            const model = new Model(isCanary);
            let control = newControl();
            let ledger = newLedger('job');
            const tell = (operation: LedgerOperation) => (ledger = reduceLedger(ledger, operation, 1_000).state);
            const word = () => seenOf({ createdAt: new Date(0).toISOString(), spec }, control);
            const seen = () => seenState(ledger.state, control, openCanary(ledger) !== null);
            for (const what of steps) {
                if (what === 'hear') {
                    tell({ op: 'control', ...word() });
                    model.heard = model.wanted;
                } else if (what === 'open') {
                    const canary = isCanary ? { items: 1, partitions: 1, timeoutMs: 60_000 } : null;
                    const rest = isCanary ? 2 : 0;
                    tell({ op: 'open', jobId: 'job', total: rest, invalid: 0, partitions: rest, maxConcurrency: 1, canary });
                    if (model.at === 'planning') model.at = 'open';
                } else if (what === 'ask') {
                    // The canary has come to its end: what is wanted stands in the document that was looked at.
                    if (!isCanary) continue;
                    tell({ op: 'judged', asks: control.approval === null && control.desired !== 'cancel', ...word() });
                    model.heard = model.wanted;
                    if (model.at === 'open' && model.wanted === 'run' && !model.word) model.isAsked = true;
                } else if (what === 'fold') {
                    if (isCanary) continue;
                    tell({ op: 'settle' });
                    if (model.at === 'open' && model.heard !== 'pause') model.at = 'folding';
                } else {
                    const decision = decideMove(seen(), what, control);
                    expect([what, decision.kind]).toEqual([what, model.decide(what)]);
                    came.set(`${what} ${decision.kind}`, (came.get(`${what} ${decision.kind}`) ?? 0) + 1);
                    const after = moved(control, what, { by: 'user', at: 1_000 });
                    if (decision.kind === 'underWay') expect(after).toBeNull();
                    if (decision.kind === 'illegal') for (const move of decision.allowed) expect(model.decide(move)).toBe('make');
                    if (decision.kind !== 'make') continue;
                    model.make(what);
                    expect(after).toMatchObject({ desired: model.wanted, generation: control.generation + 1 });
                    expect(after!.approval?.is ?? null).toBe(model.word);
                    control = after!;
                }
                expect([what, seen()]).toEqual([what, model.state]);
            }
        }),
        { numRuns: runs(1_000) },
    );
    const named = [
        'approve make',
        'approve underWay',
        'approve illegal',
        'reject make',
        'reject underWay',
        'reject illegal',
        'resume make',
    ];
    expectCame(came, named, SELDOM);
});
