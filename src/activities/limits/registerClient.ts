// One process's way to a register on storage: it reads it where it has changed, and replaces it where nobody else was first.
import { seenOf, renewed, left, type Renewal } from '../../core/limiter/register';
import type { Grant } from '../../core/limiter/grant';
import { newRegister, type Register } from '../../core/limiter/state';
import type { LimiterStore } from '../../storage/limiterStore';
import { pause, type Clock } from '../processSlice/clock';
import type { Told } from './news';
import { StorageClock } from './storageClock';

/** Registers on storage, one a limiter. */
export type RegisterStore = Pick<LimiterStore, 'read' | 'replace'>;

/** A renewal that was sent, and what comes of it where it is taken in. */
export interface Attempt {
    seq: number;
    told: Told;
    grant: Grant;
    sentAt: number;
}

/** Tries at replacing the register, when others are first; between the first two up to so long (ms), then twice that, and so on. */
const TRIES = 8;
const AGAIN_MS = 10;
/** Renewals of unknown fate that are kept in mind. */
const KEPT = 10;

interface Options {
    name: string;
    store: RegisterStore;
    clock: Clock;
    holder: string;
    /** Uniform in [0, 1). */
    chance: () => number;
    /** A renewal was taken in. Also one whose answer was lost, as soon as that is seen. */
    taken: (attempt: Attempt) => void;
    /** A renewal is sent: until its fate is known, what is held is at risk. What it gives back is called when it was certainly not taken in. */
    sent: (attempt: Attempt) => () => void;
}

export class RegisterClient {
    private register: Register | null = null;
    private etag: string | null = null;
    private readonly storageClock = new StorageClock();
    private seq = 0;
    /** Renewals of which nobody knows yet whether they were taken in. */
    private attempts: Attempt[] = [];

    constructor(private readonly o: Options) {}

    /** Reads the register; gives what stands there for this holder, or null where nothing does. */
    async look(): Promise<Grant | null> {
        const at = await this.read();
        return this.register && seenOf(this.register, this.o.holder, at);
    }

    get isHolder(): boolean {
        return this.register?.holders[this.o.holder] !== undefined;
    }

    /** After a look: tells and asks, by what `tell` gives at each try. */
    async renew(tell: (seq: number, now: number) => { renewal: Renewal; told: Told } | null): Promise<void> {
        const { clock, store, name, chance } = this.o;
        for (let tries = 1; tries <= TRIES; tries++) {
            const sentAt = clock.now();
            const telling = tell(++this.seq, sentAt);
            if (!telling) return;
            const before = this.register ?? newRegister(name);
            const { register, grant } = renewed(before, telling.renewal, this.storageClock.at(sentAt));
            const attempt = { seq: this.seq, told: telling.told, grant, sentAt };
            const restore = this.o.sent(attempt);
            this.attempts = [...this.attempts, attempt].slice(-KEPT);
            const answer = await store.replace(register, this.etag);
            if (answer.written) {
                [this.register, this.etag] = [register, answer.etag];
                return this.take(attempt);
            }
            this.attempts = this.attempts.filter((a) => a !== attempt);
            restore();
            await pause(clock, chance() * AGAIN_MS * 2 ** tries);
            await this.read();
        }
        throw new Error(`others were first ${TRIES} times`);
    }

    /** Gives back what is held. */
    async leave(spent: () => number[]): Promise<void> {
        for (let tries = 1; tries <= TRIES; tries++) {
            const at = await this.read();
            if (!this.register || !this.isHolder) return;
            const answer = await this.o.store.replace(left(this.register, { holder: this.o.holder, spent: spent() }, at), this.etag);
            if (answer.written) return;
        }
    }

    /** Gives storage's clock. */
    private async read(): Promise<number> {
        const { clock, store, name, holder } = this.o;
        const answer = await store.read(name, this.etag);
        this.storageClock.heard(answer.date, clock.now());
        if (answer.found === 'register') [this.register, this.etag] = [answer.register, answer.etag];
        if (answer.found === 'none') [this.register, this.etag] = [null, null];
        const seq = this.register?.holders[holder]?.seq;
        const lost = this.attempts.find((attempt) => attempt.seq === seq);
        if (lost) this.take(lost);
        return this.storageClock.at(clock.now());
    }

    private take(attempt: Attempt): void {
        this.attempts = [];
        this.o.taken(attempt);
    }
}
