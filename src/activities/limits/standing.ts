// What a process knows of its target, in times of its own clock.
import type { Grant } from '../../core/limiter/register';

/** A grant in absolute times (ms); -Infinity: past, Infinity: not in sight. */
export interface Standing {
    /** False: nothing is limited, and nobody need renew. */
    isLimited: boolean;
    /** The share, until it is not valid any more. */
    rate: number | null;
    inFlight: number | null;
    quota: number | null;
    validUntil: number;
    totalRate: number | null;
    gateUntil: number;
    scoutAt: number;
    scout: boolean;
    breaker: { probeAt: number; failingSince: number; why: string } | null;
    probe: boolean;
    quotaFreeAt: number;
    exhausted: Grant['exhausted'];
    overstates: boolean;
    succeededAt: number | null;
    bears: number | null;
    holders: number;
}

/** What was asked for at `at`. */
export function standingOf(grant: Grant, at: number): Standing {
    const { gateMs, scoutMs, breaker, quotaMs, succeededAgoMs, validMs, ...same } = grant;
    return {
        ...same,
        validUntil: at + validMs,
        gateUntil: gateMs > 0 ? at + gateMs : -Infinity,
        scoutAt: scoutMs === null ? Infinity : at + scoutMs,
        breaker: breaker && { probeAt: at + breaker.probeMs, failingSince: at - breaker.failingMs, why: breaker.why },
        quotaFreeAt: at + quotaMs,
        succeededAt: succeededAgoMs === null ? null : at - succeededAgoMs,
    };
}

/** The same after a mere look, which gives nobody a share: what was given is valid for as long as it was. */
export const lookedAt = (held: Standing | null, seen: Standing): Standing => {
    const { rate, inFlight, quota, validUntil } = held ?? { ...seen, validUntil: -Infinity };
    return { ...seen, rate, inFlight, quota, validUntil };
};
