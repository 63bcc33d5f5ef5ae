// One slice: a bounded run over the partitions of one lease. Failures are returned, never thrown: what is thrown here reaches the worker as the death
// of the process, which it is not.
import type { Details, Log } from '../../log';
import type { StoredSpec } from '../../contracts/jobSpec';
import type { SliceInput } from '../../contracts/payloads';
import { MAX_REASON } from '../../contracts/requests';
import { addCalls, noCalls, type CallStats } from '../../core/callStats';
import { deadlineOf, limitsOf, moved, resumedAt, seenOf, type Control } from '../../core/control';
import { durationMs } from '../../core/duration';
import { nothingOpened, SLICE_MS, type Hold, type Lease, type PartCounts, type SliceDone, type SliceReport } from '../../core/ledger';
import { lastRunOf } from '../../core/status';
import { retryPolicy, type RetryPolicy } from '../../core/retry';
import { reach } from '../../crashPoints';
import type { JobStore } from '../../storage/jobStore';
import type { JobAtTarget } from '../limits/jobAtTarget';
import type { Occupant } from '../occupancy';
import { ratesOf, SliceAdmission } from './admission';
import { BudgetMeter } from './budgetMeter';
import { cancelItems } from './cancelSlice';
import { blobs } from '../../contracts/names';
import { StorageContradiction } from '../../storage/trouble';
import { Busyness, pause, type Clock } from './clock';
import { watchControl, type Watch } from './controlWatch';
import { workIsolated } from './isolatedSlice';
import { ItemCalls } from './itemCalls';
import { loadJob, type LoadedJob } from './jobCache';
import { LeasedPartitions, Redelivered } from './leasedPartitions';
import { workNormally } from './normalSlice';
import { cancelPatience, slicePatience, Superseded } from './partitionWriter';
import { RecentRate, writeProgress } from './progress';
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
    /** This process at the target of a job, for one slice; null where the job's calls are not counted with those of others. */
    atTarget: (jobId: string, spec: StoredSpec, store: JobStore, log: Log) => JobAtTarget | null;
    /** Of this process: no other has it. */
    processId: string;
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
    const told = inheritedBy(input, store, around.clock, log);
    let target: JobAtTarget | null = null;
    try {
        // Nothing is called before the control document has been looked at. Whoever cancels knows what it says.
        const looked = input.lease.mode === 'cancel' ? null : watch.first;
        const [job, inherited] = await Promise.all([loadJob(store, input.jobId), told, looked]);
        if (input.lease.mode !== 'cancel') expectSeen(watch, input);
        target = input.lease.mode === 'cancel' ? null : around.atTarget(input.jobId, job.spec, store, log);
        // Nor before it is known what its target may be asked.
        await target?.enter(ratesOf(limitsOf(job.spec, watch.seen())));
        return await new Slice({ input, store, job, watch, around: { ...around, log }, occupant, stop, inherited, target }).run();
    } catch (error) {
        // Spec, plan or control cannot be read.
        const trouble = await store.diagnose(error);
        log.warn('slice did not begin', { why: trouble.code, message: trouble.message });
        const { parts, calls } = await told;
        return { ...nothingOpened(input.lease, trouble, parts), calls };
    } finally {
        watch.stop();
        target?.leave();
        occupant.leave();
    }
}

/** Throws when storage has shown an older control document, or none, than the ledger has heard of. */
function expectSeen(watch: Watch, { jobId, lease }: SliceInput): void {
    const { generation } = watch.seen();
    if (generation >= lease.generation) return;
    throw new StorageContradiction(`storage shows generation ${generation} of ${blobs.control(jobId)}, and there is ${lease.generation}`);
}

/** What an earlier run of the lease has told of its partitions: best effort, for counts that do not go down. */
async function inheritedBy({ jobId, worker, lease }: SliceInput, store: JobStore, clock: Clock, log: Log): Promise<Inherited> {
    for (let tries = 1; tries <= INHERIT_TRIES; tries++) {
        try {
            const found = await store.glanceAtProgress(jobId, worker);
            const last = found?.progress ?? null;
            const etag = found?.etag ?? null;
            // Leased again, it may have been taken over from a worker in another place.
            const isElsewhere = last?.first !== lease.first && lease.epoch !== lease.first;
            const run = isElsewhere ? lastRunOf(lease, (await store.readProgress(jobId)).slices) : last;
            return run?.first === lease.first ? { parts: run.parts, calls: run.calls, etag } : { ...NOTHING_INHERITED, etag };
        } catch (error) {
            log.warn('progress of an earlier run was not read', { tries }, error);
            await pause(clock, INHERIT_PAUSE_MS);
        }
    }
    return NOTHING_INHERITED;
}

