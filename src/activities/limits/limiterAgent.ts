// One process at one target: its share of what the target may be asked, shared by its slices, and renewed while one of them runs.
import { TargetHealth, type Blame, type Evidence } from '../../core/blame';
import type { WaitCode } from '../../core/codes';
import {
    left,
    newRegister,
    RENEW_MS,
    renewed,
    seenOf,
    VALID_MS,
    type Grant,
    type JobNeed,
    type Register,
    type Renewal,
} from '../../core/limiter/register';
import { Pacer } from '../../core/limiter/pacer';
import { rateText, type Rate } from '../../core/limiter/rate';
import type { Log } from '../../log';
import type { Clock } from '../processSlice/clock';
import { RecentCalls } from './recentCalls';
import { lookedAt, standingOf, type Standing } from './standing';

/** Registers on storage, one a limiter. */
export interface RegisterStore {
    /** What stands there: the register, or that it is as it was under this ETag, or that there is none. `date`: storage's clock, in ms. */
    read(
        name: string,
        etag: string | null,
    ): Promise<{ found: 'none' | 'same'; date: number } | { found: 'register'; register: Register; etag: string; date: number }>;
    /** Writes it over what stands there under this ETag, or where nothing stands (null); false when something else stands there. */
    replace(register: Register, etag: string | null): Promise<{ written: false } | { written: true; etag: string }>;
}

/** A job at work at the target. */
export interface JobAtTarget {
    id: string;
    /** What its spec asks for, as it is now. */
    rates: () => Rate[];
    /** Called when more, or less, may be called than before. */
    changed: () => void;
}

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

/** Between two looks at a register that limits something, and at one that does not, or is not there. In ms. */
const LOOK_MS = 2_000;
const LOOK_SELDOM_MS = 5_000;
/** Between two requests, at least. In ms. */
const LEAST_MS = 250;
/** Whoever has less than he needs asks again after so long, in ms. */
const HUNGRY_MS = 1_000;
/** A process that has refused so lately (ms) needs as much as it can have. */
const WANTING_MS = 6_000;
/** After a refusal the own share is so much of what it was, until the register says more; not more often than once a second. */
const CUT = 0.8;
const CUT_EVERY_MS = 1_000;
/** Tries at replacing the register, when others are first. */
const TRIES = 8;
/** Without a slice an agent stays so long (ms): the next slice is likely to come. */
const LINGER_MS = 3_000;
/** Calls that the mean latency is taken over. */
const LATENCY_CALLS = 50;
/** Calls by which the rest of a quota is low. */
const LOW_QUOTA = 0.25;
/** What is due now is asked for again after so long, in ms. */
const SOON_MS = 20;
/** What a target says is left is heeded when it is for at least so long, in ms. */
const SHORTEST_HINT_MS = 2_000;

interface Member extends JobAtTarget {
    slices: number;
    inFlight: number;
    /** When it was refused last for want of a share. */
    wantedAt: number;
    recent: RecentCalls;
    listeners: Set<() => void>;
}

interface Unreported {
    accepted: number;
    spent: number;
    refused: number;
    retryAfterMs: number | null;
    hint: { remaining: number; resetMs: number } | null;
    scouted: Renewal['scouted'];
    probed: string | null;
}
const nothingYet = (): Unreported => ({ accepted: 0, spent: 0, refused: 0, retryAfterMs: null, hint: null, scouted: null, probed: null });

export interface AgentOptions {
    name: string;
    store: RegisterStore;
    /** One that does not go back. */
    clock: Clock;
    /** Uniform in [0, 1). */
    chance: () => number;
    /** A name that no other process has. */
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
    /** Null: the register was not there, or has not been looked at. */
    private standing: Standing | null = null;
    private spentSince = 0;
    private inFlight = 0;
    private cut = 1;
    private cutAt = -Infinity;
    /** The gate, the breaker and what the target says is left, as this process has seen them before the register has. */
    private ownGateUntil = -Infinity;
    private isAway = false;
    /** When the one call began that a scout, or a probe, makes. */
    private errandAt: number | null = null;
    private seq = 0;
    private etag: string | null = null;
    /** The register as it was read last, and storage's clock then. */
    private register: Register | null = null;
    private unreported = nothingYet();
    /** A renewal of which nobody knows whether it was taken in. */
    private pending: { seq: number; told: Unreported; sentAt: number } | null = null;
    private reportedAt: number;
    /** Storage's clock minus this one: as far as answers show, at least so much. */
    private offset = -Infinity;
    private isAsking = false;
    private renewsAt = -Infinity;
    private wakesAt = Infinity;
    private askedAt = -Infinity;
    private cancelWake = (): void => undefined;
    /** Of calls that were answered, over the last of them. */
    private latencyMs = 100;
    private hasLooked: Promise<void> | null = null;
    private isOver = false;
    private bears: number | null = null;

