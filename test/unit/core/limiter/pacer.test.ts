import fc from 'fast-check';
import { Pacer } from '../../../../src/core/limiter/pacer';
import { dice } from '../../../support/dice';
import { runs } from '../../../support/runs';

/** Jobs that ask whenever they may, by timers that are late, for so many ms; when each called. */
function drive(pacer: Pacer, jobs: string[], ms: number, lateMs: () => number): Record<string, number[]> {
    const calls: Record<string, number[]> = Object.fromEntries(jobs.map((job) => [job, []]));
    const wakes = new Map(jobs.map((job) => [job, 0]));
    for (;;) {
        const [job, now] = [...wakes].reduce((first, next) => (next[1] < first[1] ? next : first));
        if (now >= ms) return calls;
        const due = pacer.ask(job, now);
        if (due <= now) calls[job]!.push(now);
        // A timer keeps whole milliseconds, one at least.
        else wakes.set(job, now + Math.max(1, Math.ceil(due - now)) + lateMs());
    }
}
const never = () => 0;
/** The most calls in any stretch of so many ms. */
function most(calls: number[], ms: number): number {
    let first = 0;
    return calls.reduce((largest, at, last) => {
        while (calls[first]! <= at - ms) first++;
        return Math.max(largest, last - first + 1);
    }, 0);
}
const paced = (rate: number): Pacer => {
    const pacer = new Pacer();
    pacer.setRate(rate, rate, 0);
    return pacer;
};

test('jobs take turns, whatever they ask for', () => {
    const calls = drive(paced(50), ['a', 'b', 'c'], 10_000, never);
    for (const times of Object.values(calls)) expect(Math.abs(times.length - 500 / 3)).toBeLessThan(3);
});

test('in no stretch of time are there more calls than the rate allows, but for what is made up for', () => {
    fc.assert(
        fc.property(
            fc.integer({ min: 1, max: 3_000 }),
            fc.integer({ min: 1, max: 5 }),
            fc.integer({ min: 0, max: 400 }),
            fc.integer(),
            (rate, jobs, lateMs, seed) => {
                const roll = dice(seed);
                const names = Array.from({ length: jobs }, (_, i) => `job-${i}`);
                const calls = Object.values(drive(paced(rate), names, 3_000, () => Math.floor(roll() ** 4 * lateMs)))
                    .flat()
                    .sort((a, b) => a - b);
                // Turns are taken 50 ms late at most, and 25 ms are made up for.
                for (const ms of [100, 1_000]) expect(most(calls, ms)).toBeLessThanOrEqual((rate * (ms + 50)) / 1_000 + 1);
            },
        ),
        { numRuns: runs(100) },
    );
});

test('above a thousand calls a second, timers of a millisecond do', () => {
    for (const rate of [900, 2_000, 10_000]) {
        const calls = drive(paced(rate), ['a', 'b'], 2_000, () => 1);
        expect(Object.values(calls).flat().length).toBeGreaterThan(rate * 2 * 0.97);
    }
});

test('who has a small share waits for his first call: a hundred that begin at once make no burst', () => {
    const pacer = new Pacer();
    pacer.setRate(1, 100, 0);
    expect(pacer.ask('a', 0)).toBeCloseTo(990);
    const whole = new Pacer();
    whole.setRate(100, 100, 0);
    expect(whole.ask('a', 0)).toBeLessThanOrEqual(0);
});

test('a turn far ahead is not waited for when the rate rises', () => {
    const pacer = paced(0.1);
    pacer.ask('a', 0);
    expect(pacer.ask('a', 1)).toBeGreaterThan(9_000);
    pacer.setRate(100, 100, 1_000);
    expect(pacer.ask('a', 1_000)).toBeLessThanOrEqual(1_010);
});

test('the turn of a job that leaves is for the next', () => {
    const pacer = paced(1);
    pacer.ask('a', 0);
    const turn = pacer.ask('a', 1);
    pacer.leave('a');
    expect(pacer.ask('b', 2)).toBe(turn);
});

test('no pace, and no calls', () => {
    const pacer = new Pacer();
    pacer.setRate(Infinity, Infinity, 0);
    expect([pacer.ask('a', 5), pacer.ask('a', 5)]).toEqual([5, 5]);
    pacer.setRate(0, 10, 5);
    expect(pacer.ask('a', 6)).toBe(Infinity);
    pacer.setRate(10, 10, 1_000);
    expect(pacer.ask('a', 1_100)).toBeLessThanOrEqual(1_100);
});
