// A limit of the budget is reached: the control document is made to say that the job is paused or cancelled by that.
import { moved, seenOf } from '../core/control';
import type { StopInput, StopReply } from '../contracts/payloads';
import { MAX_REASON } from '../contracts/requests';
import { consoleLog } from '../log';
import type { JobStore } from '../storage/jobStore';
import { onControl } from './onControl';

/** Writes it, unless somebody has changed what is wanted since the ledger last heard of it (`generation`): a resume, or another budget. Gives what stands there then. */
export const stopOverBudget = ({ jobId, generation, then, why }: StopInput, store: JobStore, log = consoleLog): Promise<StopReply> =>
    onControl(jobId, store, { log, failed: 'job could not be stopped by its budget' }, async (job, own) => {
        const asked = { by: 'budget', reason: why.slice(0, MAX_REASON), at: Date.now() };
        const control = await store.changeControl(jobId, (before) => {
            if (before.generation > generation || before.desired !== 'run') return null;
            return then === 'pause' ? moved(before, 'pause', asked) : moved(before, 'cancel', asked, 'overBudget');
        });
        own.warn('budget of failures is used up', { why, then, desired: control.desired, generation: control.generation });
        return { kind: 'control', control: seenOf(job, control) };
    });
