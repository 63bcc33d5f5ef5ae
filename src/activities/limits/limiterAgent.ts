// One process at one target: what its slices may call now, by its share, its pace, and what they have heard of the target.
import type { Blame, Evidence } from '../../core/blame';
import type { WaitCode } from '../../core/codes';
import { ERRAND_MS } from '../../core/limiter/gate';
import { LEAST_RATE } from '../../core/limiter/learning';
import { Pacer } from '../../core/limiter/pacer';
import { rateText } from '../../core/limiter/rate';
import { SHORTEST_HINT_MS } from '../../core/limiter/register';
import { hintedRate } from '../../core/limiter/state';
import { Activity } from './activity';
import type { JobAtWork, Member } from './member';
import { HUNGRY_MS, ShareKeeper, type AgentOptions } from './shareKeeper';

export type { JobAtWork } from './member';
export type { RegisterStore } from './registerClient';
export type { AgentOptions } from './shareKeeper';

/** Not now. `waitMs`: ask again after so long; null: when a call has ended. */
export interface NotNow {
    why: 'rate' | 'inFlight' | 'quota' | 'share' | 'gate' | 'breaker';
    waitMs: number | null;
}

/** How a call ended, as far as it tells of its target. */
export interface TargetCall {
    evidence: Evidence;
    /** In ms, by the clock of the agent. */
    began: number;
    /** Its item has failed before: that it fails again tells nothing new. */
    isProven: boolean;
    /** What it failed of before was not its own fault, as far as was known: the target still fails. */
    isRepeated?: boolean;
    /** What happened, in words; and whether it looks as if nobody was there. */
    why: string;
    looksAway?: boolean | undefined;
    retryAfterMs?: number | undefined;
    hint?: { remaining: number; resetMs: number } | undefined;
}

/** What keeps every call off: for how long at least, and what it is. */
export interface Wait {
    code: WaitCode;
    why: string;
    ms: number;
}

/** After a refusal the own share is so much of what it was, until the register says more; not more often than once a second. */
const CUT = 0.8;
const CUT_EVERY_MS = 1_000;
/** After so many refusals in a row it is cut at once, and further. */
const ROW = 5;
const CUT_FAR = 0.5;
/** What is learned of calls in flight is told where it differs by more than this part: slices that stand at the same differ by chance. */
const WORTH_TELLING = 0.2;
/** While it is in doubt whether the target is there, a call goes so often, in ms. */
const DOUBT_MS = 250;
/** Calls that the mean latency is taken over. */
const LATENCY_CALLS = 50;
/** Without a slice an agent stays so long (ms): the next slice is likely to come. */
const LINGER_MS = 3_000;
/** The rest of a quota by which another is asked for. */
const LOW_QUOTA = 0.25;
/** What is due now is asked for again after so long, in ms. */
const SOON_MS = 20;

export class LimiterAgent {
    private readonly activity: Activity;
    private readonly keeper: ShareKeeper;
    private readonly pacer = new Pacer();
    private cut = 1;
    private cutAt = -Infinity;
    private refusedInRow = 0;
    /** When the one call began that a scout, or a probe, makes. */
    private errandAt: number | null = null;
    /** Of calls that were answered, over the last of them. */
    private latencyMs = 100;
    /** When a call began last. */
    private begunAt = -Infinity;
    /** What slices of each job here have learned last, by their places. */
    private readonly learnedHere = new Map<string, { of: number; limits: Map<number, number> }>();
    private hasLooked: Promise<void> | null = null;
    private isOver = false;

    constructor(private readonly o: AgentOptions) {
        this.activity = new Activity(o.clock.now(), o.health);
        this.keeper = new ShareKeeper(o, this.activity, (opens) => this.moved(opens));
    }

    get health(): Activity['health'] {
        return this.activity.health;
    }

