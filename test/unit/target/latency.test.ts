import { Latency } from '../../../samples/target/latency';

const none = () => 0;

test('a number is the same for every call', () => expect(new Latency(20).of(0, 1_000, none)).toBe(20));

test.each([
    [1, 20],
    [10, 20],
    [20, 80],
    [30, 180],
])('with a knee of 10 and power 2, %d calls in flight take %d ms', (inFlight, ms) =>
    expect(new Latency({ baseMs: 20, knee: 10, power: 2 }).of(0, inFlight, none)).toBe(ms),
);

test('power 1 is the default: beyond the knee a service does no more', () =>
    expect([10, 40].map((n) => n / new Latency({ baseMs: 20, knee: 10 }).of(0, n, none))).toEqual([0.5, 0.5]));

test('jitter comes on top, by chance', () =>
    expect([0, 0.5, 1].map((chance) => new Latency({ baseMs: 20, jitterMs: 8 }).of(0, 1, () => chance))).toEqual([20, 24, 28]));

test('a queue has so many threads, each with one call at a time', () => {
    const queue = new Latency({ kind: 'queue', threads: 2, baseMs: 50 });
    expect([0, 0, 0, 10, 100, 300].map((now) => queue.of(now, 1, none))).toEqual([50, 50, 100, 90, 50, 50]);
});
