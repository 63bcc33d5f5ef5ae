// Whether one more call may begin. It is asked before each call; whatever limits calls stands behind it.
import type { Blame, Evidence } from '../../core/blame';
import { compileWindows, type CallingWindows } from '../../core/callingWindows';
import {
    afterSuccess,
    afterThrottle,
    learnedOf,
    newConcurrency,
    settledOf,
    shareOf,
    withMax,
    type Concurrency,
} from '../../core/concurrency';
import type { ItemCode } from '../../core/codes';
import type { Calling, Limits } from '../../core/control';
import type { Hold, Lease } from '../../core/ledger';
import { parseRate, type Rate } from '../../core/limiter/rate';
import type { WaitingNow } from '../../core/status';
import type { ProcessorResult } from '../../processors/processor';
import type { EndedCall, JobAtTarget } from '../limits/jobAtTarget';
import type { NotNow } from '../limits/limiterAgent';

/** Not now. */
export interface Refusal {
    why: 'concurrency' | 'window' | NotNow['why'];
    /** When to ask again, in ms; null: when a call has ended. */
    askAgainAt: number | null;
}

export interface Admission {
    /** Takes a place for one call, or says when to ask again. Whoever was admitted makes the call, and gives the place back with `ended`, or `notMade`. */
    ask(now: number): 'admitted' | Refusal;
    /** Gives the place of a call back; gives what says whose fault its failure is, now or later. */
    ended(result: ProcessorResult, evidence: Evidence, call: EndedCall, now: number): () => Blame;
    /** The same of one that was admitted and is not made. */
    notMade(now: number): void;
    /** The word on failures of which nobody can say whose fault they are, when nothing is left to find that out; `hasFresh`: other items have not been called. */
    lastWord(hasFresh: boolean): 'item' | 'target';
    /** The target has answered somebody within the last minute, as far as this process knows. */
    readonly targetWasThere: boolean;
    /** What single calls are asked to wait is to be believed. */
    readonly meansRetryAfter: boolean;
    /** The next call finds out whether the target is back: best with an item that has not failed. */
    readonly isProbing: boolean;
    /** What keeps every call off for longer than a slice waits; null when nothing does. */
    holdsOff(now: number): Hold | null;
}

const FULL: Refusal = { why: 'concurrency', askAgainAt: null };
/** A slice without a place asks again after so long: it may have been given one. In ms. */
const WITHOUT_PLACE_MS = 500;
/** How often a slice asks whether calls of others in its process have ended, in ms. */
const OTHERS_MS = 50;
/** A slice waits so long for calls to be allowed again, in ms; for longer it ends, and nobody works until then. */
const WORTH_WAITING_MS = 5_000;

/** The limits of a job, as far as they concern one slice: its share of the calls in flight, fewer when the target throttles or gets slower by them, and the windows for calls. */
export class SliceAdmission implements Admission {
    private concurrency: Concurrency;
    private inFlight = 0;
    private calling: Calling | undefined;
    private windows: CallingWindows | null = null;
    /** What was found of the windows last, and until when it holds, in ms. */
    private found: { isOpen: boolean; until: number } = { isOpen: true, until: -Infinity };

    constructor(
        private readonly lease: Pick<Lease, 'concurrency' | 'share' | 'startAt'>,
        limits: Limits,
        private generation = 0,
        /** Null: the job's calls are not counted with those of others. */
        private readonly target: JobAtTarget | null = null,
        /** How busy the process is, 0 to 1: a call that waits for it has not waited for the target. */
        private readonly busy: () => number = () => 0,
    ) {
        this.concurrency = newConcurrency(this.maxOf(limits), limits.concurrency.adaptive, lease.startAt ?? this.remembered);
        this.retune(limits, generation);
    }

    /** Goes by these limits, those of this generation of the control document, from now on. What is in flight beyond them is not called off. */
    retune(limits: Limits, generation: number): void {
        this.generation = generation;
        this.concurrency = withMax(this.concurrency, this.maxOf(limits), limits.concurrency.adaptive);
        this.target?.retune(ratesOf(limits));
        if (JSON.stringify(limits.calling) === JSON.stringify(this.calling)) return;
        this.calling = limits.calling;
        this.windows = limits.calling ? compileWindows(limits.calling) : null;
        this.found = { isOpen: true, until: -Infinity };
    }

    private maxOf({ concurrency }: Limits): number {
        return this.lease.share ? shareOf(concurrency.max, this.lease.share) : Math.min(concurrency.max, this.lease.concurrency);
    }

    /** Where a slice begins that nothing is known of: at its part of what other slices have learned the target to bear, of this job or another. */
    private get remembered(): number | null {
        const learned = this.target?.learnedInFlight ?? null;
        return learned === null ? null : Math.max(1, this.lease.share ? shareOf(learned, this.lease.share) : learned);
    }

