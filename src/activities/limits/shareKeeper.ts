// The share that one process holds of a target, and what it knows of it: looked at, renewed and told in time.
import type { TargetHealth } from '../../core/blame';
import { SKEW_MS, VALID_MS, type Grant } from '../../core/limiter/grant';
import type { Rate } from '../../core/limiter/rate';
import type { Renewal } from '../../core/limiter/register';
import type { Log } from '../../log';
import type { Clock } from '../processSlice/clock';
import type { Activity } from './activity';
import { nothingNew, spend, spentAgo, untold, type Told } from './news';
import { RegisterClient, type Attempt, type RegisterStore } from './registerClient';
import { lesser, NO_SHARE, shareOf, standingOf, type Share, type Standing } from './standing';

/** Between two renewals, in ms. */
const RENEW_MS = 5_000;
/** Between two looks at a register that limits something, and at one that does not, or is not there. In ms. */
const LOOK_MS = 2_000;
const LOOK_SELDOM_MS = 5_000;
/** Both take longer where there are more holders than so many of them a second are good for. */
const RENEWALS_PER_SECOND = 20;
const LOOKS_PER_SECOND = 50;
/** Between two requests, at least. In ms. */
const LEAST_MS = 250;
/** Whoever has less than he needs asks again after so long, in ms. */
export const HUNGRY_MS = 1_000;
/** A share is asked for again before its time when so much more of it is to be had. */
const WORTH_ASKING = 1.1;
/** So many failures in a row show that what another says of the target is so here, too. */
const TELLING_ROW = 3;
/** Refusals within this time (ms) are known when one of them is. */
const SAME_BURST_MS = 1_000;
/** Of a quota so much is kept, in calls for so many ms at the pace of late. */
const KEEP_QUOTA_MS = 12_000;
/** Who waits for the same moment as all others asks so much later than the one before, in ms. */
const STAGGER_MS = 20;

export interface AgentOptions {
    name: string;
    store: RegisterStore;
    /** One that does not go back. */
    clock: Clock;
    /** Uniform in [0, 1). */
    chance: () => number;
    /** What this process has seen of the target before. */
    health?: TargetHealth;
    /** A name that no other agent has, nor ever had. */
    holder: string;
    log: Log;
    /** Called when it is not needed any more. */
    onIdle?: () => void;
}

/** Told when share or knowledge are others than before. `opens`: other calls may be made than before. */
type Moved = (opens: boolean) => void;

export class ShareKeeper {
    /** Null: the register was not there, or has not been looked at. */
    known: Standing | null = null;
    share: Share = NO_SHARE;
    news = nothingNew();
    private readonly client: RegisterClient;
    /** What the jobs at work ask for, and what of that the share was given for. */
    private rates: Rate[] = [];
    private toldRates: Rate[] = [];
    private toldAt: number;
    private asking: Promise<void> | null = null;
    private askedAt = -Infinity;
    /** When storage is asked: a look at `wakesAt`, a renewal from `renewsAt` on. */
    private renewsAt = -Infinity;
    private wakesAt = Infinity;
    private cancelWake = (): void => undefined;
    private isOver = false;

    constructor(
        private readonly o: AgentOptions,
        private readonly activity: Activity,
        private readonly moved: Moved,
    ) {
        const { name, store, clock, holder, chance } = o;
        this.toldAt = clock.now();
        this.client = new RegisterClient({
            ...{ name, store, clock, holder, chance },
            sent: (attempt) => this.sent(attempt),
            taken: (attempt) => this.taken(attempt),
        });
    }

    // --- what may be done now ---------------------------------------------------------------------------------------

    /** Whether anything of the target is shared out. */
    get isShared(): boolean {
        return this.known?.isLimited === true || this.rates.length > 0;
    }

    isWithoutShare(now: number): boolean {
        const { validUntil, rate, inFlight } = this.share;
        return validUntil <= now || rate === 0 || inFlight === 0;
    }

    /** Calls out of the counted windows that may still begin: calls in flight may not have come to the target. */
    get quotaLeft(): number {
        const { quota } = this.share;
        return quota === null ? Infinity : quota - this.news.spent - this.activity.inFlight;
    }

    /** A call has ended. */
    spend(now: number): void {
        if (this.share.quota !== null) spend(this.news, now);
    }

    /** Until another call is free in all windows; where that should be so already, others hold it. */
    quotaMs(now: number): number {
        const ms = (this.known?.quotaFreeAt ?? now) - now;
        return ms > 0 ? Math.max(LEAST_MS, ms) : HUNGRY_MS;
    }

    get gateUntil(): number {
        return Math.max(this.known?.gateUntil ?? -Infinity, this.news.closedUntil ?? -Infinity);
    }

