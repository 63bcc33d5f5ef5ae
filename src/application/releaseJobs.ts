// Jobs that wait for what a limiter allows are woken up when somebody allows more.
import { limiterOfJob } from '../contracts/jobSpec';
import { seenOf } from '../core/control';
import type { Log } from '../log';
import type { JobStore } from '../storage/jobStore';
import type { JobEngine } from './jobEngine';
import { eachLive, type LiveJob } from './liveJobs';

export interface ReleasePorts {
    store: JobStore;
    engine: JobEngine;
    /** Milliseconds since 1970. */
    clock: () => number;
    log: Log;
}

/** Whoever asks waits for it; jobs that are not reached in this time (ms) go on when they look next, an hour later at most. */
const MAX_MS = 15_000;

/**
 * Lifts what holds the calls of every job off that is counted by this limiter, and wakes those that sleep: what still holds them off, their next slice
 * finds out. Best effort. Gives how many were told.
 */
export async function releaseJobs({ store, engine, clock, log }: ReleasePorts, limiter: string): Promise<number> {
    let told = 0;
    const release = async ({ jobId }: LiveJob): Promise<void> => {
        try {
            const job = await store.readJob(jobId);
            if (!job || limiterOfJob(job.spec) !== limiter) return;
            const seen = { ...seenOf(job, await store.readControl(jobId)), lifted: true };
            await engine.tellLedger(jobId, seen);
            await engine.wake(jobId, seen);
            told++;
        } catch (error) {
            log.about({ job: jobId }).warn('job could not be told that its limiter allows something else', {}, error);
        }
    };
    await eachLive(store, clock, clock() + MAX_MS, release);
    return told;
}