    constructor(private readonly o: AgentOptions) {
        const now = o.clock.now();
        this.recent = new RecentCalls(now);
        this.reportedAt = now;
    }

    /** A slice of a job comes. `ready` resolves when the register has been looked at, or rejects with what storage answered. */
    join(job: JobAtTarget): { ready: Promise<void>; leave: () => void } {
        const now = this.o.clock.now();
        const member: Member = this.members.get(job.id) ?? {
            ...job,
            slices: 0,
            inFlight: 0,
            wantedAt: now,
            recent: new RecentCalls(now),
            listeners: new Set(),
        };
        member.rates = job.rates;
        member.slices++;
        member.listeners.add(job.changed);
        this.members.set(job.id, member);
        this.hasLooked ??= this.renewOrLook();
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
        if (this.standing?.isLimited) this.giveBack().catch((error: unknown) => this.complain(error));
    }

    private async giveBack(): Promise<void> {
        for (let tries = 1; tries <= TRIES; tries++) {
            const now = await this.read();
            if (!this.register) return;
            const { holder } = this.o;
            const answer = await this.o.store.replace(left(this.register, { holder, spent: this.unreported.spent }, now), this.etag);
            if (answer.written) return;
        }
    }

    private hasRates(): boolean {
        for (const { rates } of this.members.values()) if (rates().length > 0) return true;
        return false;
    }

    /** Whether anything of the target is shared out. */
    private get isShared(): boolean {
        return this.standing?.isLimited === true || this.hasRates();
    }

    /** `admitted`: the call is to be made now, and to be told of with `ended`. */
    admit(jobId: string): 'admitted' | NotNow {
        const now = this.o.clock.now();
        const member = this.members.get(jobId);
        const { standing } = this;
        const isErrand = this.errandAt === null && (standing?.probe === true || standing?.scout === true);
        if (this.targetIsAway)
            return isErrand && standing?.probe
                ? this.begin(member, now, true)
                : { why: 'breaker', waitMs: Math.max(SOON_MS, this.probeAt(now) - now) };
        const opensAt = this.gateUntil;
        if (opensAt > now) {
            if (isErrand && standing?.scout) return this.begin(member, now, true);
            return { why: 'gate', waitMs: Math.max(SOON_MS, Math.min(opensAt, standing?.scoutAt ?? Infinity) - now) };
        }
        if (!this.isShared) return this.begin(member, now, false);
        if (!standing || standing.validUntil <= now || standing.rate === 0 || standing.inFlight === 0) return this.without(member, now);
        if (standing.inFlight !== null && this.inFlight >= standing.inFlight) {
            if (member) member.wantedAt = now;
            return { why: 'inFlight', waitMs: null };
        }
        if (this.quotaLeft < 1) {
            this.hurry(HUNGRY_MS);
            return { why: 'quota', waitMs: Math.max(HUNGRY_MS, standing.quotaFreeAt - now) };
        }
        const due = this.pacer.ask(jobId, now);
        if (due > now) {
            if (member) member.wantedAt = now;
            return { why: 'rate', waitMs: due === Infinity ? HUNGRY_MS : due - now };
        }
        return this.begin(member, now, false);
    }

    private begin(member: Member | undefined, now: number, isErrand: boolean): 'admitted' {
        this.inFlight++;
        if (member) member.inFlight++;
        if (isErrand) this.errandAt = now;
        const quota = this.standing?.quota ?? null;
        if (quota !== null) {
            this.unreported.spent++;
            this.spentSince++;
            if (this.quotaLeft < quota * LOW_QUOTA) this.hurry(HUNGRY_MS);
        }
        return 'admitted';
    }

    /** No share: it is asked for again. */
    private without(member: Member | undefined, now: number): NotNow {
        if (member) member.wantedAt = now;
        this.hurry(HUNGRY_MS);
        return { why: 'share', waitMs: HUNGRY_MS / 2 };
    }

    private get quotaLeft(): number {
        return (this.standing?.quota ?? Infinity) - this.spentSince;
    }

