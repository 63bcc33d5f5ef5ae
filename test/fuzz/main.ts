// npm run fuzz -- [--requests 20000] [--seed N] [--jobs 200]: the fuzz against a local host of its own; ends with 1 where it finds something.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runFuzz } from './run';

const root = path.resolve(__dirname, __dirname.includes(`${path.sep}dist${path.sep}`) ? '../../..' : '../..');
process.env.DEVHOST_CLI ??= path.join(root, 'dist/devhost/cli.js');

async function main(): Promise<number> {
    const { values } = parseArgs({ options: { requests: { type: 'string' }, seed: { type: 'string' }, jobs: { type: 'string' } } });
    const requests = Number(values.requests ?? 20_000);
    const seed = Number(values.seed ?? Date.now() % 1_000_000);
    console.log(`${requests} requests of seed ${seed}`);
    const report = await runFuzz({ root, seed, requests, jobs: Number(values.jobs ?? 200), bombs: true, log: console.log });
    const statuses = new Map<string, number>();
    for (const [name, count] of report.answers) statuses.set(name.split(' ')[1]!, (statuses.get(name.split(' ')[1]!) ?? 0) + count);
    console.log(`${report.sent} requests and ${report.raw} odd ones in ${Math.round(report.seconds)} s; ${report.started} jobs started`);
    console.log(
        `answers: ${[...statuses]
            .sort()
            .map(([status, count]) => `${count} × ${status}`)
            .join(', ')}`,
    );
    console.log(`the event loop was held for at most ${report.heldAloneMs} ms by one request, ${report.heldMs} ms by all together`);
    console.log(`heap after collection, in MB: ${report.heapMb.join(', ')}`);
    for (const { what, how } of report.findings) console.error(`\nFOUND: ${what}\n  ${how}`);
    if (report.findings.length > 0) console.error(`\n${report.findings.length} found; again with --seed ${seed} --requests ${requests}`);
    return report.findings.length === 0 ? 0 : 1;
}

main().then(
    (code) => process.exit(code),
    (error: unknown) => {
        console.error(error);
        process.exit(2);
    },
);
