// The naive fan-out as an app that a host can run, and one run of it.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { historyOf } from '../history';
import type { NaiveInput } from './app';

export const NAIVE_ITEMS = 2_000;

/** A folder with the app; `activities` may run at once. */
export async function naiveApp(folder: string, activities: number): Promise<string> {
    const app = path.join(folder, `naive-${activities}`);
    await mkdir(app);
    const durableTask = { maxConcurrentActivityFunctions: activities, maxConcurrentOrchestratorFunctions: 16 };
    await writeFile(path.join(app, 'package.json'), JSON.stringify({ main: 'index.js' }));
    await writeFile(path.join(app, 'host.json'), JSON.stringify({ version: '2.0', extensions: { durableTask } }));
    await writeFile(path.join(app, 'index.js'), `require(${JSON.stringify(path.join(__dirname, 'app.js'))});\n`);
    return app;
}

/** Items per second of one run on the host at `url`, and the length of its history. */
export async function runNaive(url: string, target: string): Promise<{ perSecond: number; history: number | undefined }> {
    const began = performance.now();
    const started = await fetch(`${url}/api/start`, {
        method: 'POST',
        body: JSON.stringify({ target, items: NAIVE_ITEMS } satisfies NaiveInput),
    });
    const { id, statusQueryGetUri } = (await started.json()) as { id: string; statusQueryGetUri: string };
    for (;;) {
        const status = (await (await fetch(statusQueryGetUri)).json()) as { runtimeStatus: string; output: unknown[] };
        if (status.runtimeStatus === 'Completed' && status.output.length === NAIVE_ITEMS) break;
        if (['Completed', 'Failed', 'Terminated'].includes(status.runtimeStatus))
            throw new Error(`the naive fan-out is ${status.runtimeStatus}`);
        await sleep(50);
    }
    const perSecond = NAIVE_ITEMS / ((performance.now() - began) / 1000);
    return { perSecond, history: await historyOf(url, id) };
}
