// One slice at the target of its job: what it asks of its process's agent, and tells it.
import type { Blame, Evidence } from '../../core/blame';
import type { Rate } from '../../core/limiter/rate';
import type { ProcessorResult } from '../../processors/processor';
import type { Clock } from '../processSlice/clock';
import type { LimiterAgent, NotNow, Wait } from './limiterAgent';

/** A call that has ended, beside how. */
export interface EndedCall {
    /** How long it took. */
    ms: number;
    /** Its item has failed before. */
    isProven: boolean;
    /** So long before this call it had failed without using up an attempt, for nobody could say whose fault it was; 0: it had not. */
    heldMs: number;
}

export class JobAtTarget {
    private leaveAgent = (): void => undefined;
    private rates: Rate[] = [];
    private tell = (): void => undefined;

    constructor(
        private readonly agent: LimiterAgent,
        private readonly jobId: string,
        /** Of the agent. */
        private readonly clock: Clock,
    ) {}

    /** Resolves when it is known what the target may be asked; rejects with what storage answered. */
    enter(rates: Rate[]): Promise<void> {
        this.rates = rates;
        const { ready, leave } = this.agent.join({ id: this.jobId, rates: () => this.rates, changed: () => this.tell() });
        this.leaveAgent = leave;
        return ready;
    }

    leave(): void {
        this.leaveAgent();
    }

    /** Goes by these rates from now on. */
    retune(rates: Rate[]): void {
        if (JSON.stringify(rates) === JSON.stringify(this.rates)) return;
        this.rates = rates;
        this.agent.retuned();
    }

    /** Has `tell` called when more, or less, may be called than before. */
    onChanged(tell: () => void): void {
        this.tell = tell;
    }

    admit(): 'admitted' | NotNow {
        return this.agent.admit(this.jobId);
    }

    /** Tells of a call that was admitted; gives what says whose fault its failure is, now or later. */
    ended(result: ProcessorResult, evidence: Evidence, { ms, isProven, heldMs }: EndedCall): () => Blame {
        // The slice's clock counts whole milliseconds: it began no later than this.
        const began = this.clock.now() - ms + 1;
        // Of one that was held it tells nothing new, unless there is still no connection, and was none for anybody.
        const isOld = heldMs > 0 && (evidence !== 'unreachable' || this.agent.health.hasAnsweredSince(began - heldMs));
        const why = result.ok ? '' : result.error.message;
        const { retryAfterMs } = result.ok ? {} : result;
        this.agent.ended(this.jobId, {
            evidence,
            began,
            isProven: isProven || isOld,
            isRepeated: isOld && (evidence === 'suspect' || evidence === 'unreachable'),
            why,
            looksAway: result.status !== 500,
            retryAfterMs,
            hint: result.rateHint,
        });
        // Of one that was held the target has had the benefit of the doubt: an answer since then is enough.
        return () => this.agent.blame(evidence, began - heldMs);
    }

    /** A call was admitted, and is not made. */
    notMade(): void {
        this.agent.ended(this.jobId, {
            evidence: 'none',
            began: this.clock.now(),
            isProven: true,
            why: 'it was not made',
            looksAway: false,
        });
    }

    /** How long nothing has succeeded at the target, though it was asked. In ms; 0: something has. */
    get failingMs(): number {
        return this.agent.failingMs;
    }

    wait(): Wait | null {
        return this.agent.wait();
    }

    /** The next call that is admitted finds out whether the target is back. */
    get isProbing(): boolean {
        return this.agent.isProbing;
    }

    lastWord(hasFresh: boolean): 'item' | 'target' {
        return this.agent.health.lastWord(hasFresh, this.clock.now());
    }

    /** The target has answered within the last minute. */
    get wasThere(): boolean {
        return this.agent.health.wasThere(this.clock.now());
    }

    /** Calls in flight, of all that a job has, that the target bears well, as far as anybody has learned; null: nobody has. */
    get learnedInFlight(): number | null {
        return this.agent.learnedInFlight;
    }

    /** What this slice, one of several workers, has learned of that. */
    learn(settled: { limit: number; isMost: boolean }, share: { slot: number; of: number }): void {
        this.agent.learn(this.jobId, settled, share);
    }

    get usefulInFlight(): number | null {
        return this.agent.usefulInFlight;
    }
}
