// What a process knows of its target, and what it holds of it, in times of its own clock.
import type { Grant } from '../../core/limiter/grant';

/** What is known of the target, in absolute times (ms); -Infinity: past, Infinity: not in sight. */
export interface Standing {
    /** False: nothing is limited, and nobody need renew. */
    isLimited: boolean;
    totalRate: number | null;
    fairRate: number | null;
    gateUntil: number;
    scoutAt: number;
    isScoutOut: boolean;
    breaker: { probeAt: number; isOut: boolean; since: number; failingSince: number; why: string } | null;
    errand: { kind: 'scout' | 'probe'; until: number } | null;
    quotaFreeAt: number;
    exhausted: Grant['exhausted'];
    overstates: boolean;
    succeededAt: number | null;
    bears: number | null;
    holders: number;
    /** When the first share of another runs out. */
    othersUntil: number;
}

/** What was seen at `at`. */
export function standingOf(grant: Grant, at: number): Standing {
    const {
        isLimited,
        totalRate,
        fairRate,
        gateMs,
        scoutMs,
        isScoutOut,
        breaker,
        errand,
        quotaMs,
        exhausted,
        overstates,
        succeededAgoMs,
        bears,
        holders,
        othersMs,
    } = grant;
    return {
        isLimited,
        totalRate,
        fairRate,
        gateUntil: gateMs > 0 ? at + gateMs : -Infinity,
        scoutAt: scoutMs === null ? Infinity : at + scoutMs,
        isScoutOut,
        breaker: breaker && {
            probeAt: at + breaker.probeMs,
            isOut: breaker.isOut,
            since: at - breaker.sinceMs,
            failingSince: at - breaker.failingMs,
            why: breaker.why,
        },
        errand: errand && { kind: errand.kind, until: at + errand.ms },
        quotaFreeAt: at + quotaMs,
        exhausted,
        overstates,
        succeededAt: succeededAgoMs === null ? null : at - succeededAgoMs,
        bears,
        holders,
        othersUntil: othersMs === null ? Infinity : at + othersMs,
    };
}

/** What a process holds, until then. */
export interface Share {
    /** Calls a second, and calls at once; null: as many as it can. */
    rate: number | null;
    inFlight: number | null;
    /** Calls that it may have made or in flight, beside those that it has told of; null: not counted. */
    quota: number | null;
    validUntil: number;
}

export const NO_SHARE: Share = { rate: 0, inFlight: 0, quota: 0, validUntil: -Infinity };

export const shareOf = ({ rate, inFlight, quota, validMs }: Grant, askedAt: number): Share => ({
    rate,
    inFlight,
    quota,
    validUntil: askedAt + validMs,
});

const least = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.min(a, b));

/** What is safe while nobody knows which of both holds: the less of each, for as long as the first is valid. */
export const lesser = (share: Share, other: Omit<Share, 'validUntil'>): Share => ({
    rate: least(share.rate, other.rate),
    inFlight: least(share.inFlight, other.inFlight),
    quota: least(share.quota, other.quota),
    validUntil: share.validUntil,
});
