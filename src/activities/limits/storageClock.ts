// Storage's clock, as far as answers show it: whole seconds, some time after they were.

/** So much faster one clock may go than the other: then what was read long ago is no bound any more. */
const DRIFT = 1e-3;

/** Reads storage's clock off its answers. Never ahead of it, and behind by less than a second. Times in ms. */
export class StorageClock {
    private offset = -Infinity;
    private heardAt = 0;

    heard(date: number, now: number): void {
        const still = this.offset - (now - this.heardAt) * DRIFT;
        this.offset = Math.max(still, date - now);
        this.heardAt = now;
    }

    at(now: number): number {
        return Math.round(now + this.offset);
    }
}
