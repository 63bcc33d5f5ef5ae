// Items of one partition that wait without having used up an attempt: the target asked for less, or was away.
import { heldLine, type HeldLine } from '../../items/outcomeLines';

interface Held {
    /** The attempt that came to nothing, and will be made again. */
    tried: number;
    /** How often that was so since the item's last line, and how long the item has waited for it, in ms. */
    throttled: number;
    waitedMs: number;
    /** Since when it waits now, in ms; null while it is called. */
    since: number | null;
    /** No line tells of it yet. */
    isNews: boolean;
    /** It waits for a target that may be away. Of one that an earlier run has left that is taken to be so: most are throttled again, and not failed. */
    isAway: boolean;
}

/** What an item's next line tells of its waits. */
export interface ToldHeld {
    throttled?: number;
    waitedMs?: number;
}

const NOTHING: ToldHeld = {};

export class HeldItems {
    private readonly held = new Map<number, Held>();

    /** An attempt came to nothing at `now` (ms), and does not count. Gives how often that was so since the item's last line. */
    hold(index: number, tried: number, now: number, isAway: boolean): number {
        const { throttled, waitedMs } = this.held.get(index) ?? { throttled: 0, waitedMs: 0 };
        this.held.set(index, { tried, throttled: throttled + 1, waitedMs, since: now, isNews: true, isAway });
        return throttled + 1;
    }

    /** The item is called now. Gives for how long (ms) it has waited for a target that may have been away; 0: it has not. */
    called(index: number, now: number): number {
        const held = this.held.get(index);
        if (!held || held.since === null) return 0;
        const ms = Math.max(0, now - held.since);
        held.waitedMs += ms;
        held.since = null;
        return held.isAway ? Math.max(1, ms) : 0;
    }

    /** For the item's next line, which tells of it once and for all. */
    told(index: number): ToldHeld {
        if (this.held.size === 0) return NOTHING;
        const held = this.held.get(index);
        if (!held) return NOTHING;
        this.held.delete(index);
        return { throttled: held.throttled, waitedMs: Math.round(held.waitedMs) };
    }

    /** Lines for those that wait, and of which no line tells yet; `dueOf`: when an item is called again, in ms. */
    lines(dueOf: (index: number) => number | undefined): string[] {
        return [...this.held].flatMap(([index, { tried, throttled, waitedMs, since, isNews }]) => {
            const due = dueOf(index);
            if (!isNews || since === null || due === undefined) return [];
            this.held.get(index)!.isNews = false;
            const [sinceText, retryAt] = [new Date(since).toISOString(), new Date(due).toISOString()];
            return [heldLine({ held: index, tried, throttled, waitedMs: Math.round(waitedMs), since: sinceText, retryAt })];
        });
    }

    /** Takes in what an earlier run has written. */
    read({ held, tried, throttled, waitedMs, since }: HeldLine): void {
        this.held.set(held, { tried, throttled, waitedMs, since: Date.parse(since), isNews: false, isAway: true });
    }

    /** What another line of the item has told. */
    forget(index: number): void {
        this.held.delete(index);
    }
}
