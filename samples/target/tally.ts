// What a target has seen and answered. Time comes as an argument.
import type { How } from './options';

export interface TargetStats {
    /** Calls that came, those during outages included. */
    requests: number;
    inFlight: number;
    maxInFlight: number;
    /** Answers sent, by status. */
    statuses: Record<string, number>;
    /** Answers by which a call was told to come later: by a limit, or by chance. */
    throttled: number;
    /** Calls that ended without an answer: cut off by an outage, or left by their callers. */
    unanswered: number;
    /** Distinct idempotency keys, the most calls that one of them had, and how many had more than one 200. */
    keys: number;
    maxCallsPerKey: number;
    keysSucceededTwice: number;
    outages: OutageStats[];
}

export interface OutageStats {
    how: How;
    /** In ms since 1970; `to` is null while it lasts. */
    from: number;
    to: number | null;
    /** Calls and connections that came meanwhile. None can be seen of those that a closed port refuses. */
    calls: number;
    connections: number;
}

export interface KeyCalls {
    calls: number;
    succeeded: number;
}

/** What became of the calls that came in one second. */
export interface Second {
    /** Answered with a status below 400. */
    accepted: number;
    throttled: number;
    /** Answered with any other status from 400 up, outages' included. */
    failed: number;
    /** Ended without an answer. */
    refused: number;
}

export interface RecordedCall {
    /** When it came, in ms since 1970. */
    at: number;
    /** Of the item: what follows the job's id in the idempotency key. Null without one. */
    key: string | null;
    attempt: number;
    /** Null before it is answered, and when it never was. */
    status: number | null;
}

export interface FullStats extends TargetStats {
    perKey: Record<string, KeyCalls>;
    /** Of each second since the target began. */
    perSecond: Second[];
    /** In the order in which they came; none without `record`. */
    calls: RecordedCall[];
}

/** A call between its coming and its end. */
export class Call {
    readonly recorded: RecordedCall;
    /** Once an answer is on its way, or it is clear that none will come. */
    isOver = false;

    constructor(
        at: number,
        idempotencyKey: string | undefined,
        attempt: string,
        readonly ofKey: KeyCalls | undefined,
    ) {
        this.recorded = {
            at,
            key: idempotencyKey === undefined ? null : itemKeyOf(idempotencyKey),
            attempt: Number(attempt),
            status: null,
        };
    }
}

export class Tally {
    private readonly perKey = new Map<string, KeyCalls>();
    private readonly perSecond: Second[] = [];
    private readonly calls: RecordedCall[] = [];
    private readonly outages: OutageStats[] = [];
    private readonly statuses: Record<string, number> = {};
    private readonly counts = {
        requests: 0,
        inFlight: 0,
        maxInFlight: 0,
        throttled: 0,
        unanswered: 0,
        maxCallsPerKey: 0,
        keysSucceededTwice: 0,
    };

    constructor(
        private readonly began: number,
        private readonly record: boolean,
    ) {}

    get inFlight(): number {
        return this.counts.inFlight;
    }

    came(now: number, idempotencyKey: string | undefined, attempt: string): Call {
        const { counts, perKey } = this;
        counts.requests++;
        counts.maxInFlight = Math.max(counts.maxInFlight, ++counts.inFlight);
        const ofKey = idempotencyKey === undefined ? undefined : (perKey.get(idempotencyKey) ?? { calls: 0, succeeded: 0 });
        if (idempotencyKey !== undefined && ofKey) {
            counts.maxCallsPerKey = Math.max(counts.maxCallsPerKey, ++ofKey.calls);
            perKey.set(idempotencyKey, ofKey);
        }
        const call = new Call(now, idempotencyKey, attempt, ofKey);
        if (this.record) this.calls.push(call.recorded);
        const outage = this.outages.at(-1);
        if (outage?.to === null) outage.calls++;
        return call;
    }

    answered(call: Call, status: number, isThrottled: boolean): void {
        call.isOver = true;
        call.recorded.status = status;
        this.statuses[status] = (this.statuses[status] ?? 0) + 1;
        if (status === 200 && call.ofKey && ++call.ofKey.succeeded === 2) this.counts.keysSucceededTwice++;
        if (isThrottled) this.counts.throttled++;
        this.second(call.recorded.at)[isThrottled ? 'throttled' : status < 400 ? 'accepted' : 'failed']++;
    }

    /** Its connection is free or gone. */
    left(call: Call): void {
        this.counts.inFlight--;
        if (call.isOver) return;
        call.isOver = true;
        this.counts.unanswered++;
        this.second(call.recorded.at).refused++;
    }

    connected(): void {
        const outage = this.outages.at(-1);
        if (outage?.to === null) outage.connections++;
    }

    wentAway(now: number, how: How): void {
        this.outages.push({ how, from: now, to: null, calls: 0, connections: 0 });
    }

    cameBack(now: number): void {
        const outage = this.outages.at(-1);
        if (outage?.to === null) outage.to = now;
    }

    /** When nothing could be accepted. */
    closed(): { from: number; to: number }[] {
        return this.outages.map(({ from, to }) => ({ from, to: to ?? Infinity }));
    }

    /** What costs the same however many calls there were. */
    summary(): TargetStats {
        return {
            ...this.counts,
            statuses: { ...this.statuses },
            keys: this.perKey.size,
            outages: this.outages.map((outage) => ({ ...outage })),
        };
    }

    seconds(now: number): Second[] {
        this.second(now);
        return this.perSecond.map((second) => ({ ...second }));
    }

    recorded(): RecordedCall[] {
        return this.calls.map((call) => ({ ...call }));
    }

    full(now: number): FullStats {
        const perKey = Object.fromEntries(this.perKey);
        return { ...this.summary(), perKey, perSecond: this.seconds(now), calls: this.recorded() };
    }

    private second(at: number): Second {
        const { perSecond } = this;
        const index = Math.max(0, Math.floor((at - this.began) / 1000));
        while (perSecond.length <= index) perSecond.push({ accepted: 0, throttled: 0, failed: 0, refused: 0 });
        return perSecond[index]!;
    }
}

/** An idempotency key is `{jobId}:{key}`, and a job's id has no colon. */
export const itemKeyOf = (idempotencyKey: string): string => idempotencyKey.slice(idempotencyKey.indexOf(':') + 1);
