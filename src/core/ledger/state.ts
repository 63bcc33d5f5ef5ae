// What the ledger of one job knows, what it can be told, and what it answers.
import { nothingSpent, type Allowance, type Budget, type BudgetLimit, type Spent } from '../budget';
import type { WaitCode } from '../codes';
import { noCounts, type Counts } from '../counts';
import { noCalls, type CallStats } from '../callStats';
import type { ControlSeen, Ending } from '../control';
import type { Failure } from '../errors';
import type { FailureGroup } from '../failures';
import type { Desire, EndState, JobState, Verdict } from '../states';
import { emptyLog, type EventLog, type LedgerEvent } from '../timeline';
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

/** What is recorded of a partition. */
export interface PartCounts {
    part: number;
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
    /** Why the job ends, in the mode `cancel`: what items without an outcome end as. */
    ending: Ending;
    /** Calls in flight at most. */
    concurrency: number;
    /** Of how many workers this is which: what its share of the concurrency follows from, whatever that becomes. Null: in leases of older versions. */
    share: { slot: number; of: number } | null;
    /** Where adaptive concurrency stood when the last slice ended. */
    startAt: number | null;
    /** Of the control document, as the ledger has heard of it: who sees an older one has not seen what is wanted. */
    generation: number;
    /** The epoch under which these partitions were first given: what has been said of them since is said of the same. */
    first: number;
    /** Partitions beyond those of this lease that nobody has been given. */
    more?: boolean;
    /** How many items may fail in it, where the job has a budget of failures. */
    budget?: LeasedBudget;
    /** What the lease before it came to: for whoever still sees the ledger as it was then. */
    before: FinishedLease | null;
}

/** The part of a budget that a lease has: of what budget, and counted from which resume on (a generation of the control document). */
export interface LeasedBudget {
    of: Budget;
    resumed: number;
    allowance: Allowance;
}

/** The first items, which run alone until there is a word on what they came to. */
export interface Canary {
    /** Those are the first partitions. */
    items: number;
    partitions: number;
    /** The job is rejected when nobody has said anything for so long, in ms. */
    timeoutMs: number;
    /** For how long it has run, up to when it was left last, in ms: without the time for which it was paused. */
    ranForMs: number;
    /** When that is, in ms; null until somebody is asked. */
    until: number | null;
    /** The first word holds. */
    verdict: Verdict | null;
}

/** A limit of the budget that is reached, with what had failed then, and by what. */
export interface ReachedLimit {
    limit: BudgetLimit;
    /** In words. */
    why: string;
    groups: FailureGroup[];
}