const INHERIT_TRIES = 3;
const INHERIT_PAUSE_MS = 250;
const NOTHING_INHERITED: Inherited = { parts: [], calls: noCalls(), etag: null };

interface Inherited {
    parts: PartCounts[];
    calls: CallStats;
    /** Of what stands in the worker's place. */
    etag: string | null;
}

const holding = (hold: Hold | null): Pick<SliceDone, 'hold'> => (hold ? { hold } : {});

interface SliceParts {
    input: SliceInput;
    store: JobStore;
    job: LoadedJob;
    watch: Watch;
    around: SliceSurroundings;
    occupant: Occupant;
    stop: StopRequest;
    inherited: Inherited;
    target: JobAtTarget | null;
}

class Slice {
    private readonly input: SliceInput;
    private readonly store: JobStore;
    private readonly job: LoadedJob;
    private readonly watch: Watch;
    private readonly around: SliceSurroundings;
    private readonly stop: StopRequest;
    private readonly began: number;
    private readonly recent: RecentRate;
    private readonly admission: SliceAdmission;
    private readonly calls: ItemCalls;
    private readonly partitions: LeasedPartitions;
    private readonly budget: BudgetMeter;
    private retry: RetryPolicy;
    private tellRetuned = (): void => undefined;
    private cancelExpiry = (): void => undefined;

    constructor(private readonly parts: SliceParts) {
        const { input, store, job, watch, around, stop, inherited } = parts;
        [this.input, this.store, this.job, this.watch, this.around, this.stop] = [input, store, job, watch, around, stop];
        const { lease } = input;
        const { clock, chance, newRunId } = around;
        const limits = limitsOf(job.spec, watch.seen());
        const { keep } = job.spec.results;
        this.began = clock.now();
        this.recent = new RecentRate(this.began);
        const busyness = new Busyness(clock);
        this.admission = new SliceAdmission(lease, limits, watch.seen().generation, parts.target, () => busyness.read());
        parts.target?.onChanged(() => this.tellRetuned());
        this.retry = retryPolicy(limits.retry);
        this.budget = new BudgetMeter(lease.budget, watch.seen().resumed, () => stop.set('budget', this.budget.isOut));
        this.calls = new ItemCalls({
            call: job.call,
            keyOf: job.keyOf,
            readsItem: job.readsItem,
            retry: () => this.retry,
            keepOutput: (ok) => keep === 'all' || (keep === 'failed' && !ok),
            admission: this.admission,
            clock,
            chance,
            spending: this.budget,
        });
        this.partitions = new LeasedPartitions({
            store,
            job,
            lease,
            runId: newRunId(),
            clock,
            patience: (trouble) => (lease.mode === 'cancel' || this.isCancelled ? cancelPatience : slicePatience)(trouble),
            inherited: inherited.parts,
        });
    }

    private get isCancelled(): boolean {
        return this.watch.seen().desired === 'cancel';
    }

