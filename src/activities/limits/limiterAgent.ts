// One process at one target: its share of what the target may be asked, shared by its slices, and renewed while one of them runs.
import { TargetHealth, type Blame, type Evidence } from '../../core/blame';
import type { WaitCode } from '../../core/codes';
import { ERRAND_MS } from '../../core/limiter/gate';
import { SKEW_MS, VALID_MS, type Grant } from '../../core/limiter/grant';
import { Pacer } from '../../core/limiter/pacer';
import { rateText, strictest, type Rate } from '../../core/limiter/rate';
import { SHORTEST_HINT_MS, type Renewal } from '../../core/limiter/register';
import { hintedRate } from '../../core/limiter/state';
import type { Log } from '../../log';
import type { Clock } from '../processSlice/clock';
import { Member, needsOf, type JobAtTarget } from './member';
import { nothingNew, untold, type Told } from './news';
import { RecentCalls } from './recentCalls';
import { RegisterClient, type Attempt, type RegisterStore } from './registerClient';
import { lesser, NO_SHARE, shareOf, standingOf, type Share, type Standing } from './standing';

export type { JobAtTarget } from './member';
export type { RegisterStore } from './registerClient';

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
    /** Its item has failed for itself before. */
    isProven: boolean;
    /** What happened, in words. */
    why: string;
    retryAfterMs?: number | undefined;
    hint?: { remaining: number; resetMs: number } | undefined;
}

/** What keeps every call off: for how long at least, and what it is. */
export interface Wait {
    code: WaitCode;
    why: string;
    ms: number;
    /** How long nothing has succeeded; 0 where that is not the reason. */
    failingMs: number;
}

/** Between two renewals, in ms. */
const RENEW_MS = 5_000;
/** Between two looks at a register that limits something, and at one that does not, or is not there. In ms. */
const LOOK_MS = 2_000;
const LOOK_SELDOM_MS = 5_000;
/** All of these are longer where there are more holders than so many looks, or renewals, a second are good for. */
const LOOKS_PER_SECOND = 50;
const RENEWALS_PER_SECOND = 20;
/** Between two requests, at least. In ms. */
const LEAST_MS = 250;
/** Whoever has less than he needs asks again after so long, in ms. */
const HUNGRY_MS = 1_000;
/** A share is asked for again before its time when so much more of it is to be had. */
const WORTH_ASKING = 1.1;
/** After a refusal the own share is so much of what it was, until the register says more; not more often than once a second. */
const CUT = 0.8;
const CUT_EVERY_MS = 1_000;
/** After so many refusals in a row, at any time. */
const ROW = 5;
const CUT_FAR = 0.5;
/** Without a slice an agent stays so long (ms): the next slice is likely to come. */
const LINGER_MS = 3_000;
/** The rest of a quota by which another is asked for. */
const LOW_QUOTA = 0.25;
/** Of a quota so much is kept, in calls for so many ms at the pace of late. */
const KEEP_QUOTA_MS = 12_000;
/** What is due now is asked for again after so long, in ms. */
const SOON_MS = 20;

export interface AgentOptions {
    name: string;
    store: RegisterStore;
    /** One that does not go back. */
    clock: Clock;
    /** Uniform in [0, 1). */
    chance: () => number;
    /** A name that no other agent has, nor ever had. */
    holder: string;
    log: Log;
    /** Called when it is not needed any more. */
    onIdle?: () => void;
}

export class LimiterAgent {
    readonly health = new TargetHealth();
    private readonly members = new Map<string, Member>();
    private readonly pacer = new Pacer();
    private readonly recent: RecentCalls;
    private readonly client: RegisterClient;
    /** Null: the register was not there, or has not been looked at. */
    private known: Standing | null = null;
    private share: Share = NO_SHARE;
    private news = nothingNew();
    private reportedAt: number;
    /** What the specs of the jobs at work ask for, and what of that the share was given for. */
    private rates: Rate[] = [];
    private toldRates: Rate[] = [];
    private inFlight = 0;
    private cut = 1;
    private cutAt = -Infinity;
    private refusedInRow = 0;
    /** When the one call began that a scout, or a probe, makes. */
    private errandAt: number | null = null;
    /** When storage is asked: a look at `wakesAt`, a renewal from `renewsAt` on. */
    private asking: Promise<void> | null = null;
    private askedAt = -Infinity;
    private renewsAt = -Infinity;
    private wakesAt = Infinity;
    private cancelWake = (): void => undefined;
    private hasLooked: Promise<void> | null = null;
    private isOver = false;
    private bears: number | null = null;

