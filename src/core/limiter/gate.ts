// The gate: a target that says when to come again is not asked before that by anybody, but for a scout now and then, which finds out whether it meant it.

/** Closed until a time; all times in ms, by the register's clock. */
export interface Gate {
    since: number;
    until: number;
    /** Calls a second that were accepted when it closed. */
    accepted: number;
    /** How many scouts were sent, and who is one until when. */
    scouts: number;
    scout: Errand | null;
}

/** A single call that one holder may make, and until when he may report on it. */
export interface Errand {
    by: string;
    until: number;
}

/** Nobody closes a target for longer, in ms. */
const LONGEST_MS = 7 * 86_400_000;
/** A scout that has not reported after this time (ms) is not waited for. */
export const ERRAND_MS = 30_000;
/** For so short a time no scout is sent, in ms. */
const WORTH_SCOUTING_MS = 2_000;
/** Scouts go 1, 2, 4 and 8 seconds after it has closed. */
const SCOUTS = 4;

/** A gate closes, or stays closed for longer. */
export const closed = (gate: Gate | null, ms: number, accepted: number, now: number): Gate => {
    const until = now + Math.min(LONGEST_MS, ms);
    return gate ? { ...gate, until: Math.max(gate.until, until) } : { since: now, until, accepted, scouts: 0, scout: null };
};

/** When the next scout may go, in ms; null: none does. */
export function scoutAt({ since, until, scouts, scout }: Gate, now: number): number | null {
    if (scouts >= SCOUTS || (scout && now < scout.until)) return null;
    const at = since + 1_000 * 2 ** scouts;
    return until - at > WORTH_SCOUTING_MS ? at : null;
}

/** Whether a scout that came through shows that the target asks for far more time than it needs: with much of that time left. */
export const isOverstated = ({ since, until }: Gate, now: number): boolean =>
    until - now > WORTH_SCOUTING_MS && until - now > (until - since) / 5;
