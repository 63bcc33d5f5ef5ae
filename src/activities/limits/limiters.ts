// The agents of this process, one for each target at which a slice is at work.
import { TargetHealth } from '../../core/blame';
import type { Log } from '../../log';
import type { Clock } from '../processSlice/clock';
import { LimiterAgent, type RegisterStore } from './limiterAgent';

export interface LimitersOptions {
    clock: Clock;
    chance: () => number;
    /** A name that no other process has. */
    holder: string;
}

const MAX_SEEN = 200;

export class Limiters {
    private readonly agents = new Map<string, LimiterAgent>();
    /** What was seen of targets lately: an agent goes with its last slice, and a target is away for longer. */
    private readonly seen = new Map<string, TargetHealth>();
    private made = 0;

    constructor(private readonly o: LimitersOptions) {}

    /** The agent of this limiter, for a slice that is about to join it. */
    agent(name: string, store: RegisterStore, log: Log): LimiterAgent {
        const known = this.agents.get(name);
        if (known) return known;
        const { clock, chance, holder } = this.o;
        const agent = new LimiterAgent({
            // Of one that is gone the register may hear late: its name is not another's.
            ...{ name, store, clock, chance, log, holder: `${holder}.${++this.made}`, health: this.healthOf(name) },
            onIdle: () => {
                if (this.agents.get(name) === agent) this.agents.delete(name);
            },
        });
        this.agents.set(name, agent);
        return agent;
    }

    private healthOf(name: string): TargetHealth {
        const health = this.seen.get(name) ?? new TargetHealth();
        this.seen.delete(name);
        this.seen.set(name, health);
        // The one that was asked for longest ago goes first.
        if (this.seen.size > MAX_SEEN) this.seen.delete(this.seen.keys().next().value!);
        return health;
    }
}
