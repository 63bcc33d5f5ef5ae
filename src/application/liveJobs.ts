// Jobs that have not ended, as far as their markers tell.
import type { JobStore } from '../storage/jobStore';

/** A marked job; `createdAt`: when it was marked, in ms. */
export interface LiveJob {
    jobId: string;
    createdAt: number;
    isListed: boolean;
}

const PAGE = 100;
const AT_ONCE = 10;

/** Has `look` done with every marked job, ten at once, until that time (ms): those that are not reached then are left out. */
export async function eachLive(store: JobStore, clock: () => number, until: number, look: (job: LiveJob) => Promise<void>): Promise<void> {
    for await (const page of store.listLive(PAGE)) {
        for (let i = 0; i < page.length; i += AT_ONCE) {
            await Promise.all(page.slice(i, i + AT_ONCE).map(look));
            if (clock() > until) return;
        }
    }
}
