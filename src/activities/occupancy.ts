// What runs in this process, and the right to be alone in it. When a process dies, everything in it dies: an item is found to be what kills only if
// nothing else ran there.
import { INSTANCE_PLACES } from '../core/ledger';
import { overdueAttempts } from '../processors/timeLimit';

/** Work that has run for so long (ms) gives way, when all places of the process are taken: what waits for one is not seen from here. */
const TURN_MS = 3_000;
/** How long one that wants to be alone waits for the others to end, in ms. */
const WAIT_MS = 20_000;

interface Entry {
    /** Asks the work to end soon; work that cannot has none. */
    makeRoom: (() => void) | undefined;
    /** When it came, in ms; it is asked to make room once. */
    since: number;
    isAsked: boolean;
    /** It stands still until it is alone. */
    waits: boolean;
}

export interface Occupant {
    leave(): void;
    /** Resolves when nothing else runs in the process, nor lingers there; null when that could not be had in time. What comes meanwhile waits at the door. */
    alone(): Promise<{ release(): void } | null>;
}

export class Occupancy {
    private readonly inside = new Set<Entry>();
    private readonly requests: Entry[] = [];
    private holder: Entry | null = null;
    private changed: (() => void)[] = [];

    constructor(
        private readonly after: (ms: number, what: () => void) => () => void = afterReal,
        /** How much runs here that has left, and may never end. */
        private readonly lingering: () => number = overdueAttempts,
        /** Work that the host runs here at once. */
        private readonly places = INSTANCE_PLACES,
        private readonly now: () => number = () => performance.now(),
    ) {}

    /** Enters when nobody is alone or wants to be. `makeRoom` is called when somebody does. */
    async enter(makeRoom?: () => void): Promise<Occupant> {
        await this.until(() => this.holder === null && this.requests.length === 0);
        const entry: Entry = { makeRoom, since: this.now(), isAsked: false, waits: false };
        this.inside.add(entry);
        this.giveWay();
        return {
            leave: () => {
                this.inside.delete(entry);
                this.change();
            },
            alone: () => this.alone(entry),
        };
    }

    /** Where all places are taken, the one that has run longest ends soon: it goes on behind whoever waits. */
    private giveWay(): void {
        if (this.inside.size < this.places || this.holder !== null || this.requests.length > 0) return;
        const longest = [...this.inside].find(({ makeRoom, isAsked }) => makeRoom !== undefined && !isAsked);
        if (!longest) return;
        const left = longest.since + TURN_MS - this.now();
        if (left > 0) return void this.after(left, () => this.giveWay());
        longest.isAsked = true;
        longest.makeRoom?.();
    }

    private async alone(entry: Entry): Promise<{ release(): void } | null> {
        // Nobody is held up for what may last as long as the process does: the next process is without it.
        if (this.lingering() > 0) return null;
        this.requests.push(entry);
        entry.waits = true;
        for (const other of this.inside) if (!other.waits) other.makeRoom?.();
        this.change();
        const others = () => [...this.inside].some((e) => e !== entry && !e.waits);
        let late = false;
        const cancel = this.after(WAIT_MS, () => {
            late = true;
            this.change();
        });
        await this.until(() => (this.holder === null && this.requests[0] === entry && !others()) || late);
        cancel();
        const had = this.holder === null && this.requests[0] === entry && !others() && this.lingering() === 0;
        this.requests.splice(this.requests.indexOf(entry), 1);
        if (!had) {
            entry.waits = false;
            this.change();
            return null;
        }
        this.holder = entry;
        return {
            release: () => {
                this.holder = null;
                entry.waits = false;
                if (this.requests.length > 0) entry.makeRoom?.();
                this.change();
            },
        };
    }

    private async until(condition: () => boolean): Promise<void> {
        while (!condition()) await new Promise<void>((resolve) => this.changed.push(resolve));
    }

    private change(): void {
        const waiting = this.changed;
        this.changed = [];
        for (const resolve of waiting) resolve();
    }
}

const afterReal = (ms: number, what: () => void): (() => void) => {
    const timer = setTimeout(what, ms);
    return () => clearTimeout(timer);
};

/** Of this process. */
export const occupancy = new Occupancy();
