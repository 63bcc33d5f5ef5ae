// When calls came, second by second, as a target in this process has recorded them.
import type { Span } from '../../samples/target/limits';

/** This process looks at the time as often, in ms; a look that is late by more than `LATE_MS` shows that it stood still. */
const LOOK_MS = 10;
const LATE_MS = 20;
/** What has waited is recorded within this time after, in ms. */
const CATCHES_UP_MS = 50;

/** Notes when this process stood still: calls that came meanwhile are recorded when it goes on, all at once. */
export class Stillness {
    private readonly spans: Span[] = [];
    private last = Date.now();
    private readonly timer = setInterval(() => {
        const now = Date.now();
        if (now - this.last > LOOK_MS + LATE_MS) this.spans.push({ from: this.last, to: now });
        this.last = now;
    }, LOOK_MS).unref();

    /** Since when calls may have waited that are recorded at this time. */
    since = (at: number): number => this.spans.find(({ from, to }) => from < at && at <= to + CATCHES_UP_MS)?.from ?? at;

    stop(): void {
        clearInterval(this.timer);
    }
}

/** Of times (ms), those in this span. */
export const within = (times: readonly number[], from: number, to: number): number => times.filter((at) => at >= from && at < to).length;

/**
 * The most calls in a second, of all seconds that begin with a call and lie between these times (ms). What came while the recording process stood still
 * counts for the time in which it may have come.
 */
export function mostASecond(times: readonly number[], from: number, to: number, stillness: Stillness): { calls: number; at: number } {
    let most = { calls: 0, at: from };
    const sorted = times.filter((at) => at >= from && at < to).sort((a, b) => a - b);
    for (let first = 0, next = 0; first < sorted.length; first++) {
        const at = sorted[first]!;
        while (next < sorted.length && sorted[next]! < at + 1_000) next++;
        const spanMs = at + 1_000 - stillness.since(at);
        const calls = ((next - first) * 1_000) / spanMs;
        if (calls > most.calls) most = { calls, at };
    }
    return most;
}

/** The most of these times (ms) within any span of so many ms. */
export function mostWithin(times: readonly number[], ms: number): number {
    const sorted = [...times].sort((a, b) => a - b);
    let most = 0;
    for (let first = 0, next = 0; first < sorted.length; first++) {
        while (next < sorted.length && sorted[next]! < sorted[first]! + ms) next++;
        most = Math.max(most, next - first);
    }
    return most;
}
