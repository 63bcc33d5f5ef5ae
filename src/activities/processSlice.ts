// One slice: a bounded run over the partitions of one lease. Expected failures are returned, never thrown:
// what is thrown here reaches the worker as the death of the process, which it is not.
import { randomUUID } from 'node:crypto';
import type { Lease, Parked, SliceReport } from '../core/ledger';
import { parkedAs, SLICE_MS } from '../core/ledger';
import { newConcurrency } from '../core/concurrency';
import { noCounts, outcomeLine, settled, type Counts } from '../core/outcome';
import type { JobStore } from '../storage/jobStore';
import { Engine } from './slice/engine';
import { poisonError, workCarefully } from './slice/careful';
import { Fenced, PartitionRun, total } from './slice/partitionRun';
import { loadJob, watchControl, type LoadedJob } from './slice/job';

export interface SliceInput {
    jobId: string;
    worker: string;
    lease: Lease;
}

export async function processSlice(input: SliceInput, store: JobStore): Promise<SliceReport> {
    const { epoch } = input.lease;
    try {
        return await new Slice(input, store, await loadJob(store, input.jobId)).run();
    } catch (error) {
        return { epoch, lost: 'fenced', reason: (error instanceof Fenced ? error.message : String(error)).slice(0, 300) };
    }
}

/**
 * What kills was in flight when the process died, so it is among the first items that are not recorded: those called, and those
 * answered whose lines were not yet written. Beyond them there is no need for care.
 */
const CAREFUL_ITEMS = 512;

class Redelivered extends Error {}

class Slice {
    private readonly runId = randomUUID();
    private readonly began = Date.now();
    private readonly runs: PartitionRun[] = [];
    private readonly engine: Engine;
    private readonly queue: number[];
    private before: Counts[] = [];
    private written = 0;
    private readonly concurrency;

    constructor(
        private readonly input: SliceInput,
        private readonly store: JobStore,
        private readonly job: LoadedJob,
    ) {
        const { lease } = input;
        this.queue = [...lease.resume, ...Array.from({ length: lease.to - lease.from }, (_, i) => lease.from + i)];
        this.concurrency = newConcurrency(lease.concurrency, job.spec.concurrency.adaptive, lease.startAt);
        this.engine = new Engine({
            call: job.call,
            keyOf: job.keyOf,
            readsItem: job.readsItem,
            retry: job.retry,
            concurrency: this.concurrency,
            keepOutput: (ok) => job.spec.results.keep === 'all' || (job.spec.results.keep === 'failed' && !ok),
            openNext: () => this.openNext(),
            until: this.began + SLICE_MS,
            manual: lease.mode !== 'normal',
            now: Date.now,
            chance: Math.random,
        });
    }

    async run(): Promise<SliceReport> {
        const { lease, jobId } = this.input;
        const control = watchControl(this.store, jobId, () => this.engine.stop('cancelled'));
        const reporter = setInterval(() => void this.progress(), 1000);
        try {
            if (lease.mode === 'cancel') await this.cancelAll();
            else if (lease.mode === 'careful') await this.careful();
            else await this.engine.run();
        } catch (error) {
            if (error instanceof Redelivered)
                return { epoch: lease.epoch, lost: 'died', reason: 'the process died during an earlier run of this slice' };
            throw error;
        } finally {
            clearInterval(reporter);
            control.stop();
        }
        return this.report(control.cancelled());
    }

    /** Takes over the next partition of the lease. */
    private async openNext(): Promise<PartitionRun | null> {
        const part = this.queue.shift();
        if (part === undefined) return null;
        const { plan } = this.job;
        const run = new PartitionRun(this.store, this.input.jobId, part, plan.partitions[part]!, this.input.lease.epoch, this.runId);
        const data = this.store.readPartition(plan, part);
        try {
            await run.takeOver();
        } finally {
            await data.catch(() => undefined); // awaited again below; here only so that no rejection is left alone
        }
        // The ledger must learn of the death before anything is called again: it decides when to be careful.
        if (run.redelivered) throw new Redelivered();
        run.load(await data);
        this.before.push({ ...run.counts });
        this.runs.push(run);
        return run;
    }

