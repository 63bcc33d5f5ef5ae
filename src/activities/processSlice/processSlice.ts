// One slice: a bounded run over the partitions of one lease. Failures are returned, never thrown: what is thrown here reaches the worker as the death
// of the process, which it is not.
import { randomUUID } from 'node:crypto';
import { newConcurrency, type Concurrency } from '../../core/concurrency';
import { parseExact } from '../../json/exactJson';
import { nothingOpened, SLICE_MS, type Delayed, type SliceReport, type SliceTrouble } from '../../core/ledger';
import { settled, type Counts } from '../../core/counts';
import { companyLine } from '../../items/outcomeLines';
import type { SliceInput } from '../../contracts/payloads';
import { limitsOf } from '../../core/control';
import { retryPolicy } from '../../core/retry';
import type { JobStore } from '../../storage/jobStore';
import { cancelPartition } from './cancelSlice';
import type { Clock } from './clock';
import { isolate, poisonError } from './isolationSlice';
import { loadJob, watchControl, type LoadedJob, type Watch } from './jobCache';
import { cancelPatience, PartitionRun, slicePatience, Superseded, total } from './partitionWriter';
import { CallScheduler, MAX_WAITING } from './callScheduler';
import type { Occupant } from '../occupancy';

/** What a slice takes from outside. `occupant` may come later: `enter` is given what asks the slice to end soon. */
export interface SliceSurroundings {
    clock: Clock;
    /** Uniform in [0, 1). */
    chance: () => number;
    enter: (makeRoom: () => void) => Promise<Occupant>;
}

/**
 * What kills was in flight when the process died, so it is among the first attempts that are not recorded: those made, and those answered whose lines
 * were not yet written. Beyond them there is no need for isolation.
 */
const ISOLATED_CALLS = 512;

/** Thrown within a slice: the process died during an earlier run of this very slice, and the ledger must learn of it before anything is called. */
class Redelivered extends Error {}

export async function processSlice(input: SliceInput, store: JobStore, surroundings: SliceSurroundings): Promise<SliceReport> {
    let makeRoom = (): void => undefined;
    const occupant = await surroundings.enter(() => makeRoom());
    const watch = watchControl(store, input.jobId);
    try {
        // Nothing is called before the control document has been looked at. Whoever cancels knows what it says.
        const looked = input.lease.mode === 'cancel' ? null : watch.first;
        const [job] = await Promise.all([loadJob(store, input.jobId), looked]);
        const slice = new Slice(input, store, job, watch, surroundings, occupant);
        makeRoom = () => slice.makeRoom();
        return await slice.run();
    } catch (error) {
        // Spec, plan or control cannot be read.
        return nothingOpened(input.lease, await store.diagnose(error));
    } finally {
        watch.stop();
        occupant.leave();
    }
}

class Slice {
    private readonly runId = randomUUID();
    private readonly began: number;
    private readonly runs: PartitionRun[] = [];
    private readonly scheduler: CallScheduler;
    private readonly queue: number[];
    private readonly concurrency: Concurrency;
    private before: Counts[] = [];
    private progressAt = 0;
    private isWriting = false;
    /** The partition that is being opened, or that could not be. */
    private opening: number | null = null;

    constructor(
        private readonly input: SliceInput,
        private readonly store: JobStore,
        private readonly job: LoadedJob,
        private readonly watch: Watch,
        private readonly around: SliceSurroundings,
        private readonly occupant: Occupant,
    ) {
        const { lease } = input;
        const limits = limitsOf(job.spec, watch.seen());
        this.began = around.clock.now();
        this.queue = [...lease.resume, ...Array.from({ length: lease.to - lease.from }, (_, i) => lease.from + i)];
        this.concurrency = newConcurrency(lease.concurrency, limits.concurrency.adaptive, lease.startAt);
        const { keep } = job.spec.results;
        this.scheduler = new CallScheduler({
            call: job.call,
            keyOf: job.keyOf,
            readsItem: job.readsItem,
            retry: retryPolicy(limits.retry),
            concurrency: this.concurrency,
            keepOutput: (ok) => keep === 'all' || (keep === 'failed' && !ok),
            openNext: () => this.openNext(true),
            until: this.began + SLICE_MS,
            clock: around.clock,
            chance: around.chance,
        });
    }

