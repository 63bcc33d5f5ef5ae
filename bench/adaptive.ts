// How adaptive concurrency settles against targets of many kinds, in simulated time: no clock and no network. docs/performance.md shows what it prints.
// Run: npm run bench:adaptive -- [words that a scenario's name has]
import { quantiles, run, type Scenario } from './simulation/run';

const jitter: [number, number] = [0, 2];
const threads = { baseMs: 50, threads: 24, jitter };
const atEdge = [24, 26, 28];
const uneven = {
    target: { baseMs: 20, jitter: [1, 10] as [number, number] },
    stalls: { ms: [50, 100] as [number, number], everyMs: 2_000 },
    max: 513,
    places: 3,
    fixed: [300, 513],
};

const queues: Scenario[] = [64, 128, 512].flatMap((max) =>
    [1, 2, 4].map((places) => ({ name: '24 threads of 50 ms', target: threads, max, places, fixed: atEdge })),
);
const steep: Scenario[] = [2, 3].flatMap((power) =>
    [64, 512].flatMap((max) =>
        [2, 4].map((places) => ({
            name: `50 ms, beyond 24 in flight × (n ÷ 24)^${power}`,
            target: { baseMs: 50, knee: { at: 24, power }, jitter },
            max,
            places,
            fixed: atEdge,
        })),
    ),
);
const scenarios: Scenario[] = [
    ...queues,
    { name: '24 threads of 50 ms', target: threads, max: 512, places: 8, fixed: atEdge },
    ...[30, 200].map((skewMs) => ({
        name: `24 threads of 50 ms, clocks up to ${skewMs} ms apart`,
        target: threads,
        max: 512,
        places: 4,
        skewMs,
        fixed: atEdge,
    })),
    { name: '24 threads of 20 ms', target: { ...threads, baseMs: 20 }, max: 128, places: 4, fixed: atEdge },
    ...steep,
    { name: '20 ms for up to 512, uneven network, stalls', ...uneven, perCallMs: 0.08 },
    { name: 'the same, the process at its limit', ...uneven, perCallMs: 0.15 },
    ...[64, 256].map((max) => ({
        name: 'log-normal around 100 ms',
        target: { baseMs: 100, sigma: 1 },
        max,
        places: 4,
        fixed: [max],
    })),
    {
        name: 'log-normal around 50 ms, 24 threads',
        target: { baseMs: 50, sigma: 1, threads: 24 },
        max: 128,
        places: 4,
        fixed: [24, 32, 40, 48],
    },
    {
        name: '24 threads, 100 from 40 s to 80 s',
        target: { ...threads, threads: (now) => (now >= 40_000 && now < 80_000 ? 100 : 24) },
        max: 256,
        places: 4,
        runMs: 120_000,
        fixed: [24, 32, 64, 100, 110],
    },
    {
        name: '50 ms, 150 ms by itself within 30 s',
        target: { baseMs: (now) => 50 + 100 * Math.min(1, Math.max(0, now - 10_000) / 30_000), jitter },
        max: 64,
        places: 2,
        fixed: [64],
    },
    {
        name: '50 ms, 150 ms by itself at 30 s',
        target: { baseMs: (now) => (now > 30_000 ? 150 : 50), jitter },
        max: 64,
        places: 2,
        fixed: [64],
    },
    { name: '1 ms', target: { baseMs: 1, jitter: [0, 0.5] }, max: 64, places: 2, fixed: [16, 32, 64] },
    { name: '5 s', target: { baseMs: 5_000, jitter: [0, 50] }, max: 256, places: 4, runMs: 120_000, fixed: [256] },
    { name: '24 threads of 5 s', target: { baseMs: 5_000, threads: 24 }, max: 64, places: 2, runMs: 120_000, fixed: [24, 32, 64] },
    {
        name: '50 ms, beyond 24 in flight × (n ÷ 24)^½',
        target: { baseMs: 50, knee: { at: 24, power: 0.5 } },
        max: 64,
        places: 2,
        fixed: [32, 64],
    },
];

const SEEDS = [1, 2];

function row(scenario: Scenario): (string | number)[] {
    const { name, max, places, settledMs = 20_000 } = scenario;
    const fixed = scenario.fixed.map((setting) => run(scenario, { adaptive: false, max: setting }));
    const runs = SEEDS.map((seed) => run(scenario, { adaptive: true, seed }));
    const settled = quantiles(runs, { fromMs: settledMs }, 0.1, 0.5, 0.9);
    const [after] = quantiles(runs, { fromMs: 57_500, toMs: 60_000 }, 0.5);
    // Of several runs the worst, beside the best of the fixed ones.
    const ratio = (of: 'perSecond' | 'perSecondInAll') => Math.min(...runs.map((r) => r[of])) / Math.max(...fixed.map((r) => r[of]));
    const shares = runs[0]!.shares.map((share) => share.toFixed(0)).join(' ');
    return [name, max, places, settled.join(' / '), ratio('perSecond').toFixed(2), ratio('perSecondInAll').toFixed(2), after!, shares];
}

const words = process.argv.slice(2);
const rows = scenarios.filter(({ name }) => words.every((word) => name.includes(word))).map(row);
const head = [
    'target',
    'max',
    'slices',
    'in flight, p10 / p50 / p90',
    '÷ best fixed',
    'with the start',
    'in flight after 60 s',
    'of each slice',
];
for (const cells of [head, head.map(() => '---'), ...rows]) console.log(`| ${cells.join(' | ')} |`);