    /** A slice of a job comes. `ready` resolves when the register has been looked at, or rejects with what storage answered. */
    join(job: JobAtWork): { ready: Promise<void>; leave: () => void } {
        const { activity, keeper } = this;
        // What it knew when the last slice left may have changed since.
        if (activity.members.size === 0) this.hasLooked = null;
        const member = activity.join(job, this.o.clock.now());
        keeper.heedRates();
        this.hasLooked ??= keeper.ask();
        const ready = this.hasLooked.catch((error: unknown) => {
            this.hasLooked = null;
            throw error;
        });
        // A newcomer's needs are told at once, where anything is shared.
        if (keeper.isShared) keeper.hurry(0);
        let isHere = true;
        return {
            ready,
            leave: () => {
                if (!isHere) return;
                isHere = false;
                member.listeners.delete(job.changed);
                if (--member.slices > 0) return;
                activity.members.delete(job.id);
                this.pacer.leave(job.id);
                if (activity.members.size === 0) this.o.clock.after(LINGER_MS, () => this.leaveIfIdle());
            },
        };
    }

    private leaveIfIdle(): void {
        if (this.activity.members.size > 0 || this.isOver) return;
        this.isOver = true;
        this.o.onIdle?.();
        this.keeper.stop();
    }

    /** What a job's spec asks for is another thing now: others are told at once. */
    retuned(): void {
        this.keeper.hurry(0);
    }

    /** `admitted`: the call is to be made now, and to be told of with `ended`. */
    admit(jobId: string): 'admitted' | NotNow {
        const now = this.o.clock.now();
        const { keeper, activity } = this;
        const member = activity.members.get(jobId);
        if (keeper.isAway)
            return this.hasErrand('probe', now)
                ? this.begin(member, now, true)
                : { why: 'breaker', waitMs: Math.max(SOON_MS, this.untilProbe(now)) };
        const held = this.heldByDoubt(now);
        if (held > 0) return { why: 'breaker', waitMs: held };
        if (keeper.gateUntil > now)
            return this.hasErrand('scout', now)
                ? this.begin(member, now, true)
                : { why: 'gate', waitMs: Math.max(SOON_MS, keeper.gateMs(now)) };
        if (keeper.isShared) {
            const { inFlight } = keeper.share;
            if (keeper.isWithoutShare(now)) return this.without(member, now);
            if (inFlight !== null && activity.inFlight >= inFlight) {
                this.wants(member, now);
                return { why: 'inFlight', waitMs: null };
            }
            if (keeper.quotaLeft < 1) {
                const waitMs = keeper.quotaMs(now);
                keeper.hunger(waitMs);
                return { why: 'quota', waitMs };
            }
        } else if (this.cut === 1) return this.begin(member, now, false);
        const due = this.pacer.ask(jobId, now);
        if (due <= now) return this.begin(member, now, false);
        this.wants(member, now);
        return { why: 'rate', waitMs: due === Infinity ? HUNGRY_MS : due - now };
    }

    /** How long until a probe may go, in ms: it is counted like any other call. */
    private untilProbe(now: number): number {
        const { keeper } = this;
        return Math.max(keeper.probeMs(now), keeper.quotaLeft < 1 ? keeper.quotaMs(now) : 0);
    }

    /** How long to wait, in ms, while it is in doubt whether the target is there: one call at a time goes, now and then. */
    private heldByDoubt(now: number): number {
        return this.health.isSuspicious ? this.begunAt + DOUBT_MS - now : 0;
    }

    private begin(member: Member | undefined, now: number, isErrand: boolean): 'admitted' {
        this.begunAt = now;
        const { quota } = this.keeper.share;
        this.activity.begin(member);
        if (isErrand) this.errandAt = now;
        if (quota !== null && this.keeper.quotaLeft < quota * LOW_QUOTA) this.keeper.hunger(HUNGRY_MS);
        return 'admitted';
    }

    /** No share: it is asked for again. */
    private without(member: Member | undefined, now: number): NotNow {
        member?.wants(now);
        this.keeper.hunger(HUNGRY_MS);
        return { why: 'share', waitMs: HUNGRY_MS / 2 };
    }

    private wants(member: Member | undefined, now: number): void {
        if (member?.wants(now)) this.keeper.hunger(HUNGRY_MS);
    }