    constructor(private readonly o: AgentOptions) {
        const { name, store, clock, holder } = o;
        this.recent = new RecentCalls(clock.now());
        this.reportedAt = clock.now();
        this.client = new RegisterClient({
            ...{ name, store, clock, holder },
            sent: (attempt) => this.sent(attempt),
            taken: (attempt) => this.taken(attempt),
        });
    }

    /** A slice of a job comes. `ready` resolves when the register has been looked at, or rejects with what storage answered. */
    join(job: JobAtTarget): { ready: Promise<void>; leave: () => void } {
        const member = this.members.get(job.id) ?? new Member(job, this.o.clock.now());
        member.rates = job.rates;
        member.slices++;
        member.listeners.add(job.changed);
        this.members.set(job.id, member);
        this.heedRates();
        this.hasLooked ??= this.ask();
        const ready = this.hasLooked.catch((error: unknown) => {
            this.hasLooked = null;
            throw error;
        });
        // A newcomer's needs are told at once, where anything is shared.
        if (this.isShared) this.hurry(0);
        let isHere = true;
        return {
            ready,
            leave: () => {
                if (!isHere) return;
                isHere = false;
                member.listeners.delete(job.changed);
                if (--member.slices > 0) return;
                this.members.delete(job.id);
                this.pacer.leave(job.id);
                if (this.members.size === 0) this.o.clock.after(LINGER_MS, () => this.leaveIfIdle());
            },
        };
    }

    private leaveIfIdle(): void {
        if (this.members.size > 0 || this.isOver) return;
        this.isOver = true;
        this.cancelWake();
        this.o.onIdle?.();
        if (!this.client.isHolder) return;
        // What is under way would make it a holder again.
        const free = this.asking ?? Promise.resolve();
        free.catch(() => undefined)
            .then(() => this.client.leave(() => this.news.spent))
            .catch((error: unknown) => this.complain(error));
    }

    /** A share is none that was given before its job asked for less. */
    private heedRates(): void {
        this.rates = strictest([...this.members.values()].flatMap(({ rates }) => rates()));
        const isTold = ({ n, perMs }: Rate) => this.toldRates.some((told) => told.perMs === perMs && told.n <= n);
        if (this.rates.every(isTold)) return;
        this.share = NO_SHARE;
        this.hurry(0);
    }

    /** Whether anything of the target is shared out. */
    private get isShared(): boolean {
        return this.known?.isLimited === true || this.rates.length > 0;
    }

    /** `admitted`: the call is to be made now, and to be told of with `ended`. */
    admit(jobId: string): 'admitted' | NotNow {
        const now = this.o.clock.now();
        const member = this.members.get(jobId);
        const { share } = this;
        if (this.targetIsAway)
            return this.hasErrand('probe', now)
                ? this.begin(member, now, true)
                : { why: 'breaker', waitMs: Math.max(SOON_MS, this.probeAt(now) - now) };
        if (this.gateUntil > now)
            return this.hasErrand('scout', now)
                ? this.begin(member, now, true)
                : { why: 'gate', waitMs: Math.max(SOON_MS, this.gateAskAt(now) - now) };
        if (this.isShared) {
            if (this.hasNoShare(now)) return this.without(member, now);
            if (share.inFlight !== null && this.inFlight >= share.inFlight) {
                this.wants(member, now);
                return { why: 'inFlight', waitMs: null };
            }
            if (this.quotaLeft < 1) {
                this.hurry(HUNGRY_MS);
                return { why: 'quota', waitMs: Math.max(HUNGRY_MS, (this.known?.quotaFreeAt ?? now) - now) };
            }
        } else if (this.cut === 1) return this.begin(member, now, false);
        const due = this.pacer.ask(jobId, now);
        if (due <= now) return this.begin(member, now, false);
        this.wants(member, now);
        return { why: 'rate', waitMs: due === Infinity ? HUNGRY_MS : due - now };
    }

