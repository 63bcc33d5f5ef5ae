// What is written to the control document reaches the ledger, also when whoever wrote it died before it could tell.
import { seenOf, type ControlSeen } from '../core/control';
import { isEnded } from '../core/states';
import type { JobStore } from '../storage/jobStore';
import type { Log } from '../log';
import type { JobEngine } from './jobEngine';

/** Tells the ledger, and wakes the job up when it sleeps. */
export async function tellOf(engine: JobEngine, control: ControlSeen, jobId: string, log: Log): Promise<void> {
    await engine.tellLedger(jobId, control);
    try {
        // Lost or doubled, it does no harm: the ledger has the word.
        await engine.wake(jobId, control);
    } catch (error) {
        // It will see what was asked for when it next looks.
        log.about({ job: jobId }).warn('job could not be woken up', {}, error);
    }
}

/**
 * Tells the ledger of what it has not heard, and wakes the job up where it sleeps though the ledger has heard of something since. A job of which nothing
 * was ever asked costs one request.
 */
export async function deliverControl(store: JobStore, engine: JobEngine, jobId: string, log: Log): Promise<void> {
    const control = await store.readControl(jobId);
    if (control.generation === 0) return;
    const ledger = await engine.readLedger(jobId);
    const heard = ledger?.generation ?? 0;
    const sleeps = ledger !== null && ledger.restsAt !== null && ledger.restsAt < control.generation && !isEnded(ledger.state);
    if (heard >= control.generation && !sleeps) return;
    const job = await store.readJob(jobId);
    if (job) await tellOf(engine, seenOf(job, control), jobId, log);
}
