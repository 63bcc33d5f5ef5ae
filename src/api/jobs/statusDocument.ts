// The status document of a job: what GET /jobs/{id} and every answer about one job shows.
import type { JobEngine } from '../../application/jobEngine';
import { failureWithoutSummary, readFacts, stateOf, type JobFacts } from '../../application/readJob';
import { noCounts, finished, type Counts } from '../../core/counts';
import { newLedger } from '../../core/ledger';
import type { Failure } from '../../core/errors';
import type { FailureGroup } from '../../core/failures';
import type { JobState } from '../../core/states';
import { statusOf, type LiveStatus, type SliceProgress } from '../../core/status';
import type { StoredJob } from '../../contracts/documents';
import { newControl } from '../../core/control';
import type { JobStore } from '../../storage/jobStore';

export interface StatusDocument {
    id: string;
    name: string;
    state: JobState;
    outcome?: 'succeeded' | 'partial';
    ended: boolean;
    createdAt: string;
    startedAt?: string;
    endedAt?: string;
    counts: Counts & { total: number | null; pending: number | null; invalid: number; unrecorded?: number };
    rate: number;
    eta: string | null;
    workers: { active: number };
    error?: Failure & { invalid?: number };
    waiting?: { code: string; for: string; until: string };
    failures: FailureGroup[];
    tags: Record<string, string>;
    links: Record<string, string>;
}

/** The status document of a job that has just been stored. */
export const newStatus = (job: StoredJob, root: string): StatusDocument =>
    liveStatus(job, root, statusOf(newLedger(job.id), [], Date.parse(job.createdAt)), {
        summary: null,
        ledger: null,
        control: newControl(),
    });

export async function statusDocument(store: JobStore, engine: JobEngine, job: StoredJob, root: string): Promise<StatusDocument> {
    const facts = await readFacts(store, engine, job.id);
    return documentOf(job, root, facts, facts.summary ? [] : await store.readProgress(job.id));
}

/** The summary decides once it is there; until then the ledger and what its slices have recorded since they last reported. */
export function documentOf(job: StoredJob, root: string, facts: JobFacts, progress: SliceProgress[] = []): StatusDocument {
    const { summary, ledger } = facts;
    if (!summary) return liveStatus(job, root, statusOf(ledger ?? newLedger(job.id), progress, Date.now()), facts);
    const pending = summary.total === null ? null : Math.max(0, summary.total - finished(summary.counts));
    const seconds = (Date.parse(summary.endedAt) - Date.parse(summary.startedAt ?? job.createdAt)) / 1000;
    return {
        ...common(job),
        state: summary.state,
        ...(summary.outcome ? { outcome: summary.outcome } : {}),
        ended: true,
        ...(summary.startedAt ? { startedAt: summary.startedAt } : {}),
        endedAt: summary.endedAt,
        counts: { total: summary.total, ...noCounts(), ...summary.counts, pending, invalid: summary.invalid },
        rate: seconds > 0 ? Math.round((finished(summary.counts) / seconds) * 10) / 10 : 0,
        eta: null,
        workers: { active: 0 },
        ...(summary.error ? { error: summary.error } : {}),
        failures: summary.failures,
        ...tail(job, root),
    };
}

const common = (job: StoredJob) => ({ id: job.id, name: job.spec.name, createdAt: job.createdAt });
const tail = (job: StoredJob, root: string) => ({ tags: job.spec.tags, links: linksOf(root, job.id) });

function liveStatus(job: StoredJob, root: string, live: LiveStatus, facts: JobFacts): StatusDocument {
    const endedWithout = failureWithoutSummary(facts);
    const state = stateOf(facts);
    return {
        ...common(job),
        state,
        // Storage refuses even the summary: what the ledger knows is all there is.
        ended: endedWithout !== null,
        ...(endedWithout ? { error: endedWithout } : {}),
        ...(endedWithout && live.endedAt ? { endedAt: live.endedAt } : {}),
        ...(live.startedAt ? { startedAt: live.startedAt } : {}),
        counts: live.counts,
        rate: live.rate,
        eta: live.eta,
        workers: { active: live.workers.active },
        ...(live.waiting ? { waiting: live.waiting } : {}),
        failures: live.failures,
        ...tail(job, root),
    };
}

export const linksOf = (root: string, id: string): Record<string, string> => {
    const self = `${root}/jobs/${id}`;
    return {
        self,
        results: `${self}/results`,
        manifest: `${self}/manifest`,
        verify: `${self}/verify`,
        cancel: `${self}/cancel`,
        invalid: `${self}/invalid`,
        item: `${self}/items/{index}`,
    };
};
