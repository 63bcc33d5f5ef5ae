// Whether one more job may be posted: jobs that have not ended are counted by their markers.
import { problem } from '../core/errors';
import { capSettings } from '../core/caps';
import { blobs } from '../contracts/names';
import type { JobStore } from '../storage/jobStore';
import { roomsOf } from './room';

const PAGE = 5_000;
const AT_ONCE = 20;

/** Jobs that are known to have ended while their markers stand: the sweeper takes those away every few minutes. */
const ended = new Set<string>();

/** The jobs that have not ended, counted up to `enough`. Only where all markers together are as many is it asked which of their jobs have ended. */
export async function countJobs(store: JobStore, enough: number): Promise<number> {
    const marked: string[] = [];
    for await (const page of store.listLive(PAGE)) marked.push(...page.map(({ jobId }) => jobId));
    const standing = new Set(marked);
    for (const jobId of ended) if (!standing.has(jobId)) ended.delete(jobId);
    const unknown = marked.filter((jobId) => !ended.has(jobId));
    let count = unknown.length;
    for (let at = 0; at < unknown.length && count >= enough; at += AT_ONCE) {
        const found = await Promise.all(
            unknown.slice(at, at + AT_ONCE).map(async (jobId) => ((await store.etagOf(blobs.summary(jobId))) === null ? null : jobId)),
        );
        for (const jobId of found)
            if (jobId !== null) {
                ended.add(jobId);
                count--;
            }
    }
    return count;
}

const roomOf = roomsOf(countJobs);

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
