// Holders of a register that do what the agent does, over a register that is one value: for properties of the reducer.
import { NO_SHARE, lesser, shareOf, type Share } from '../../../../src/activities/limits/standing';
import { left, newRegister, renewed, settled, type Register, type Renewal, type Settings } from '../../../../src/core/limiter/register';
import { renewal } from '../../../support/renewal';
import type { Grant } from '../../../../src/core/limiter/grant';

/** What becomes of a renewal: it is taken in, or it is and nobody hears of it, or it is not. */
export type Fate = 'taken' | 'answerLost' | 'requestLost';

const START = 1_790_000_000_000;

/** True time and the register; every holder reads the clock behind by a time of its own. */
export class Registered {
    now = START;
    register: Register = newRegister('target');
    readonly holders: ModelHolder[] = [];
    /** When calls were made, in true time. */
    readonly calls: number[] = [];

    put(settings: Settings): void {
        this.register = settled(this.register, settings, 'admin', this.now);
    }

    holder(behindMs: number): ModelHolder {
        const holder = new ModelHolder(this, `holder-${this.holders.length}`, behindMs);
        this.holders.push(holder);
        return holder;
    }

    /** Of all shares that are valid now. */
    held(what: (share: Share) => number | null): number {
        return this.holders.reduce((sum, { share }) => sum + (share.validUntil > this.now ? (what(share) ?? Infinity) : 0), 0);
    }
}

export class ModelHolder {
    share: Share = NO_SHARE;
    grant: Grant | null = null;
    private seq = 0;
    private endings: number[] = [];
    private sent: { renewal: Renewal; grant: Grant; at: number; told: number; over: Register; register: Register } | null = null;
    isGone = false;

    constructor(
        private readonly world: Registered,
        readonly name: string,
        private readonly behindMs: number,
    ) {}

    private get clock(): number {
        return this.world.now - this.behindMs;
    }

    renew(fate: Fate, more: Partial<Renewal> = {}): void {
        const { world } = this;
        if (this.isGone) return;
        // It reads first, and finds whether an answer was lost.
        if (this.sent && world.register.holders[this.name]?.seq === this.sent.renewal.seq) this.take();
        const keeps = this.share.quota === null || this.share.validUntil <= world.now ? 0 : this.quotaLeft;
        const spent: number[] = [];
        for (const at of this.endings) {
            const ago = Math.floor((world.now - at) / 1_000);
            while (spent.length <= ago) spent.push(0);
            spent[ago]!++;
        }
        const telling = renewal(this.name, ++this.seq, { spent, keeps, ...more });
        const { register, grant } = renewed(world.register, telling, this.clock);
        this.sent = { renewal: telling, grant, at: world.now, told: this.endings.length, over: world.register, register };
        this.share = lesser(this.share, { ...grant, quota: grant.quota === null ? null : grant.quota + this.endings.length });
        if (fate !== 'requestLost') world.register = register;
        if (fate === 'taken') this.take();
    }

    /** A request that was lost arrives late: it is taken in where nobody else has written since. */
    arriveLate(): void {
        if (this.sent && this.world.register === this.sent.over) this.world.register = this.sent.register;
    }

    private take(): void {
        const { grant, at, told } = this.sent!;
        this.grant = grant;
        this.share = shareOf(grant, at);
        this.endings = this.endings.slice(told);
        this.sent = null;
    }

    get quotaLeft(): number {
        return Math.max(0, (this.share.quota ?? 0) - this.endings.length);
    }

    /** Makes up to so many calls out of its quota. */
    call(most: number): void {
        if (this.share.validUntil <= this.world.now || this.share.quota === null) return;
        for (let i = Math.min(most, this.quotaLeft); i > 0; i--) {
            this.endings.push(this.world.now);
            this.world.calls.push(this.world.now);
        }
    }

    /** Renews no more; what it has it may use to the end. */
    die(): void {
        this.isGone = true;
    }

    leave(): void {
        if (this.isGone) return;
        this.isGone = true;
        this.share = NO_SHARE;
        const spent = this.endings.map(() => 0);
        for (const at of this.endings) spent[Math.min(spent.length - 1, Math.floor((this.world.now - at) / 1_000))]!++;
        this.world.register = left(this.world.register, { holder: this.name, spent }, this.clock);
    }
}
