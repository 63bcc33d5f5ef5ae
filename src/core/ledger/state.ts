// What the ledger of one job knows, what it can be told, and what it answers.
import type { WaitCode } from '../codes';
import { noCounts, type Counts } from '../counts';
import type { Control } from '../control';
import type { Failure } from '../errors';
import type { FailureGroup } from '../failures';
import type { EndState, JobState } from '../states';
import type { Persisting, Trouble } from '../trouble';

/** Partitions: from (inclusive) to (exclusive). */
export interface Range {
    from: number;
    to: number;
}

/** A begun partition that nobody works on: what it has counted, and when it can go on (ms). */
export interface Delayed {
    part: number;
    wakeAt: number;
    counts: Counts;
}

export interface Lease {
    epoch: number;
    /** Partitions to take up again. */
    resume: number[];
    /** Fresh partitions: from (inclusive) to (exclusive). */
    from: number;
    to: number;
    mode: 'normal' | 'isolated' | 'cancel';
    /** Calls in flight at most. */
    concurrency: number;
    /** Where adaptive concurrency stood when the last slice ended. */
    startAt: number | null;
}

export interface HeldLease extends Lease {
    crashes: number;
    /** What its resumed partitions had counted when they were taken up. */
    base: Counts;
    /** Its resumed partitions as they were when they were taken up. */
    resumed: Delayed[];
    /** When it was first given, in ms. */
    since: number;
    /** Set when the slice was lost: the lease is given again, under a new epoch, not before this time (ms). */
    againAt: number | null;
}

export interface LedgerState {
    jobId: string;
    state: JobState;
    /** Of the control document: what it said then has been taken in. */
    generation: number;
    total: number | null;
    invalid: number;
    partitions: number;
    /** First partition that was never leased. */
    next: number;
    /** Ranges that were leased and given back untouched. */
    returned: Range[];
    /** Partitions that were begun and whose items wait for their retries. */
    delayed: Delayed[];
    leases: Record<string, HeldLease>;
    /** Workers belong to a round; those of an earlier one are told to stop. */
    round: number;
    /** Per worker of this round the last operation answered, so that a repeated one gets the same answer. */
    answered: Record<string, { seq: number; reply: LeaseReply }>;
    /** Counts of closed partitions; delayed ones carry their own. */
    counts: Counts;
    closed: number;
    epoch: number;
    width: number;
    maxConcurrency: number;
    /** What the job ends as, once every partition is closed or nothing more can be done. */
    endsAs: EndState | null;
    /** The worker whose lease is worked alone. */
    isolatedWorker: string | null;
    /** Items per second of one worker, smoothed. */
    rate: number;
    /** Where the adaptive concurrency of each worker stands, by its slot; null: at its share. */
    limits: Record<string, number | null>;
    /** Processes that died at work for this job. */
    crashes: number;
    /** Crashes of each partition that had one and is not finished. */
    crashed: Record<string, number>;
    failures: FailureGroup[];
    startedAt: number | null;
    endedAt: number | null;
    waiting: { code: WaitCode; for: string; until: number } | null;
    /** What storage refuses, by partition; `job` is what all of them need, `any` the last of all partitions. Gone when it works again. */
    troubles: Record<string, Persisting>;
    /** Why the job ends without being whole: storage refuses something for good. */
    failure: Failure | null;
    /** How often the job was opened again because outcomes were missing when it was folded. */
    repairs: number;
}

/** What kept a partition from being opened or recorded; `part` null: spec or plan, which all need. */
export interface SliceTrouble extends Trouble {
    part: number | null;
}

export interface SliceDone {
    epoch: number;
    lost?: undefined;
    /** Partitions of the lease that are finished, and their counts. */
    closed: number;
    counts: Counts;
    /** Partitions of the lease that are begun and not finished. */
    open: Delayed[];
    /** Partitions that were to be resumed and were not taken up: they are as they were. */
    unreached: number[];
    /** First fresh partition that was not touched; `to` when all were. */
    untouched: number;
    failures: FailureGroup[];
    /** Items given their outcome per second by this slice. */
    rate: number;
    limit: number | null;
    /** It made calls or recorded something. */
    worked: boolean;
    /** The control document as the slice saw it. */
    control?: ControlSeen;
    trouble?: SliceTrouble;
}

