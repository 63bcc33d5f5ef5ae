// What a holder of a register tells that has nothing to tell, for tests to add to.
import type { Renewal } from '../../src/core/limiter/register';

export const renewal = (holder: string, seq: number, more: Partial<Renewal> = {}): Renewal => ({
    holder,
    seq,
    jobs: { job: { want: null, inFlight: 0 } },
    rates: [],
    accepted: 0,
    ms: 5_000,
    lately: 0,
    spent: [],
    keeps: 0,
    refused: 0,
    refusedAgoMs: 0,
    closedMs: null,
    hint: null,
    succeededAgoMs: null,
    failing: null,
    scouted: null,
    probed: null,
    bears: null,
    ...more,
});
