// What earlier runs of a lease have brought to an end in one partition, as its outcomes tell: a run that died has reported nothing of it.
import { nothingSpent, type Spent } from '../../core/budget';
import type { OutcomeKind } from '../../core/counts';
import { errorCodeOf } from '../../items/outcomeLines';
import { countEnd } from './countEnd';

export class InheritedSpending {
    readonly spent: Spent = nothingSpent();
    /** A run of the lease has put up its fence. */
    isOfLease = false;

    /** `first`: the epoch under which the lease was first given. */
    constructor(private readonly first: number) {}

    /** What stands behind a fence was written under its epoch, or a later one. */
    fence(epoch: number): void {
        if (epoch >= this.first) this.isOfLease = true;
    }

    /** `start` gives so many bytes of the outcome's line as text. */
    outcome(kind: OutcomeKind, start: (bytes: number) => string): void {
        if (this.isOfLease) countEnd(this.spent, kind === 'failed' ? errorCodeOf(start) : null);
    }
}
