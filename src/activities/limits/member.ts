// A job at work at a target, in one process.
import type { JobNeed } from '../../core/limiter/state';
import type { Rate } from '../../core/limiter/rate';
import { RecentCalls } from './recentCalls';

/** A job at work at the target. */
export interface JobAtTarget {
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
/** Jobs that a process tells of by name. */
const NAMED = 4;

export class Member {
    slices = 0;
    inFlight = 0;
    readonly recent: RecentCalls;
    readonly listeners = new Set<() => void>();
    rates: () => Rate[];
    /** When it was refused last for want of a share. */
    private wantedAt: number;
    /** It was told that it needs no more than it has. */
    private isTold = false;

    constructor({ rates }: JobAtTarget, now: number) {
        this.rates = rates;
        this.recent = new RecentCalls(now);
        this.wantedAt = now;
    }

    /** It could call more. Whether nobody has been told so. */
    wants(now: number): boolean {
        this.wantedAt = now;
        return this.isTold;
    }

    isWanting(now: number): boolean {
        return now - this.wantedAt < WANTING_MS;
    }

    need(now: number): JobNeed {
        return { want: this.isWanting(now) ? null : Math.ceil(this.recent.lately(now) * ROOM * 10) / 10 + 1, inFlight: this.inFlight };
    }

    told({ want }: JobNeed): void {
        this.isTold = want !== null;
    }
}

const wantOf = ({ want }: JobNeed): number => want ?? Infinity;

/** What the jobs of a process need: the greatest by name, all others as one, so that a register stays small. */
export function needsOf(members: ReadonlyMap<string, Member>, now: number): Record<string, JobNeed> {
    const all = [...members].map(([id, member]) => {
        const need = member.need(now);
        member.told(need);
        return [id, need] as const;
    });
    if (all.length <= NAMED) return Object.fromEntries(all);
    all.sort(([, a], [, b]) => (wantOf(a) < wantOf(b) ? 1 : -1));
    const rest = all.slice(NAMED).map(([, need]) => need);
    const want = rest.reduce((sum, need) => sum + wantOf(need), 0);
    const others = { want: want === Infinity ? null : want, inFlight: rest.reduce((sum, need) => sum + need.inFlight, 0) };
    return { ...Object.fromEntries(all.slice(0, NAMED)), others };
}
