// Whose fault an unsuccessful attempt is, and when a target counts as away.

/**
 * How a call ended, as far as it tells of the target. `answered`: it is there (also where it refuses this item). `throttled`: it is asked too much.
 * `suspect`: a status of 5xx, no answer in time, or one that breaks off; `unreachable`: no connection. `none`: nothing was sent.
 */
export type Evidence = 'answered' | 'throttled' | 'suspect' | 'unreachable' | 'none';

/**
 * `item`: the attempt counts. `target` and `throttle`: it does not. `open`: nobody can say yet; the next success, or the breaker, will.
 */
export type Blame = 'item' | 'target' | 'throttle' | 'open';

/** The breaker opens when nothing has succeeded for so long (ms), in so many calls at items of which none is known to fail for itself. */
const AWAY_MS = 5_000;
const AWAY_CALLS = 100;
/** Where calls are few, for they take long or may be few: so many are enough when nothing has succeeded for this time (ms). */
const SLOWLY_AWAY_CALLS = 10;
const SLOWLY_AWAY_MS = 60_000;
/** Or after so many calls in a row that had no connection. */
const AWAY_UNREACHABLE = 10;
const MINUTE_MS = 60_000;
/** How unlikely a row of failures must be as chance: with a share p of failing calls before, n in a row have the chance p^n. */
const CHANCE = 1e-6;
/** No share is believed that is higher. */
const HIGHEST_SHARE = 0.99;
/** Calls that the share of failures is taken over: older ones count less. */
const MEMORY = 1_000;

/** A share of calls that failed so, forgetting slowly. */
class Share {
    private failed = 0;
    private all = 0;

    add(failed: number, all: number): void {
        const keep = Math.max(0, 1 - all / MEMORY);
        this.failed = this.failed * keep + failed;
        this.all = this.all * keep + all;
    }

    /** How many failures in a row are no chance any more. */
    rowThatIsNone(least: number): number {
        const p = Math.min(HIGHEST_SHARE, this.all === 0 ? 0 : this.failed / this.all);
        return p === 0 ? least : Math.max(least, Math.ceil(Math.log(CHANCE) / Math.log(p)));
    }
}

/** What one process sees of a target, call by call. Times in ms. */
export class TargetHealth {
    /** When a call was answered last: anybody's, and one of this process. */
    answeredAt: number | null = null;
    ownAnsweredAt: number | null = null;
    /** When the call began that was answered here, of all such the last. */
    private answeredBegan: number | null = null;
    /** When a call succeeded last, and since when some were throttled and none has; null: none. */
    succeededAt: number | null = null;
    throttledSince: number | null = null;
    /** The row of failures since then: of fresh items, of those the unreachable at its end, and since when. */
    private fresh = 0;
    private unreachable = 0;
    /** Those of the row that look as if nobody was there, rather than as if it failed. */
    private gone = 0;
    private failingSince: number | null = null;
    private why = '';
    private readonly suspects = new Share();
    private readonly broken = new Share();
    private row = { suspects: 0, broken: 0 };

    /**
     * Takes in how a call ended. `isProven`: its item has failed before, so that another failure tells nothing of the target. `looksAway`: there was no answer, or
     * that of a gateway in its place.
     */
    ended(evidence: Evidence, isProven: boolean, why: string, now: number, looksAway = evidence === 'unreachable', began = now): void {
        if (evidence === 'none') return;
        if (evidence === 'answered') [this.succeededAt, this.throttledSince] = [now, null];
        if (evidence === 'throttled') this.throttledSince ??= now;
        if (evidence === 'answered' || evidence === 'throttled') {
            this.answeredBegan = Math.max(began, this.answeredBegan ?? began);
            this.suspects.add(this.row.suspects, this.row.suspects + 1);
            this.broken.add(this.row.broken, this.row.suspects + 1);
            this.ownAnsweredAt = now;
            this.heard(now);
            return;
        }
        this.row.suspects++;
        if (evidence === 'unreachable') this.row.broken++;
        if (isProven) return;
        this.failingSince ??= now;
        this.why = why;
        this.fresh++;
        if (looksAway) this.gone++;
        this.unreachable = evidence === 'unreachable' ? this.unreachable + 1 : 0;
    }

    /** The target has answered somebody. */
    heard(at: number): void {
        if (this.answeredAt !== null && at < this.answeredAt) return;
        this.answeredAt = at;
        // Before the row began: it goes on.
        if (this.failingSince !== null && at < this.failingSince) return;
        this.forgetEvidence();
        this.row = { suspects: 0, broken: 0 };
    }

    /** Nothing of the row speaks against the target any more. */
    private forgetEvidence(): void {
        this.fresh = 0;
        this.gone = 0;
        this.unreachable = 0;
        this.failingSince = null;
    }

    /**
     * The word on failures of which nobody can say more: nothing was answered after them, and nothing that could be is left to be called. Where other items are
     * still fresh (`hasFresh`), or the target was there more than a minute ago and many have failed in a row, it is the target; else the items are what fails, or
     * else a job whose last items all fail would never end.
     */
    lastWord(hasFresh: boolean, now: number): 'item' | 'target' {
        const wasThere = this.answeredAt === null || this.wasThere(now);
        if (hasFresh ? this.fresh > 0 : !wasThere && this.fresh >= AWAY_UNREACHABLE) return 'target';
        // The items are what fails: they are no evidence against the target.
        this.forgetEvidence();
        return 'item';
    }

    /**
     * So many failures in a row are no chance any more, and the time for the breaker has not come: until it has, or somebody is answered, few calls are made.
     * A target that fails fast would have seen every item by then. Not where it says itself that it failed (500): so items fail that are bad for good, often
     * side by side, and soon the next good one shows it.
     */
    get isSuspicious(): boolean {
        return this.failingSince !== null && 2 * this.gone > this.fresh && this.fresh >= this.suspects.rowThatIsNone(AWAY_CALLS);
    }

    /** A call was answered here that began after that. */
    hasAnsweredSince(began: number): boolean {
        return this.answeredBegan !== null && this.answeredBegan > began;
    }

    /** It has answered within the last minute. */
    wasThere(now: number): boolean {
        return this.answeredAt !== null && now - this.answeredAt < MINUTE_MS;
    }

    /** Calls that have failed in a row, of whatever items. */
    get inRow(): number {
        return this.row.suspects;
    }

    /** For how long nothing has succeeded, where that is no chance: the breaker is to open. */
    away(now: number): { ms: number; why: string } | null {
        if (this.failingSince === null) return null;
        const isCutOff = this.unreachable >= this.broken.rowThatIsNone(AWAY_UNREACHABLE);
        const ms = now - this.failingSince;
        const least = ms >= SLOWLY_AWAY_MS ? SLOWLY_AWAY_CALLS : AWAY_CALLS;
        const isDown = ms >= AWAY_MS && this.fresh >= this.suspects.rowThatIsNone(least);
        return isCutOff || isDown ? { ms, why: this.why } : null;
    }

    /**
     * Whose fault an attempt is that began then and failed, from what is known now: a call that began later and was answered shows that the target was there.
     * One that was on its way before shows nothing: when a target goes, such answers still come in.
     */
    blame(evidence: Evidence, began: number, isAway: boolean): Blame {
        if (evidence === 'throttled') return 'throttle';
        if (evidence === 'answered' || evidence === 'none') return 'item';
        if (isAway) return 'target';
        return this.hasAnsweredSince(began) ? 'item' : 'open';
    }
}