    /** Another slice looks for what kills the process, and wants it to itself. */
    makeRoom(): void {
        this.scheduler.stop('makingRoom');
    }

    async run(): Promise<SliceReport> {
        const { lease, jobId } = this.input;
        this.watch.onCancel(() => this.scheduler.stop('cancelled'));
        const cancelProgress = this.reportNowAndThen();
        let broke: unknown = null;
        try {
            if (lease.mode === 'cancel') await this.cancel();
            else if (lease.mode === 'isolated') await this.isolate();
            else await this.scheduler.run();
        } catch (error) {
            broke = error;
            // The other partitions of the lease are sound: what was answered is recorded.
            await this.scheduler.recordAll();
        } finally {
            cancelProgress();
        }
        broke ??= this.scheduler.broke;
        if (broke instanceof Redelivered) return { epoch: lease.epoch, lost: 'crashed', reason: broke.message };
        if (broke instanceof Superseded) {
            console.warn(`job ${jobId}, worker ${this.input.worker}, epoch ${lease.epoch}: ${broke.message}`);
            return { epoch: lease.epoch, lost: 'superseded', reason: broke.message, by: broke.epoch };
        }
        return this.report(broke);
    }

    /** Takes over the next partition of the lease. */
    private async openNext(withItems: boolean): Promise<PartitionRun | null> {
        const part = this.queue[0];
        if (part === undefined) return null;
        this.opening = part;
        const { plan } = this.job;
        const run = new PartitionRun(
            this.store,
            this.input.jobId,
            part,
            plan.partitions[part]!,
            this.input.lease.epoch,
            this.runId,
            this.around.clock,
            (trouble) => (this.isCancelled ? cancelPatience : slicePatience)(trouble),
        );
        const items = withItems ? this.store.readPartition(plan, part) : null;
        const [taken, read] = await Promise.allSettled([run.takeOver(), items]);
        if (taken.status === 'rejected') throw taken.reason;
        if (run.redelivered) throw new Redelivered('the process died during an earlier run of this slice');
        if (read.status === 'rejected') throw read.reason;
        if (read.value) run.load(read.value);
        await this.excuse(run);
        this.queue.shift();
        this.opening = null;
        this.before.push({ ...run.counts });
        this.runs.push(run);
        return run;
    }

    /**
     * Worked normally after isolation, the partition has not killed a process meanwhile: what isolation announced last lacks its end because storage did
     * not take it, and that is no strike.
     */
    private async excuse(run: PartitionRun): Promise<void> {
        if (this.input.lease.mode !== 'normal' || run.intents.at(-1)?.alone !== true) return;
        run.record({ text: companyLine({ company: this.input.lease.epoch }) });
        await run.flush();
    }

    private get isCancelled(): boolean {
        return this.input.lease.mode === 'cancel' || this.watch.cancelled();
    }

    private get late(): boolean {
        return this.around.clock.now() >= this.began + SLICE_MS;
    }

    private async cancel(): Promise<void> {
        while (!this.late) {
            const run = await this.openNext(false);
            if (!run) return;
            await cancelPartition(run, this.job, this.store, this.around.clock);
        }
    }

    private async isolate(): Promise<void> {
        const { lease } = this.input;
        const stop = () => this.scheduler.stopped !== null || this.scheduler.calls >= ISOLATED_CALLS + lease.concurrency || this.late;
        while (!stop()) {
            const run = await this.openNext(true);
            if (!run) return;
            this.scheduler.runs.push(run);
            await isolate(run, {
                epoch: lease.epoch,
                group: lease.concurrency,
                clock: this.around.clock,
                stop,
                alone: () => this.occupant.alone(),
                call: (r, { index, attempt }) => this.scheduler.call(r, index, attempt),
                giveUp: (r, { index, attempt }, strikes) => {
                    const key = this.job.keyOf(parseExact(r.text(index)), index);
                    const at = new Date(this.around.clock.now()).toISOString();
                    this.scheduler.giveUp(r, index, key, attempt - 1 + strikes, poisonError(strikes), { ms: 0, at });
                },
            });
        }
        await this.scheduler.recordAll();
    }

