// The ledger's state as the entity keeps it, what it is told, and what it answers.
import { z } from 'zod';
import {
    ledgerSteps,
    newLedger,
    type HeldLease,
    type Hold,
    type Lease,
    type LeaseReply,
    type LedgerOperation,
    type LedgerReplies,
    type LedgerState,
    type OkReply,
    type OperationOf,
    type OverBudget,
    type PlannedCanary,
    type SettleReply,
    type SliceReport,
} from '../core/ledger';
import { nothingSpent, type Allowance, type BudgetLimit } from '../core/budget';
import { states, verdicts } from '../core/states';
import type { LedgerEvent } from '../core/timeline';
import { contract, WrongDocument, type Contract } from './contract';
import {
    budget,
    callStats,
    controlSeen,
    count,
    counts,
    delayed,
    desired,
    endState,
    ending,
    entered,
    eventLog,
    failure,
    failureGroup,
    partCounts,
    persisting,
    range,
    spent,
    time,
    trouble,
    waitCode,
} from './parts';

const state = z.enum(states);
const allowance = z.object({
    failures: z.number().nullable(),
    percent: z.object({ of: z.number(), room: z.number(), minimum: count }).nullable(),
    codes: z.record(z.string(), z.number()),
}) satisfies z.ZodType<Allowance>;
export const lease = z.object({
    epoch: count,
    resume: z.array(count),
    from: count,
    to: count,
    mode: z.enum(['normal', 'isolated', 'cancel']),
    ending,
    concurrency: count,
    share: z.object({ slot: count, of: count }).nullable(),
    startAt: count.nullable(),
    generation: count,
    first: count,
    before: z.object({ first: count, counts }).nullable(),
    more: z.boolean().exactOptional(),
    budget: z.object({ of: budget, resumed: count, allowance }).exactOptional(),
}) satisfies z.ZodType<Lease>;

/** A lease of a version that did not say what a job ends as, nor what its share is, nor what came before it. */
export const upgradeLease = (older: Record<string, unknown>): Record<string, unknown> => ({
    ending: 'cancelled',
    share: null,
    generation: 0,
    first: older.epoch,
    before: null,
    ...older,
});

const heldLease = z.object({
    ...lease.shape,
    crashes: count,
    base: counts,
    resumed: z.array(delayed),
    since: time,
    againAt: time.nullable(),
}) satisfies z.ZodType<HeldLease>;

const wait = z.object({ kind: z.literal('wait'), until: time, code: waitCode, why: z.string() });
const over = z.object({ generation: count, then: z.enum(['pause', 'cancel']), why: z.string() }) satisfies z.ZodType<OverBudget>;
const leaseReply = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('work'), lease }),
    wait,
    z.object({ kind: z.literal('stop'), why: z.string(), over: over.exactOptional() }),
]) satisfies z.ZodType<LeaseReply>;

const told = {
    total: count.nullable(),
    invalid: count,
    error: failure.nullable(),
    startedAt: time.nullable().exactOptional(),
    entered: entered.exactOptional(),
    calls: callStats.exactOptional(),
    crashes: count.exactOptional(),
    ending: ending.nullable().exactOptional(),
};
const settleReply = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('work'), workers: count, round: count }),
    wait,
    z.object({ kind: z.literal('expire'), generation: count }),
    z.object({ kind: z.literal('over'), ...over.shape }),
    z.object({
        kind: z.literal('judge'),
        generation: count,
        partitions: count,
        calls: callStats,
        ranForMs: z.number(),
        overdue: z.boolean(),
    }),
    z.object({ kind: z.literal('done'), as: endState, ...told }),
    z.object({ kind: z.literal('ended'), state: endState, ...told }),
]) satisfies z.ZodType<SettleReply>;
const okReply = z.object({ kind: z.literal('ok'), state, told: z.object(told).exactOptional() }) satisfies z.ZodType<OkReply>;

const seen = { at: time, generation: count };
const ledgerEvent = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('state'), state, ...seen }),
    z.object({ kind: z.literal('crash'), worker: z.string().nullable(), partitions: count, ...seen }),
    z.object({ kind: z.literal('repair'), repair: count, partitions: count, ...seen }),
    z.object({ kind: z.literal('trouble'), code: z.string(), message: z.string(), ...seen }),
    z.object({ kind: z.literal('recovered'), code: z.string(), ...seen }),
    z.object({ kind: z.literal('held'), code: z.string(), why: z.string(), ...seen }),
    z.object({ kind: z.literal('released'), code: z.string(), ...seen }),
    z.object({
        kind: z.literal('budget'),
        limit: z.string(),
        why: z.string(),
        groups: z.array(z.object({ code: z.string(), message: z.string(), count })),
        ...seen,
    }),
]) satisfies z.ZodType<LedgerEvent>;
const hold = z.object({ code: waitCode, why: z.string(), until: time, generation: count }) satisfies z.ZodType<Hold>;

/** Its items are those of the first partitions. `timeoutMs`: how long somebody may take to approve what comes after it. */
export const plannedCanary = z.object({ items: count, partitions: count, timeoutMs: count }) satisfies z.ZodType<PlannedCanary>;
const budgetLimit = z.custom<BudgetLimit>((limit) => typeof limit === 'string');

