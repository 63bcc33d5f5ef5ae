// A few hundred requests of the fuzz, the same in each run; `npm run fuzz` sends more of them, and others.
import path from 'node:path';
import { runFuzz } from './run';

test('requests as the API document has them, nearly so and not at all: no fault, no hang, nothing half made, and nobody let in', async () => {
    const seed = Number(process.env.FANFOLD_FUZZ_SEED ?? 20_261);
    const report = await runFuzz({ root: path.resolve(__dirname, '../..'), seed, requests: 800, jobs: 15 });
    expect(report.findings.map(({ what, how }) => `${what}\n  ${how}`)).toEqual([]);
    expect(report.started).toBeGreaterThan(0);
    // It has come past the doors: most operations have answered well, too.
    const well = new Set([...report.answers.keys()].filter((name) => / 2\d\d$/.test(name)).map((name) => name.split(' ')[0]));
    expect(well.size).toBeGreaterThan(10);
}, 180_000);
