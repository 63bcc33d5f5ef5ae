// What orchestrators and activities hand to each other.
import { z } from 'zod';
import type { PlanReply } from '../core/plan';
import type { Lease } from '../core/ledger';
import { contract, WrongDocument, type Contract } from './contract';
import { lease, plannedCanary, upgradeLease } from './ledger';
import {
    budget,
    callStats,
    controlSeen,
    count,
    counts,
    endState,
    ending as endingName,
    entered,
    jobFailure,
    persisting,
    range,
    time,
    trouble,
} from './parts';

export type JobFailure = z.output<typeof jobFailure>;

// --- planJob ----------------------------------------------------------------------------------------------------------

const planInput = z.object({ jobId: z.string() });
export type PlanInput = z.output<typeof planInput>;
export const planInputMessage = contract('input of planJob', planInput);

const planReply = z.union([
    z.object({
        ok: z.literal(true),
        total: count,
        invalid: count,
        partitions: count,
        concurrency: count,
        deadline: time.nullable().exactOptional(),
        canary: plannedCanary.nullable().exactOptional(),
        budget: budget.nullable().exactOptional(),
    }),
    z.object({ ok: z.literal(false), startAt: time }),
    z.object({ ok: z.literal(false), trouble }),
    z.object({ ok: z.literal(false), error: jobFailure }),
]) satisfies z.ZodType<PlanReply>;
export const planReplyMessage: Contract<PlanReply> = contract('reply of planJob', planReply, [(older) => older, (older) => older]);

// --- processSlice: its reply is the report that the ledger takes ---------------------------------------------------------

const sliceInput = z.object({ jobId: z.string(), worker: z.string(), lease });
export type SliceInput = z.output<typeof sliceInput>;
export const sliceInputMessage = contract('input of processSlice', sliceInput, [
    withLease,
    // Version 2 knew no budget, and ended no items as not approved.
    (older) => older,
]);

function withLease(older: Record<string, unknown>): Record<string, unknown> {
    return older.lease ? { ...older, lease: upgradeLease(older.lease as Record<string, unknown>) } : older;
}

/** The lease of a slice whose input a newer version has written, as far as giving it back untouched needs. @throws WrongDocument */
export function unreadLease(given: unknown): Pick<Lease, 'epoch' | 'resume' | 'from' | 'startAt'> {
    const read = z.object({ lease: lease.pick({ epoch: true, resume: true, from: true, startAt: true }) }).safeParse(given);
    if (!read.success) throw new WrongDocument('lease of a slice', read.error.issues[0]?.message ?? '');
    return read.data.lease;
}

// --- foldJob ----------------------------------------------------------------------------------------------------------

const foldInput = z.object({
    jobId: z.string(),
    as: endState,
    /** ISO. */
    startedAt: z.string().nullable(),
    error: jobFailure.nullable().exactOptional(),
    /** What the ledger knows, for when the plan cannot be read. */
    total: count.nullable().exactOptional(),
    invalid: count.exactOptional(),
    /** How often the job was opened again because outcomes were missing. */
    repairs: count.exactOptional(),
    entered: entered.exactOptional(),
    calls: callStats.exactOptional(),
    crashes: count.exactOptional(),
    ending: endingName.exactOptional(),
});
export type FoldInput = z.output<typeof foldInput>;
export const foldInputMessage = contract('input of foldJob', foldInput, [(older) => older]);

/**
 * The job's end; or the partitions that lack outcomes, by ranges, with what all others count, when they are to be worked again; or what kept the fold
 * from coming to either.
 */
const foldReply = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('ended'), state: endState }),
    z.object({ kind: z.literal('lacking'), ranges: z.array(range), counts, closed: count }),
    z.object({ kind: z.literal('trouble'), trouble }),
]);
export type FoldReply = z.output<typeof foldReply>;
export const foldReplyMessage = contract('reply of foldJob', foldReply, [(older) => older]);

// --- expireJob: writes to the control document that the deadline has come ----------------------------------------------------

const expireInput = z.object({ jobId: z.string() });
export type ExpireInput = z.output<typeof expireInput>;
export const expireInputMessage = contract('input of expireJob', expireInput);

/** What the document says now: that the job has expired, or else what was wanted first, or that its time is not over any more. */
const expireReply = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('control'), control: controlSeen }),
    z.object({ kind: z.literal('trouble'), trouble }),
]);
export type ExpireReply = z.output<typeof expireReply>;
export const expireReplyMessage = contract('reply of expireJob', expireReply);

// --- stopOverBudget: writes to the control document that a limit of the budget is reached ---------------------------------------

const stopInput = z.object({ jobId: z.string(), generation: count, then: z.enum(['pause', 'cancel']), why: z.string() });
export type StopInput = z.output<typeof stopInput>;
export const stopInputMessage = contract('input of stopOverBudget', stopInput);
export type StopReply = ExpireReply;
export const stopReplyMessage = contract('reply of stopOverBudget', expireReply);

// --- judgeCanary: finds what a canary came to; its word, or that nobody has said any in time, goes to the control document ------

const judgeInput = z.object({ jobId: z.string(), partitions: count, calls: callStats, ranForMs: z.number(), overdue: z.boolean() });
export type JudgeInput = z.output<typeof judgeInput>;
export const judgeInputMessage = contract('input of judgeCanary', judgeInput);

/** What the document says now; `asks`: the word is a person's, and has not been said. */
const judgeReply = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('control'), control: controlSeen, asks: z.boolean() }),
    z.object({ kind: z.literal('trouble'), trouble }),
]);
export type JudgeReply = z.output<typeof judgeReply>;
export const judgeReplyMessage = contract('reply of judgeCanary', judgeReply);

// --- orchestrations -----------------------------------------------------------------------------------------------------

const ending = z.object({
    as: endState,
    total: count.nullable(),
    invalid: count,
    /** Why the job is not whole. */
    error: jobFailure.nullable().exactOptional(),
    /** What the ledger knows of the job beside its items. */
    entered: entered.exactOptional(),
    calls: callStats.exactOptional(),
    crashes: count.exactOptional(),
    /** Why it is not run to its end. */
    ending: endingName.exactOptional(),
});
export type Ending = z.output<typeof ending>;

const runJobInput = z.object({
    jobId: z.string(),
    /** What comes over from the generation before; none of it in the first. ISO. */
    startedAt: z.string().exactOptional(),
    planned: z.boolean().exactOptional(),
    /** How often the job was opened again because outcomes were missing when it was folded. */
    repairs: count.exactOptional(),
    /** What storage keeps the step at hand from. */
    trouble: persisting.optional(),
    /** Set when nothing is left to do but to fold. */
    ending: ending.optional(),
});
export type RunJobInput = z.output<typeof runJobInput>;
export const runJobMessage = contract('input of runJob', runJobInput, [(older) => older]);

const runWorkerInput = z.object({
    jobId: z.string(),
    round: count,
    slot: count,
    /** Of the last operation told to the ledger; none before the first. */
    seq: count.exactOptional(),
    /** What the generation before has been given to do. */
    lease: lease.nullable().exactOptional(),
});
export type RunWorkerInput = z.output<typeof runWorkerInput>;
export const runWorkerMessage = contract('input of runWorker', runWorkerInput, [withLease]);

/** Of the event `wake`: the generation of the control document that it tells of, and whether that is a cancel. */
const wake = z.object({ generation: count.exactOptional(), cancel: z.boolean().exactOptional() });
export type Wake = z.output<typeof wake>;
export const wakeMessage = contract('event wake', wake);