    private get gateUntil(): number {
        return Math.max(this.standing?.gateUntil ?? -Infinity, this.ownGateUntil);
    }

    private probeAt(now: number): number {
        return this.standing?.breaker?.probeAt ?? now + HUNGRY_MS;
    }

    /** A call that was admitted is over. */
    ended(jobId: string, call: TargetCall): void {
        const now = this.o.clock.now();
        const member = this.members.get(jobId);
        this.inFlight--;
        if (member) member.inFlight--;
        const { evidence } = call;
        this.health.ended(evidence, call.isProven, call.why, now);
        const wasErrand = this.errandAt !== null && call.began >= this.errandAt;
        if (evidence === 'answered') {
            this.latencyMs += (now - call.began - this.latencyMs) / LATENCY_CALLS;
            this.unreported.accepted++;
            this.recent.add(now);
            member?.recent.add(now);
        }
        if (wasErrand) this.errandEnded(call);
        if (evidence === 'throttled') this.refused(call, now);
        else if (call.hint && evidence === 'answered') this.hinted(call.hint, now);
        if (evidence === 'answered' && this.targetIsAway) this.hurry(0);
        if (!this.targetIsAway && this.health.away(now)) {
            // Nothing succeeds any more: this process stops at once, and tells the others.
            this.isAway = true;
            this.o.log.warn('target is away', { limiter: this.o.name, why: call.why });
            this.hurry(0);
            this.tellAll();
        }
    }

    private errandEnded({ evidence, why }: TargetCall): void {
        const { standing } = this;
        this.errandAt = null;
        if (standing?.probe && evidence !== 'answered' && evidence !== 'throttled') this.unreported.probed = why;
        if (standing?.scout) this.unreported.scouted = evidence === 'answered' ? 'passed' : evidence === 'throttled' ? 'refused' : 'failed';
        // Another call is for the next errand.
        if (standing) this.standing = { ...standing, probe: false, scout: false };
        this.hurry(0);
    }

    private refused({ retryAfterMs }: TargetCall, now: number): void {
        if (this.unreported.refused++ === 0) this.hurry(0);
        if (retryAfterMs !== undefined) this.unreported.retryAfterMs = Math.max(retryAfterMs, this.unreported.retryAfterMs ?? 0);
        if (retryAfterMs !== undefined && retryAfterMs > 0 && !this.standing?.overstates) {
            // Until the register has heard of it, and says when the gate opens.
            if (this.gateUntil <= now) this.ownGateUntil = now + Math.min(retryAfterMs, VALID_MS);
        } else if (now - this.cutAt >= CUT_EVERY_MS) {
            this.cutAt = now;
            this.cut *= CUT;
            this.pace(now);
        }
    }

    private hinted(hint: { remaining: number; resetMs: number }, now: number): void {
        this.unreported.hint = hint;
        const rate = Math.max(0.5, hint.remaining) / (hint.resetMs / 1_000);
        if (this.standing?.totalRate != null || hint.resetMs < SHORTEST_HINT_MS || this.recent.lately(now) <= rate) return;
        this.hurry(0);
        // Until the register has heard of it: what is left, spread over the time that is left.
        this.pacer.setRate(rate, rate, now);
    }

    private pace(now: number): void {
        const own = this.standing?.rate ?? (this.cut < 1 ? this.recent.lately(now) : Infinity);
        const rate = own * this.cut;
        this.pacer.setRate(rate, Math.max(rate, this.standing?.totalRate ?? 0), now);
    }

    /** Whose fault a failed attempt is that began then. */
    blame(evidence: Evidence, began: number): Blame {
        return this.health.blame(evidence, began, this.targetIsAway);
    }

    /** Whether nothing succeeds at the target, as far as this process knows. */
    get targetIsAway(): boolean {
        return this.isAway || this.standing?.breaker != null;
    }

    /** The next call that is admitted finds out whether the target is back. */
    get isProbing(): boolean {
        return this.errandAt === null && this.standing?.probe === true;
    }

    /** Calls in flight that the rate can use at the latency of the last calls, with half as many again; null: it is not limited. */
    get usefulInFlight(): number | null {
        const rate = this.standing?.totalRate ?? null;
        return rate === null ? null : Math.ceil((rate * this.latencyMs * 1.5) / 1_000);
    }

    /** `Retry-After` of a single call is to be believed. */
    get meansRetryAfter(): boolean {
        return this.standing?.overstates !== true;
    }

