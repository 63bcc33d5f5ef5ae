// How many there are of something that a setting caps, without counting them for each request.

/** How long a count holds, in ms. What others begin meanwhile is not seen: side by side they may go beyond the cap by what they begin in that time. */
const HOLDS_MS = 5_000;
/** The same where the cap is reached: room may have been made. */
const FULL_HOLDS_MS = 1_000;

export class Room {
    private count = 0;
    private countedAt = -Infinity;
    private counting: Promise<void> | null = null;

    constructor(
        /** Counts them, up to so many. */
        private readonly countUpTo: (enough: number) => Promise<number>,
        /** Milliseconds. */
        private readonly clock: () => number,
    ) {}

    /** Takes a place, where fewer than `most` are taken; false when there is none. Rejects with what keeps them from being counted. */
    async take(most: number): Promise<boolean> {
        const age = this.clock() - this.countedAt;
        if (age > HOLDS_MS || (this.count >= most && age > FULL_HOLDS_MS)) await this.recount(most);
        if (this.count >= most) return false;
        this.count++;
        return true;
    }

    /** Once for all that ask at the same time. */
    private recount(most: number): Promise<void> {
        this.counting ??= this.countUpTo(most)
            .then((count) => {
                this.count = count;
                this.countedAt = this.clock();
            })
            .finally(() => (this.counting = null));
        return this.counting;
    }
}

/** One for each container: tests have several. */
export function roomsOf<Store extends { container: { url: string } }>(
    countUpTo: (store: Store, enough: number) => Promise<number>,
    clock: () => number = Date.now,
): (store: Store) => Room {
    const rooms = new Map<string, Room>();
    return (store) => {
        const { url } = store.container;
        const room = rooms.get(url) ?? new Room((enough) => countUpTo(store, enough), clock);
        rooms.set(url, room);
        return room;
    };
}
