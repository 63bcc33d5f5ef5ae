// The status document of a job: what GET /jobs/{id} and every answer about one job shows.
import * as df from 'durable-functions';
import type { DurableClient } from 'durable-functions';
import { problem } from '../core/errors';
import { noCounts, settled, type Counts } from '../core/outcome';
import { newLedger, type LedgerState } from '../core/ledger';
import { isEnded, type JobState } from '../core/states';
import { statusOf } from '../core/status';
import type { JobStore, StoredJob } from '../storage/jobStore';

export interface StatusDocument {
    id: string;
    name: string;
    state: JobState;
    outcome?: 'succeeded' | 'partial';
    ended: boolean;
    createdAt: string;
    startedAt?: string;
    endedAt?: string;
    counts: Counts & { total: number | null; pending: number | null; invalid: number };
    rate: number;
    eta: string | null;
    workers: { active: number };
    error?: unknown;
    waiting?: { for: string; until: string };
    failures: unknown[];
    tags: Record<string, string>;
    links: Record<string, string>;
}

export async function readLedger(client: DurableClient, jobId: string): Promise<LedgerState | null> {
    const answer = await client.readEntityState<LedgerState>(new df.EntityId('ledger', jobId));
    return answer.entityExists ? (answer.entityState ?? null) : null;
}

export async function requireJob(store: JobStore, jobId: string): Promise<StoredJob> {
    const job = await store.readJob(jobId);
    if (!job) throw problem('JOB_NOT_FOUND', { detail: `There is no job "${jobId}".` });
    return job;
}

/** The summary decides once it is there; until then the ledger and what its slices have recorded since they last reported. */
export async function statusDocument(store: JobStore, client: DurableClient, job: StoredJob, root: string): Promise<StatusDocument> {
    const common = { id: job.id, name: job.spec.name, createdAt: job.createdAt };
    const tail = { tags: job.spec.tags, links: linksOf(root, job.id) };
    const summary = await store.readSummary(job.id);
    if (summary) {
        const pending = summary.total === null ? null : Math.max(0, summary.total - settled(summary.counts));
        const seconds = (Date.parse(summary.endedAt) - Date.parse(summary.startedAt ?? job.createdAt)) / 1000;
        return {
            ...common,
            state: summary.state,
            ...(summary.outcome ? { outcome: summary.outcome } : {}),
            ended: true,
            ...(summary.startedAt ? { startedAt: summary.startedAt } : {}),
            endedAt: summary.endedAt,
            counts: { total: summary.total, ...noCounts(), ...summary.counts, pending, invalid: summary.invalid },
            rate: seconds > 0 ? Math.round((settled(summary.counts) / seconds) * 10) / 10 : 0,
            eta: null,
            workers: { active: 0 },
            ...(summary.error ? { error: summary.error } : {}),
            failures: summary.failures,
            ...tail,
        };
    }
    const [ledger, progress, control] = await Promise.all([
        readLedger(client, job.id),
        store.readProgress(job.id),
        store.readControl(job.id),
    ]);
    const live = statusOf(ledger ?? newLedger(job.id), progress, Date.now());
    // The ledger hears of a cancel with the next report; the user has been told at once. Without a summary nothing has ended yet:
    // the ledger's own end comes a moment before it, and an ended job whose summary is not readable would show half of its document.
    const state = isEnded(live.state)
        ? 'folding'
        : control.cancelled && (live.state === 'running' || live.state === 'planning')
          ? 'cancelling'
          : live.state;
    return {
        ...common,
        state,
        ended: false,
        ...(live.startedAt ? { startedAt: live.startedAt } : {}),
        counts: live.counts,
        rate: live.rate,
        eta: live.eta,
        workers: { active: live.workers.active },
        ...(live.waiting ? { waiting: live.waiting } : {}),
        failures: live.failures,
        ...tail,
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
