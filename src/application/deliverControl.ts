// What is written to the control document reaches the ledger, also when whoever wrote it died before it could tell.
import type { Control } from '../core/control';
import type { JobStore } from '../storage/jobStore';
import type { Log } from '../log';
import type { JobEngine } from './jobEngine';

/** Tells the ledger, and wakes the job up when it sleeps until a far retry. */
export async function tellOf(engine: JobEngine, jobId: string, control: Control, log: Log): Promise<void> {
    await engine.tellLedger(jobId, control);
    try {
        // Lost or doubled, it does no harm: the ledger has the word.
        await engine.wake(jobId, control);
    } catch (error) {
        // It will see what was asked for when it next looks.
        log.about({ job: jobId }).warn('job could not be woken up', {}, error);
    }
}

/** Tells the ledger of what it has not heard. A job of which nothing was ever asked costs one request. */
export async function deliverControl(store: JobStore, engine: JobEngine, jobId: string, log: Log): Promise<void> {
    const control = await store.readControl(jobId);
    if (control.generation === 0) return;
    const heard = (await engine.readLedger(jobId))?.generation ?? 0;
    if (heard < control.generation) await tellOf(engine, jobId, control, log);
}
