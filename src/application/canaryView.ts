// What whoever decides on a canary sees of it in the job's status: what its items came to, some of them whole, and what the rest is likely to take.
import type { StoredJob } from '../contracts/documents';
import { limiterOfJob } from '../contracts/jobSpec';
import { summaryOf, type CallSummary } from '../core/callStats';
import { compileWindows } from '../core/callingWindows';
import type { CanaryFindings, CanarySpec } from '../core/canary';
import { deadlineOf, limitsOf, type Approval, type Control } from '../core/control';
import type { Counts } from '../core/counts';
import { estimateRest, type Estimate } from '../core/estimate';
import { shownFailures, type FailureGroup, type ShownGroup } from '../core/failures';
import { parseRate, strictest } from '../core/limiter/rate';
import type { Register } from '../core/limiter/register';
import { retryPolicy } from '../core/retry';
import { RawJson } from '../json/exactNumber';
import { allowedFor } from './limiterView';

/** Times are ISO. Until the canary has settled, counts, failures, latency and status codes are those of the job so far. */
export interface CanaryView extends CanarySpec {
    counts: Counts;
    /** `share`: of the items that have failed, 0 to 1. */
    failures: ShownGroup[];
    /** Of its calls, in ms; null before the first has ended. */
    latency: CallSummary['latencyMs'];
    /** Calls by status; those without an answer by the code of their failure. */
    statusCodes: Record<string, number>;
    /** At most five outcomes as the results have them, with what is long in them cut; none until it has settled. */
    samples: RawJson[];
    /** Of everything behind the canary, were it approved now; null until it has settled, once it is decided, and where nobody can say. */
    estimate: Estimate | null;
    settledAt?: string;
    /** When it is rejected unless somebody has approved it. */
    until?: string;
    decision?: { is: Approval['is']; by: string; at: string; reason?: string };
}

export interface CanaryAsked {
    spec: CanarySpec;
    /** Items of the job; null: nobody knows yet. */
    total: number | null;
    /** Null: it has not settled. */
    findings: CanaryFindings | null;
    /** What the job has come to so far. */
    soFar: { counts: Counts; failures: FailureGroup[]; calls: CallSummary };
    approval: Approval | null;
    /** In ms; null: nobody is asked. */
    until: number | null;
    estimate: Estimate | null;
}

export function canaryView({ spec, total, findings, soFar, approval, until, estimate }: CanaryAsked): CanaryView {
    const { counts, failures } = findings ?? soFar;
    const { latencyMs, statuses } = findings ? summaryOf(findings.calls) : soFar.calls;
    const { approval: how, maxPercent, timeout } = spec;
    return {
        items: findings?.items ?? Math.min(spec.items, total ?? Infinity),
        ...{ approval: how, maxPercent, timeout },
        counts: countsOf(counts),
        failures: shownFailures(failures),
        latency: latencyMs,
        statusCodes: statuses,
        samples: (findings?.samples ?? []).map((text) => new RawJson(text)),
        estimate: findings && approval === null ? estimate : null,
        ...(findings ? { settledAt: findings.settledAt } : {}),
        ...(until !== null && approval === null ? { until: iso(until) } : {}),
        ...(approval ? { decision: { ...approval, at: iso(approval.at) } } : {}),
    };
}

/** A job's counts say more than those of a canary. */
const countsOf = ({ succeeded, failed, skipped, cancelled, expired, retries }: Counts): Counts => ({
    ...{ succeeded, failed, skipped, cancelled, expired, retries },
});

const iso = (ms: number): string => new Date(ms).toISOString();

/** What is to be known of a job for an estimate of its rest. `date`: by the clock of storage, `now`: by this one, in ms. */
export interface RestAsked {
    findings: CanaryFindings;
    total: number;
    control: Pick<Control, 'limits'>;
    limiter: { register: Register; date: number } | null;
    now: number;
}

/** What everything behind the canary is likely to take, by the limits that are in force now. */
export function estimateOf(job: StoredJob, { findings, total, control, limiter, now }: RestAsked): Estimate | null {
    const { concurrency, retry, calling, rate = [] } = limitsOf(job.spec, control);
    const own = strictest(rate.flatMap((text) => parseRate(text) ?? []));
    const allowed = limiter && allowedFor(job.id, own, limiter.register, limiter.date);
    const name = limiterOfJob(job.spec);
    return estimateRest({
        ...{ findings, total, now },
        concurrency: { ...concurrency, max: Math.min(concurrency.max, allowed?.inFlight ?? Infinity) },
        retry: retryPolicy(retry),
        rates: allowed?.rates ?? own,
        limiter: allowed && name !== null ? { name, perSecond: allowed.perSecond, jobs: allowed.jobs } : null,
        windows: calling ? compileWindows(calling) : null,
        deadline: deadlineOf(job, control),
    });
}