    /** Whether the one call of this errand may begin now. */
    private hasErrand(kind: 'scout' | 'probe', now: number): boolean {
        const { errand } = this.keeper.known ?? {};
        const isFree = this.errandAt === null || now - this.errandAt > ERRAND_MS;
        return errand?.kind === kind && now < errand.until && isFree && this.keeper.quotaLeft >= 1;
    }

    /** A call that was admitted is over. */
    ended(jobId: string, call: TargetCall): void {
        const now = this.o.clock.now();
        const { keeper, health, activity } = this;
        const { evidence } = call;
        const isAnswered = evidence === 'answered';
        const wasAway = keeper.isAway;
        activity.end(activity.members.get(jobId), isAnswered, now);
        keeper.spend(now);
        health.ended(evidence, call.isProven, call.why, now, call.looksAway, call.began);
        if (isAnswered) {
            this.latencyMs += (now - call.began - this.latencyMs) / LATENCY_CALLS;
            keeper.news.accepted++;
            this.refusedInRow = 0;
        }
        if (this.errandAt !== null && call.began >= this.errandAt) this.errandEnded(call);
        if (evidence === 'throttled') this.refused(call, now);
        else if (call.hint && isAnswered) this.hinted(call.hint, now);
        if (wasAway) {
            if (isAnswered) keeper.hurry(0);
        } else if (!isAnswered && (!call.isProven || call.isRepeated) && health.away(now)) {
            // Nothing succeeds any more: this process stops at once, and tells the others.
            keeper.news.isAway = true;
            this.o.log.warn('target is away', { limiter: this.o.name, why: call.why });
            keeper.hurry(0);
            activity.tellAll();
        }
    }

    private errandEnded({ evidence, why }: TargetCall): void {
        const { keeper } = this;
        const kind = keeper.known?.errand?.kind;
        this.errandAt = null;
        // Nothing was sent: another call is for it.
        if (evidence === 'none' || !keeper.known) return;
        const isThere = evidence === 'answered' || evidence === 'throttled';
        if (kind === 'probe') keeper.news.probed = isThere ? 'passed' : { failed: why };
        if (kind === 'scout') keeper.news.scouted = evidence === 'answered' ? 'passed' : isThere ? 'refused' : 'failed';
        keeper.known = { ...keeper.known, errand: null };
        keeper.hurry(0);
    }

    private refused({ retryAfterMs = 0, hint }: TargetCall, now: number): void {
        const { news } = this.keeper;
        if (news.refused++ === 0) this.keeper.hurry(0);
        news.refusedAt = now;
        // With nothing left, what is said of the next time is a `Retry-After`.
        const closedMs = retryAfterMs > 0 ? retryAfterMs : hint && hint.remaining < 1 ? hint.resetMs : 0;
        if (closedMs > 0 && this.meansRetryAfter) {
            news.closedUntil = Math.max(now + closedMs, news.closedUntil ?? 0);
        } else if (now - this.cutAt >= CUT_EVERY_MS || ++this.refusedInRow >= ROW) {
            this.cut *= this.refusedInRow >= ROW ? CUT_FAR : CUT;
            this.cutAt = now;
            this.refusedInRow = 0;
            this.pace(now);
        }
    }

    private hinted(hint: { remaining: number; resetMs: number }, now: number): void {
        if (hint.resetMs < SHORTEST_HINT_MS) return;
        this.keeper.news.hint = { remaining: hint.remaining, until: now + hint.resetMs };
        const rate = hintedRate(hint);
        if (this.keeper.known?.totalRate != null || this.activity.recent.lately(now) <= rate) return;
        this.keeper.hurry(0);
        // Until the register has heard of it.
        this.pacer.setRate(rate, rate, now);
    }

    private moved(opens: boolean): void {
        if (this.keeper.news.refused === 0) this.cut = 1;
        this.pace(this.o.clock.now());
        if (opens) this.activity.tellAll();
    }

    private pace(now: number): void {
        const { keeper, activity, cut } = this;
        const own = keeper.isShared ? (keeper.share.rate ?? Infinity) : Infinity;
        const rate = cut === 1 ? own : Math.min(own, Math.max(LEAST_RATE, activity.recent.lately(now))) * cut;
        this.pacer.setRate(rate, Math.max(rate, keeper.known?.totalRate ?? 0), now);
    }