    /** What keeps every call off now; null: nothing, or only for turns. */
    wait(): Wait | null {
        const now = this.o.clock.now();
        const { standing } = this;
        if (this.targetIsAway) {
            const { why = this.health.away(now)?.why ?? 'nothing succeeds', failingSince = now } = standing?.breaker ?? {};
            return { code: 'BREAKER_OPEN', why, ms: standing?.probe ? 0 : this.probeAt(now) - now, failingMs: now - failingSince };
        }
        if (this.gateUntil > now) {
            const until = Math.min(this.gateUntil, standing?.scoutAt ?? Infinity);
            const failingMs = standing?.succeededAt == null ? 0 : now - standing.succeededAt;
            return { code: 'GATE_CLOSED', why: 'the target has asked for a pause', ms: standing?.scout ? 0 : until - now, failingMs };
        }
        if (!this.isShared) return null;
        if (!standing || standing.validUntil <= now || standing.rate === 0 || standing.inFlight === 0)
            return { code: 'NO_SHARE', why: 'others have all that the target may be asked', ms: HUNGRY_MS, failingMs: 0 };
        if (this.quotaLeft >= 1) return null;
        const why = `${standing.exhausted ? rateText(standing.exhausted) : 'a window'} is used up`;
        return { code: 'NO_SHARE', why, ms: Math.max(HUNGRY_MS, standing.quotaFreeAt - now), failingMs: 0 };
    }

    /** Calls in flight that the target bears well, as far as anybody has learned; null: nobody has. */
    get learnedInFlight(): number | null {
        return this.bears ?? this.standing?.bears ?? null;
    }

    /** Calls in flight that a slice has learned the target bears well. */
    learn(inFlight: number): void {
        this.bears = inFlight;
    }

    // --- the register ----------------------------------------------------------------------------------------------

