// What a user sees of a running job, from the ledger's state and the progress of its slices.
import type { WaitCode } from './codes';
import { sum, type LedgerState } from './ledger';
import { addCounts, finished, type Counts } from './counts';
import type { FailureGroup } from './failures';
import type { JobState } from './states';

export interface SliceProgress {
    worker: string;
    epoch: number;
    /** Of the partitions that it has opened. */
    counts: Counts;
    /** How many those are, those to be resumed first; absent in what older versions write. */
    opened?: number;
    inFlight: number;
    rate: number;
    at: string;
}

export interface LiveStatus {
    state: JobState;
    startedAt: string | null;
    endedAt: string | null;
    counts: Counts & { total: number | null; pending: number | null; invalid: number };
    /** Items per second. */
    rate: number;
    eta: string | null;
    workers: { active: number; inFlight: number; crashes: number };
    waiting: { code: WaitCode; for: string; until: string } | null;
    failures: FailureGroup[];
}

const iso = (ms: number) => new Date(ms).toISOString();

/**
 * The status at `now` (ms). A slice's progress counts only while the ledger holds the lease of the same epoch: its report replaces it,
 * so nothing is counted twice.
 */
export function statusOf(ledger: LedgerState, progress: SliceProgress[], now: number): LiveStatus {
    let counts = addCounts(ledger.counts, sum(ledger.delayed));
    const live: SliceProgress[] = [];
    for (const [worker, held] of Object.entries(ledger.leases)) {
        const own = progress.find((p) => p.worker === worker && p.epoch === held.epoch);
        counts = addCounts(counts, own ? addCounts(own.counts, sum(held.resumed.slice(own.opened ?? Infinity))) : held.base);
        if (own) live.push(own);
    }
    const pending = ledger.total === null ? null : Math.max(0, ledger.total - finished(counts));
    const elapsed = ledger.startedAt === null ? 0 : ((ledger.endedAt ?? now) - ledger.startedAt) / 1000;
    const average = elapsed > 0 ? finished(counts) / elapsed : 0;
    const current = live.reduce((sum, p) => sum + p.rate, 0) || average;
    const moving = (ledger.state === 'running' || ledger.state === 'cancelling') && pending !== null && current > 0;
    return {
        state: ledger.state,
        startedAt: ledger.startedAt === null ? null : iso(ledger.startedAt),
        endedAt: ledger.endedAt === null ? null : iso(ledger.endedAt),
        counts: { total: ledger.total, ...counts, pending, invalid: ledger.invalid },
        rate: Math.round(current * 10) / 10,
        eta: moving ? iso(now + (pending / current) * 1000) : null,
        workers: { active: Object.keys(ledger.leases).length, inFlight: live.reduce((n, p) => n + p.inFlight, 0), crashes: ledger.crashes },
        waiting:
            ledger.waiting && ledger.waiting.until > now
                ? { code: ledger.waiting.code, for: ledger.waiting.for, until: iso(ledger.waiting.until) }
                : null,
        failures: ledger.failures,
    };
}