export interface SliceLost {
    epoch: number;
    /** crashed: its process died. superseded: another run of the slice, or a later lease, took over. */
    lost: 'crashed' | 'superseded';
    reason: string;
    /** The epoch that superseded it. */
    by?: number;
}

export type SliceReport = SliceDone | SliceLost;

/** What of the control document the ledger goes by. */
export type ControlSeen = Pick<Control, 'generation' | 'desired'>;

export type LedgerOperation =
    | { op: 'open'; jobId: string; total: number; invalid: number; partitions: number; maxConcurrency: number }
    | { op: 'lease'; round: number; worker: string; slot: number; seq: number; report: SliceReport | null }
    /**
     * What comes next for the job. `broken`: a worker of the last round has failed, and others may still be at work. `seen`: a generation of the control
     * document that the caller has heard of, and that the ledger may not have. `cancel`: so orchestrations of version 0.1.0 say that they have heard of one.
     */
    | { op: 'settle'; seen?: number; broken?: boolean; cancel?: boolean }
    | ({ op: 'control' } & ControlSeen)
    /** `ranges`: ascending; the counts are those of all other partitions. */
    | { op: 'reopen'; repair: number; ranges: Range[]; counts: Counts; closed: number }
    | { op: 'end'; state: EndState; error?: Failure };

export type LeaseReply =
    { kind: 'work'; lease: Lease } | { kind: 'wait'; until: number; code: WaitCode; why: string } | { kind: 'stop'; why: string };
export type SettleReply =
    | { kind: 'work'; workers: number; round: number }
    | { kind: 'wait'; until: number; code: WaitCode; why: string }
    | { kind: 'done'; as: EndState; total: number | null; invalid: number; error: Failure | null }
    | { kind: 'ended'; state: EndState; total: number | null; invalid: number; error: Failure | null };
export interface OkReply {
    kind: 'ok';
    state: JobState;
}

/** What each operation is answered with. */
export interface LedgerReplies {
    open: OkReply;
    lease: LeaseReply;
    settle: SettleReply;
    control: OkReply;
    reopen: OkReply;
    end: OkReply;
}
export type LedgerReply = LedgerReplies[keyof LedgerReplies];
export type OperationOf<Op extends LedgerOperation['op']> = Extract<LedgerOperation, { op: Op }>;

export const newLedger = (jobId: string): LedgerState => ({
    jobId,
    state: 'planning',
    generation: 0,
    total: null,
    invalid: 0,
    partitions: 0,
    next: 0,
    returned: [],
    delayed: [],
    leases: {},
    round: 0,
    answered: {},
    counts: noCounts(),
    closed: 0,
    epoch: 0,
    width: 1,
    maxConcurrency: 1,
    endsAs: null,
    isolatedWorker: null,
    rate: 0,
    limits: {},
    crashes: 0,
    crashed: {},
    failures: [],
    startedAt: null,
    endedAt: null,
    waiting: null,
    troubles: {},
    failure: null,
    repairs: 0,
});

/** The report of a slice that could not even begin: its lease is given back as it was. */
export const nothingOpened = (lease: Pick<Lease, 'epoch' | 'resume' | 'from' | 'startAt'>, trouble: Trouble): SliceDone => ({
    epoch: lease.epoch,
    closed: 0,
    counts: noCounts(),
    open: [],
    unreached: lease.resume,
    untouched: lease.from,
    failures: [],
    rate: 0,
    limit: lease.startAt,
    worked: false,
    trouble: { ...trouble, part: null },
});

/** All partitions of a lease. */
export const partsOf = (held: Pick<Lease, 'resume' | 'from' | 'to'>): number[] => [
    ...held.resume,
    ...Array.from({ length: held.to - held.from }, (_, i) => held.from + i),
];
