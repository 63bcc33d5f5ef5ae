import type { Failure } from './errors';

/** What planning says: how the items were cut, or why there is nothing to run. `invalid` counts the rows that are no items. */
export type PlanReply =
    | { ok: true; total: number; invalid: number; partitions: number; concurrency: number }
    | { ok: false; error: Failure & { invalid?: number } };
