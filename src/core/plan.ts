import type { Failure } from './errors';
import type { Trouble } from './trouble';

/** What planning says: how the items were cut, why there is nothing to run, or what kept it from saying either. `invalid` counts the rows that are no items. */
export type PlanReply =
    | { ok: true; total: number; invalid: number; partitions: number; concurrency: number }
    | { ok: false; error: Failure & { invalid?: number }; trouble?: undefined }
    | { ok: false; trouble: Trouble };
