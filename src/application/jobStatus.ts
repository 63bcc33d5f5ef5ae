// What a user sees of a job: from its summary once that is there, else from its ledger and what its slices have recorded since they last reported.
import type { StoredJob } from '../contracts/documents';
import type { WaitCode } from '../core/codes';
import { newControl } from '../core/control';
import { noCounts, finished, type Counts } from '../core/counts';
import type { Failure } from '../core/errors';
import type { FailureGroup } from '../core/failures';
import { newLedger } from '../core/ledger';
import type { JobState } from '../core/states';
import { statusOf, type LiveStatus, type SliceProgress } from '../core/status';
import type { JobStore } from '../storage/jobStore';
import type { JobEngine } from './jobEngine';
import { failureWithoutSummary, readFacts, stateOf, type JobFacts } from './readJob';

export interface JobStatus {
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
    waiting?: { code: WaitCode; for: string; until: string };
    failures: FailureGroup[];
    tags: Record<string, string>;
}

export interface StatusPorts {
    store: JobStore;
    engine: JobEngine;
    /** Milliseconds since 1970. */
    clock: () => number;
}

/** The status of a job that has just been stored. */
export const newStatus = (job: StoredJob): JobStatus =>
    liveStatus(job, statusOf(newLedger(job.id), [], Date.parse(job.createdAt)), { summary: null, ledger: null, control: newControl() });

export async function readStatus({ store, engine, clock }: StatusPorts, job: StoredJob): Promise<JobStatus> {
    const facts = await readFacts(store, engine, job.id);
    return statusFrom(job, facts, clock, facts.summary ? [] : await store.readProgress(job.id));
}

/** The summary decides once it is there. */
export function statusFrom(job: StoredJob, facts: JobFacts, clock: () => number, progress: SliceProgress[] = []): JobStatus {
    const { summary, ledger } = facts;
    if (!summary) return liveStatus(job, statusOf(ledger ?? newLedger(job.id), progress, clock()), facts);
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
        tags: job.spec.tags,
    };
}

const common = (job: StoredJob) => ({ id: job.id, name: job.spec.name, createdAt: job.createdAt });

function liveStatus(job: StoredJob, live: LiveStatus, facts: JobFacts): JobStatus {
    const endedWithout = failureWithoutSummary(facts);
    return {
        ...common(job),
        state: stateOf(facts),
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
        tags: job.spec.tags,
    };
}
