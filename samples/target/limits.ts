// The limits that a service sets its callers, and what it tells them of these. Pure: time is an argument, so that a simulation can use them too.

/** `x-ratelimit`: Reset in seconds left; `x-ratelimit-epoch`: Reset as unix time; `ratelimit`: draft 10 of the IETF's RateLimit header fields. */
export type Dialect = 'none' | 'x-ratelimit' | 'x-ratelimit-epoch' | 'ratelimit';

interface Common {
    /** Names the limit in the draft's header fields, and tells `set` which one is meant. Default: `default`, the second `default-2`. */
    name?: string | undefined;
    /** Sent with every answer. Default: `none`. */
    headers?: Dialect | undefined;
    /** Of a refusal. Default: 429. */
    status?: number | undefined;
}

export interface BucketSpec extends Common {
    kind: 'bucket';
    perSecond: number;
    /** How many tokens the bucket holds; it is full at first. */
    burst: number;
    /** Seconds, the same for each refusal. Default: until the next token, rounded up. */
    retryAfter?: number | 'none' | undefined;
}

export interface WindowSpec extends Common {
    kind: 'window';
    calls: number;
    perMs: number;
    /** Whether a refusal says for how many whole seconds the window lasts, rounded up. */
    retryAfter: boolean;
    /** Windows are multiples of `perMs`: since the limits began, or since 1970. Default: `start`. */
    alignedTo?: 'start' | 'clock' | undefined;
}

export type LimitSpec = BucketSpec | WindowSpec;

export interface Verdict {
    admitted: boolean;
    /** 200, or that of the refusal. */
    status: number;
    /** With names in lower case. */
    headers: Record<string, string>;
}

/** A time in ms, its end not included. */
export interface Span {
    from: number;
    to: number;
}

export interface Limiter {
    take(now: number): Verdict;
    /** How many calls a perfect client could have got accepted in this time, one that comes to it with nothing used up. */
    capacity(from: number, to: number, closed?: readonly Span[]): number;
}

/** What the header fields tell of a limit. */
interface Standing {
    limit: number;
    remaining: number;
    /** When all of it will be there again, in ms. */
    fullAt: number;
    /** In how long that becomes so from nothing. */
    periodMs: number;
}

interface Limit {
    readonly spec: LimitSpec;
    admits(now: number): boolean;
    /** Of a call that is admitted; a refused one takes nothing. */
    spend(now: number): void;
    /** The first time from now on at which a call would be admitted, if none came before. */
    nextAt(now: number): number;
    standing(now: number): Standing;
    /** In seconds; null where a refusal does not say. */
    retryAfter(now: number): number | null;
}

/** Far below what one token is, far above what rounding does to a level. */
const SLACK = 1e-6;

export class TokenBucket implements Limit {
    /** In thousandths of a token: so a whole rate over whole milliseconds stays exact. */
    private level: number;

    constructor(
        readonly spec: BucketSpec,
        private at: number,
        level = Infinity,
    ) {
        this.level = Math.min(level, spec.burst * 1000);
    }

    /** The same bucket under another spec: what has gathered in it stays, as far as it fits. */
    changed(spec: BucketSpec, now: number): TokenBucket {
        this.settle(now);
        return new TokenBucket(spec, this.at, this.level);
    }

    admits(now: number): boolean {
        this.settle(now);
        return this.level >= 1000 - SLACK;
    }

    spend(now: number): void {
        this.settle(now);
        this.level -= 1000;
    }

    nextAt(now: number): number {
        return this.admits(now) ? now : now + (1000 - this.level) / this.spec.perSecond;
    }

    /** As redis-cell and its kind tell it: the burst is the limit, and the time that of a full bucket, so a client that goes by it calls too little. */
    standing(now: number): Standing {
        this.settle(now);
        const { burst, perSecond } = this.spec;
        return {
            limit: Math.floor(burst),
            remaining: Math.max(0, Math.floor((this.level + SLACK) / 1000)),
            fullAt: now + (burst * 1000 - this.level) / perSecond,
            periodMs: (burst * 1000) / perSecond,
        };
    }

    retryAfter(now: number): number | null {
        const { retryAfter } = this.spec;
        if (retryAfter === 'none') return null;
        return retryAfter ?? secondsUntil(this.nextAt(now), now, 1);
    }

    /** A clock that goes back takes no tokens away, and gives none twice. */
    private settle(now: number): void {
        if (now <= this.at) return;
        this.level = Math.min(this.spec.burst * 1000, this.level + this.spec.perSecond * (now - this.at));
        this.at = now;
    }
}

export class FixedWindow implements Limit {
    private begin = -Infinity;
    private used = 0;

    constructor(
        readonly spec: WindowSpec,
        private readonly began: number,
    ) {}

    /** The same count under another spec, unless its windows are others. */
    changed(spec: WindowSpec, now: number): FixedWindow {
        const changed = new FixedWindow(spec, this.began);
        this.turn(now);
        changed.turn(now);
        if (spec.perMs === this.spec.perMs && changed.begin === this.begin) changed.used = this.used;
        return changed;
    }

    admits(now: number): boolean {
        this.turn(now);
        return this.used < this.spec.calls;
    }

    spend(now: number): void {
        this.turn(now);
        this.used++;
    }

    nextAt(now: number): number {
        return this.admits(now) ? now : this.end;
    }