/** A lease that is over: the epoch under which it was first given, which is of it alone, and what it came to. */
export interface FinishedLease {
    first: number;
    counts: Counts;
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
    /** What is wanted: it takes effect where the state allows it. */
    desired: Desire;
    /** What the job ends as that is not run to its end. */
    ending: Ending | null;
    /** When its time is over, in ms. */
    deadline: number | null;
    /** The generation up to which `runJob` has been told, when it was last told to wait; null while it need not wait. */
    restsAt: number | null;
    /** When each state was entered last, in ms. */
    entered: Partial<Record<JobState, number>>;
    timeline: EventLog<LedgerEvent>;
    /** When a worker or `runJob` was last heard of, in ms. */
    heardAt: number | null;
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
    /** Leases of workers that are gone, by the epoch under which they were first given: the next worker in their place takes them over, or any where there is none. */
    orphans: Record<string, HeldLease>;
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
    /** What it was when the round began. */
    roundConcurrency: number;
    /** Workers that there was something for then. */
    roundWorkers: number;
    /** Calls in flight that are of use at the rate that the target allows; null: as many as there may be. */
    useful: number | null;
    /** Processes that slices have run in, and when the last of them reported (ms). */
    processes: Record<string, number>;
    /** A worker of this round was sent away by what may be taken back: the round is not whole. */
    sentAway: boolean;
    /** No call may be made before: something beside the job says so. */
    hold: Hold | null;
    /** When somebody has lifted what holds calls off without a new word of the control document, in ms. Absent: never. */
    liftedAt?: number;
    /** Calls that slices have reported. */
    calls: CallStats;
    /** What the job ends as, once every partition is closed or nothing more can be done. */
    endsAs: EndState | null;
    /** The worker whose lease is worked alone. */
    isolatedWorker: string | null;
    /** Items per second of one worker, smoothed, and when that was heard, in ms. */
    rate: number;
    ratedAt: number | null;
    /** Where the adaptive concurrency of each worker stands, by its slot; null: at its share. */
    limits: Record<string, number | null>;
    /** Processes that died at work for this job. */
    crashes: number;
    /** Crashes of each partition that had one and is not finished. */
    crashed: Record<string, number>;
    failures: FailureGroup[];
    canary: Canary | null;
    budget: Budget | null;
    /** What has come to an end since the last resume that the ledger has heard of, which is `resumed` (a generation of the control document), and how it failed. */
    spent: Spent;
    resumed: number;
    recentFailures: FailureGroup[];
    /** Nothing is given out while a limit of the budget is reached. */
    reached: ReachedLimit | null;
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

/** What a job stands still for, until somebody does it. */
export const AWAITED = {
    PAUSED: 'somebody to resume it',
    APPROVAL: 'somebody to approve or reject what comes after the canary',
} as const;

/** Until when nothing may be called (ms), and why. */
export interface Hold {
    code: WaitCode;
    why: string;
    until: number;
    /** Of the control document by which it was found: a later word of it may lift it. */
    generation: number;
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
    /** First fresh partition that was not touched, by an earlier run either; `to` when all were. */
    untouched: number;
    /** Those that an earlier run of the lease has begun and this one has not taken up, with what is known to be recorded of them. */
    begun?: PartCounts[];
    failures: FailureGroup[];
    /** Items given their outcome per second by this slice. */
    rate: number;
    limit: number | null;
    /** It made calls or recorded something. */
    worked: boolean;
    /** The control document as the slice saw it. */
    control?: ControlSeen;
    trouble?: SliceTrouble;
    /** Nothing may be called before. */
    hold?: Hold;
    /** Its calls. */
    calls?: CallStats;
    /** Calls in flight that are of use to the job, at the rate that its target allows; null: as many as it may have. */
    useful?: number | null;
    /** In which it ran. */
    process?: string;
    /** What has come to an end by the lease, and since which resume (a generation of the control document), as its runs know. */
    spent?: Spent & { resumed: number };
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

/** Steps beside the slices, whose trouble the ledger hears of. */
export const ledgerSteps = ['plan', 'fold', 'expire', 'canary', 'budget'] as const;
export type LedgerStep = (typeof ledgerSteps)[number];

export type LedgerOperation =
    | ({ op: 'open'; jobId: string; maxConcurrency: number } & Planned)
    /** The job is to be planned at that time (ms), not before. */
    | { op: 'schedule'; startAt: number }
    /** What a step beside the slices met: a process that died, trouble with storage, or that the job is not wanted any more (`ends`). */
    | { op: 'note'; step: LedgerStep; crashed?: boolean; trouble?: Persisting | null; ends?: Ending }
    | { op: 'lease'; round: number; worker: string; slot: number; seq: number; report: SliceReport | null }
    /**
     * What comes next for the job. `broken`: a worker of the last round has failed, and others may still be at work. `seen`: a generation of the control
     * document that the caller has heard of, and that the ledger may not have. `cancel`: so orchestrations of version 0.1.0 say that they have heard of one.
     */
    | { op: 'settle'; seen?: number; broken?: boolean; cancel?: boolean }
    | ({ op: 'control' } & ControlSeen)
    /** The canary has been looked at, and the control document says that; `asks`: it leaves the word to a person. */
    | ({ op: 'judged'; asks: boolean } & ControlSeen)
    /** Storage refuses for good what the job needs in order to go on. */
    | { op: 'giveUp'; error: Failure }
    /** `ranges`: ascending; the counts are those of all other partitions. */
    | { op: 'reopen'; repair: number; ranges: Range[]; counts: Counts; closed: number }
    | { op: 'end'; state: EndState; error?: Failure };

/** What planning has come to. */
export interface Planned {
    total: number;
    invalid: number;
    partitions: number;
    /** In ms. */
    deadline?: number | null;
    canary?: PlannedCanary | null;
    budget?: Budget | null;
}

export type PlannedCanary = Pick<Canary, 'items' | 'partitions' | 'timeoutMs'>;

/** A limit of the budget is reached: the control document is to say so, unless it says more than the ledger has heard of (`generation`). */
export interface OverBudget {
    generation: number;
    then: Budget['then'];
    why: string;
}

export type LeaseReply =
    | { kind: 'work'; lease: Lease }
    | { kind: 'wait'; until: number; code: WaitCode; why: string }
    | { kind: 'stop'; why: string; over?: OverBudget };
export type SettleReply =
    | { kind: 'work'; workers: number; round: number }
    | { kind: 'wait'; until: number; code: WaitCode; why: string }
    /** The deadline has come: the control document is to say so. */
    | { kind: 'expire'; generation: number }
    | ({ kind: 'over' } & OverBudget)
    /** The canary has come to its end, or nobody has said anything of it in time (`overdue`). */
    | ({ kind: 'judge'; generation: number } & JudgedCanary)
    | ({ kind: 'done'; as: EndState } & Told)
    | ({ kind: 'ended'; state: EndState } & Told);
/** What the ledger knows of a canary: its partitions are the first, and `ranForMs` is how long it has run, without pauses. */
export interface JudgedCanary {
    partitions: number;
    calls: CallStats;
    ranForMs: number;
    overdue: boolean;
}

/** What the ledger knows of a job that is at its end, for its summary. */
export interface Told {
    total: number | null;
    invalid: number;
    error: Failure | null;
    /** In ms. */
    startedAt?: number | null;
    entered?: LedgerState['entered'];
    calls?: CallStats;
    crashes?: number;
    /** What it ends as, where it is not to be run to its end. */
    ending?: Ending | null;
}
export interface OkReply {
    kind: 'ok';
    state: JobState;
    /** Of a note: what is known of the job. */
    told?: Told;
}

/** What each operation is answered with. */
export interface LedgerReplies {
    open: OkReply;
    schedule: OkReply;
    note: OkReply;
    lease: LeaseReply;
    settle: SettleReply;
    control: OkReply;
    judged: OkReply;
    giveUp: OkReply;
    reopen: OkReply;
    end: OkReply;
}
export type LedgerReply = LedgerReplies[keyof LedgerReplies];
export type OperationOf<Op extends LedgerOperation['op']> = Extract<LedgerOperation, { op: Op }>;

export const newLedger = (jobId: string): LedgerState => ({
    jobId,
    state: 'planning',
    generation: 0,
    desired: 'run',
    ending: null,
    deadline: null,
    restsAt: null,
    entered: {},
    timeline: emptyLog(),
    heardAt: null,
    total: null,
    invalid: 0,
    partitions: 0,
    next: 0,
    returned: [],
    delayed: [],
    leases: {},
    orphans: {},
    round: 0,
    answered: {},
    counts: noCounts(),
    closed: 0,
    epoch: 0,
    width: 1,
    maxConcurrency: 1,
    roundConcurrency: 1,
    roundWorkers: 1,
    useful: null,
    processes: {},
    sentAway: false,
    hold: null,
    calls: noCalls(),
    endsAs: null,
    isolatedWorker: null,
    rate: 0,
    ratedAt: null,
    limits: {},
    crashes: 0,
    crashed: {},
    failures: [],
    canary: null,
    budget: null,
    spent: nothingSpent(),
    resumed: 0,
    recentFailures: [],
    reached: null,
    startedAt: null,
    endedAt: null,
    waiting: null,
    troubles: {},
    failure: null,
    repairs: 0,
});

/** The report of a slice that has opened nothing: its lease is given back as it was. `begun`: what earlier runs of it have recorded, as far as they have told. */
export const nothingOpened = (
    lease: Pick<Lease, 'epoch' | 'resume' | 'from' | 'startAt'>,
    trouble: Trouble,
    begun: PartCounts[] = [],
): SliceDone => ({
    epoch: lease.epoch,
    closed: 0,
    counts: noCounts(),
    open: [],
    unreached: lease.resume,
    // Fresh partitions are begun one after the other.
    untouched: lease.from + begun.filter(({ part }) => !lease.resume.includes(part)).length,
    ...(begun.length > 0 ? { begun } : {}),
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
