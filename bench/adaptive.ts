// How adaptive concurrency settles against targets of many kinds, in simulated time: no clock and no network. docs/performance.md shows what it prints.
// Run: npm run bench:adaptive -- [words of scenarios]
import { quantiles, run, type Scenario } from './simulation/run';

const threads = { baseMs: 50, threads: 24, jitter: [0, 2] as [number, number] };
const around24 = [24, 28, 32];

const scenarios: Scenario[] = [
    ...[64, 128, 512].flatMap((max) =>
        [1, 2, 4, 8].map((places) => ({ name: `24 threads of 50 ms`, target: threads, max, places, fixed: around24 })),
    ),
    ...[2, 3].flatMap((power) =>
        [64, 512].flatMap((max) =>
            [1, 2, 4].map((places) => ({
                name: `50 ms × (n/24)^${power}`,
                target: { baseMs: 50, knee: { at: 24, power }, jitter: [0, 2] as [number, number] },
                max,
                places,
                fixed: around24,
            })),
        ),
    ),
    ...[20, 10].map((baseMs) => ({
        name: `24 threads of ${baseMs} ms`,
        target: { ...threads, baseMs },
        max: 128,
        places: 4,
        fixed: around24,
    })),
    {
        name: '20 ms, flat, noise',
        target: { baseMs: 20, jitter: [1, 10] },
        max: 513,
        places: 3,
        perCallMs: 0.08,
        stalls: { ms: [50, 100], everyMs: 2000 },
        fixed: [200, 300, 400, 513],
    },
    {
        name: '20 ms, flat, noise, slow process',
        target: { baseMs: 20, jitter: [1, 10] },
        max: 513,
        places: 3,
        perCallMs: 0.15,
        stalls: { ms: [50, 100], everyMs: 2000 },
        fixed: [200, 300, 400, 513],
    },
    ...[64, 256].flatMap((max) =>
        [1, 4].map((places) => ({
            name: 'log-normal, 100 ms',
            target: { baseMs: 100, sigma: 1 },
            max,
            places,
            fixed: [max],
        })),
    ),
    {
        name: 'log-normal, 24 threads',
        target: { baseMs: 50, sigma: 1, threads: 24 },
        max: 128,
        places: 4,
        fixed: [24, 32, 40, 48],
    },
    {
        name: 'knee 24 → 100 → 24',
        target: { ...threads, threads: (now) => (now >= 40_000 && now < 80_000 ? 100 : 24) },
        max: 256,
        places: 4,
        runMs: 120_000,
        fixed: [24, 32, 64, 100, 110],
    },
    {
        name: 'slower by itself, × 3 in 30 s',
        target: { baseMs: (now) => 50 * (1 + 2 * Math.min(1, Math.max(0, now - 10_000) / 30_000)), jitter: [0, 4] },
        max: 64,
        places: 2,
        fixed: [64],
    },
    {
        name: 'slower by itself, × 3 at once',
        target: { baseMs: (now) => (now > 30_000 ? 150 : 50), jitter: [0, 4] },
        max: 64,
        places: 2,
        fixed: [64],
    },
    { name: '1 ms', target: { baseMs: 1, jitter: [0, 0.5] }, max: 64, places: 2, fixed: [16, 32, 64] },
    { name: '5 s', target: { baseMs: 5_000, jitter: [0, 50] }, max: 256, places: 4, runMs: 120_000, fixed: [256] },
    { name: '5 s, 24 threads', target: { baseMs: 5_000, threads: 24 }, max: 64, places: 2, runMs: 120_000, fixed: [24, 32, 64] },
    { name: '50 ms + 2 ms for each in flight', target: { baseMs: 50, knee: { at: 24, power: 0.5 } }, max: 64, places: 2, fixed: [32, 64] },
];

const words = process.argv.slice(2);
const rows = scenarios
    .filter(({ name }) => words.every((word) => name.includes(word)))
    .map((scenario) => {
        const { name, max, places, settledMs = 20_000 } = scenario;
        const best = Math.max(...scenario.fixed.map((fixed) => run(scenario, { adaptive: false, max: fixed }).perSecond));
        const runs = [1, 2, 3].map((seed) => run(scenario, { adaptive: true, seed }));
        const one = runs[0]!;
        const [p10, p50, p90] = quantiles(one, settledMs, 0.1, 0.5, 0.9);
        const ratio = Math.min(...runs.map((r) => r.perSecond)) / best;
        const at60 = quantiles({ ...one, inFlight: one.inFlight.slice(1150, 1200) }, 0, 0.5)[0]!;
        const within = one.inFlight.slice(settledMs / 50).filter((n) => n >= 12 && n <= 36).length / (one.inFlight.length - settledMs / 50);
        const shares = one.shares.map((s) => s.toFixed(0)).join(' ');
        return [
            name,
            max,
            places,
            `${p10} / ${p50} / ${p90}`,
            ratio.toFixed(2),
            (one.perSecondInAll / best).toFixed(2),
            at60,
            within.toFixed(2),
            shares,
        ].map(String);
    });
const head = [
    'target',
    'max',
    'slices',
    'in flight when settled, p10 / p50 / p90',
    '÷ best fixed',
    'with the start',
    'in flight after 60 s',
    '12..36',
    'shares',
];
for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);
