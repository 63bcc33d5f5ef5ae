// What happened to a job as a whole.
import { firstStateOf } from '../core/control';
import type { JobState } from '../core/states';
import { emptyLog, timelineOf, type EventLog, type LedgerEvent, type TimelineEntry } from '../core/timeline';
import type { JobEngine } from './jobEngine';
import { requireJob } from './readJob';
import type { JobStore } from '../storage/jobStore';

/** An entry as users see it: with its time as ISO text, and without the numbers by which the records are put together. */
export type TimelineView = { at: string; kind: TimelineEntry['kind']; [field: string]: unknown };

/** @throws Problem JOB_NOT_FOUND */
export async function readTimeline(store: JobStore, engine: JobEngine, jobId: string): Promise<TimelineView[]> {
    const job = await requireJob(store, jobId);
    const [summary, control, ledger] = await Promise.all([store.readSummary(jobId), store.readControl(jobId), engine.readLedger(jobId)]);
    const first = firstStateOf(job);
    const told = timelineOf(control.changes, ledger ? withoutFirst(ledger.timeline, first) : emptyLog());
    // It is entered when the job is stored, which no ledger has seen.
    const posted: TimelineView = {
        at: iso(Date.parse(job.createdAt)),
        kind: 'state',
        state: first,
        ...(job.by === undefined ? {} : { by: job.by }),
    };
    if (!summary) return [posted, ...told.map(viewOf)];
    // The ledger hears of the end a moment after it stands in the summary.
    const { state, endedAt } = summary;
    const end = { kind: 'state' as const, state, at: Date.parse(endedAt), generation: control.generation };
    return [posted, ...[...told.filter((entry) => entry.kind !== 'state' || entry.state !== state), end].map(viewOf)];
}

/** What the ledger tells without the state that the job was stored in. It hears of that later, when something may have been wanted of the job already. */
function withoutFirst(log: EventLog<LedgerEvent>, first: JobState): EventLog<LedgerEvent> {
    const heard = log.first.find(({ kind }) => kind === 'state');
    return heard?.kind === 'state' && heard.state === first ? { ...log, first: log.first.filter((event) => event !== heard) } : log;
}

function viewOf(entry: TimelineEntry): TimelineView {
    if (entry.kind === 'omitted') {
        const { from, to, counts } = entry;
        return { at: iso(from), kind: 'omitted', to: iso(to), counts };
    }
    const hidden = new Set(['at', 'generation', 'id']);
    const shown = Object.entries(entry).filter(([name]) => !hidden.has(name));
    return { at: iso(entry.at), kind: entry.kind, ...Object.fromEntries(shown) };
}

const iso = (ms: number): string => new Date(ms).toISOString();