    private async cancelAll(): Promise<void> {
        while (Date.now() < this.began + SLICE_MS) {
            const run = await this.openNext();
            if (!run) return;
            const at = new Date().toISOString();
            for (let index = run.firstIndex; index < run.firstIndex + run.items; index++) {
                if (run.isRecorded(index)) continue;
                const key = this.job.keyOf(JSON.parse(run.text(index)), index);
                const attempts = run.waiting.get(index)?.attempts ?? 0;
                run.record({
                    text: outcomeLine({ index, outcome: 'cancelled', key, attempts, ms: 0, at }),
                    index,
                    outcome: 'cancelled',
                    attempts,
                });
            }
            run.cursor = run.items;
            await run.flush();
        }
    }

    private async careful(): Promise<void> {
        let called = 0;
        const enough = CAREFUL_ITEMS + this.input.lease.concurrency;
        const late = () => this.engine.stopped !== null || called >= enough || Date.now() >= this.began + SLICE_MS;
        while (!late()) {
            const run = await this.openNext();
            if (!run) return;
            await workCarefully(run, {
                epoch: this.input.lease.epoch,
                chunk: this.input.lease.concurrency,
                stop: late,
                callAll: (r, indexes) => {
                    called += indexes.length;
                    return this.engine.callAll(r, indexes);
                },
                giveUp: (r, index, strikes) => {
                    const attempts = (r.waiting.get(index)?.attempts ?? 0) + strikes;
                    this.engine.fail(r, index, this.job.keyOf(JSON.parse(r.text(index)), index), attempts, poisonError(strikes), {
                        ms: 0,
                        at: new Date().toISOString(),
                    });
                },
            });
        }
    }

    /** Counts move while the slice runs. Best effort: the report is what counts in the end. */
    private async progress(): Promise<void> {
        // Every second at first, when someone is likely to look; then every three: a write is a storage transaction.
        const now = Date.now();
        if (now - this.written < (now - this.began < 5000 ? 900 : 2900)) return;
        this.written = now;
        const { worker, lease, jobId } = this.input;
        try {
            await this.store.writeProgress(jobId, {
                worker,
                epoch: lease.epoch,
                counts: total(this.runs),
                inFlight: this.engine.inFlight,
                rate: this.rate(),
                at: new Date(now).toISOString(),
            });
        } catch (error) {
            console.warn(`progress of ${worker} was not written: ${String(error)}`);
        }
    }

    /** Items settled by this slice per second. */
    private rate(): number {
        const done = this.runs.reduce((n, run, i) => n + settled(run.counts) - settled(this.before[i]!), 0);
        return Math.round((done / Math.max(0.001, (Date.now() - this.began) / 1000)) * 10) / 10;
    }

    private report(cancelled: boolean): SliceReport {
        const { lease } = this.input;
        const finished = this.runs.filter((r) => settled(r.counts) === r.items);
        const open = this.runs.filter((r) => settled(r.counts) !== r.items).map(parked);
        const untouched = this.queue.filter((p) => !lease.resume.includes(p));
        // Resumed partitions that were not reached go back as they came; their counts are read again from their outcomes.
        for (const part of this.queue) if (lease.resume.includes(part)) open.push(parkedAs(part, Date.now(), noCounts()));
        return {
            epoch: lease.epoch,
            closed: finished.length,
            counts: total(finished),
            open,
            untouched: untouched[0] ?? lease.to,
            failures: this.engine.failures,
            rate: lease.mode === 'cancel' ? 0 : this.rate(),
            limit: this.concurrency.limit < this.concurrency.max ? this.concurrency.limit : null,
            cancelled,
        };
    }
}

/** A begun partition as the ledger keeps it: to be taken up at once, or when its first retry is due if nothing else is left in it. */
function parked(run: PartitionRun): Parked {
    const onlyWaiting = settled(run.counts) + run.waiting.size === run.items;
    const due = Math.min(...[...run.waiting.values()].map((w) => w.due));
    const sleeps = onlyWaiting || (run.waiting.size > 0 && run.cursor >= run.items);
    return parkedAs(run.part, sleeps ? due : Date.now(), run.counts);
}
