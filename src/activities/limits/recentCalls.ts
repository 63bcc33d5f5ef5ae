// How many calls a target has accepted lately, by the second.

/** Seconds that are kept. */
const KEPT = 60;
/** `lately` is over so many seconds. */
const LATELY = 5;

/** Counts by the second; times in ms. */
export class RecentCalls {
    private readonly counts = new Uint32Array(KEPT);
    private second: number;

    constructor(private readonly began: number) {
        this.second = Math.floor(began / 1_000);
    }

    add(now: number): void {
        this.turn(now);
        this.counts[this.second % KEPT]!++;
    }

    /** Calls a second in the last seconds, or since it began. */
    lately(now: number): number {
        this.turn(now);
        let calls = 0;
        for (let back = 0; back < LATELY; back++) calls += this.counts[(this.second - back + KEPT) % KEPT]!;
        const from = Math.max(this.began, (this.second - LATELY + 1) * 1_000);
        return calls / Math.max(0.25, (now - from) / 1_000);
    }

    /** All that is kept, and for how long that is, in ms. */
    all(now: number): { calls: number; ms: number } {
        this.turn(now);
        const from = Math.max(this.began, (this.second - KEPT + 1) * 1_000);
        return { calls: this.counts.reduce((sum, n) => sum + n, 0), ms: Math.max(1, now - from) };
    }

    private turn(now: number): void {
        const second = Math.floor(now / 1_000);
        if (second - this.second >= KEPT) this.counts.fill(0);
        else for (let next = this.second + 1; next <= second; next++) this.counts[next % KEPT] = 0;
        this.second = Math.max(this.second, second);
    }
}
