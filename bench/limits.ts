// The limiter in a simulated world: what it makes of targets that refuse, and what it keeps to. Without real time, and with the agents that the app has.
// Run: npm run bench:limits -- [--seeds 5] [--from 1] [--only WORDS]
import { parseArgs } from 'node:util';
import * as promises from './simulation/promises';
import { run, SETTINGS } from './simulation/refusals';
import { show } from './table';

const { values } = parseArgs({ options: { seeds: { type: 'string' }, from: { type: 'string' }, only: { type: 'string' } } });
const only = values.only ?? '';
const from = Number(values.from ?? 1);
const seeds = Array.from({ length: Number(values.seeds ?? 5) }, (_, i) => from + i);

const median = (of: number[]): number => [...of].sort((a, b) => a - b)[Math.floor(of.length / 2)]!;
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
let broken = 0;

async function refusals(): Promise<string[][]> {
    const rows: string[][] = [];
    for (const setting of SETTINGS) {
        if (!setting.name.includes(only)) continue;
        for (const processes of [4, 2]) {
            const outcomes = [];
            for (const seed of seeds) outcomes.push(await run({ ...setting, processes }, seed));
            const used = outcomes.map((o) => o.used);
            const refused = outcomes.map((o) => o.refused);
            const { bounds } = setting;
            const holds = !bounds || (median(used) >= bounds.used && median(refused) <= bounds.refused);
            if (!holds) broken++;
            const row = [setting.name, String(processes), percent(median(used)), percent(Math.min(...used))];
            const asked = bounds ? `≥ ${percent(bounds.used)}, ≤ ${percent(bounds.refused)}` : '';
            rows.push([...row, percent(median(refused)), percent(Math.max(...refused)), `${asked}${holds ? '' : ' **not held**'}`]);
        }
    }
    return rows;
}

async function kept(): Promise<string[][]> {
    const rows: string[][] = [];
    for (const promise of promises.ALL) {
        const runs: promises.Check[][] = [];
        for (const seed of seeds) if (promise.name.includes(only)) runs.push(await promise.run(seed));
        runs[0]?.forEach(({ what, bound, isLeast, unit }, i) => {
            const measured = runs.map((run) => run[i]!.measured);
            const worst = isLeast ? Math.min(...measured) : Math.max(...measured);
            const holds = isLeast ? worst >= bound : worst <= bound;
            if (!holds) broken++;
            const text = (value: number) => (unit === '%' ? percent(value) : `${Number(value.toFixed(2))}${unit ? ` ${unit}` : ''}`);
            rows.push([
                `${promise.name}: ${what}`,
                text(median(measured)),
                text(worst),
                `${isLeast ? '≥' : '≤'} ${text(bound)}${holds ? '' : ' **not held**'}`,
            ]);
        });
    }
    return rows;
}

async function main(): Promise<void> {
    const began = process.hrtime.bigint();
    show([['target', 'processes', 'used', 'least', 'refused', 'most', 'asked for'], ...(await refusals())]);
    show([['promise', 'median', 'worst', 'asked for'], ...(await kept())]);
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    console.log(
        `${seeds.length} seeds, 10 minutes of simulated time each; took ${seconds.toFixed(0)} s${broken > 0 ? `; ${broken} bounds were not held` : ''}`,
    );
    if (broken > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
});
