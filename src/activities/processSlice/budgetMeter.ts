// What a slice has of the budget of failures, and what it has used of that.
import { addSpent, isSameBudget, nothingSpent, usedUp, withoutSpent, type Budget, type Spent } from '../../core/budget';
import type { Lease } from '../../core/ledger';
import { countEnd } from './countEnd';
import type { Spending } from './itemCalls';

/**
 * Counts the items that come to an end, and says when no further failure may be risked. What it counts is of the time since the last resume that it has seen:
 * failures before that are forgiven. A lease is good for the budget, and the resume, that it was given under: under another it is given back.
 */
export class BudgetMeter implements Spending {
    private counted = nothingSpent();
    private forgiven = nothingSpent();
    /** Failures of which nobody can say yet whether they count, as if they did. */
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

    settled(code: string | null): void {
        countEnd(this.counted, code);
        // A success makes room, unless it is one of those before which the share does not count.
        if (this.lease && (code !== null || (this.lease.allowance.percent?.minimum ?? 0) > 0)) this.tell();
    }

    opened(code: string): void {
        countEnd(this.open, code);
        if (this.lease) this.tell();
    }

    decided(codes: string[]): void {
        const decided = nothingSpent();
        for (const code of codes) countEnd(decided, code);
        this.open = withoutSpent(this.open, decided);
        if (this.lease) this.tell();
    }

    /** Goes by the budget in force now. */
    heed(budget: Budget | undefined, resumed: number): void {
        if (resumed > this.resumed) {
            this.resumed = resumed;
            this.forgiven = { ...this.counted, codes: { ...this.counted.codes } };
        }
        this.outdated = !isSameBudget(budget, this.lease?.of) || (this.lease !== undefined && this.resumed > this.lease.resumed);
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