    private begin(member: Member | undefined, now: number, isErrand: boolean): 'admitted' {
        this.inFlight++;
        if (member) member.inFlight++;
        if (isErrand) this.errandAt = now;
        const { quota } = this.share;
        if (quota !== null && this.quotaLeft < quota * LOW_QUOTA) this.hurry(HUNGRY_MS);
        return 'admitted';
    }

    /** No share: it is asked for again. */
    private without(member: Member | undefined, now: number): NotNow {
        member?.wants(now);
        this.hurry(HUNGRY_MS);
        return { why: 'share', waitMs: HUNGRY_MS / 2 };
    }

    private wants(member: Member | undefined, now: number): void {
        if (member?.wants(now)) this.hurry(HUNGRY_MS);
    }

    private hasNoShare(now: number): boolean {
        const { validUntil, rate, inFlight } = this.share;
        return validUntil <= now || rate === 0 || inFlight === 0;
    }

    /** Whether the one call of this errand may begin now. */
    private hasErrand(kind: 'scout' | 'probe', now: number): boolean {
        const { errand } = this.known ?? {};
        const isFree = this.errandAt === null || now - this.errandAt > ERRAND_MS;
        return errand?.kind === kind && now < errand.until && isFree && this.quotaLeft >= 1;
    }

    /** Calls out of the counted windows that may still begin: calls in flight may not have come to the target. */
    private get quotaLeft(): number {
        const { quota } = this.share;
        return quota === null ? Infinity : quota - this.news.spent - this.inFlight;
    }

    private get gateUntil(): number {
        return Math.max(this.known?.gateUntil ?? -Infinity, this.news.closedUntil ?? -Infinity);
    }

    /** When the gate opens, or a scout may go; until others know of it, nobody knows when that is. */
    private gateAskAt(now: number): number {
        return Math.min(this.gateUntil, this.known?.scoutAt ?? Infinity, this.news.closedUntil === null ? Infinity : now + HUNGRY_MS);
    }

    private probeAt(now: number): number {
        return this.known?.breaker?.probeAt ?? now + HUNGRY_MS;
    }

    /** A call that was admitted is over. */
    ended(jobId: string, call: TargetCall): void {
        const now = this.o.clock.now();
        const member = this.members.get(jobId);
        const { evidence } = call;
        const wasAway = this.targetIsAway;
        this.inFlight--;
        if (member) member.inFlight--;
        this.news.spent++;
        this.health.ended(evidence, call.isProven, call.why, now);
        if (evidence === 'answered') {
            this.news.accepted++;
            this.refusedInRow = 0;
            this.recent.add(now);
            member?.recent.add(now);
        }
        if (this.errandAt !== null && call.began >= this.errandAt) this.errandEnded(call);
        if (evidence === 'throttled') this.refused(call, now);
        else if (call.hint && evidence === 'answered') this.hinted(call.hint, now);
        if (wasAway && evidence === 'answered') this.hurry(0);
        if (!this.targetIsAway && this.health.away(now)) {
            // Nothing succeeds any more: this process stops at once, and tells the others.
            this.news.isAway = true;
            this.o.log.warn('target is away', { limiter: this.o.name, why: call.why });
            this.hurry(0);
            this.tellAll();
        }
    }

