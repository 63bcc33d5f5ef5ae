// A job is what its blobs say: with a spec and without a summary it is to run, whatever became of the process that was to start it, or of its orchestration.
import { writeIndex } from '../storage/jobIndex';
import type { StoredJob } from '../contracts/documents';
import type { JobStore } from '../storage/jobStore';
import { deliverControl } from './deliverControl';
import type { Log } from '../log';
import type { JobEngine } from './jobEngine';

/**
 * Starts the job's orchestration where none is at work and the job has no summary: its start failed, or it failed or was terminated from outside.
 * A second start in the same moment does no harm: the engine refuses it, and what `runJob` does may be done twice.
 */
export async function ensureStarted(
    store: JobStore,
    engine: JobEngine,
    jobId: string,
): Promise<'active' | 'ended' | 'started' | 'notStored'> {
    // In this order: the summary is written before the orchestration ends.
    if ((await engine.stateOf(jobId)) === 'active') return 'active';
    if (await store.readSummary(jobId)) return 'ended';
    const job = await store.readJob(jobId);
    if (!job) return 'notStored';
    await begin(store, engine, job);
    return 'started';
}

/** Lists the job, then starts it: what runs is in the list. One that storage does not let be listed runs all the same, and is listed by the sweeper. */
async function begin(store: JobStore, engine: JobEngine, job: StoredJob): Promise<void> {
    const isListed = await list(store, job).then(
        () => true,
        () => false,
    );
    const [marked] = isListed ? [] : await Promise.allSettled([store.markLive(job.id, false)]);
    await engine.start(job.id);
    if (marked?.status === 'rejected') throw marked.reason;
    // What storage refused once it takes now; what it refuses again is left to the sweeper.
    if (!isListed) await list(store, job);
}

const list = (store: JobStore, { id, createdAt, spec }: StoredJob): Promise<void> =>
    writeIndex(store, { id, name: spec.name, createdAt, tags: spec.tags });

/** Lists a job that runs or has ended, where that failed when it was started. */
export async function ensureListed(store: JobStore, jobId: string): Promise<void> {
    const job = await store.readJob(jobId);
    if (!job) return;
    await list(store, job);
    await store.markLive(jobId);
}

/** `ensureStarted` for those who go on without it: what fails is logged. */
export const tryToStart = (store: JobStore, engine: JobEngine, jobId: string, log: Log): Promise<void> =>
    warned(() => ensureStarted(store, engine, jobId), jobId, log);

/** The same for a job that has just been stored, so that nothing need be asked before. */
export const tryToBegin = (store: JobStore, engine: JobEngine, job: StoredJob, log: Log): Promise<void> =>
    warned(() => begin(store, engine, job), job.id, log);

async function warned(start: () => Promise<unknown>, jobId: string, log: Log): Promise<void> {
    try {
        await start();
    } catch (error) {
        // Whoever looks at the job next starts it, or the sweeper, which lists it too.
        log.about({ job: jobId }).warn('job may not have been listed or started', {}, error);
    }
}

/** Between two looks at one job by one process: a job that is polled once a second is not looked after once a second. */
const LOOK_EVERY_MS = 15_000;
const MAX_REMEMBERED = 1_000;
const lookedAt = new Map<string, number>();

/** By the way, for whoever asks about a job, not again within 15 s: starts it where that failed, and has its ledger told of what it has not heard. */
export async function lookAfter(store: JobStore, engine: JobEngine, jobId: string, now: number, log: Log): Promise<void> {
    if (now - (lookedAt.get(jobId) ?? -Infinity) < LOOK_EVERY_MS) return;
    lookedAt.delete(jobId); // so that it goes to the end of the order in which they are forgotten
    lookedAt.set(jobId, now);
    if (lookedAt.size > MAX_REMEMBERED) lookedAt.delete(lookedAt.keys().next().value!);
    await warned(
        async () => {
            const found = await ensureStarted(store, engine, jobId);
            if (found === 'active') await deliverControl(store, engine, jobId, log);
        },
        jobId,
        log,
    );
}
