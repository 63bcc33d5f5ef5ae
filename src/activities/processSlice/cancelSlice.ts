// The mode of a job that is cancelled or has expired: each item without an outcome is recorded so. Needs the items only for their keys.
import type { Ending } from '../../core/control';
import type { OutcomeKind } from '../../core/counts';
import { failure, type Failure } from '../../core/errors';
import { parseExact } from '../../json/exactJson';
import { outcomeLine } from '../../items/outcomeLines';
import { pause } from './clock';
import type { PartitionWriter } from './partitionWriter';
import type { SliceEnd, SliceWork } from './sliceWork';

/** Tries at reading the items, and the limit of each, in ms; without them the keys are recorded as null, for a cancelled job must end. */
const TRIES = 3;
const TRY_MS = 4_000;
/** After those the items of the job's further partitions are not read by this process for so long, in ms. */
const UNREADABLE_MS = 60_000;

export async function cancelItems(work: SliceWork): Promise<SliceEnd> {
    const { partitions, clock, until } = work;
    while (clock.now() < until) {
        const partition = await partitions.openNext({ withItems: false });
        if (!partition) return { why: 'done' };
        await cancelPartition(partition, work);
    }
    return { why: 'time' };
}

/** What items end as that have no outcome, by why their job ends. */
const restOf: Record<Ending, { outcome: OutcomeKind; error?: Failure }> = {
    cancelled: { outcome: 'cancelled' },
    overBudget: { outcome: 'cancelled' },
    expired: { outcome: 'expired' },
    rejected: { outcome: 'skipped', error: failure('NOT_APPROVED', 'The canary of the job was rejected: the item was not called.') },
};

async function cancelPartition(partition: PartitionWriter, work: SliceWork): Promise<void> {
    const { job, clock } = work;
    const { outcome, error } = restOf[work.lease.ending];
    const named = job.spec.key === undefined || (await loadItems(partition, work));
    const at = new Date(clock.now()).toISOString();
    for (let index = partition.firstIndex; index < partition.firstIndex + partition.items; index++) {
        if (partition.isRecorded(index)) continue;
        const key = job.spec.key === undefined ? index : named ? job.keyOf(parseExact(partition.text(index)), index) : null;
        const attempts = partition.waiting.get(index)?.attempts ?? 0;
        const text = outcomeLine({ index, outcome, key, attempts, ms: 0, at, ...(error ? { error } : {}) });
        partition.record({ text, index, outcome, attempts });
    }
    partition.cursor = partition.items;
    await partition.flush();
    partition.unload();
}

async function loadItems(partition: PartitionWriter, { job, store, clock, log }: SliceWork): Promise<boolean> {
    const { plan } = job;
    if (clock.now() < job.unreadableUntil) return false;
    for (let tries = 1; ; tries++) {
        const limit = new AbortController();
        const lift = clock.after(TRY_MS, () => limit.abort());
        try {
            partition.load(await store.readPartition(plan, partition.part, limit.signal));
            return true;
        } catch (error) {
            log.about({ partition: partition.part }).warn('items cannot be read to be cancelled by their keys', { tries }, error);
            if (tries === TRIES) {
                job.unreadableUntil = clock.now() + UNREADABLE_MS;
                return false;
            }
            await pause(clock, 500 * tries);
        } finally {
            lift();
        }
    }
}