    /** Counts move while the slice runs. Best effort: the report is what counts in the end. */
    private reportNowAndThen(): () => void {
        const { clock } = this.around;
        const again = () => {
            this.progress().catch((error: unknown) => console.warn(`progress of ${this.input.worker} was not written: ${String(error)}`));
            cancel = clock.after(1000, again);
        };
        let cancel = clock.after(1000, again);
        return () => cancel();
    }

    private async progress(): Promise<void> {
        // Every second at first, when someone is likely to look; then every three: a write is a storage transaction.
        // One at a time: where storage is slow they would pile up, and an older one land on a newer.
        const now = this.around.clock.now();
        if (this.isWriting || now - this.progressAt < (now - this.began < 5000 ? 900 : 2900)) return;
        this.progressAt = now;
        this.isWriting = true;
        const { worker, lease, jobId } = this.input;
        try {
            await this.store.writeProgress(jobId, {
                worker,
                epoch: lease.epoch,
                counts: total(this.runs),
                opened: this.runs.length,
                inFlight: this.scheduler.inFlight,
                rate: this.rate(),
                at: new Date(now).toISOString(),
            });
        } finally {
            this.isWriting = false;
        }
    }

    private get recorded(): number {
        return this.runs.reduce((n, run, i) => n + settled(run.counts) - settled(this.before[i]!), 0);
    }

    /** Items settled by this slice per second. */
    private rate(): number {
        return Math.round((this.recorded / Math.max(0.001, (this.around.clock.now() - this.began) / 1000)) * 10) / 10;
    }

    private async report(broke: unknown): Promise<SliceReport> {
        const { lease } = this.input;
        const now = this.around.clock.now();
        const finished = this.runs.filter((r) => settled(r.counts) === r.items);
        const open = this.runs.filter((r) => settled(r.counts) !== r.items).map((run) => delayed(run, now));
        const untouched = this.queue.filter((p) => !lease.resume.includes(p));
        return {
            epoch: lease.epoch,
            closed: finished.length,
            counts: total(finished),
            open,
            unreached: this.queue.filter((p) => lease.resume.includes(p)),
            untouched: untouched[0] ?? lease.to,
            failures: this.scheduler.failures,
            rate: lease.mode === 'cancel' ? 0 : this.rate(),
            limit: this.concurrency.limit < this.concurrency.max ? this.concurrency.limit : null,
            worked: this.scheduler.calls > 0 || this.recorded > 0,
            ...(this.watch.cancelled() ? { control: this.watch.seen() } : {}),
            ...(broke === null ? {} : { trouble: await this.trouble(broke) }),
        };
    }

    private async trouble(broke: unknown): Promise<SliceTrouble> {
        // Of two partitions that fail, the one whose failure is told.
        const part =
            (this.runs.find((r) => r.isBrokenBy(broke)) ?? this.runs.find((r) => r.isBroken && this.opening === null))?.part ??
            this.opening;
        const trouble = { ...(await this.store.diagnose(broke)), part };
        console.warn(`job ${this.input.jobId}, worker ${this.input.worker}, partition ${part ?? '?'}: ${trouble.code}, ${trouble.message}`);
        return trouble;
    }
}

/** A begun partition as the ledger keeps it: to be taken up at once, or when its first retry is due if it can do nothing before. */
function delayed(run: PartitionRun, now: number): Delayed {
    const onlyWaits = settled(run.counts) + run.waiting.size === run.items || run.cursor >= run.items || run.waiting.size >= MAX_WAITING;
    const due = Math.min(...[...run.waiting.values()].map((w) => w.due));
    return { part: run.part, wakeAt: onlyWaits && run.waiting.size > 0 ? due : now, counts: run.counts };
}
