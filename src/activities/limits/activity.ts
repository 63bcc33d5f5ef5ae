// What one process does at a target: its jobs, its calls, and how they went.
import { TargetHealth } from '../../core/blame';
import { strictest, type Rate } from '../../core/limiter/rate';
import type { JobNeed } from '../../core/limiter/state';
import { Member, type JobAtWork } from './member';
import { RecentCalls } from './recentCalls';

/** Jobs that a process tells of by name; and where there are many processes. */
const NAMED = 4;
const NAMED_IN_CROWD = 2;
const CROWD = 100;

const wantOf = ({ want }: JobNeed): number => want ?? Infinity;

export class Activity {
    readonly members = new Map<string, Member>();
    readonly recent: RecentCalls;
    inFlight = 0;

    constructor(
        now: number,
        readonly health = new TargetHealth(),
    ) {
        this.recent = new RecentCalls(now);
    }

    join(job: JobAtWork, now: number): Member {
        const member = this.members.get(job.id) ?? new Member(now);
        member.rates = job.rates;
        member.slices++;
        member.listeners.add(job.changed);
        this.members.set(job.id, member);
        return member;
    }

    begin(member: Member | undefined): void {
        this.inFlight++;
        if (member) member.inFlight++;
    }

    end(member: Member | undefined, isAccepted: boolean, now: number): void {
        this.inFlight--;
        if (member) member.inFlight--;
        if (!isAccepted) return;
        this.recent.add(now);
        member?.recent.add(now);
    }

    /** What the specs of the jobs ask for, as it is now. */
    rates(): Rate[] {
        return strictest([...this.members.values()].flatMap(({ rates }) => rates()));
    }

    /** A job could have called more lately. */
    isWanting(now: number): boolean {
        return [...this.members.values()].some((member) => member.isWanting(now));
    }

    /** What the jobs need: the greatest by name, all others as one, so that a register stays small. */
    needs(now: number, processes: number): Record<string, JobNeed> {
        const named = processes > CROWD ? NAMED_IN_CROWD : NAMED;
        const all = [...this.members].map(([id, member]) => [id, member.tellNeed(now)] as const);
        if (all.length <= named) return Object.fromEntries(all);
        all.sort(([, a], [, b]) => (wantOf(a) < wantOf(b) ? 1 : -1));
        const rest = all.slice(named).map(([, need]) => need);
        const want = rest.reduce((sum, need) => sum + wantOf(need), 0);
        const others = { want: want === Infinity ? null : want, inFlight: rest.reduce((sum, need) => sum + need.inFlight, 0) };
        return { ...Object.fromEntries(all.slice(0, named)), others };
    }

    tellAll(): void {
        for (const { listeners } of this.members.values()) for (const tell of listeners) tell();
    }
}
