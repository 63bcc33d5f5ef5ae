// The deadline of a job has come: its control document is made to say so, unless something else was wanted first, or the time was put off.
import { deadlineOf, moved, seenOf, type Control } from '../core/control';
import type { StoredJob } from '../contracts/documents';
import type { ExpireInput, ExpireReply } from '../contracts/payloads';
import { consoleLog } from '../log';
import type { JobStore } from '../storage/jobStore';
import { onControl } from './onControl';

export const expireJob = ({ jobId }: ExpireInput, store: JobStore, log = consoleLog): Promise<ExpireReply> =>
    onControl(jobId, store, { log, failed: 'deadline could not be looked at' }, async (job, own) => {
        const control = await expire(store, job, Date.now());
        own.info('deadline was looked at', { desired: control.desired, ending: control.ending, generation: control.generation });
        return { kind: 'control', control: seenOf(job, control) };
    });

/** Writes that the job has expired, where its time is over at `now` (ms) and nobody has ended it before. Gives the document as it stands then. */
export const expire = (store: JobStore, job: StoredJob, now: number): Promise<Control> =>
    store.changeControl(job.id, (control) =>
        (deadlineOf(job, control) ?? Infinity) <= now ? moved(control, 'expire', { by: 'deadline', at: now }) : null,
    );
