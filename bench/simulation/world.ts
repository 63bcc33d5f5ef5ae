// A world without real time: what is due happens in order, and chance comes from a seed.

interface Due {
    at: number;
    /** Of two at the same moment the one that was put in first comes first. */
    order: number;
    what: (() => void) | null;
}

export class World {
    /** True time, in ms. */
    now = 0;
    private readonly heap: Due[] = [];
    private orders = 0;
    private isUnsettled = false;

    constructor(private seed: number) {}

    /** Uniform in [0, 1): mulberry32. */
    readonly chance = (): number => {
        this.seed = (this.seed + 0x6d2b79f5) | 0;
        let t = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };

    between(least: number, most: number): number {
        return least + (most - least) * this.chance();
    }

    /** Runs `what` once, after so long; the function that it gives back calls it off. */
    after(ms: number, what: () => void): () => void {
        const due: Due = { at: this.now + Math.max(0, ms), order: this.orders++, what };
        this.push(due);
        return () => {
            due.what = null;
        };
    }

    /** As `after`, for what settles a promise or makes one: whoever waits for it is let go on before time goes on. */
    settles(ms: number, settle: () => void): () => void {
        return this.after(ms, () => {
            this.isUnsettled = true;
            settle();
        });
    }

    async runUntil(end: number): Promise<void> {
        await turn();
        for (let next = this.heap[0]; next && next.at <= end; next = this.heap[0]) {
            this.pop();
            if (!next.what) continue;
            this.now = next.at;
            next.what();
            if (!this.isUnsettled) continue;
            this.isUnsettled = false;
            await turn();
        }
        this.now = end;
    }

    private push(due: Due): void {
        const { heap } = this;
        let i = heap.push(due) - 1;
        for (let up = (i - 1) >> 1; i > 0 && isBefore(due, heap[up]!); i = up, up = (i - 1) >> 1) heap[i] = heap[up]!;
        heap[i] = due;
    }

    private pop(): void {
        const { heap } = this;
        const last = heap.pop()!;
        if (heap.length === 0) return;
        let i = 0;
        for (let down = 1; down < heap.length; down = 2 * i + 1) {
            if (down + 1 < heap.length && isBefore(heap[down + 1]!, heap[down]!)) down++;
            if (!isBefore(heap[down]!, last)) break;
            heap[i] = heap[down]!;
            i = down;
        }
        heap[i] = last;
    }
}

const isBefore = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** All promises that can go on do so before this resolves. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