    private errandEnded({ evidence, why }: TargetCall): void {
        const kind = this.known?.errand?.kind;
        this.errandAt = null;
        // Nothing was sent: another call is for it.
        if (evidence === 'none' || !this.known) return;
        const isThere = evidence === 'answered' || evidence === 'throttled';
        if (kind === 'probe') this.news.probed = isThere ? 'passed' : { failed: why };
        if (kind === 'scout') this.news.scouted = evidence === 'answered' ? 'passed' : isThere ? 'refused' : 'failed';
        this.known = { ...this.known, errand: null };
        this.hurry(0);
    }

    private refused({ retryAfterMs = 0, hint }: TargetCall, now: number): void {
        const { news } = this;
        if (news.refused++ === 0) this.hurry(0);
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
        this.news.hint = { remaining: hint.remaining, until: now + hint.resetMs };
        const rate = hintedRate(hint);
        if (this.known?.totalRate != null || this.recent.lately(now) <= rate) return;
        this.hurry(0);
        // Until the register has heard of it.
        this.pacer.setRate(rate, rate, now);
    }

    private pace(now: number): void {
        const own = this.isShared ? (this.share.rate ?? Infinity) : Infinity;
        const rate = this.cut === 1 ? own : Math.min(own, this.recent.lately(now)) * this.cut;
        this.pacer.setRate(rate, Math.max(rate, this.known?.totalRate ?? 0), now);
    }

    /** Whose fault a failed attempt is that began then. */
    blame(evidence: Evidence, began: number): Blame {
        return this.health.blame(evidence, began, this.targetIsAway);
    }

    /** Whether nothing succeeds at the target, as far as this process knows. */
    get targetIsAway(): boolean {
        return this.news.isAway || (this.known?.breaker != null && !this.isRefuted);
    }

    /** The breaker is open, and this process has had an answer since: it is cut off who has opened it. */
    private get isRefuted(): boolean {
        const { breaker } = this.known ?? {};
        return breaker != null && this.health.answeredAt !== null && this.health.answeredAt > breaker.since + SKEW_MS;
    }

    /** `Retry-After` of a single call is to be believed. */
    get meansRetryAfter(): boolean {
        return this.known?.overstates !== true;
    }

    /** What keeps every call off now; null: nothing, or only for turns. */
    wait(): Wait | null {
        const now = this.o.clock.now();
        const { known } = this;
        if (this.targetIsAway) {
            const { why = 'nothing succeeds', failingSince = now, isOut = false } = known?.breaker ?? {};
            // Who has an errand calls at once, and its end is not far.
            const ms = this.hasErrand('probe', now) ? 0 : Math.min(this.probeAt(now) - now, isOut ? LOOK_MS : Infinity);
            return { code: 'BREAKER_OPEN', why, ms, failingMs: now - failingSince };
        }
        if (this.gateUntil > now) {
            const ms = this.hasErrand('scout', now) ? 0 : this.gateAskAt(now) - now;
            const failingMs = known?.succeededAt == null ? 0 : now - known.succeededAt;
            return { code: 'GATE_CLOSED', why: 'the target has asked for a pause', ms, failingMs };
        }
        if (!this.isShared) return null;
        if (this.hasNoShare(now))
            return { code: 'NO_SHARE', why: 'others have all that the target may be asked', ms: HUNGRY_MS, failingMs: 0 };
        if (this.quotaLeft >= 1) return null;
        const why = `${known?.exhausted ? rateText(known.exhausted) : 'a window'} is used up`;
        return { code: 'NO_SHARE', why, ms: Math.max(HUNGRY_MS, (known?.quotaFreeAt ?? now) - now), failingMs: 0 };
    }

    /** Calls in flight that the target bears well, as far as anybody has learned; null: nobody has. */
    get learnedInFlight(): number | null {
        return this.bears ?? this.known?.bears ?? null;
    }

    /** Calls in flight that a slice has learned the target bears well. */
    learn(inFlight: number): void {
        this.bears = inFlight;
    }

    // --- the register ----------------------------------------------------------------------------------------------

    /** Storage is asked, and told, after so long at the latest. */
    private hurry(ms: number): void {
        if (this.isOver) return;
        const now = this.o.clock.now();
        const at = Math.max(now + ms, this.askedAt + LEAST_MS);
        this.renewsAt = Math.min(this.renewsAt, at);
        this.wakeAt(at, now);
    }

