// What the activities have in common that write to a job's control document for what nobody has asked for: its deadline, its budget, its canary.
import type { StoredJob } from '../contracts/documents';
import type { Trouble } from '../core/trouble';
import type { Log } from '../log';
import { storedJob, type JobStore } from '../storage/jobStore';

/** Has `act` done with the job. What storage keeps it from is told as trouble, and in the log as `failed`. */
export async function onControl<Reply>(
    jobId: string,
    store: JobStore,
    { log, failed }: { log: Log; failed: string },
    act: (job: StoredJob, own: Log) => Promise<Reply>,
): Promise<Reply | { kind: 'trouble'; trouble: Trouble }> {
    const own = log.about({ job: jobId });
    try {
        return await act(await storedJob(store, jobId), own);
    } catch (error) {
        const trouble = await store.diagnose(error);
        own.warn(failed, { why: trouble.code, message: trouble.message });
        return { kind: 'trouble', trouble };
    }
}
