// The jobs, newest first, those that fit, a page at a time.
import type { IndexEntry } from '../contracts/documents';
import type { JobState } from '../core/states';
import { isBadPosition, readIndex, type ListPosition } from '../storage/jobIndex';
import { readStatus, type JobStatus, type StatusPorts } from './jobStatus';

/** Index entries that one page looks at: a filter that fits few jobs ends the page here, with a position to go on from. */
const LOOKED_AT = 1000;

export interface ListAsked {
    /** Jobs on the page at most. */
    limit: number;
    state?: JobState | undefined;
    /** Exact. */
    name?: string | undefined;
    /** All of them must fit. */
    tags: (readonly [name: string, value: string])[];
    /** Created between the two, in ms. */
    created: { after: number; before: number };
    from: ListPosition;
}

export interface ListedPage {
    jobs: JobStatus[];
    /** Where the next page begins; absent when the list is at its end. */
    next?: ListPosition;
}

/** A page of the list; null when storage does not know the position that it is to begin at. */
export async function listJobs(ports: StatusPorts, asked: ListAsked): Promise<ListedPage | null> {
    const { limit, state, created, from } = asked;
    const jobs: JobStatus[] = [];
    let looked = 0;
    try {
        for await (const group of readIndex(ports.store, from, created)) {
            const found = await Promise.all(group.map(async ({ entry }) => (fits(entry, asked) ? statusOfEntry(ports, entry) : null)));
            for (const [i, job] of found.entries()) {
                looked++;
                if (job && (!state || job.state === state)) jobs.push(job);
                if (jobs.length === limit || looked === LOOKED_AT) return { jobs, next: group[i]!.position };
            }
        }
    } catch (error) {
        if (from.page && isBadPosition(error)) return null;
        throw error;
    }
    return { jobs };
}

const fits = (entry: IndexEntry, { name, tags }: ListAsked): boolean =>
    (name === undefined || entry.name === name) &&
    tags.every(([key, value]) => Object.hasOwn(entry.tags, key) && entry.tags[key] === value);

/** Null for an entry without a job: the index is written after the spec, so the job was removed. */
async function statusOfEntry(ports: StatusPorts, { id }: IndexEntry): Promise<JobStatus | null> {
    const job = await ports.store.readJob(id);
    return job ? readStatus(ports, job, true) : null;
}
