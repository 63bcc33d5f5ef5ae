// What a job is just now, from what is stored of it and what its ledger says.
import type { StoredJob, Summary } from '../contracts/documents';
import { newControl, seenState, startsAt, type Control, type Controlled } from '../core/control';
import { ledgerState } from '../core/status';
import { problem } from '../core/errors';
import { openCanary, type LedgerState } from '../core/ledger';
import { isEnded, type JobState } from '../core/states';
import type { JobStore } from '../storage/jobStore';
import type { JobEngine } from './jobEngine';

/** @throws Problem JOB_NOT_FOUND */
export async function requireJob(store: Pick<JobStore, 'readJob'>, jobId: string): Promise<StoredJob> {
    const job = await store.readJob(jobId);
    if (!job) throw problem('JOB_NOT_FOUND', { detail: `There is no job "${jobId}".` });
    return job;
}

/** What a job's state follows from. */
export interface JobFacts {
    summary: Summary | null;
    ledger: LedgerState | null;
    control: Control;
}

/** Reads what the state follows from, and no more: what changes a job must not depend on what only its counts need. */
export async function readFacts(
    store: Pick<JobStore, 'readSummary' | 'readControl'>,
    engine: Pick<JobEngine, 'readLedger'>,
    jobId: string,
): Promise<JobFacts> {
    const summary = await store.readSummary(jobId);
    return summary ? { summary, ledger: null, control: newControl() } : readLiveFacts(store, engine, jobId);
}

/** The same of a job that had no summary a moment ago. Looked for again where it may have got one: each look costs storage, the host and its user. */
export async function readLiveFacts(
    store: Pick<JobStore, 'readSummary' | 'readControl'>,
    engine: Pick<JobEngine, 'readLedger'>,
    jobId: string,
): Promise<JobFacts> {
    const [ledger, control] = await Promise.all([engine.readLedger(jobId), store.readControl(jobId)]);
    // The summary is written after the ledger has ended, and of a job whose ledger is gone it is all there is.
    const summary = ledger === null || isEnded(ledger.state) ? await store.readSummary(jobId) : null;
    return summary ? { summary, ledger: null, control: newControl() } : { summary, ledger, control };
}

/** Why a job has ended of which storage refuses even the summary: what the ledger knows is all there is then. Null for every other job. */
export const failureWithoutSummary = ({ summary, ledger }: JobFacts): LedgerState['failure'] =>
    !summary && ledger && isEnded(ledger.state) ? ledger.failure : null;

/**
 * The state that users see. A cancel shows before the ledger has heard of it. Without a summary nothing has ended yet: the ledger's own end comes a moment
 * before it, and an ended job whose summary is not readable would show half of its document.
 */
export function stateOf(facts: JobFacts, job: Controlled, now: number): JobState {
    const { summary, ledger, control } = facts;
    if (summary) return summary.state;
    const state = ledgerState(ledger, startsAt(job), now);
    if (!isEnded(state)) return seenState(state, control, ledger !== null && openCanary(ledger) !== null);
    return failureWithoutSummary(facts) ? state : 'folding';
}
