// Time that passes by events alone, and dice that fall the same way each time.

/** Runs what is due, in order of time; none of it is real. */
export class Events {
    now = 0;
    /** A heap: times, and what happens then. */
    private readonly times: number[] = [];
    private readonly whats: (() => void)[] = [];

    at(time: number, what: () => void): void {
        let i = this.times.length;
        this.times.push(time);
        this.whats.push(what);
        for (let up = (i - 1) >> 1; i > 0 && this.times[up]! > time; i = up, up = (i - 1) >> 1) this.swap(i, up);
    }

    after(ms: number, what: () => void): void {
        this.at(this.now + ms, what);
    }

    run(until: number): void {
        while (this.times.length > 0 && this.times[0]! <= until) {
            this.now = this.times[0]!;
            this.take()();
        }
        this.now = until;
    }

    private take(): () => void {
        const what = this.whats[0]!;
        const [time, last] = [this.times.pop()!, this.whats.pop()!];
        if (this.times.length === 0) return what;
        this.times[0] = time;
        this.whats[0] = last;
        for (let i = 0; ;) {
            let least = 2 * i + 1;
            if (least >= this.times.length) break;
            if (least + 1 < this.times.length && this.times[least + 1]! < this.times[least]!) least++;
            if (this.times[least]! >= this.times[i]!) break;
            this.swap(i, least);
            i = least;
        }
        return what;
    }

    private swap(a: number, b: number): void {
        [this.times[a], this.times[b]] = [this.times[b]!, this.times[a]!];
        [this.whats[a], this.whats[b]] = [this.whats[b]!, this.whats[a]!];
    }
}

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function dice(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

/** Of a normal distribution (Box and Muller). */
export const normal = (roll: () => number): number => Math.sqrt(-2 * Math.log(1 - roll())) * Math.cos(2 * Math.PI * roll());