    /** What the slice has learned is remembered for those to come. */
    remember(): void {
        const settled = settledOf(this.concurrency);
        if (settled) this.target?.learn(settled, this.lease.share ?? { slot: 0, of: 1 });
    }

    ask(now: number): 'admitted' | Refusal {
        const opensAt = this.opensAt(now);
        if (opensAt > now) return { why: 'window', askAgainAt: opensAt };
        if (this.concurrency.max === 0) return { why: 'concurrency', askAgainAt: now + WITHOUT_PLACE_MS };
        if (this.inFlight >= this.concurrency.limit) return FULL;
        const verdict = this.target?.admit() ?? 'admitted';
        if (verdict !== 'admitted') {
            const { why, waitMs } = verdict;
            return { why, askAgainAt: now + Math.ceil(waitMs ?? OTHERS_MS) };
        }
        this.inFlight++;
        return 'admitted';
    }

    ended(result: ProcessorResult, evidence: Evidence, call: EndedCall, now: number): () => Blame {
        const isThrottled = evidence === 'throttled';
        const blame = this.target?.ended(result, evidence, call) ?? (() => (isThrottled ? 'throttle' : 'item'));
        // How many calls a second a target bears is the limiter's affair, where there is one; a target that does not answer in time has too many at once.
        const isTooSlow = !result.ok && result.error.code === 'TIMEOUT';
        if (isTooSlow || (isThrottled && !this.target)) this.concurrency = afterThrottle(this.concurrency, now, call.ms);
        else if (hasAnswered(result)) this.concurrency = afterSuccess(this.concurrency, now, call.ms, this.inFlight, this.busy());
        this.inFlight--;
        return blame;
    }

    notMade(): void {
        this.inFlight--;
        this.target?.notMade();
    }

    lastWord(hasFresh: boolean): 'item' | 'target' {
        return this.target?.lastWord(hasFresh) ?? 'item';
    }

    get targetWasThere(): boolean {
        return this.target?.wasThere ?? true;
    }

    get meansRetryAfter(): boolean {
        // Where there is a gate, it is what keeps calls off.
        return this.target === null;
    }

    get isProbing(): boolean {
        return this.target?.isProbing ?? false;
    }

    /** What keeps every call off now, for however short a time; null when nothing does. */
    waitsNow(now: number): WaitingNow | null {
        const opensAt = this.opensAt(now);
        if (opensAt > now) return { code: 'OUTSIDE_WINDOWS', why: NEXT_WINDOW, until: opensAt };
        const wait = this.target?.wait();
        return wait && wait.ms > 0 ? { code: wait.code, why: wait.why, until: now + Math.ceil(wait.ms) } : null;
    }

    /** Calls in flight that are of use to the job, at the rate that is allowed; null: as many as it may have. */
    get useful(): number | null {
        return this.target?.usefulInFlight ?? null;
    }

    /** For how long nothing has succeeded at the target, as far as that keeps calls off. In ms. */
    get failingMs(): number {
        return this.target?.failingMs ?? 0;
    }

    holdsOff(now: number): Hold | null {
        const waits = this.waitsNow(now);
        return waits && waits.until - now > WORTH_WAITING_MS ? { ...waits, generation: this.generation } : null;
    }

    /** When calls may be made, in ms: `now` or before when they may now. */
    private opensAt(now: number): number {
        if (!this.windows) return now;
        if (now >= this.found.until) {
            const isOpen = this.windows.isOpen(now);
            // No document holds Infinity: where no window ever opens, it is looked for again in a year.
            const until = isOpen ? this.windows.closesAt(now) : Math.min(this.windows.opensAt(now), now + YEAR_MS);
            this.found = { isOpen, until };
        }
        return this.found.isOpen ? now : this.found.until;
    }

    /** The limit that has been learned, or null while it is the highest. */
    get learned(): number | null {
        return learnedOf(this.concurrency);
    }
}

/** The target was reached and did what it does, well or not: where every item is refused, there is as much to learn of its latency as anywhere. */
const hasAnswered = (result: ProcessorResult): boolean => result.ok || result.status !== undefined || OWN_FAILURES.has(result.error.code);

/** Of a processor that is a function: it was called, and whatever it calls may be slowed down by that. */
const OWN_FAILURES = new Set<ItemCode>(['PROCESSOR_ERROR', 'PROCESSOR_FATAL']);

const NEXT_WINDOW = 'the next window in which calls may be made';

/** What a job asks of its target's limiter. */
export const ratesOf = ({ rate = [] }: Limits): Rate[] => rate.flatMap((text) => parseRate(text) ?? []);

const YEAR_MS = 365 * 86_400_000;
