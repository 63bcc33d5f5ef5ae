/** Lets so many tasks run at once; the others wait in order. */
export class Semaphore {
    private free: number;
    private readonly waiting: (() => void)[] = [];
    constructor(limit: number) {
        this.free = limit;
    }

    async run<T>(task: () => Promise<T>): Promise<T> {
        if (this.free > 0) this.free--;
        else await new Promise<void>((resolve) => this.waiting.push(resolve));
        try {
            return await task();
        } finally {
            // A place goes straight to the next in line: nobody can slip in between.
            const next = this.waiting.shift();
            if (next) next();
            else this.free++;
        }
    }
}
