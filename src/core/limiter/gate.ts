// The gate: a target that says when to come again is not asked before that by anybody, but for a scout now and then, which finds out whether it meant it.

/** Closed until a time; all times in ms, by the register's clock. */
export interface Gate {
    since: number;
    until: number;
    /** Calls a second that were accepted when it closed. */
    accepted: number;
    /** How many scouts are left to be sent, and how long after `since` the next one goes, in ms. */
    scouts: number;
    scoutsAfter: number;
    scout: Errand | null;
    /** Scouts that came back refused. */
    refused: number;
}

/** A single call that one holder may make, and until when he may report on it. */
export interface Errand {
    by: string;
    until: number;
}

/** Nobody closes a target for longer, in ms. */
const LONGEST_MS = 7 * 86_400_000;
/** An errand that nobody has reported on after this time (ms) is not waited for. */
export const ERRAND_MS = 30_000;
/** For so short a time no scout is sent, in ms. */
const WORTH_SCOUTING_MS = 2_000;
/** Scouts go 1, 2, 4 and 8 seconds after it has closed; a single one after 4 s where the last gate was found to be meant: each costs a refusal. */
const SCOUTS = { scouts: 4, scoutsAfter: 1_000 };
const SCOUTS_IF_MEANT = { scouts: 1, scoutsAfter: 4_000 };

/**
 * A gate closes, or stays closed for longer. A refusal while it is closed puts off the next scout: the target has just said once more
 * that it means it. Without that, one that is refused a moment before its gate has opened would be a scout at once.
 */
export function closed(gate: Gate | null, ms: number, { accepted, isMeant }: { accepted: number; isMeant: boolean }, now: number): Gate {
    const until = now + Math.min(LONGEST_MS, ms);
    if (gate) {
        const scoutsAfter = Math.max(gate.scoutsAfter, now - gate.since + SCOUTS.scoutsAfter);
        return { ...gate, until: Math.max(gate.until, until), scoutsAfter };
    }
    return { since: now, until, accepted, ...(isMeant ? SCOUTS_IF_MEANT : SCOUTS), scout: null, refused: 0 };
}

/** When the next scout may go, in ms; null: none does. */
export function scoutAt({ since, until, scouts, scoutsAfter, scout }: Gate, now: number): number | null {
    if (scouts === 0) return null;
    const at = Math.max(since + scoutsAfter, scout && now < scout.until ? scout.until : 0);
    return until - at > WORTH_SCOUTING_MS ? at : null;
}

/** The gate with this holder as its scout, if one may go now; else null. */
export function scouting(gate: Gate, by: string, now: number): Gate | null {
    const at = scoutAt(gate, now);
    if (at === null || now < at) return null;
    return { ...gate, scouts: gate.scouts - 1, scoutsAfter: gate.scoutsAfter * 2, scout: { by, until: now + ERRAND_MS } };
}

/** Whether a scout that came through shows that the target asks for far more time than it needs: with much of that time left. */
export const isOverstated = ({ since, until }: Gate, now: number): boolean =>
    until - now > WORTH_SCOUTING_MS && until - now > (until - since) / 5;
