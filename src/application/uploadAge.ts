// Uploads that nobody finishes or uses are gone after a time (FANFOLD_UPLOAD_MAX_AGE), and are deleted by the sweeper.
import { capSettings } from '../core/caps';
import { problem } from '../core/errors';
import { readSettings } from '../settings';
import type { Log } from '../log';
import type { JobStore } from '../storage/jobStore';
import { deleteUpload, listUploads, readUpload, usedAt, type Upload } from '../storage/uploads';
import { eachLive } from './liveJobs';
import { roomsOf } from './room';

/**
 * From being gone to being deleted, in ms: a request that has found the upload in its last moment has stored its job by then. Far longer than a request
 * can take.
 */
const GRACE_MS = 3_600_000;
const MAX_MS = 60_000;
/** Uploads that one run of the sweeper deletes at most. */
const MAX_DELETED = 500;

/** When an upload is gone, in ms: so long after something was added to it, or, of one that is complete, after a job was posted with it. */
async function goneAt(store: JobStore, upload: Pick<Upload, 'id' | 'complete' | 'changedAt'>, ageMs: number, now: number): Promise<number> {
    const unused = upload.changedAt + ageMs;
    if (!upload.complete || unused > now) return unused;
    return Math.max(unused, ((await usedAt(store, upload.id)) ?? 0) + ageMs);
}

/** An upload as callers see it: null where there is none, or it is gone. */
export async function findUpload(store: JobStore, id: string, now: number = Date.now()): Promise<Upload | null> {
    const upload = await readUpload(store, id);
    return upload && (await goneAt(store, upload, readSettings().caps.uploadAgeMs, now)) > now ? upload : null;
}

const roomOf = roomsOf(async (store: JobStore, enough) => {
    const { uploadAgeMs } = readSettings().caps;
    let open = 0;
    for await (const page of listUploads(store)) {
        for (const upload of page) if (!upload.complete && upload.changedAt + uploadAgeMs > Date.now()) open++;
        if (open >= enough) break;
    }
    return open;
});

/** Takes a place for one more upload in parts. @throws Problem TOO_MANY_UPLOADS */
export async function takeUploadPlace(store: JobStore, most: number, headers: Record<string, string>): Promise<void> {
    if (await roomOf(store).take(most)) return;
    const { name } = capSettings.uploads;
    throw problem('TOO_MANY_UPLOADS', {
        detail: `${most} uploads are not complete, and no more may be begun (app setting ${name}).`,
        limit: most,
        setting: name,
        headers: { ...headers, 'retry-after': '60' },
    });
}

/** Deletes uploads that are gone; never one that a job names which has not been planned. Gives how many. */
export async function sweepUploads(store: JobStore, clock: () => number, ageMs: number, log: Log): Promise<number> {
    const until = clock() + MAX_MS;
    let named: Set<string> | null = null;
    let deleted = 0;
    for await (const page of listUploads(store))
        for (const upload of page) {
            const now = clock();
            if (now > until || deleted >= MAX_DELETED) return deleted;
            if (upload.changedAt + ageMs + GRACE_MS > now) continue;
            try {
                if ((await goneAt(store, upload, ageMs, now)) + GRACE_MS > now) continue;
                if (upload.complete && (named ??= await namedByUnplanned(store, clock)).has(upload.id)) continue;
                if (await deleteUpload(store, upload.id)) deleted++;
            } catch (error) {
                log.warn('upload could not be looked at by the sweeper', { upload: upload.id }, error);
            }
        }
    return deleted;
}

/** The uploads that jobs name which may still read them. Rejects where not every job could be looked at: then nothing is known. */
async function namedByUnplanned(store: JobStore, clock: () => number): Promise<Set<string>> {
    const named = new Set<string>();
    const until = clock() + MAX_MS;
    // The clock is looked at below: one that has gone by must not end this without a word.
    await eachLive(
        store,
        () => 0,
        0,
        async ({ jobId }) => {
            if (clock() > until) throw new Error('the jobs that have not ended took too long to look at');
            const job = await store.readJob(jobId);
            if (job && 'upload' in job.spec.source && !(await store.readPlan(jobId))) named.add(job.spec.source.upload);
        },
    );
    return named;
}