    /** Goes by the control document as it is now: what is wanted, the limits, and the deadline. */
    private heed(control: Control, isBlind: boolean): void {
        const { clock } = this.around;
        const limits = limitsOf(this.job.spec, control);
        this.retry = retryPolicy(limits.retry);
        this.admission.retune(limits, control.generation);
        const deadline = deadlineOf(this.job, control) ?? Infinity;
        this.cancelExpiry();
        const left = deadline - clock.now();
        if (left > 0 && left < SLICE_MS) this.cancelExpiry = clock.after(left, () => this.stop.ask('expired'));
        // What asks to stop comes first: a call begins as soon as nothing does.
        this.budget.heed(limits.budget, control.resumed);
        this.stop.set('budget', this.budget.isOut);
        this.stop.set('expired', left <= 0);
        this.stop.set('cancelled', control.desired === 'cancel');
        this.stop.set('paused', control.desired === 'pause');
        this.stop.set('unseen', isBlind);
        this.tellRetuned();
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
        // What has been accepted already records what is left of the job, whatever is wanted now.
        if (lease.mode !== 'cancel') this.watch.onChange((control, isBlind) => this.heed(control, isBlind));
        let { etag } = this.parts.inherited;
        const endProgress = writeProgress({
            clock: this.around.clock,
            look: (now) => this.recent.note(now, this.partitions.recorded),
            read: (now) => ({
                worker,
                epoch: lease.epoch,
                first: lease.first,
                parts: this.partitions.recordedParts,
                inFlight: this.calls.inFlight,
                rate: this.recent.at(now, this.partitions.recorded),
                calls: this.stats,
                before: lease.before,
                waits: this.admission.waitsNow(now),
                at: new Date(now).toISOString(),
            }),
            write: async (progress) => {
                etag = await this.store.writeProgress(jobId, progress, etag);
                // A later run of the lease, or a later lease, tells in this place now.
                return etag !== null;
            },
            complain: (error) => log.warn('progress was not written', {}, error),
        });
        const end = await this.work().finally(() => {
            endProgress();
            this.cancelExpiry();
        });
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

    private async workInMode(): Promise<SliceEnd> {
        const { job, store, partitions, calls, admission, stop } = this;
        const { lease } = this.input;
        const { clock, log } = this.around;
        const { occupant } = this.parts;
        // Where nothing may be called, no partition is opened for it.
        if (lease.mode !== 'cancel') {
            // But what earlier runs of the lease have brought to an end counts, and nobody else will look for it.
            if (lease.budget && lease.epoch !== lease.first && !this.isCancelled)
                await partitions.openBegun((spent) => this.budget.inherit(spent));
            if (stop.asked) return { why: stop.asked };
            const hold = admission.holdsOff(this.began);
            if (hold) return { why: 'held', hold };
        }
        return modes[lease.mode]({
            ...{ lease, job, store, partitions, calls, admission, occupant, clock, log, stop },
            until: this.began + SLICE_MS,
            onRetuned: (tell) => (this.tellRetuned = tell),
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

    /** The calls of this run, and of those before it. */
    private get stats(): CallStats {
        return addCalls(this.parts.inherited.calls, this.calls.stats);
    }

    /** Items that this slice has given their outcome, per second. */
    private rate(now: number): number {
        return Math.round((this.partitions.recorded / Math.max(0.001, (now - this.began) / 1000)) * 10) / 10;
    }

    /** The control document; where nothing has succeeded at the target for as long as the job bears, it pauses by that. */
    private async controlAfter(hold: Hold | null, now: number): Promise<Control> {
        const seen = this.watch.seen();
        const { failingMs } = this.admission;
        if (failingMs === 0) return seen;
        const { giveUpAfter } = limitsOf(this.job.spec, seen).outage;
        const failing = Math.min(failingMs, now - Math.max(resumedAt(seen) ?? 0, Date.parse(this.job.createdAt) || 0));
        if (failing < durationMs(giveUpAfter)) return seen;
        const reason = `nothing has succeeded for ${giveUpAfter}: ${hold?.why ?? 'the target refuses every call'}`.slice(0, MAX_REASON);
        const asked = { by: 'outage', reason, at: now };
        try {
            return await this.store.changeControl(this.input.jobId, (control) =>
                control.desired === 'run' ? moved(control, 'pause', asked) : null,
            );
        } catch (error) {
            this.around.log.warn('job could not be paused', { why: reason }, error);
            return seen;
        }
    }

    private async report(end: SliceEnd): Promise<SliceReport> {
        const { lease } = this.input;
        const now = this.around.clock.now();
        if (lease.mode === 'normal') this.admission.remember();
        const hold = end.why === 'held' ? this.admission.holdsOff(now) : null;
        const control = await this.controlAfter(hold, now);
        const report: SliceReport = {
            epoch: lease.epoch,
            ...this.partitions.standing(),
            failures: this.calls.failures,
            rate: lease.mode === 'cancel' ? 0 : this.rate(now),
            limit: this.admission.learned,
            worked: this.calls.made > 0 || this.partitions.recorded > 0,
            calls: this.stats,
            ...(control.generation > 0 ? { control: seenOf(this.job, control) } : {}),
            // As it is now: it may have been lifted while calls were in flight.
            ...(end.why === 'held' ? holding(hold) : {}),
            ...(lease.mode === 'cancel' ? {} : { useful: this.admission.useful, process: this.around.processId, spent: this.budget.spent }),
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
