// One slice: a bounded run over the partitions of one lease. Failures are returned, never thrown: what is thrown here reaches the worker as the death
// of the process, which it is not.
import type { Details, Log } from '../../log';
import type { SliceInput } from '../../contracts/payloads';
import { limitsOf } from '../../core/control';
import { nothingOpened, SLICE_MS, type Lease, type SliceReport } from '../../core/ledger';
import { retryPolicy } from '../../core/retry';
import { reach } from '../../crashPoints';
import type { JobStore } from '../../storage/jobStore';
import type { Occupant } from '../occupancy';
import { ConcurrencyAdmission } from './admission';
import { cancelItems } from './cancelSlice';
import type { Clock } from './clock';
import { watchControl, type Watch } from './controlWatch';
import { workIsolated } from './isolatedSlice';
import { ItemCalls } from './itemCalls';
import { loadJob, type LoadedJob } from './jobCache';
import { LeasedPartitions, Redelivered } from './leasedPartitions';
import { workNormally } from './normalSlice';
import { cancelPatience, slicePatience, Superseded } from './partitionWriter';
import { writeProgress } from './progress';
import type { SliceEnd, SliceWork } from './sliceWork';
import { StopRequest, type StopReason } from './stopRequest';

/** What a slice takes from outside. */
export interface SliceSurroundings {
    clock: Clock;
    /** Uniform in [0, 1). */
    chance: () => number;
    /** A name that no other run of a slice has. */
    newRunId: () => string;
    /** Enters the process, when nobody has it to himself; `makeRoom` is called when somebody wants that. */
    enter: (makeRoom: () => void) => Promise<Occupant>;
    log: Log;
}

const modes: Record<Lease['mode'], (work: SliceWork) => Promise<SliceEnd>> = {
    normal: workNormally,
    isolated: workIsolated,
    cancel: cancelItems,
};

export async function processSlice(input: SliceInput, store: JobStore, around: SliceSurroundings): Promise<SliceReport> {
    const stop = new StopRequest();
    const occupant = await around.enter(() => stop.ask('makingRoom'));
    const log = around.log.about({ job: input.jobId, worker: input.worker, lease: input.lease.epoch });
    const watch = watchControl(store, input.jobId, around.clock, around.log);
    try {
        // Nothing is called before the control document has been looked at. Whoever cancels knows what it says.
        const looked = input.lease.mode === 'cancel' ? null : watch.first;
        const [job] = await Promise.all([loadJob(store, input.jobId), looked]);
        return await new Slice(input, store, job, watch, { ...around, log }, occupant, stop).run();
    } catch (error) {
        // Spec, plan or control cannot be read.
        const trouble = await store.diagnose(error);
        log.warn('slice did not begin', { why: trouble.code, message: trouble.message });
        return nothingOpened(input.lease, trouble);
    } finally {
        watch.stop();
        occupant.leave();
    }
}

class Slice {
    private readonly began: number;
    private readonly admission: ConcurrencyAdmission;
    private readonly calls: ItemCalls;
    private readonly partitions: LeasedPartitions;

    constructor(
        private readonly input: SliceInput,
        private readonly store: JobStore,
        private readonly job: LoadedJob,
        private readonly watch: Watch,
        private readonly around: SliceSurroundings,
        private readonly occupant: Occupant,
        private readonly stop: StopRequest,
    ) {
        const { lease } = input;
        const { clock, chance, newRunId } = around;
        const limits = limitsOf(job.spec, watch.seen());
        const { keep } = job.spec.results;
        this.began = clock.now();
        this.admission = new ConcurrencyAdmission(lease.concurrency, limits.concurrency.adaptive, lease.startAt);
        this.calls = new ItemCalls({
            call: job.call,
            keyOf: job.keyOf,
            readsItem: job.readsItem,
            retry: retryPolicy(limits.retry),
            keepOutput: (ok) => keep === 'all' || (keep === 'failed' && !ok),
            admission: this.admission,
            clock,
            chance,
        });
        this.partitions = new LeasedPartitions({
            store,
            job,
            lease,
            runId: newRunId(),
            clock,
            patience: (trouble) => (lease.mode === 'cancel' || watch.cancelled() ? cancelPatience : slicePatience)(trouble),
        });
    }