    /** Until the gate opens, or a scout may go; before others know of it, nobody knows when that is. */
    gateMs(now: number): number {
        // The end of a scout that is out is not far, however long it may take.
        const scoutMs = this.known?.isScoutOut ? LOOK_MS : Math.max(LEAST_MS, (this.known?.scoutAt ?? Infinity) - now);
        return Math.min(this.gateUntil - now, scoutMs, this.news.closedUntil === null ? Infinity : HUNGRY_MS);
    }

    /** Nothing succeeds at the target, as far as this process knows. */
    get isAway(): boolean {
        return this.news.isAway || (this.known?.breaker != null && !this.isRefuted && !this.isDoubted);
    }

    /** The breaker is open, and this process has had an answer since: it is cut off who has opened it. */
    private get isRefuted(): boolean {
        const { breaker } = this.known ?? {};
        const { ownAnsweredAt } = this.activity.health;
        return breaker != null && ownAnsweredAt !== null && ownAnsweredAt > breaker.since + SKEW_MS;
    }

    /**
     * It was opened at about the time of this process's last answer: clocks do not say which was first, its next few calls will. Else one process that is cut
     * off would stop all others again and again.
     */
    private get isDoubted(): boolean {
        const { breaker } = this.known ?? {};
        const { ownAnsweredAt, inRow } = this.activity.health;
        return breaker != null && ownAnsweredAt !== null && ownAnsweredAt > breaker.since - SKEW_MS && inRow < TELLING_ROW;
    }

    /** Until another probe may go; while one is out, its end is not far. */
    probeMs(now: number): number {
        const { probeAt, isOut } = this.known?.breaker ?? { probeAt: now + HUNGRY_MS, isOut: false };
        return Math.max(LEAST_MS, Math.min(probeAt - now, isOut ? LOOK_MS : Infinity));
    }

    // --- when storage is asked --------------------------------------------------------------------------------------

    /** Storage is asked, and told, after so long at the latest. */
    hurry(ms: number): void {
        if (this.isOver) return;
        const now = this.o.clock.now();
        const at = Math.max(now + ms, this.askedAt + LEAST_MS);
        this.renewsAt = Math.min(this.renewsAt, at);
        this.wakeAt(at, now);
    }

    /** More is needed: it is asked for after so long, or later where many ask. */
    hunger(ms: number): void {
        this.hurry(Math.max(ms, this.toldAt + this.crowdMs * (0.9 + 0.2 * this.o.chance()) - this.o.clock.now()));
    }

    /** So seldom each holder may renew, where there are many. */
    private get crowdMs(): number {
        return ((this.known?.holders ?? 0) / RENEWALS_PER_SECOND) * 1_000;
    }

    private wakeAt(at: number, now: number): void {
        if (at >= this.wakesAt) return;
        this.cancelWake();
        this.wakesAt = at;
        this.cancelWake = this.o.clock.after(Math.max(0, at - now), () => {
            this.wakesAt = Infinity;
            // What is under way goes on from there.
            if (this.isOver || this.asking) return;
            this.ask().catch((error: unknown) => this.complain(error));
        });
    }

    private next(): void {
        if (this.isOver) return;
        const { known } = this;
        const now = this.o.clock.now();
        const crowd = Math.max(1, (known?.holders ?? 0) / (LOOKS_PER_SECOND * 2));
        const look = (known?.isLimited ? LOOK_MS : LOOK_SELDOM_MS) * crowd * (0.9 + 0.2 * this.o.chance());
        // An errand is asked for as soon as it is due, a share as soon as the gate opens or another's runs out: by one after the other.
        const moments = [known?.breaker?.probeAt ?? Math.min(known?.scoutAt ?? Infinity, this.gateUntil), known?.othersUntil ?? Infinity];
        const first = Math.min(...moments.filter((at) => at > this.askedAt)) + STAGGER_MS * this.o.chance() * (known?.holders ?? 0);
        this.wakeAt(Math.max(Math.min(now + look, this.renewsAt, first), this.askedAt + LEAST_MS), now);
    }

    private complain(error: unknown): void {
        this.o.log.warn('limiter could not be asked', { limiter: this.o.name }, error);
    }

    ask(): Promise<void> {
        this.asking ??= this.lookOrRenew().finally(() => {
            this.asking = null;
            this.next();
        });
        return this.asking;
    }

    /** No more is asked: what is held is given back. */
    stop(): void {
        this.isOver = true;
        this.cancelWake();
        // What is under way may make it a holder.
        (this.asking ?? Promise.resolve())
            .catch(() => undefined)
            .then(() => (this.client.isHolder ? this.client.leave(() => spentAgo(this.news, this.o.clock.now())) : undefined))
            .catch((error: unknown) => this.complain(error));
    }

