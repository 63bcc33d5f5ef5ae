// npm run openapi: asks the local host for an example of every answer that it can be made to give, stores them, and writes openapi.json.
//   -- --offline  of the code and the examples that are stored
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startTarget } from '../samples/target';
import { FanfoldClient } from '../src/client';
import { startHost } from '../test/support/host';
import { documentFile, documentText, examplesFolder, readExamples } from './document';
import { afterTheEnd, approvedJob, jobWithBadRows, parts, rejectedJob, scheduledJob, steeredJob } from './jobs';
import { provokeAll } from './problems';
import { Recorder } from './recorder';

// Compiled, this file is dist/openapi/main.js.
const root = path.resolve(__dirname, '../..');

async function record(): Promise<void> {
    process.env.DEVHOST_CLI ??= path.join(root, 'dist/devhost/cli.js');
    const target = await startTarget({ latencyMs: 20 });
    const host = await startHost({ app: root });
    try {
        const stage = { recorder: new Recorder(`${host.url}/api`), client: new FanfoldClient({ url: host.url }), target: target.url };
        const { recorder } = stage;
        await recorder.ask('health');
        await afterTheEnd(stage, await approvedJob(stage));
        await jobWithBadRows(stage);
        await steeredJob(stage);
        await rejectedJob(stage);
        await scheduledJob(stage);
        await provokeAll(recorder, { upload: await parts(stage) });
        await recorder.ask('listJobs', { query: 'limit=2' });
        store(recorder);
    } finally {
        await host.stop();
        await target.stop();
    }
}

/** One file an operation, in place of all that was stored. */
function store({ examples }: Recorder): void {
    for (const id of Object.keys(readExamples(root))) rmSync(path.join(examplesFolder(root), `${id}.json`));
    for (const [id, kept] of Object.entries(examples))
        if (Object.keys(kept).length > 0)
            writeFileSync(path.join(examplesFolder(root), `${id}.json`), `${JSON.stringify(kept, null, 2)}\n`);
}

async function main(): Promise<void> {
    if (!process.argv.includes('--offline')) await record();
    writeFileSync(documentFile(root), documentText(root));
}

main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
});
