// A whole job in memory: its ledger, its workers and their slices, and a target that is as good or bad as the test wants, with a clock that only the test moves.
import { z } from 'zod';
import { JobAtTarget } from '../../src/activities/limits/jobAtTarget';
import { Limiters } from '../../src/activities/limits/limiters';
import { limitsSpec, type JobSpecInput } from '../../src/contracts/jobSpec';
import { moved, type Asked, type Ending } from '../../src/core/control';
import {
    newLedger,
    reduceLedger,
    type LedgerOperation,
    type LedgerReplies,
    type OperationOf,
    type OverBudget,
    type SettleReply,
} from '../../src/core/ledger';
import type { ControlMove } from '../../src/core/states';
import { registerProcessor } from '../../src/processors';
import { failed, type ProcessorResult } from '../../src/processors/processor';
import { dice } from './dice';
import { quiet } from './log';
import { MemoryRegisters } from './memoryRegisters';
import { SliceBench } from './sliceBench';

/** How the target answers a call, and after how many ms. */
export interface Answer {
    ms: number;
    result: ProcessorResult;
}

export interface MadeCall {
    index: number;
    attempt: number;
    /** When it began, in ms. */
    at: number;
}

export const fine = (ms = 50): Answer => ({ ms, result: { ok: true, status: 200 } });
export const status = (code: number, { ms = 50, retryAfterMs }: { ms?: number; retryAfterMs?: number } = {}): Answer => ({
    ms,
    result: {
        ...failed('HTTP_STATUS', `HTTP ${code}`, code === 429 || code >= 500),
        ...{ status: code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    },
});
export const refused = (): Answer => ({ ms: 1, result: failed('CONNECTION', 'no answer: connect ECONNREFUSED') });
export const timeout = (ms = 30_000): Answer => ({ ms, result: failed('TIMEOUT', 'no answer in time') });

/** Each line of the outcomes, as it stands there. */
export interface Line {
    index?: number;
    outcome?: string;
    attempt?: number;
    attempts?: number;
    held?: number;
    tried?: number;
    throttled?: number;
    waitedMs?: number;
    trying?: number[];
    fence?: number;
    at?: string;
}

const jobs = new Map<string, JobBench>();
registerProcessor({
    name: 'target',
    description: 'Asks the target of the test.',
    options: z.object({}),
    prepare:
        () =>
        (_item, { jobId, index, attempt }) =>
            jobs.get(jobId)!.call(index, attempt),
});

const LIMITER = 'target:443';

export interface JobOptions {
    partitions?: number;
    /** Of each partition. */
    items?: number;
    spec?: Partial<JobSpecInput>;
    max?: number;
    processes?: number;
}

export class JobBench {
    readonly slices: SliceBench;
    readonly registers: MemoryRegisters;
    readonly calls: MadeCall[] = [];
    /** Slices that began, at which time (ms). */
    readonly began: number[] = [];
    inFlight = 0;
    mostInFlight = 0;
    answer: (call: MadeCall) => Answer = () => fine();
    ledger = newLedger('job');
    /** What the job waits for, or its end. */
    next: SettleReply | null = null;
    private readonly limiters: Limiters[];
    private wake: () => void = () => undefined;
    private readonly chance = dice(7);
    private seq = 0;
    readonly total: number;
    private readonly max: number;

    constructor(private readonly o: JobOptions = {}) {
        const { partitions = 4, items = 25, spec = {}, max = 32, processes = 1 } = o;
        this.max = max;
        this.total = partitions * items;
        const adaptive = { concurrency: { max, adaptive: false } };
        this.slices = new SliceBench(partitions, { process: { processor: 'target' }, ...adaptive, ...spec }, items);
        const { clock } = this.slices;
        this.registers = new MemoryRegisters(clock.now);
        this.limiters = Array.from({ length: processes }, (_, i) => new Limiters({ clock, chance: this.chance, holder: `process ${i}` }));
        jobs.set(this.slices.jobId, this);
    }

    get now(): number {
        return this.slices.clock.now();
    }

    get register() {
        return this.registers.of(LIMITER);
    }

    call(index: number, attempt: number): Promise<ProcessorResult> {
        const call = { index, attempt, at: this.now };
        this.calls.push(call);
        this.inFlight++;
        this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
        const { ms, result } = this.answer(call);
        return new Promise((resolve) => {
            this.slices.clock.after(ms, () => {
                this.inFlight--;
                resolve(result);
            });
        });
    }

    private tell<Op extends LedgerOperation['op']>(operation: OperationOf<Op>): LedgerReplies[Op] {
        const { state, reply } = reduceLedger(this.ledger, operation, this.now);
        this.ledger = state;
        return reply;
    }

    /** Begins the job. */
    start(): void {
        const { partitions = 4 } = this.o;
        const { budget = null } = limitsSpec.pick({ budget: true }).parse({ budget: this.o.spec?.budget });
        this.tell({ op: 'open', jobId: 'job', total: this.total, invalid: 0, partitions, maxConcurrency: this.max, budget });
        this.story().catch((error: unknown) => (this.broken = error));
    }
    private broken: unknown = null;

    private async story(): Promise<void> {
        for (;;) {
            const next = (this.next = this.tell({ op: 'settle', seen: this.slices.control.generation }));
            if (next.kind === 'done' || next.kind === 'ended') return;
            if (next.kind === 'expire' || next.kind === 'judge') throw new Error(`this job knows no ${next.kind}`);
            if (next.kind === 'over') this.stop(next);
            else if (next.kind === 'wait') await this.sleep(next.until, true);
            else await Promise.all(Array.from({ length: next.workers }, (_, slot) => this.worker(next.round, slot)));
        }
    }

    private async worker(round: number, slot: number): Promise<void> {
        const worker = `r${round}w${slot}`;
        let report: OperationOf<'lease'>['report'] = null;
        for (;;) {
            const reply = this.tell({ op: 'lease', round, worker, slot, seq: ++this.seq, report });
            report = null;
            if (reply.kind === 'stop') return reply.over && this.stop(reply.over);
            if (reply.kind === 'wait') await this.sleep(reply.until, false);
            else {
                this.began.push(this.now);
                const place = slot % this.limiters.length;
                Object.assign(this.slices, { worker, processId: `process ${place}` });
                this.slices.atTarget = this.atTargetOf(place);
                report = await this.slices.begin(reply.lease);
            }
        }
    }

    /** As stopOverBudget does. */
    private stop({ generation, then }: OverBudget): void {
        const { control } = this.slices;
        if (control.generation <= generation && control.desired === 'run')
            this.move(then, { by: 'budget', at: this.now }, then === 'cancel' ? 'overBudget' : undefined);
    }

    /** What a slice of this process takes for its target. */
    atTargetOf(place: number): () => JobAtTarget {
        const { clock, jobId } = this.slices;
        return () => new JobAtTarget(this.limiters[place]!.agent(LIMITER, this.registers, quiet), jobId, clock);
    }

    private sleep(until: number, isWoken: boolean): Promise<void> {
        return new Promise((resolve) => {
            const cancel = this.slices.clock.after(Math.max(100, until - this.now), resolve);
            if (isWoken)
                this.wake = () => {
                    cancel();
                    resolve();
                };
        });
    }

    /** A user's move: it is written, the ledger hears of it, and `runJob` is woken. */
    move(move: ControlMove, asked: Asked = { by: 'test', at: this.now }, endsAs?: Ending): void {
        const control = moved(this.slices.control, move, asked, endsAs);
        if (!control) throw new Error(`it is so already: ${move}`);
        this.slices.control = control;
        const { generation, desired, ending, resumed } = control;
        this.tell({ op: 'control', generation, desired, ending, resumed });
        this.wake();
    }

    get isOver(): boolean {
        return this.next?.kind === 'done' || this.next?.kind === 'ended' || this.next?.kind === 'over';
    }

    /** Lets time pass until it is so; fails when that takes longer. */
    async until(what: string, is: () => boolean, withinMs: number, stepMs = 100): Promise<void> {
        for (const end = this.now + withinMs; !is();) {
            if (this.broken) throw this.broken instanceof Error ? this.broken : new Error(JSON.stringify(this.broken));
            if (this.now >= end)
                throw new Error(`after ${withinMs} ms not ${what}: ${JSON.stringify({ ...this.summary(), next: this.next })}`);
            await this.slices.clock.pass(stepMs);
        }
    }

    ended(withinMs = 3_600_000, stepMs = 100): Promise<void> {
        return this.until('ended', () => this.isOver, withinMs, stepMs);
    }

    pass(ms: number): Promise<void> {
        return this.slices.clock.pass(ms);
    }

    /** Every line that was recorded, partition by partition. */
    lines(): Line[] {
        return this.slices.outcomes.flatMap((outcomes) =>
            outcomes
                .text()
                .split('\n')
                .filter((line) => line !== '')
                .map((line) => JSON.parse(line) as Line),
        );
    }

    /** How each item ended, by its index; fails where one has not, or twice. */
    outcomes(): Line[] {
        const ends = this.lines().filter(({ outcome }) => outcome !== undefined);
        const byIndex = new Map(ends.map((line) => [line.index!, line]));
        if (ends.length !== this.total || byIndex.size !== this.total)
            throw new Error(`${ends.length} outcomes of ${byIndex.size} items, not of ${this.total}`);
        return [...byIndex.values()];
    }

    /** Calls that began from then until then. */
    between(from: number, to: number): MadeCall[] {
        return this.calls.filter(({ at }) => at >= from && at < to);
    }

    summary() {
        const { counts, closed, hold, round } = this.ledger;
        return { now: this.now, calls: this.calls.length, inFlight: this.inFlight, counts, closed, hold, round };
    }
}