    private wakeAt(at: number, now: number): void {
        if (at >= this.wakesAt) return;
        this.cancelWake();
        this.wakesAt = at;
        this.cancelWake = this.o.clock.after(Math.max(0, at - now), () => {
            this.wakesAt = Infinity;
            // It goes on from there.
            if (this.isOver || this.asking) return;
            this.ask().catch((error: unknown) => this.complain(error));
        });
    }

    private complain(error: unknown): void {
        this.o.log.warn('limiter could not be asked', { limiter: this.o.name }, error);
    }

    private ask(): Promise<void> {
        this.asking = this.lookOrRenew().finally(() => {
            this.asking = null;
            this.next();
        });
        return this.asking;
    }

    /** Looks, and renews where anything is limited and it is time for that. */
    private async lookOrRenew(): Promise<void> {
        const askedAt = this.o.clock.now();
        this.askedAt = askedAt;
        const isDue = askedAt >= this.renewsAt;
        if (isDue) this.renewsAt = Infinity;
        try {
            const seen = await this.client.look();
            this.saw(seen && standingOf(seen, askedAt));
            this.heedRates();
            if (this.mustRenew(seen, isDue)) await this.client.renew((seq, now) => (this.isOver ? null : this.telling(seq, now)));
        } catch (error) {
            // Told once more, as soon as storage answers.
            if (isDue) this.renewsAt = this.o.clock.now() + HUNGRY_MS;
            throw error;
        }
    }

    private mustRenew(seen: Grant | null, isDue: boolean): boolean {
        if (this.hasNews(seen)) return true;
        if (this.members.size === 0 || (!seen?.isLimited && this.rates.length === 0)) return false;
        return isDue || !this.client.isHolder || this.isErrandFree(seen) || this.couldHaveMore();
    }

    /** Something that others must know, and do not yet. */
    private hasNews(seen: Grant | null): boolean {
        const { refused, refusedAt, closedUntil, scouted, probed, isAway, hint } = this.news;
        const now = this.o.clock.now();
        const isGateKnown = closedUntil !== null && seen !== null && seen.gateMs > closedUntil - now - HUNGRY_MS;
        const isStepKnown = closedUntil === null && seen?.steppedAgoMs != null && now - refusedAt > seen.steppedAgoMs - CUT_EVERY_MS;
        const isHintKnown =
            seen?.totalRate != null || hint === null || this.recent.lately(now) <= (hint.remaining / (hint.until - now)) * 1_000;
        return (
            (refused > 0 && !isGateKnown && !isStepKnown) || scouted !== null || probed !== null || isAway || this.isRefuted || !isHintKnown
        );
    }

    private isErrandFree(seen: Grant | null): boolean {
        return seen?.breaker ? seen.breaker.probeMs <= 0 : seen?.scoutMs === 0;
    }

    private couldHaveMore(): boolean {
        const { fairRate = null } = this.known ?? {};
        const { rate } = this.share;
        const now = this.o.clock.now();
        if (rate === null || now - this.reportedAt < HUNGRY_MS) return false;
        return [...this.members.values()].some((member) => member.isWanting(now)) && (fairRate === null || fairRate > rate * WORTH_ASKING);
    }

    private telling(seq: number, now: number): { renewal: Renewal; told: Told } {
        const { accepted, spent, refused, refusedAt, closedUntil, hint, scouted, probed, isAway } = this.news;
        // Who has not reported yet tells of the last minute.
        const since = this.client.isHolder ? { calls: accepted, ms: now - this.reportedAt } : this.recent.all(now);
        const { answeredAt } = this.health;
        const renewal: Renewal = {
            holder: this.o.holder,
            seq,
            jobs: needsOf(this.members, now),
            rates: this.rates,
            accepted: since.calls,
            ms: since.ms,
            lately: this.recent.lately(now),
            spent,
            keeps: this.keeps(now),
            refused,
            refusedAgoMs: refused > 0 ? now - refusedAt : 0,
            closedMs: closedUntil === null ? null : Math.max(1, closedUntil - now),
            hint: hint && { remaining: hint.remaining, resetMs: hint.until - now },
            succeededAgoMs: answeredAt === null ? null : now - answeredAt,
            failing: isAway ? this.health.away(now) : null,
            scouted,
            probed,
            bears: this.bears,
        };
        return { renewal, told: { ...this.news, rates: this.rates } };
    }

