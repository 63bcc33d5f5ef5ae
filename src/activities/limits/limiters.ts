// The agents of this process, one for each target at which a slice is at work.
import type { Log } from '../../log';
import type { Clock } from '../processSlice/clock';
import { LimiterAgent, type RegisterStore } from './limiterAgent';

export interface LimitersOptions {
    clock: Clock;
    chance: () => number;
    /** A name that no other process has. */
    holder: string;
}

export class Limiters {
    private readonly agents = new Map<string, LimiterAgent>();

    constructor(private readonly o: LimitersOptions) {}

    /** The agent of this limiter, for a slice that is about to join it. */
    agent(name: string, store: RegisterStore, log: Log): LimiterAgent {
        const known = this.agents.get(name);
        if (known) return known;
        const { clock, chance, holder } = this.o;
        const agent = new LimiterAgent({
            ...{ name, store, clock, chance, holder, log },
            onIdle: () => {
                if (this.agents.get(name) === agent) this.agents.delete(name);
            },
        });
        this.agents.set(name, agent);
        return agent;
    }
}
