// A worker: run a slice over the lease it has, report, get the next lease, begin anew. A generation is one slice, so its history has the same
// few events whatever the size of the job; it waits for no external events, which a new generation could drop.
import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import { reportMessage } from '../contracts/ledger';
import { activities, workerName } from '../contracts/names';
import {
    runWorkerMessage,
    sliceInputMessage,
    stopInputMessage,
    stopReplyMessage,
    type RunWorkerInput,
    type SliceInput,
    type StopReply,
} from '../contracts/payloads';
import { nothingOpened, type LeaseReply, type OverBudget, type SliceReport } from '../core/ledger';
import { reason } from './reason';
import { after, tellLedger, type Step } from './tellLedger';
import { readUnlessNewer, understood } from './understood';

const MIN_WAIT_MS = 100;

export const runWorker: OrchestrationHandler = function* (context: OrchestrationContext) {
    const input = yield* understood(context, runWorkerMessage);
    if (!input) return;
    let next: RunWorkerInput | { why: string };
    try {
        next = yield* generation(context, input);
    } catch (error) {
        // A worker that failed would end the wait for all of its round. The ledger takes back what it held.
        next = { why: `the ledger does not answer: ${reason(error)}` };
    }
    if ('why' in next) return { worker: nameOf(input), why: next.why };
    context.df.continueAsNew(runWorkerMessage.write(next));
};

const nameOf = ({ round, slot }: RunWorkerInput): string => workerName(round, slot);

/** One slice, or one wait for something to do. */
function* generation(context: OrchestrationContext, input: RunWorkerInput): Step<RunWorkerInput | { why: string }> {
    const { jobId, round, slot, seq = 0, lease: carried = null } = input;
    const worker = nameOf(input);
    let told = seq;
    const ask = (report: SliceReport | null) => tellLedger(context, jobId, { op: 'lease', round, worker, slot, seq: ++told, report });

    let reply: LeaseReply = carried ? { kind: 'work', lease: carried } : yield* ask(null);
    if (reply.kind === 'work') reply = yield* ask(yield* slice(context, { jobId, worker, lease: reply.lease }));
    if (reply.kind === 'stop') {
        if (reply.over) yield* stopOverBudget(context, jobId, reply.over);
        return { why: reply.why };
    }
    if (reply.kind === 'wait') {
        const soonest = after(context, MIN_WAIT_MS);
        yield context.df.createTimer(new Date(Math.max(reply.until, soonest.getTime())));
    }
    return { jobId, round, slot, seq: told, lease: reply.kind === 'work' ? reply.lease : null };
}

/** The other workers of the round are to stop too, and not only when they are through. What cannot be written now, runJob writes when they are. */
function* stopOverBudget(context: OrchestrationContext, jobId: string, { generation, then, why }: OverBudget): Step<void> {
    let reply: unknown;
    try {
        reply = yield context.df.callActivity(activities.stopOverBudget, stopInputMessage.write({ jobId, generation, then, why }));
    } catch {
        return;
    }
    const read = readUnlessNewer<StopReply>(stopReplyMessage, reply, (trouble) => ({ kind: 'trouble', trouble }));
    if (read.kind === 'control') yield* tellLedger(context, jobId, { op: 'control', ...read.control });
}

function* slice(context: OrchestrationContext, input: SliceInput): Step<SliceReport> {
    let report: unknown;
    try {
        report = yield context.df.callActivity(activities.processSlice, sliceInputMessage.write(input));
    } catch (error) {
        // A slice returns its failures; what is thrown is the end of its process.
        return { epoch: input.lease.epoch, lost: 'crashed', reason: reason(error) };
    }
    // What it has recorded stands in the outcomes: the next slice finds it there.
    return readUnlessNewer(reportMessage, report, (trouble) => nothingOpened(input.lease, trouble));
}