const ledgerState = z.object({
    jobId: z.string(),
    state,
    generation: count,
    desired,
    ending: ending.nullable(),
    deadline: time.nullable(),
    restsAt: count.nullable(),
    entered,
    timeline: eventLog(ledgerEvent),
    heardAt: time.nullable(),
    total: count.nullable(),
    invalid: count,
    partitions: count,
    next: count,
    returned: z.array(range),
    delayed: z.array(delayed),
    leases: z.record(z.string(), heldLease),
    orphans: z.record(z.string(), heldLease),
    round: count,
    answered: z.record(z.string(), z.object({ seq: count, reply: leaseReply })),
    counts,
    closed: count,
    epoch: count,
    width: count,
    maxConcurrency: count,
    roundConcurrency: count,
    roundWorkers: count,
    useful: count.nullable(),
    processes: z.record(z.string(), time),
    sentAway: z.boolean(),
    hold: hold.nullable(),
    liftedAt: time.exactOptional(),
    calls: callStats,
    endsAs: endState.nullable(),
    isolatedWorker: z.string().nullable(),
    rate: z.number(),
    ratedAt: time.nullable(),
    limits: z.record(z.string(), z.number().nullable()),
    crashes: count,
    crashed: z.record(z.string(), count),
    failures: z.array(failureGroup),
    canary: z
        .object({ ...plannedCanary.shape, ranForMs: z.number(), until: time.nullable(), verdict: z.enum(verdicts).nullable() })
        .nullable(),
    budget: budget.nullable(),
    spent,
    resumed: count,
    recentFailures: z.array(failureGroup),
    reached: z.object({ limit: budgetLimit, why: z.string(), groups: z.array(failureGroup) }).nullable(),
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    waiting: z.object({ code: waitCode, for: z.string(), until: time }).nullable(),
    troubles: z.record(z.string(), persisting),
    failure: failure.nullable(),
    repairs: count,
}) satisfies z.ZodType<LedgerState>;

const { delayed: delayedParts, isolatedWorker: worker, ...sameNames } = ledgerState.shape;
/** Version 1 had no generation, and some of its fields came one after the other: what it lacks has its first value. */
const storedLedger = contract('ledger', z.object({ ...sameNames, parked: delayedParts, quarantine: worker }), [
    (older) => ({ ...stored(newLedger(String(older.jobId))), ...older }),
    (older) => ({ ...stored(newLedger(String(older.jobId))), roundConcurrency: older.maxConcurrency, ...older, ...leasesOf(older) }),
    // Version 3 knew of no limits but the job's own.
    (older) => ({ roundWorkers: older.width, useful: null, processes: {}, ...older }),
    // Version 4 knew neither canary nor budget.
    (older) => ({ canary: null, budget: null, spent: nothingSpent(), resumed: 0, recentFailures: [], reached: null, ...older }),
]);
type Stored = Record<string, unknown>;
/** What is held, and what was answered, in the form that version 3 has of leases. A worker's place stands in its name. */
function leasesOf(older: Stored): Stored {
    const { leases, answered } = older as { leases: Record<string, Stored>; answered: Record<string, { reply: Stored }> };
    const held = Object.entries(leases).map(([name, lease]) => {
        const slot = Number(/w(\d+)$/.exec(name)?.[1] ?? 0);
        return [name, { ...upgradeLease(lease), share: { slot, of: older.width } }];
    });
    const told = Object.entries(answered).map(([name, { reply, ...rest }]) => [name, { ...rest, reply: upgradeReply(reply) }]);
    return { leases: Object.fromEntries(held), answered: Object.fromEntries(told) };
}
const upgradeReply = (reply: Stored): Stored =>
    reply.kind === 'work' && reply.lease ? { ...reply, lease: upgradeLease(reply.lease as Stored) } : reply;

const stored = ({ delayed: parked, isolatedWorker: quarantine, ...rest }: LedgerState) => ({ ...rest, parked, quarantine });
/**
 * Two fields are stored under the names that version 1 has for them: an instance of that version changes what it knows in the state that it reads, and
 * leaves the rest alone, so that two names for one thing would come apart.
 */
export const ledgerDocument: Contract<LedgerState> = {
    ...storedLedger,
    read: (document) => {
        const { parked, quarantine, ...rest } = storedLedger.read(document);
        return { ...rest, delayed: parked, isolatedWorker: quarantine };
    },
    write: (state) => storedLedger.write(stored(state)),
};