    standing(now: number): Standing {
        this.turn(now);
        const { calls, perMs } = this.spec;
        return { limit: calls, remaining: Math.max(0, calls - this.used), fullAt: this.end, periodMs: perMs };
    }

    retryAfter(now: number): number | null {
        this.turn(now);
        return this.spec.retryAfter ? secondsUntil(this.end, now, 1) : null;
    }

    private get end(): number {
        return this.begin + this.spec.perMs;
    }

    private turn(now: number): void {
        const { perMs, alignedTo } = this.spec;
        const origin = alignedTo === 'clock' ? 0 : this.began;
        const begin = origin + Math.floor((now - origin) / perMs) * perMs;
        if (begin <= this.begin) return; // the clock has gone back: that window is over
        this.begin = begin;
        this.used = 0;
    }
}

/** Several limits at once, none at all included: a call is admitted that each of them admits. */
export class Limits implements Limiter {
    private limits: Limit[];
    /** What has been in force from when, for `capacity`. */
    private readonly history: { at: number; specs: readonly LimitSpec[] }[];

    constructor(
        specs: readonly LimitSpec[],
        private readonly began: number,
    ) {
        this.limits = this.made(specs, began);
        this.history = [{ at: -Infinity, specs }];
    }

    take(now: number): Verdict {
        const refusing = this.limits.filter((limit) => !limit.admits(now));
        const admitted = refusing.length === 0;
        if (admitted) for (const limit of this.limits) limit.spend(now);
        const headers = headersOf(this.limits, now);
        const waits = refusing.map((limit) => limit.retryAfter(now)).filter((seconds) => seconds !== null);
        if (waits.length > 0) headers['retry-after'] = String(Math.max(...waits));
        return { admitted, status: admitted ? 200 : (refusing[0]!.spec.status ?? 429), headers };
    }

    /** Changes what is in force. A limit of the same name and kind goes on from where it stands; without names, one in the same place. */
    set(specs: readonly LimitSpec[], now: number): void {
        this.limits = this.made(specs, now, this.limits);
        this.history.push({ at: now, specs });
    }

    capacity(from: number, to: number, closed: readonly Span[] = []): number {
        // A call that is made as soon as it can be keeps no later one from being admitted: so the eager client is the perfect one.
        let turn = this.history.findLastIndex(({ at }) => at <= from);
        let limits = this.made(this.history[turn]!.specs, from);
        let calls = 0;
        for (let now = from; now < to;) {
            const change = this.history[turn + 1];
            const shut = closed.find((span) => span.from <= now && now < span.to);
            if (change && change.at <= now) {
                limits = this.made(change.specs, now, limits);
                turn++;
            } else if (shut) now = shut.to;
            else {
                const shuts = closed.map((span) => span.from).filter((at) => at > now);
                const end = Math.min(to, change?.at ?? Infinity, ...shuts);
                if (limits.length === 0) return Infinity;
                for (let next: number; now < end; calls++) {
                    while ((next = Math.max(...limits.map((limit) => limit.nextAt(now)))) > now && next < end) now = next;
                    if (next >= end) break;
                    for (const limit of limits) limit.spend(now);
                }
                now = end;
            }
        }
        return calls;
    }

    private made(specs: readonly LimitSpec[], now: number, before: readonly Limit[] = []): Limit[] {
        return specs.map((spec, place) => {
            const same = before.find((limit, at) => nameOf(limit.spec, at) === nameOf(spec, place));
            if (spec.kind === 'bucket') return same instanceof TokenBucket ? same.changed(spec, now) : new TokenBucket(spec, now);
            return same instanceof FixedWindow ? same.changed(spec, now) : new FixedWindow(spec, this.began);
        });
    }
}

export const nameOf = ({ name }: LimitSpec, place: number): string => name ?? (place === 0 ? 'default' : `default-${place + 1}`);

function headersOf(limits: readonly Limit[], now: number): Record<string, string> {
    const all = limits.map((limit, place) => ({ spec: limit.spec, name: nameOf(limit.spec, place), ...limit.standing(now) }));
    const headers: Record<string, string> = {};
    const listed = all.filter(({ spec }) => spec.headers === 'ratelimit');
    if (listed.length > 0) {
        const seconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000));
        headers['ratelimit-policy'] = listed.map((l) => `"${l.name}";q=${l.limit};w=${seconds(l.periodMs)}`).join(', ');
        headers['ratelimit'] = listed.map((l) => `"${l.name}";r=${l.remaining};t=${secondsUntil(l.fullAt, now, 0)}`).join(', ');
    }
    // These have room for one limit: the one that leaves least, and of two such the one that does so for longer.
    const [tightest] = all
        .filter(({ spec }) => spec.headers === 'x-ratelimit' || spec.headers === 'x-ratelimit-epoch')
        .sort((a, b) => a.remaining - b.remaining || b.fullAt - a.fullAt);
    if (tightest) {
        const isEpoch = tightest.spec.headers === 'x-ratelimit-epoch';
        headers['x-ratelimit-limit'] = String(tightest.limit);
        headers['x-ratelimit-remaining'] = String(tightest.remaining);
        headers['x-ratelimit-reset'] = String(isEpoch ? secondsUntil(tightest.fullAt, 0, 0) : secondsUntil(tightest.fullAt, now, 0));
    }
    return headers;
}

/** Whole seconds, rounded up; what rounding of numbers adds is not another second. */
const secondsUntil = (at: number, now: number, least: number): number => Math.max(least, Math.ceil((at - now) / 1000 - SLACK));
