// Adaptive concurrency against simulated targets, in reduced form: `npm run bench:adaptive` has more of them, and for longer.
import { quantiles, run, type Scenario } from '../../../bench/simulation/run';

const SETTLED_MS = 15_000;

/** What a job comes to, beside the best of the fixed settings. */
function outcome(scenario: Scenario, seed = 1) {
    const settled = { settledMs: SETTLED_MS, runMs: 30_000, ...scenario };
    const best = Math.max(...scenario.fixed.map((max) => run(settled, { adaptive: false, max }).perSecond));
    const adapted = run(settled, { adaptive: true, seed });
    const [p10, p50, p90] = quantiles([adapted], { fromMs: settled.settledMs }, 0.1, 0.5, 0.9);
    return { p10: p10!, p50: p50!, p90: p90!, ratio: adapted.perSecond / best, shares: adapted.shares };
}

const jitter: [number, number] = [0, 2];
const threads = { name: 'a queue', target: { baseMs: 50, threads: 24, jitter }, fixed: [24, 28, 32] };
const steep = (power: number) => ({ name: 'steep', target: { baseMs: 50, knee: { at: 24, power }, jitter }, fixed: [24, 28] });

test.each([
    { ...threads, max: 64, places: 2 },
    { ...threads, max: 128, places: 4 },
    { ...steep(2), max: 512, places: 2 },
    { ...steep(3), max: 512, places: 4 },
])('a target that gets slower beyond 24 in flight: $name, max $max over $places slices', (scenario) => {
    const { p10, p50, p90, ratio, shares } = outcome(scenario);
    expect(p10).toBeGreaterThanOrEqual(12);
    expect(p50).toBeLessThanOrEqual(33);
    expect(p90).toBeLessThanOrEqual(36);
    expect(ratio).toBeGreaterThan(scenario.name === 'steep' ? 0.8 : 0.95);
    expect(Math.max(...shares)).toBeLessThan(3 * Math.min(...shares));
});

test('without adapting the same target has all in flight that may be: the simulation would show it', () => {
    const fixed = run({ ...threads, max: 64, places: 2, runMs: 10_000, settledMs: 5_000 }, { adaptive: false });
    expect(quantiles([fixed], { fromMs: 5_000 }, 0.5)).toEqual([64]);
});

test('a target that bears 512 at 20 ms gets them, though the network is uneven and the process slow and sometimes stands still', () => {
    const target = { baseMs: 20, jitter: [1, 10] as [number, number] };
    const stalls = { ms: [50, 100] as [number, number], everyMs: 2_000 };
    const busy = { name: 'flat', target, stalls, max: 513, places: 3, perCallMs: 0.15, runMs: 10_000, settledMs: 3_000, fixed: [513] };
    const { p10, ratio } = outcome(busy);
    expect(p10).toBeGreaterThan(300);
    expect(ratio).toBeGreaterThan(0.95);
});

test.each([1, 2])('items of which some take ten times as long as others are no queue (%i)', (seed) => {
    const target = { baseMs: 100, sigma: 1 };
    const { p50, ratio } = outcome({ name: 'log-normal', target, max: 128, places: 4, fixed: [128] }, seed);
    expect(p50).toBeGreaterThan(100);
    expect(ratio).toBeGreaterThan(0.9);
});

test('a target that gets three times as slow by itself is called by as many', () => {
    const baseMs = (now: number) => 50 * (1 + Math.min(2, now / 10_000));
    const { p10 } = outcome({ name: 'slower', target: { baseMs, jitter: [0, 4] }, max: 64, places: 2, settledMs: 3_000, fixed: [64] });
    expect(p10).toBeGreaterThan(40);
});
