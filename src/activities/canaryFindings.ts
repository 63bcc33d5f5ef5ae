import type { JobStore } from '../storage/jobStore';
import type { Counts } from '../core/counts';
import { sumOf } from '../core/counts';
import { readPart } from './foldJob';
export interface CanaryFindings {
    items: number;
    counts: Counts;
}
export async function findCanary(input: { jobId: string; partitions: number }, store: JobStore): Promise<CanaryFindings> {
    const plan = (await store.readPlan(input.jobId))!;
    const outcomes = await store.listOutcomes(input.jobId);
    const read = await Promise.all(outcomes.slice(0, input.partitions).map((o) => readPart(store, plan, o)));
    return { items: plan.partitions.slice(0, input.partitions).reduce((n, p) => n + p.items, 0), counts: sumOf(read) };
}