    /** Storage is asked after so long at the latest. */
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
            if (this.isOver) return;
            if (this.isAsking) return this.wakeAt(this.o.clock.now() + LEAST_MS, this.o.clock.now());
            this.renewOrLook().catch((error: unknown) => this.complain(error));
        });
    }

    private complain(error: unknown): void {
        this.o.log.warn('limiter could not be asked', { limiter: this.o.name }, error);
    }

    /** Looks, and renews where anything is limited and it is time for that. */
    private async renewOrLook(): Promise<void> {
        this.isAsking = true;
        const askedAt = this.o.clock.now();
        this.askedAt = askedAt;
        const isDue = askedAt >= this.renewsAt;
        if (isDue) this.renewsAt = Infinity;
        try {
            const at = await this.read();
            const seen = this.register && seenOf(this.register, this.o.holder, at);
            if (this.hasRates() || this.hasNews(isDue) || (seen?.isLimited && (isDue || !this.isHolder))) await this.renew(at);
            else this.heed(seen && lookedAt(this.standing, standingOf(seen, askedAt)));
        } catch (error) {
            // Told once more, as soon as storage answers.
            if (isDue) this.renewsAt = this.o.clock.now() + HUNGRY_MS;
            throw error;
        } finally {
            this.isAsking = false;
            this.next();
        }
    }

    /** Something that others must know. */
    private hasNews(isDue: boolean): boolean {
        const { refused, scouted, probed, hint } = this.unreported;
        return (
            refused > 0 || scouted !== null || probed !== null || this.isAway || (hint !== null && isDue) || (this.targetIsAway && isDue)
        );
    }

    private get isHolder(): boolean {
        return this.register?.holders[this.o.holder] !== undefined;
    }

    /** Reads the register where it has changed; gives storage's clock. */
    private async read(): Promise<number> {
        const { clock, store, name } = this.o;
        const answer = await store.read(name, this.etag);
        this.offset = Math.max(this.offset, answer.date - clock.now());
        if (answer.found === 'register') [this.register, this.etag] = [answer.register, answer.etag];
        if (answer.found === 'none') [this.register, this.etag] = [null, null];
        const { pending } = this;
        // Its answer was lost, and it was taken in.
        if (pending && this.register?.holders[this.o.holder]?.seq === pending.seq) this.commit(pending);
        return Math.round(clock.now() + this.offset);
    }

    private async renew(firstAt: number): Promise<void> {
        const { clock, store, name } = this.o;
        for (let at = firstAt, tries = 1; tries <= TRIES; at = await this.read(), tries++) {
            const sentAt = clock.now();
            const renewal = this.renewal(sentAt);
            const { register, grant } = renewed(this.register ?? newRegister(name), renewal, at);
            this.pending = { seq: renewal.seq, told: { ...this.unreported }, sentAt };
            const answer = await store.replace(register, this.etag);
            if (answer.written) {
                [this.register, this.etag] = [register, answer.etag];
                this.commit(this.pending);
                this.take(grant, sentAt);
                return;
            }
            this.pending = null;
        }
        throw new Error(`others were first ${TRIES} times`);
    }

    private renewal(now: number): Renewal {
        const { accepted, spent, refused, retryAfterMs, hint, scouted, probed } = this.unreported;
        // Who has not reported yet tells of the last minute.
        const since = this.isHolder ? { calls: accepted, ms: now - this.reportedAt } : this.recent.all(now);
        const { answeredAt } = this.health;
        return {
            holder: this.o.holder,
            seq: ++this.seq,
            jobs: Object.fromEntries([...this.members].map(([id, member]) => [id, this.needOf(member, now)])),
            accepted: since.calls,
            ms: since.ms,
            lately: this.recent.lately(now),
            spent,
            keeps: this.standing?.quota == null ? 0 : Math.max(0, this.quotaLeft),
            refused,
            retryAfterMs,
            hint,
            succeededAgoMs: answeredAt === null ? null : now - answeredAt,
            failing: this.isAway ? this.health.away(now) : null,
            scouted,
            probed,
            bears: this.bears,
        };
    }

    private needOf({ wantedAt, recent, inFlight, rates }: Member, now: number): JobNeed {
        return { want: now - wantedAt < WANTING_MS ? null : recent.lately(now) * 1.5 + 1, inFlight, rates: rates() };
    }

    /** What was told is told. */
    private commit({ told, sentAt }: { told: Unreported; sentAt: number }): void {
        const u = this.unreported;
        this.unreported = {
            accepted: u.accepted - told.accepted,
            spent: u.spent - told.spent,
            refused: u.refused - told.refused,
            retryAfterMs: u.refused > told.refused ? u.retryAfterMs : null,
            hint: u.hint === told.hint ? null : u.hint,
            scouted: u.scouted === told.scouted ? null : u.scouted,
            probed: u.probed === told.probed ? null : u.probed,
        };
        this.reportedAt = sentAt;
        this.pending = null;
    }

    /** Takes a grant that was asked for then. */
    private take(grant: Grant, askedAt: number): void {
        // Calls made out of the quota while it was asked for.
        this.spentSince = this.unreported.spent;
        this.cut = 1;
        this.ownGateUntil = -Infinity;
        const standing = standingOf(grant, askedAt);
        if (this.isAway && !standing.breaker && standing.succeededAt !== null) this.health.heard(standing.succeededAt);
        this.isAway = false;
        this.renewsAt = Math.min(this.renewsAt, askedAt + this.renewalMs(grant));
        this.heed(standing);
    }

    /** Goes by what is known of the target from now on; null: nothing is limited. */
    private heed(standing: Standing | null): void {
        const before = this.standing;
        this.standing = standing;
        this.pace(this.o.clock.now());
        const opening = (s: Standing | null) =>
            s && [s.gateUntil, s.breaker?.probeAt, s.probe, s.scout, s.rate, s.inFlight, s.quota].join(' ');
        if (opening(before) !== opening(standing)) this.tellAll();
    }

    private renewalMs({ holders }: Grant): number {
        const every = Math.max(RENEW_MS, (holders / 20) * 1_000);
        return Math.min(every, VALID_MS * 0.7) * (0.9 + 0.2 * this.o.chance());
    }

    private next(): void {
        if (this.isOver) return;
        const now = this.o.clock.now();
        const { standing } = this;
        // An errand is asked for as soon as it is due.
        const errandAt = standing && !standing.probe && !standing.scout ? (standing.breaker?.probeAt ?? standing.scoutAt) : Infinity;
        this.renewsAt = Math.min(this.renewsAt, errandAt);
        const look = (standing?.isLimited ? LOOK_MS : LOOK_SELDOM_MS) * (0.9 + 0.2 * this.o.chance());
        this.wakeAt(Math.min(now + look, Math.max(this.renewsAt, this.askedAt + LEAST_MS)), now);
    }

    private tellAll(): void {
        for (const { listeners } of this.members.values()) for (const tell of listeners) tell();
    }
}
