// A job at work at a target, in one process.
import type { Rate } from '../../core/limiter/rate';
import type { JobNeed } from '../../core/limiter/state';
import { RecentCalls } from './recentCalls';

/** A job that has a slice at the target. */
export interface JobAtWork {
    id: string;
    /** What its spec asks for, as it is now. */
    rates: () => Rate[];
    /** Called when more, or less, may be called than before. */
    changed: () => void;
}

/** Who has been refused so lately (ms) needs as much as he can have. */
const WANTING_MS = 6_000;
/** Who has not been needs so much of what he had, and a call a second. */
const ROOM = 1.5;

export class Member {
    slices = 0;
    inFlight = 0;
    readonly recent: RecentCalls;
    readonly listeners = new Set<() => void>();
    rates: () => Rate[] = () => [];
    /** When it was refused last for want of a share. */
    private wantedAt: number;
    /** It was told last that it needs no more than it has. */
    private isContent = false;

    constructor(now: number) {
        this.recent = new RecentCalls(now);
        this.wantedAt = now;
    }

    /** It could call more. Whether the contrary was told. */
    wants(now: number): boolean {
        this.wantedAt = now;
        return this.isContent;
    }

    isWanting(now: number): boolean {
        return now - this.wantedAt < WANTING_MS;
    }

    tellNeed(now: number): JobNeed {
        this.isContent = !this.isWanting(now);
        const want = this.isContent ? Math.ceil(this.recent.lately(now) * ROOM * 10) / 10 + 1 : null;
        return { want, inFlight: this.inFlight };
    }
}
