// What the modes of a slice have in common: what they work on, and how they end.
import type { Log } from '../../log';
import type { Hold, Lease } from '../../core/ledger';
import type { JobStore } from '../../storage/jobStore';
import type { Occupant } from '../occupancy';
import type { Admission } from './admission';
import type { Clock } from './clock';
import type { ItemCalls } from './itemCalls';
import type { LoadedJob } from './jobCache';
import type { LeasedPartitions } from './leasedPartitions';
import type { StopReason, StopRequest } from './stopRequest';

export interface SliceWork {
    lease: Lease;
    job: LoadedJob;
    store: JobStore;
    partitions: LeasedPartitions;
    calls: ItemCalls;
    admission: Admission;
    occupant: Occupant;
    clock: Clock;
    log: Log;
    /** No new call after this time (ms). */
    until: number;
    stop: StopRequest;
    /** Has `tell` called whenever the job's limits have changed. */
    onRetuned: (tell: () => void) => void;
}

/** How a mode ended; `error` is what kept a partition from being opened or recorded, the first that did. */
export type SliceEnd = { why: Exclude<StopReason, 'trouble' | 'held'> } | { why: 'held'; hold: Hold } | { why: 'trouble'; error: unknown };