    async run(): Promise<SliceReport> {
        const { lease, jobId, worker } = this.input;
        const { log } = this.around;
        log.info('slice began', {
            mode: lease.mode,
            resumed: lease.resume.length,
            from: lease.from,
            to: lease.to,
            concurrency: lease.concurrency,
        });
        this.watch.onCancel(() => this.stop.ask('cancelled'));
        const endProgress = writeProgress({
            clock: this.around.clock,
            read: (now) => ({
                worker,
                epoch: lease.epoch,
                counts: this.partitions.counts,
                opened: this.partitions.opened.length,
                inFlight: this.calls.inFlight,
                rate: this.rate(now),
                at: new Date(now).toISOString(),
            }),
            write: (progress) => this.store.writeProgress(jobId, progress),
            complain: (error) => log.warn('progress was not written', {}, error),
        });
        const end = await this.work().finally(endProgress);
        reach('slice.recorded');
        const error = end.why === 'trouble' ? end.error : null;
        if (error instanceof Redelivered) {
            this.tellEnd('crashed', { message: error.message });
            return { epoch: lease.epoch, lost: 'crashed', reason: error.message };
        }
        if (error instanceof Superseded) {
            this.tellEnd('superseded', { by: error.epoch, message: error.message });
            return { epoch: lease.epoch, lost: 'superseded', reason: error.message, by: error.epoch };
        }
        return this.report(end);
    }

    /** Works in the mode of the lease, and records what has been answered however that ends: the partitions beside one that fails are sound. */
    private async work(): Promise<SliceEnd> {
        const end = await this.workInMode().catch((error: unknown): SliceEnd => ({ why: 'trouble', error }));
        const refused = await this.partitions.recordAll();
        return end.why === 'trouble' || refused === null ? end : { why: 'trouble', error: refused };
    }

    private workInMode(): Promise<SliceEnd> {
        const { job, store, partitions, calls, admission, occupant, stop } = this;
        const { lease } = this.input;
        const { clock, log } = this.around;
        return modes[lease.mode]({
            ...{ lease, job, store, partitions, calls, admission, occupant, clock, log, stop },
            until: this.began + SLICE_MS,
        });
    }

    private tellEnd(why: StopReason | 'crashed' | 'superseded', details: Details = {}, partition: number | null = null): void {
        const now = this.around.clock.now();
        const told = {
            why,
            ...details,
            calls: this.calls.made,
            recorded: this.partitions.recorded,
            rate: this.rate(now),
            ms: now - this.began,
        };
        const log = this.around.log.about({ partition });
        if (why === 'trouble' || why === 'crashed' || why === 'superseded') log.warn('slice ended', told);
        else log.info('slice ended', told);
    }

    /** Items that this slice has given their outcome, per second. */
    private rate(now: number): number {
        return Math.round((this.partitions.recorded / Math.max(0.001, (now - this.began) / 1000)) * 10) / 10;
    }

    private async report(end: SliceEnd): Promise<SliceReport> {
        const { lease } = this.input;
        const now = this.around.clock.now();
        const report: SliceReport = {
            epoch: lease.epoch,
            ...this.partitions.standing(now),
            failures: this.calls.failures,
            rate: lease.mode === 'cancel' ? 0 : this.rate(now),
            limit: this.admission.learned,
            worked: this.calls.made > 0 || this.partitions.recorded > 0,
            ...(this.watch.cancelled() ? { control: this.watch.seen() } : {}),
        };
        if (end.why !== 'trouble') {
            this.tellEnd(end.why);
            return report;
        }
        const part = this.partitions.brokenBy(end.error);
        const trouble = { ...(await this.store.diagnose(end.error)), part };
        this.tellEnd('trouble', { code: trouble.code, message: trouble.message }, part);
        return { ...report, trouble };
    }
}
