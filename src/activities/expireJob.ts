// The deadline of a job has come: its control document is made to say so, unless something else was wanted first, or the time was put off.
import { deadlineOf, moved, seenOf, type Control } from '../core/control';
import type { StoredJob } from '../contracts/documents';
import { blobs } from '../contracts/names';
import type { ExpireInput, ExpireReply } from '../contracts/payloads';
import { consoleLog } from '../log';
import type { JobStore } from '../storage/jobStore';
import { missing } from '../storage/trouble';

export async function expireJob({ jobId }: ExpireInput, store: JobStore, log = consoleLog): Promise<ExpireReply> {
    const own = log.about({ job: jobId });
    try {
        const job = await store.readJob(jobId);
        if (!job) throw missing(blobs.spec(jobId));
        const control = await expire(store, job, Date.now());
        own.info('deadline was looked at', { desired: control.desired, ending: control.ending, generation: control.generation });
        return { kind: 'control', control: seenOf(job, control) };
    } catch (error) {
        const trouble = await store.diagnose(error);
        own.warn('deadline could not be looked at', { why: trouble.code, message: trouble.message });
        return { kind: 'trouble', trouble };
    }
}

/** Writes that the job has expired, where its time is over at `now` (ms) and nobody has ended it before. Gives the document as it stands then. */
export const expire = (store: JobStore, job: StoredJob, now: number): Promise<Control> =>
    store.changeControl(job.id, (control) =>
        (deadlineOf(job, control) ?? Infinity) <= now ? moved(control, 'expire', { by: 'deadline', at: now }) : null,
    );
