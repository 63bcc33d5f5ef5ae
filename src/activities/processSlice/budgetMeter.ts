// What a slice has of the budget of failures, and what it has used of that.
import { addSpent, nothingSpent, usedUp, withoutSpent, type Budget, type Spent } from '../../core/budget';
import type { Lease } from '../../core/ledger';

/**
 * Counts the items that come to an end, and says when no further failure may be risked. It counts from the first run of the lease on, or from the last
 * resume that it has seen: failures before that are forgiven.
 */
export class BudgetMeter {
    private counted = nothingSpent();
    private forgiven = nothingSpent();
    /** Items that have failed unless their target was away: nobody can say yet. */
    private open = nothingSpent();
    private outdated = false;

    /** `resumed`: the generation of the last resume, as the control document has it when the slice begins. `tell` is called when the answer of `isOut` may be another. */
    constructor(
        private readonly lease: Lease['budget'],
        private resumed: number,
        private readonly tell: () => void,
    ) {}

    /** Earlier runs of the lease have brought these to an end; where the job has been resumed since it was given, that was before. */
    inherit(spent: Spent): void {
        this.counted = addSpent(this.counted, spent);
        if (this.lease && this.resumed > this.lease.resumed) this.forgiven = addSpent(this.forgiven, spent);
        this.tell();
    }

    /** An item has come to its end; `code`: it failed with that. */
    settled(code: string | null): void {
        this.counted.settled++;
        if (code !== null) {
            this.counted.failed++;
            this.counted.codes[code] = (this.counted.codes[code] ?? 0) + 1;
        }
        // A success makes room, unless it is one of those before which the share does not count.
        if (this.lease && (code !== null || (this.lease.allowance.percent?.minimum ?? 0) > 0)) this.tell();
    }

    /**
     * An item may have failed with that code (1), or that is decided (-1). All of those may turn out to have failed at once, however many calls have ended since:
     * for what may be risked they count.
     */
    mayHaveFailed(code: string, change: 1 | -1): void {
        const one: Spent = { settled: 1, failed: 1, codes: { [code]: 1 } };
        this.open = change > 0 ? addSpent(this.open, one) : withoutSpent(this.open, one);
        if (change > 0) this.tell();
        // Whoever decides is not through yet.
        else process.nextTick(this.tell);
    }

    /** Goes by the budget in force now; a lease that was given a part of another one is given back. */
    heed(budget: Budget | undefined, resumed: number): void {
        if (resumed > this.resumed) {
            this.resumed = resumed;
            this.forgiven = { ...this.counted, codes: { ...this.counted.codes } };
        }
        this.outdated = !isSame(budget, this.lease?.of);
    }

    /** Nothing more may be called: its part of the budget is used up, or is none of the budget in force. */
    get isOut(): boolean {
        if (this.outdated) return true;
        if (!this.lease) return false;
        return usedUp(this.lease.allowance, addSpent(withoutSpent(this.counted, this.forgiven), this.open)) !== null;
    }

    get spent(): Spent & { resumed: number } {
        return { ...withoutSpent(this.counted, this.forgiven), resumed: this.resumed };
    }
}

const isSame = (a: Budget | undefined, b: Budget | undefined): boolean => textOf(a) === textOf(b);

const textOf = (budget: Budget | undefined): string =>
    budget ? JSON.stringify([budget.failures, budget.percent, budget.minimum, budget.then, Object.entries(budget.codes ?? {}).sort()]) : '';
