// A worker: run a slice over the lease it has, report, get the next lease, begin anew. A generation is one slice, so its history has the same
// few events whatever the size of the job; it waits for no external events, which a new generation could drop.
import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import type { SliceInput } from '../activities/processSlice';
import type { Lease, LeaseReply, SliceReport } from '../core/ledger';
import { reason } from './reason';
import { after, tellLedger, type Step } from './tellLedger';

export interface RunWorkerInput {
    jobId: string;
    round: number;
    slot: number;
    /** Operations told to the ledger so far: it answers each once. */
    seq?: number;
    /** What the last generation was given to work on. */
    lease?: Lease | null;
}

const MIN_WAIT_MS = 100;

export const runWorker: OrchestrationHandler = function* (context: OrchestrationContext) {
    const { jobId, round, slot, seq = 0, lease: carried = null } = context.df.getInput<RunWorkerInput>();
    const worker = `r${round}w${slot}`;
    let told = seq;
    const ask = (report: SliceReport | null) =>
        tellLedger(context, jobId, { op: 'lease', round, worker, slot, seq: ++told, report }) as Step<LeaseReply>;

    let reply: LeaseReply = carried ? { kind: 'work', lease: carried } : yield* ask(null);
    if (reply.kind === 'work') reply = yield* ask(yield* slice(context, { jobId, worker, lease: reply.lease }));
    if (reply.kind === 'stop') return { worker, why: reply.why };
    if (reply.kind === 'wait') {
        const soonest = after(context, MIN_WAIT_MS);
        yield context.df.createTimer(new Date(Math.max(reply.until, soonest.getTime())));
    }
    context.df.continueAsNew({ jobId, round, slot, seq: told, lease: reply.kind === 'work' ? reply.lease : null } satisfies RunWorkerInput);
};

function* slice(context: OrchestrationContext, input: SliceInput): Step<SliceReport> {
    try {
        return (yield context.df.callActivity('processSlice', input)) as SliceReport;
    } catch (error) {
        // A slice returns its failures; what is thrown is the end of its process.
        return { epoch: input.lease.epoch, lost: 'died', reason: reason(error) };
    }
}