const sliceDone = z.object({
    epoch: count,
    lost: z.undefined().exactOptional(),
    closed: count,
    counts,
    open: z.array(delayed),
    unreached: z.array(count),
    untouched: count,
    begun: z.array(partCounts).exactOptional(),
    failures: z.array(failureGroup),
    rate: z.number(),
    limit: z.number().nullable(),
    worked: z.boolean(),
    control: controlSeen.exactOptional(),
    hold: hold.exactOptional(),
    calls: callStats.exactOptional(),
    useful: count.nullable().exactOptional(),
    process: z.string().exactOptional(),
    trouble: z.object({ ...trouble.shape, part: count.nullable() }).exactOptional(),
    spent: z.object({ ...spent.shape, resumed: count }).exactOptional(),
});
const sliceLost = z.object({
    epoch: count,
    lost: z.enum(['crashed', 'superseded']),
    reason: z.string(),
    by: count.exactOptional(),
});
const report = z.union([sliceLost, sliceDone]) satisfies z.ZodType<SliceReport>;
/** Version 1 said only that the job is cancelled. */
const reportContract = contract('report of a slice', report, [
    ({ cancelled, ...older }) => (cancelled === true ? { ...older, control: { generation: 1, desired: 'cancel' } } : older),
    // Version 3 has calls, what holds them off, and more of the control document.
    (older) => older,
]);
/** Both are said, so that a ledger of version 1 hears of it. */
export const reportMessage: Contract<SliceReport> = {
    ...reportContract,
    write: (value) => ({
        ...reportContract.write(value),
        ...(value.lost === undefined && value.control?.desired === 'cancel' ? { cancelled: true } : {}),
    }),
};

const nested = z.codec(z.unknown(), z.custom<SliceReport>(), {
    decode: (value) => reportMessage.read(value),
    encode: (value) => reportMessage.write(value) as unknown,
});

const operations = {
    open: z.object({
        op: z.literal('open'),
        jobId: z.string(),
        total: count,
        invalid: count,
        partitions: count,
        maxConcurrency: count,
        deadline: time.nullable().exactOptional(),
        canary: plannedCanary.nullable().exactOptional(),
        budget: budget.nullable().exactOptional(),
    }),
    schedule: z.object({ op: z.literal('schedule'), startAt: time }),
    note: z.object({
        op: z.literal('note'),
        step: z.enum(ledgerSteps),
        ends: ending.exactOptional(),
        crashed: z.boolean().exactOptional(),
        trouble: persisting.nullable().exactOptional(),
    }),
    lease: z.object({ op: z.literal('lease'), round: count, worker: z.string(), slot: count, seq: count, report: nested.nullable() }),
    settle: z.object({
        op: z.literal('settle'),
        seen: count.exactOptional(),
        broken: z.boolean().exactOptional(),
        cancel: z.boolean().exactOptional(),
    }),
    control: z.object({ op: z.literal('control'), ...controlSeen.shape }),
    judged: z.object({ op: z.literal('judged'), asks: z.boolean(), ...controlSeen.shape }),
    giveUp: z.object({ op: z.literal('giveUp'), error: failure }),
    reopen: z.object({ op: z.literal('reopen'), repair: count, ranges: z.array(range), counts, closed: count }),
    end: z.object({ op: z.literal('end'), state: endState, error: failure.exactOptional() }),
} satisfies { [Op in LedgerOperation['op']]: z.ZodType<OperationOf<Op>> };
const operation = z.discriminatedUnion('op', [
    operations.open,
    operations.schedule,
    operations.note,
    operations.lease,
    operations.settle,
    operations.control,
    operations.judged,
    operations.giveUp,
    operations.reopen,
    operations.end,
]);
/** From version 2 on a job can be paused, scheduled and retuned, from version 3 on it may have a canary and a budget. */
const operationContract = contract('operation of the ledger', operation, [(older) => older, (older) => older]);
/** A cancel is told as `cancel`, which instances of version 0.1.0 know; from them it comes without more. */
export const operationMessage: Contract<LedgerOperation> = {
    ...operationContract,
    read: (stored) => {
        const isCancel = (stored as { op?: unknown } | null)?.op === 'cancel';
        return operationContract.read(isCancel ? { generation: 1, desired: 'cancel', ...(stored as object), op: 'control' } : stored);
    },
    write: (value) => {
        const written = operationContract.write(value);
        return value.op === 'control' && value.desired === 'cancel' ? { ...written, op: 'cancel' } : written;
    },
};

const replies = {
    open: okReply,
    schedule: okReply,
    note: okReply,
    lease: leaseReply,
    settle: settleReply,
    control: okReply,
    judged: okReply,
    giveUp: okReply,
    reopen: okReply,
    end: okReply,
} satisfies {
    [Op in keyof LedgerReplies]: z.ZodType<LedgerReplies[Op]>;
};

/** The ledger's instance cannot read its state, or the operation: a newer version is at work beside it. */
const busy = z.object({ kind: z.literal('newer'), why: z.string() });
export type NewerReply = z.output<typeof busy>;

/** The reply to an operation, or that it was not taken. @throws WrongDocument */
export function readReply<Op extends LedgerOperation['op']>(op: Op, reply: unknown): LedgerReplies[Op] | NewerReply {
    const refused = busy.safeParse(reply);
    if (refused.success) return refused.data;
    // An instance of an older version may have answered.
    const read = replies[op].safeParse(upgradeReply(reply as Stored));
    if (!read.success) throw new WrongDocument(`reply of the ledger to "${op}"`, read.error.issues[0]?.message ?? '');
    return read.data as LedgerReplies[Op];
}
