// The partitions of one lease: taken over one after the other, and what the slice has come to in them.
import type { Spent } from '../../core/budget';
import { finished, sumOf, type Counts } from '../../core/counts';
import type { Delayed, Lease, PartCounts, SliceDone } from '../../core/ledger';
import { isClosed, wakesAt } from '../../core/partition';
import { companyLine } from '../../items/outcomeLines';
import type { JobStore } from '../../storage/jobStore';
import type { Clock } from './clock';
import type { LoadedJob } from './jobCache';
import { PartitionWriter, type Patience } from './partitionWriter';

/** The process died during an earlier run of this very slice, and the ledger must learn of it before anything is called. */
export class Redelivered extends Error {
    constructor() {
        super('the process died during an earlier run of this slice');
    }
}

export interface LeasedPartitionsOptions {
    store: JobStore;
    job: LoadedJob;
    lease: Lease;
    /** Names this run of the slice in its fences; no two runs have one name. */
    runId: string;
    clock: Clock;
    patience: Patience;
    /** What earlier runs of this lease have recorded of its partitions, as far as they have told. */
    inherited: PartCounts[];
}

export class LeasedPartitions {
    /** Those that were taken over, in that order. */
    readonly opened: PartitionWriter[] = [];
    private readonly queue: number[];
    /** What each of them had counted when it was taken over. */
    private readonly before: Counts[] = [];
    /** By partition. Those were the first of the queue then, as they are now. */
    private readonly inherited: Map<number, Counts>;
    /** Taken over, and not asked for yet. */
    private readonly ready: PartitionWriter[] = [];
    /** The partition that is being opened, or that could not be. */
    private opening: number | null = null;

    constructor(private readonly o: LeasedPartitionsOptions) {
        const { resume, from, to } = o.lease;
        this.queue = [...resume, ...Array.from({ length: to - from }, (_, i) => from + i)];
        this.inherited = new Map(o.inherited.map(({ part, counts }) => [part, counts]));
    }

    /**
     * Takes over the next partition, with its items or without; null when there is none. Rejects with Redelivered, with Superseded, or with what storage
     * answered; then that partition is still the next.
     */
    openNext({ withItems }: { withItems: boolean }): Promise<PartitionWriter | null> {
        const ready = this.ready.shift();
        return ready ? Promise.resolve(ready) : this.takeNext(withItems);
    }

    /**
     * Takes over whatever earlier runs of the lease have begun, for `openNext` to give, and the one behind it: they took the partitions in the same order.
     * Tells of each what they have brought to an end in it, also where a later one cannot be opened. Rejects as `openNext` does.
     */
    async openBegun(tell: (spent: Spent) => void): Promise<void> {
        for (let isBegun = true; isBegun;) {
            // What is closed already needs no items: there may be dozens of those.
            const partition = await this.takeNext('unless closed', tell);
            if (!partition) return;
            this.ready.push(partition);
            isBegun = partition.isBegunByLease;
        }
    }

    private async takeNext(withItems: boolean | 'unless closed', tell?: (spent: Spent) => void): Promise<PartitionWriter | null> {
        const part = this.queue[0];
        if (part === undefined) return null;
        this.opening = part;
        const { store, job, lease, runId, clock, patience } = this.o;
        const entry = job.plan.partitions[part]!;
        const partition = new PartitionWriter({
            store,
            jobId: job.plan.jobId,
            part,
            entry,
            epoch: lease.epoch,
            first: lease.first,
            runId,
            clock,
            patience,
        });
        const items = withItems === true ? store.readPartition(job.plan, part) : null;
        const [taken, read] = await Promise.allSettled([partition.takeOver(), items]);
        if (taken.status === 'rejected') throw taken.reason;
        if (partition.redelivered) throw new Redelivered();
        tell?.(partition.inherited);
        if (read.status === 'rejected') throw read.reason;
        if (read.value) partition.load(read.value);
        else if (withItems && !isClosed(partition)) partition.load(await store.readPartition(job.plan, part));
        await this.excuse(partition);
        this.queue.shift();
        this.opening = null;
        this.before.push({ ...partition.counts });
        this.opened.push(partition);
        return partition;
    }

    /**
     * Worked normally after isolation, the partition has not killed a process meanwhile: what isolation announced last lacks its end because storage did
     * not take it, and that is no strike.
     */
    private async excuse(partition: PartitionWriter): Promise<void> {
        if (this.o.lease.mode !== 'normal' || partition.intents.at(-1)?.alone !== true) return;
        partition.record({ text: companyLine({ company: this.o.lease.epoch }) });
        await partition.flush();
    }

    /** Records what has been answered, as far as that can be, and gives memory back; the first error that was met, if any. */
    async recordAll(): Promise<unknown> {
        for (const partition of this.opened) if (!partition.isBroken) partition.recordHeld();
        const recorded = await Promise.allSettled(this.opened.map((partition) => partition.flush()));
        for (const partition of this.opened) partition.unload();
        const refused = recorded.find((one) => one.status === 'rejected');
        return refused?.reason ?? null;
    }

    /** What is recorded of the partitions that this run or an earlier one has taken over. */
    get recordedParts(): PartCounts[] {
        return [...this.opened.map(({ part, counts }) => ({ part, counts: { ...counts } })), ...this.begun];
    }

    /** Those that an earlier run has taken over, and this one has not. */
    private get begun(): PartCounts[] {
        return this.queue.flatMap((part) => {
            const counts = this.inherited.get(part);
            return counts ? [{ part, counts }] : [];
        });
    }

    /** Items to which this slice has given their outcome. */
    get recorded(): number {
        return this.opened.reduce((n, { counts }, i) => n + finished(counts) - finished(this.before[i]!), 0);
    }

    /** The partition whose failure this is, or whose opening came to nothing; null when it is none's. Of two that fail, the one whose failure is told. */
    brokenBy(error: unknown): number | null {
        const broken = this.opened.find((p) => p.isBrokenBy(error)) ?? this.opened.find((p) => p.isBroken && this.opening === null);
        return broken?.part ?? this.opening;
    }

    /** How the lease stands, as the ledger wants to know it. */
    standing(): Pick<SliceDone, 'closed' | 'counts' | 'open' | 'unreached' | 'untouched' | 'begun'> {
        const { lease } = this.o;
        const closed = this.opened.filter(isClosed);
        const { begun } = this;
        const fresh = this.queue.filter((part) => !lease.resume.includes(part) && !this.inherited.has(part));
        return {
            closed: closed.length,
            counts: sumOf(closed),
            open: this.opened.filter((partition) => !isClosed(partition)).map(delayed),
            unreached: this.queue.filter((part) => lease.resume.includes(part)),
            untouched: fresh[0] ?? lease.to,
            ...(begun.length > 0 ? { begun } : {}),
        };
    }
}

/** A begun partition as the ledger keeps it. */
function delayed({ part, counts, items, waiting, cursor }: PartitionWriter): Delayed {
    const dues = Array.from(waiting.values(), ({ due }) => due);
    return { part, counts, wakeAt: wakesAt({ items, counts, dues, isTriedThrough: cursor >= items }) };
}
