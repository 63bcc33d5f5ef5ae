// The canary of a job: its first items, which run alone and settle before anything else of it is called.
import type { CallStats } from './callStats';
import { finished, type Counts } from './counts';
import type { FailureGroup } from './failures';

/** As the spec has it. `timeout`: an ISO duration, after which nobody's word is a no. */
export interface CanarySpec {
    items: number;
    approval: 'manual' | 'automatic';
    /** The share of failed items up to which an automatic verdict is a yes, in percent, 0 to 100. */
    maxPercent: number;
    timeout: string;
}

/** What a canary came to, found once when all of its items have their outcome. */
export interface CanaryFindings {
    /** Items of the canary. */
    items: number;
    counts: Counts;
    failures: FailureGroup[];
    calls: CallStats;
    /** A few outcomes as JSON texts, each as the results have it, with what is long in it cut. As texts no digit of them is lost. */
    samples: string[];
    /** From its first call until it had settled, as far as known without pauses. */
    seconds: number;
    /** ISO. */
    settledAt: string;
}

const exactShare = (counts: Counts): number => (counts.failed * 100) / Math.max(1, finished(counts));

/** How many of the items that have their outcome have failed, in percent with two decimals; 0 of none. */
export const failureShare = (counts: Counts): number => Math.round(exactShare(counts) * 100) / 100;

/** Doubles hold few shares exactly: 57 of 10,000 are within 0.57 percent. */
const EXACTNESS = 1e-9;

/** Whether no more items than so many percent have failed. */
export const isWithin = (counts: Counts, maxPercent: number): boolean => exactShare(counts) <= maxPercent * (1 + EXACTNESS);

/** How many partitions hold the first so many items, for a plan that is cut behind the last of them. */
export function partitionsOf(entries: readonly { firstIndex: number }[], items: number): number {
    const beyond = entries.findIndex(({ firstIndex }) => firstIndex >= items);
    return beyond < 0 ? entries.length : beyond;
}
