// npm run soak -- --matrix [--only TEXT] [--at-once N] [--report FILE]: the whole fault matrix, or the cells whose name holds the text.
import path from 'node:path';
import { writeFileSync } from 'node:fs';
import { cellsOf, learn, nameOf, playAll, staged } from './matrix/matrix';
import { reportOf, tableOf } from './matrix/report';
import type { Result } from './matrix/play';
import { MatrixStage } from './matrix/stage';

export interface MatrixOptions {
    only?: string | undefined;
    atOnce: number;
    report?: string | undefined;
}

/** Parts that one stage plays: what storage in memory has to look through for each request grows with the jobs that it has seen. */
const STAGE_PARTS = 400;

/** Gives what is wrong, in one sentence; null when nothing is. */
export async function playMatrix(root: string, { only, atOnce, report: file }: MatrixOptions): Promise<string | null> {
    const began = Date.now();
    const passed = () => Math.round((Date.now() - began) / 1000);
    const open = () => MatrixStage.start(path.join(root, 'test/fixtures/guarantees-app'));
    let stage = await open();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => {
            stage.stop().then(
                () => process.exit(1),
                () => process.exit(1),
            );
        });
    const results: Result[] = [];
    const wrongs: string[] = [];
    try {
        const learned = await learn(stage);
        const requests = Object.fromEntries([...learned].map(([variant, kinds]) => [variant.name, Object.fromEntries(kinds)]));
        const all = cellsOf(learned);
        const chosen =
            only === undefined ? all : all.filter(({ variant, cell }) => new RegExp(only).test(nameOf({ variant: variant.name, cell })));
        const parts = staged(chosen);
        for (const [variant, kinds] of learned)
            console.log(`${variant.name}: ${[...kinds].map(([request, n]) => `${request} ×${n}`).join(', ')}`);
        console.log(`${chosen.length} of ${all.length} cells, ${parts.length - chosen.length} bystanders, ${atOnce} at once`);
        const write = () => {
            const report = reportOf(results, [...wrongs, ...stage.hostWrongs()], passed(), requests);
            if (file) writeFileSync(file, JSON.stringify(report));
            return report;
        };
        const told = (result: Result) => {
            results.push(result);
            if (result.wrong.length > 0)
                console.log(`WRONG ${nameOf(result)} (${result.took} s, ${result.state}): ${result.wrong.join('; ')}`);
            if (results.length % 100 === 0) {
                console.log(`${results.length} of ${parts.length}, ${passed()} s`);
                write();
            }
        };
        // Most of those that are refused for good ask often and do little.
        for (let at = 0; at < parts.length; at += STAGE_PARTS) {
            if (at > 0) {
                wrongs.push(...stage.hostWrongs());
                await stage.stop();
                stage = await open();
            }
            await playAll(stage, parts.slice(at, at + STAGE_PARTS), atOnce, told, Infinity, Math.max(8, Math.round(atOnce / 4)));
        }
        const report = write();
        console.log(tableOf(results));
        for (const line of report.host) console.log(`HOST ${line}`);
        for (const name of report.notStruck) console.log(`NOT STRUCK ${name}`);
        for (const { name, took } of report.longest) console.log(`${took} s: ${name}`);
        const said = `${report.cells} cells and ${report.bystanders} bystanders in ${report.seconds} s: ${report.wrong.length} went wrong, ${report.host.length} complaints of the host, ${report.notStruck.length} requests did not come`;
        console.log(said);
        return report.wrong.length + report.host.length + report.notStruck.length > 0 ? said : null;
    } finally {
        await stage.stop();
    }
}
