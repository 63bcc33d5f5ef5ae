import type { Lease } from '../../src/core/ledger';

/** The first lease of a job: nothing to do yet, one call at a time. */
export const anyLease: Lease = {
    epoch: 1,
    resume: [],
    from: 0,
    to: 0,
    mode: 'normal',
    ending: 'cancelled',
    concurrency: 1,
    share: null,
    startAt: null,
    generation: 0,
    first: 1,
    before: null,
};
