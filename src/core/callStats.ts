// How long calls took, and how they were answered: counts that add up, of bounded size.

/**
 * How many calls took how long, by buckets of a logarithmic scale: bucket 0 is 0 ms, bucket n ≥ 1 holds [GROWTH^(n−1), GROWTH^n) ms. A value that is read
 * from it is off by at most five per cent (Masson, Rim and Lee, "DDSketch", VLDB 2019, with a relative accuracy of (GROWTH − 1) / (GROWTH + 1)). Adding
 * two is adding their counts, in any order.
 */
export type Latencies = Record<number, number>;

/** Calls that have ended: how long they took, and how many were answered with which status; those without an answer by the code of their failure. */
export interface CallStats {
    latencies: Latencies;
    statuses: Record<string, number>;
}

const GROWTH = 1.1;
/** 1.1^147 is beyond the ten minutes that a call may take. */
const BUCKETS = 160;
const LOG_GROWTH = Math.log(GROWTH);
/** Statuses that are told apart; the rest is counted as `other`. */
export const MAX_STATUSES = 40;

export const noCalls = (): CallStats => ({ latencies: {}, statuses: {} });

export const bucketOf = (ms: number): number => (ms < 1 ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(ms) / LOG_GROWTH + 1e-9)));

/** The middle of a bucket on its scale, in ms. */
const middleOf = (bucket: number): number => (bucket === 0 ? 0 : GROWTH ** (bucket - 0.5));

export function addCalls(a: CallStats, b: CallStats): CallStats {
    const statuses = { ...a.statuses };
    for (const [status, count] of Object.entries(b.statuses)) addStatus(statuses, status, count);
    const latencies = { ...a.latencies };
    for (const [bucket, count] of Object.entries(b.latencies)) latencies[Number(bucket)] = (latencies[Number(bucket)] ?? 0) + count;
    return { latencies, statuses };
}

function addStatus(statuses: Record<string, number>, status: string, count: number): void {
    const isKnown = status in statuses || Object.keys(statuses).length < MAX_STATUSES;
    const name = isKnown ? status : 'other';
    statuses[name] = (statuses[name] ?? 0) + count;
}

/** Gathers the calls of one slice. */
export class CallCounter {
    private readonly latencies = new Uint32Array(BUCKETS);
    private readonly statuses = new Map<string | number, number>();

    /** `ms` null: nothing was asked of the target. `answer`: the status, or the code of the failure where there was none. */
    add(ms: number | null, answer: string | number): void {
        if (ms !== null) this.latencies[bucketOf(ms)]!++;
        this.statuses.set(answer, (this.statuses.get(answer) ?? 0) + 1);
    }

    get stats(): CallStats {
        const latencies: Latencies = {};
        this.latencies.forEach((count, bucket) => {
            if (count > 0) latencies[bucket] = count;
        });
        const statuses: Record<string, number> = {};
        for (const [status, count] of this.statuses) addStatus(statuses, String(status), count);
        return { latencies, statuses };
    }
}

/** Percentiles of the latency in ms, and the calls by status; latencies null before the first call has ended. */
export interface CallSummary {
    count: number;
    latencyMs: { p50: number; p95: number; p99: number } | null;
    statuses: Record<string, number>;
}

export function summaryOf({ latencies, statuses }: CallStats): CallSummary {
    const buckets = Object.entries(latencies)
        .map(([bucket, count]) => [Number(bucket), count] as const)
        .sort(([a], [b]) => a - b);
    const timed = buckets.reduce((sum, [, n]) => sum + n, 0);
    const count = Object.values(statuses).reduce((sum, n) => sum + n, 0);
    const at = (share: number): number => {
        let below = 0;
        for (const [bucket, n] of buckets) if ((below += n) >= share * timed) return rounded(middleOf(bucket));
        return 0;
    };
    return { count, latencyMs: timed === 0 ? null : { p50: at(0.5), p95: at(0.95), p99: at(0.99) }, statuses };
}

/** How long a call took on average, in ms, off by at most five per cent; null before the first has ended. */
export function meanMs({ latencies }: Pick<CallStats, 'latencies'>): number | null {
    const buckets = Object.entries(latencies).map(([bucket, n]) => ({ ms: middleOf(Number(bucket)), n }));
    const timed = buckets.reduce((sum, { n }) => sum + n, 0);
    return timed === 0 ? null : buckets.reduce((sum, { ms, n }) => sum + ms * n, 0) / timed;
}

const rounded = (ms: number): number => (ms < 100 ? Math.round(ms * 10) / 10 : Math.round(ms));