    // --- what is asked and told -------------------------------------------------------------------------------------

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
        if (this.activity.members.size === 0 || (!seen?.isLimited && this.rates.length === 0)) return false;
        return isDue || !this.client.isHolder || this.isErrandFree(seen) || this.couldHaveMore();
    }

    /** Something that others must know, and do not yet. */
    private hasNews(seen: Grant | null): boolean {
        const { refused, refusedAt, closedUntil, scouted, probed, isAway, hint, bears } = this.news;
        const now = this.o.clock.now();
        const isGateKnown = closedUntil !== null && seen !== null && seen.gateMs > closedUntil - now - SAME_BURST_MS;
        const isStepKnown = closedUntil === null && seen?.steppedAgoMs != null && now - refusedAt > seen.steppedAgoMs - SAME_BURST_MS;
        const isTooFast = (h: NonNullable<typeof hint>) => this.activity.recent.lately(now) * (h.until - now) > h.remaining * 1_000;
        return (
            (refused > 0 && !isGateKnown && !isStepKnown) ||
            scouted !== null ||
            probed !== null ||
            isAway ||
            bears !== null ||
            this.isRefuted ||
            (seen?.totalRate == null && hint !== null && isTooFast(hint))
        );
    }

    private isErrandFree(seen: Grant | null): boolean {
        return seen?.breaker ? seen.breaker.probeMs <= 0 : seen?.scoutMs === 0;
    }

    private couldHaveMore(): boolean {
        const now = this.o.clock.now();
        const { rate } = this.share;
        const fair = this.known?.fairRate ?? null;
        if (rate === null || now - this.toldAt < Math.max(HUNGRY_MS, this.crowdMs) || !this.activity.isWanting(now)) return false;
        return fair === null || fair > rate * WORTH_ASKING;
    }

    private telling(seq: number, now: number): { renewal: Renewal; told: Told } {
        const { activity, news } = this;
        const { refused, refusedAt, closedUntil, hint, scouted, probed } = news;
        // Who has not told yet tells of the last minute.
        const since = this.client.isHolder ? { calls: news.accepted, ms: now - this.toldAt } : activity.recent.all(now);
        const { succeededAt } = activity.health;
        const renewal: Renewal = {
            holder: this.o.holder,
            seq,
            jobs: activity.needs(now, this.known?.holders ?? 0),
            rates: this.rates,
            accepted: since.calls,
            ms: since.ms,
            lately: Math.round(activity.recent.lately(now) * 10) / 10,
            spent: spentAgo(news, now),
            keeps: this.keeps(now),
            refused,
            refusedAgoMs: refused > 0 ? now - refusedAt : 0,
            closedMs: closedUntil === null ? null : Math.max(1, closedUntil - now),
            hint: hint && { remaining: hint.remaining, resetMs: hint.until - now },
            succeededAgoMs: succeededAt === null ? null : now - succeededAt,
            failing: news.isAway ? activity.health.away(now) : null,
            scouted,
            probed,
            bears: news.bears,
        };
        return { renewal, told: { ...news, spentIn: { ...news.spentIn }, rates: this.rates } };
    }

    /** Of the quota: calls in flight, and what may be needed. */
    private keeps(now: number): number {
        const { activity, share } = this;
        if (share.quota === null || share.validUntil <= now) return 0;
        const needed = activity.isWanting(now) ? Infinity : Math.ceil((activity.recent.lately(now) * KEEP_QUOTA_MS) / 1_000) + 1;
        return activity.inFlight + Math.max(0, Math.min(this.quotaLeft, needed));
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
        this.toldAt = sentAt;
        this.share = shareOf(grant, sentAt);
        this.saw(standingOf(grant, sentAt));
        const every = Math.min(Math.max(RENEW_MS, this.crowdMs), VALID_MS * 0.7);
        this.renewsAt = Math.min(this.renewsAt, sentAt + every * (0.9 + 0.2 * this.o.chance()));
        this.heedRates();
    }

    /** Goes by what is known of the target from now on; null: nothing is limited. */
    private saw(standing: Standing | null): void {
        const before = this.known;
        // An errand that is done stands there until it has been told.
        const isDone = this.news.probed !== null || this.news.scouted !== null;
        this.known = standing && isDone ? { ...standing, errand: null } : standing;
        if (standing?.succeededAt != null) this.activity.health.heard(standing.succeededAt);
        // Others need more, or there is less: theirs is left to them at once.
        const { rate, inFlight, quota } = this.share;
        if (standing?.fairRate != null && rate !== null && this.client.isHolder)
            this.share = lesser(this.share, { rate: standing.fairRate, inFlight, quota });
        const opening = (s: Standing | null) =>
            s && [s.gateUntil, s.breaker?.probeAt, s.errand?.until, s.totalRate === null, s.quotaFreeAt].join(' ');
        this.moved(opening(before) !== opening(standing) || rate !== this.share.rate);
    }

    /** A share is none that was given before a job has asked for less. */
    heedRates(): void {
        this.rates = this.activity.rates();
        const isTold = ({ n, perMs }: Rate) => this.toldRates.some((told) => told.perMs === perMs && told.n <= n);
        if (this.rates.every(isTold)) return;
        this.share = NO_SHARE;
        this.hurry(0);
    }
}