    /** Whose fault an attempt is that failed, and began then. */
    blame(evidence: Evidence, began: number): Blame {
        return this.health.blame(evidence, began, this.targetIsAway);
    }

    /** Whether nothing succeeds at the target, as far as this process knows. */
    get targetIsAway(): boolean {
        return this.keeper.isAway;
    }

    /** The next call that is admitted finds out whether the target is there. */
    get isProbing(): boolean {
        return this.health.isSuspicious || this.hasErrand('probe', this.o.clock.now());
    }

    /** Calls in flight that the rate can use at the latency of the last calls, with half as many again; null: it is not limited. */
    get usefulInFlight(): number | null {
        const rate = this.keeper.known?.totalRate ?? null;
        return rate === null ? null : Math.ceil((rate * this.latencyMs * 1.5) / 1_000);
    }

    /** `Retry-After` of a single call is to be believed. */
    get meansRetryAfter(): boolean {
        return this.keeper.known?.overstates !== true;
    }

    /** How long nothing has succeeded at the target, though it was asked. In ms; 0: something has. */
    get failingMs(): number {
        const now = this.o.clock.now();
        const { known, isAway } = this.keeper;
        if (isAway) return now - (known?.breaker?.failingSince ?? now);
        const { throttledSince, succeededAt } = this.health;
        if (throttledSince === null) return 0;
        // Since another has succeeded, or since this process was throttled first.
        return now - Math.max(known?.succeededAt ?? 0, succeededAt ?? 0, known?.succeededAt == null ? throttledSince : 0);
    }

    /** What keeps every call off now; null: nothing, or only for turns. */
    wait(): Wait | null {
        const now = this.o.clock.now();
        const { keeper } = this;
        const { known } = keeper;
        // Who has an errand calls at once.
        if (keeper.isAway) {
            const { why = 'nothing succeeds' } = known?.breaker ?? {};
            return { code: 'BREAKER_OPEN', why, ms: this.hasErrand('probe', now) ? 0 : this.untilProbe(now) };
        }
        if (keeper.gateUntil > now) {
            const ms = this.hasErrand('scout', now) ? 0 : keeper.gateMs(now);
            return { code: 'GATE_CLOSED', why: 'the target has asked for a pause', ms };
        }
        if (!keeper.isShared) return null;
        if (keeper.isWithoutShare(now)) return { code: 'NO_SHARE', why: 'others have all that the target may be asked', ms: HUNGRY_MS };
        if (keeper.quotaLeft >= 1) return null;
        const why = `${known?.exhausted ? rateText(known.exhausted) : 'a window'} is used up`;
        return { code: 'NO_SHARE', why, ms: keeper.quotaMs(now) };
    }

    /** Calls in flight that the target bears well, as far as anybody has learned; null: nobody has. */
    get learnedInFlight(): number | null {
        return this.keeper.news.bears ?? this.keeper.known?.bears ?? null;
    }

    /**
     * What a slice has learned: so many calls in flight of its own are what the target bears well beside those of the job's other slices, or more (`isMost`). Shares
     * are seldom equal, so that what slices here have said last is added up; those elsewhere are taken to be like them. Others hear of it where it is
     * another number than they know. A slice that stands at its maximum has only found that it is not less.
     */
    learn(jobId: string, { limit, isMost }: { limit: number; isMost: boolean }, { slot, of }: { slot: number; of: number }): void {
        const before = this.learnedHere.get(jobId);
        const limits = new Map(before?.of === of ? before.limits : []).set(slot, limit);
        this.learnedHere.set(jobId, { of, limits });
        const here = [...limits.values()];
        const inAll = Math.max(1, Math.round((here.reduce((sum, n) => sum + n, 0) / here.length) * of));
        const known = this.learnedInFlight;
        if (isMost && (known === null || inAll <= known)) return;
        if (known !== null && Math.abs(inAll - known) <= known * WORTH_TELLING) return;
        this.keeper.news.bears = inAll;
        this.keeper.hurry(0);
    }
}
