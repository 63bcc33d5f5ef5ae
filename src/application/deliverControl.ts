// What is written to the control document reaches the ledger, also when whoever wrote it died before it could tell.
import type { Control } from '../core/control';
import type { JobStore } from '../storage/jobStore';
import type { JobEngine, Warn } from './jobEngine';

/** Tells the ledger, and wakes the job up when it sleeps until a far retry. */
export async function tellOf(engine: JobEngine, jobId: string, control: Control, warn: Warn): Promise<void> {
    await engine.tellLedger(jobId, control);
    try {
        // Lost or doubled, it does no harm: the ledger has the word.
        await engine.wake(jobId, control);
    } catch (error) {
        warn(`The job ${jobId} could not be woken up; it will see what was asked for when it next looks.`, error);
    }
}

/** Tells the ledger of what it has not heard. A job of which nothing was ever asked costs one request. */
export async function deliverControl(store: JobStore, engine: JobEngine, jobId: string, warn: Warn): Promise<void> {
    const control = await store.readControl(jobId);
    if (control.generation === 0) return;
    const heard = (await engine.readLedger(jobId))?.generation ?? 0;
    if (heard < control.generation) await tellOf(engine, jobId, control, warn);
}
