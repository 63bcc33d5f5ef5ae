// Whether one more job may be posted: jobs that have not ended are counted by their markers.
import { problem } from '../core/errors';
import { capSettings } from '../core/caps';
import { blobs } from '../contracts/names';
import type { JobStore } from '../storage/jobStore';
import type { LiveJob } from './liveJobs';
import { roomsOf } from './room';

const PAGE = 5_000;
const AT_ONCE = 20;

/** Jobs that are known to have ended while their markers stand: the sweeper takes those away every few minutes. */
const ended = new Set<string>();

/** Ms after which a marker without a spec is no job: its POST is over, and has failed. Longer than a request can take. */
const UNSTORED_MS = 600_000;

/**
 * The jobs that have not ended, counted up to `enough`. Only where all markers together are as many is it asked which of their jobs have ended, or were
 * never stored: a storage that takes markers and no specs would else fill the cap for a day.
 */
export async function countJobs(store: JobStore, enough: number, now: number = Date.now()): Promise<number> {
    const marked: LiveJob[] = [];
    for await (const page of store.listLive(PAGE)) marked.push(...page);
    const standing = new Set(marked.map(({ jobId }) => jobId));
    for (const jobId of ended) if (!standing.has(jobId)) ended.delete(jobId);
    const unknown = marked.filter(({ jobId }) => !ended.has(jobId));
    let count = unknown.length;
    const look = async ({ jobId, createdAt }: LiveJob): Promise<void> => {
        if ((await store.etagOf(blobs.summary(jobId))) !== null) ended.add(jobId);
        else if (createdAt + UNSTORED_MS > now || (await store.etagOf(blobs.spec(jobId))) !== null) return;
        count--;
    };
    for (let at = 0; at < unknown.length && count >= enough; at += AT_ONCE) await Promise.all(unknown.slice(at, at + AT_ONCE).map(look));
    return count;
}

const roomOf = roomsOf((store: JobStore, enough) => countJobs(store, enough));

/** Takes a place for one more job. @throws Problem TOO_MANY_JOBS */
export async function takeJobPlace(store: JobStore, most: number): Promise<void> {
    if (await roomOf(store).take(most)) return;
    const { name } = capSettings.jobs;
    throw problem('TOO_MANY_JOBS', {
        detail: `${most} jobs have not ended, and no more may be posted (app setting ${name}).`,
        limit: most,
        setting: name,
        headers: { 'retry-after': '30' },
    });
}
