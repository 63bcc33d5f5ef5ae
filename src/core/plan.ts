import type { Planned } from './ledger';
import type { Failure } from './errors';
import type { Trouble } from './trouble';

/** What planning says: how the items were cut, why there is nothing to run, what kept it from saying either, or that it is not yet time (`startAt`, ms). `invalid` counts the rows that are no items. */
export type PlanReply =
    | ({ ok: true; concurrency: number } & Planned)
    | { ok: false; error: Failure & { invalid?: number }; trouble?: undefined; startAt?: undefined }
    | { ok: false; trouble: Trouble; startAt?: undefined }
    | { ok: false; startAt: number; trouble?: undefined };