    /** Of the quota: calls in flight, and what may be needed. */
    private keeps(now: number): number {
        if (this.share.quota === null || this.share.validUntil <= now) return 0;
        const isWanting = [...this.members.values()].some((member) => member.isWanting(now));
        const needed = isWanting ? Infinity : Math.ceil((this.recent.lately(now) * KEEP_QUOTA_MS) / 1_000) + 1;
        return this.inFlight + Math.max(0, Math.min(this.quotaLeft, needed));
    }

    /** Until it is known whether a renewal was taken in, the less of both shares is what is safe. */
    private sent({ grant, told }: Attempt): () => void {
        const before = this.share;
        this.share = lesser(before, { ...grant, quota: grant.quota === null ? null : grant.quota + told.spent });
        return () => (this.share = before);
    }

    private taken({ told, grant, sentAt }: Attempt): void {
        this.news = untold(this.news, told);
        this.toldRates = told.rates;
        this.share = shareOf(grant, sentAt);
        this.reportedAt = sentAt;
        if (this.news.refused === 0) this.cut = 1;
        const standing = standingOf(grant, sentAt);
        const every = Math.max(RENEW_MS, (grant.holders / RENEWALS_PER_SECOND) * 1_000);
        this.renewsAt = Math.min(this.renewsAt, sentAt + Math.min(every, VALID_MS * 0.7) * (0.9 + 0.2 * this.o.chance()));
        this.saw(standing);
        this.heedRates();
    }

    /** Goes by what is known of the target from now on; null: nothing is limited. */
    private saw(standing: Standing | null): void {
        const before = this.known;
        // An errand that is done stands there until it has been told.
        const isDone = this.news.probed !== null || this.news.scouted !== null;
        this.known = standing && isDone ? { ...standing, errand: null } : standing;
        if (standing?.succeededAt != null) this.health.heard(standing.succeededAt);
        // Others need more, or there is less: theirs is left to them at once.
        const { rate, inFlight, quota } = this.share;
        if (standing?.fairRate != null && rate !== null && this.client.isHolder)
            this.share = lesser(this.share, { rate: standing.fairRate, inFlight, quota });
        this.pace(this.o.clock.now());
        const opening = (s: Standing | null) =>
            s && [s.gateUntil, s.breaker?.probeAt, s.errand?.until, s.totalRate === null, s.quotaFreeAt].join(' ');
        if (opening(before) !== opening(standing) || rate !== this.share.rate) this.tellAll();
    }

    private next(): void {
        if (this.isOver) return;
        const now = this.o.clock.now();
        const { known } = this;
        const crowd = Math.max(1, (known?.holders ?? 0) / (LOOKS_PER_SECOND * 2));
        const look = (known?.isLimited ? LOOK_MS : LOOK_SELDOM_MS) * crowd * (0.9 + 0.2 * this.o.chance());
        // An errand is asked for as soon as it is due, and a share when the gate opens: by one after the other.
        const opensAt = known?.breaker?.probeAt ?? Math.min(known?.scoutAt ?? Infinity, this.gateUntil > now ? this.gateUntil : Infinity);
        const comesAt = opensAt + SOON_MS * this.o.chance() * (known?.holders ?? 0);
        this.wakeAt(Math.max(Math.min(now + look, this.renewsAt, comesAt), this.askedAt + LEAST_MS), now);
    }

    private tellAll(): void {
        for (const { listeners } of this.members.values()) for (const tell of listeners) tell();
    }
}
