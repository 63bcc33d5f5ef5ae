// A worker: lease partitions, run a slice over them, report, until the ledger says stop. History is cut every few slices.
import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import type { LeaseReply, SliceReport } from '../core/ledger';
import type { SliceInput } from '../activities/processSlice';
import { reason } from './reason';
import { tellLedger } from './tellLedger';

export interface RunWorkerInput {
    jobId: string;
    round: number;
    slot: number;
    seq?: number;
    report?: SliceReport | null;
}

const SLICES_PER_GENERATION = 20;

export const runWorker: OrchestrationHandler = function* (context: OrchestrationContext) {
    const { jobId, round, slot, seq = 0, report: carried = null } = context.df.getInput<RunWorkerInput>();
    const worker = `r${round}w${slot}`;
    let report = carried;

    for (let step = 1; step <= SLICES_PER_GENERATION; step++) {
        const reply = (yield* tellLedger(context, jobId, { op: 'lease', round, worker, slot, seq: seq + step, report })) as LeaseReply;
        report = null;
        if (reply.kind === 'stop') return { worker, why: reply.why };
        if (reply.kind === 'wait') {
            yield context.df.createTimer(new Date(Math.max(reply.until, context.df.currentUtcDateTime.getTime() + 100)));
            continue;
        }
        try {
            report = (yield context.df.callActivity('processSlice', {
                jobId,
                worker,
                lease: reply.lease,
            } satisfies SliceInput)) as SliceReport;
        } catch (error) {
            // A slice returns its failures; what is thrown is the end of its process.
            report = { epoch: reply.lease.epoch, lost: 'died', reason: reason(error) };
        }
    }
    context.df.continueAsNew({ jobId, round, slot, seq: seq + SLICES_PER_GENERATION, report } satisfies RunWorkerInput);
};
