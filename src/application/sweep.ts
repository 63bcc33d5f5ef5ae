// What nobody looks at is looked at here, every few minutes: jobs that were stored and never started, or whose orchestration was lost.
import type { JobStore } from '../storage/jobStore';
import { deliverControl } from './deliverControl';
import type { Log } from '../log';
import type { JobEngine } from './jobEngine';
import { ensureListed, ensureStarted } from './ensureStarted';
import { eachLive, type LiveJob } from './liveJobs';

/** A marker without a spec belongs to a POST that is at work, or that died before the job was stored. */
const ABANDONED_MS = 86_400_000;
/** Well within the time that a function may run; what is left is for the next time. */
const MAX_MS = 120_000;

export interface Swept {
    looked: number;
    started: string[];
    /** Markers that were deleted. */
    cleared: number;
    failed: number;
}

/**
 * Looks at every job with a marker (`live/{id}`, written before the job is stored): starts what is to run and does not, lists what could not be listed
 * when it was started, and deletes the markers of jobs that have ended. Jobs that ended before cost nothing. What cannot be looked at is logged and left for the next time.
 */
export async function sweep(store: JobStore, engine: JobEngine, clock: () => number, log: Log): Promise<Swept> {
    const swept: Swept = { looked: 0, started: [], cleared: 0, failed: 0 };
    const look = async ({ jobId, createdAt, isListed }: LiveJob): Promise<void> => {
        swept.looked++;
        try {
            const found = await ensureStarted(store, engine, jobId);
            if (found === 'started') {
                swept.started.push(jobId);
                // One whose start failed, or whose orchestration was lost.
                log.about({ job: jobId }).warn('job was started by the sweeper');
            } else if (!isListed) await ensureListed(store, jobId);
            if (found === 'active') await deliverControl(store, engine, jobId, log);
            if (found !== 'ended' && (found !== 'notStored' || clock() - createdAt < ABANDONED_MS)) return;
            await store.deleteLive(jobId);
            swept.cleared++;
        } catch (error) {
            swept.failed++;
            log.about({ job: jobId }).warn('job could not be looked at by the sweeper', {}, error);
        }
    };
    await eachLive(store, clock, clock() + MAX_MS, look);
    return swept;
}
