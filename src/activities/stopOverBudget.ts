// A limit of the budget is reached: the control document is made to say that the job is paused or cancelled by that.
import { moved, seenOf } from '../core/control';
import { blobs } from '../contracts/names';
import type { StopInput, StopReply } from '../contracts/payloads';
import { MAX_REASON } from '../contracts/requests';
import { consoleLog } from '../log';
import type { JobStore } from '../storage/jobStore';
import { missing } from '../storage/trouble';

/** Writes it, unless somebody has changed what is wanted since the ledger last heard of it (`generation`): a resume, or another budget. Gives what stands there then. */
export async function stopOverBudget({ jobId, generation, then, why }: StopInput, store: JobStore, log = consoleLog): Promise<StopReply> {
    const own = log.about({ job: jobId });
    const asked = { by: 'budget', reason: why.slice(0, MAX_REASON), at: Date.now() };
    try {
        const job = await store.readJob(jobId);
        if (!job) throw missing(blobs.spec(jobId));
        const control = await store.changeControl(jobId, (before) => {
            if (before.generation > generation || before.desired !== 'run') return null;
            return then === 'pause' ? moved(before, 'pause', asked) : moved(before, 'cancel', asked, 'overBudget');
        });
        own.warn('budget of failures is used up', { why, then, desired: control.desired, generation: control.generation });
        return { kind: 'control', control: seenOf(job, control) };
    } catch (error) {
        const trouble = await store.diagnose(error);
        own.warn('job could not be stopped by its budget', { why: trouble.code, message: trouble.message });
        return { kind: 'trouble', trouble };
    }
}
