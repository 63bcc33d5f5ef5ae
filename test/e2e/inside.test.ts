// The commands of docs/operate.md, "Look inside a job", as they stand there: on the local host, and on the real one where FANFOLD_URL names it.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { baseUrl, durableApi, ended, job, start, startTarget, upload, useHost } from './support';
import { until } from '../support/until';

useHost();

const page = readFileSync(path.resolve(__dirname, '../../docs/operate.md'), 'utf8');
const commands = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map((m) => m[1]!).find((script) => script.includes('durable()'))!;

interface Instance {
    name: string;
    instanceId: string;
    runtimeStatus: string;
    input: unknown;
    output: unknown;
    historyEvents?: { EventType: string }[];
}
interface Look {
    job: Instance;
    withHistory: Instance;
    family: Instance[];
    worker: Instance;
    ledger: { state: string; partitions: number; counts: { succeeded: number } };
}

/** What the page's commands say, one JSON document a line. */
async function look(id: string): Promise<Look> {
    const env = { ...process.env, url: baseUrl(), durable_key: process.env.FANFOLD_DURABLE_KEY ?? '' };
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands.replace('id=JOB', `id=${id}`)], { env });
    const [own, withHistory, family, worker, ledger] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
    return { job: own, withHistory, family, worker, ledger } as Look;
}
const ids = (instances: Instance[]) => instances.map((i) => i.instanceId).sort();

test('a job is seen as its orchestration, its workers and its ledger, while it runs and after', async () => {
    const target = await startTarget({ latencyMs: 100 });
    const items = Array.from({ length: 200 }, (_, i) => ({ id: `i${i}` }));
    const { id } = await start({
        source: { items },
        process: { http: { url: `${target.url}/x/{id}` } },
        concurrency: { max: 4, adaptive: false },
    });
    await until(
        async () => (await job(id)).counts.succeeded > 0,
        () => `job ${id} calls nothing`,
    );

    const running = await look(id);
    expect(running.job).toMatchObject({ name: 'runjob', instanceId: id, runtimeStatus: 'Running', input: { jobId: id }, output: null });
    expect(running.withHistory.historyEvents!.map((e) => e.EventType)).toContain('ExecutionStarted');
    expect(ids(running.family)).toEqual([id, `${id}-r1w0`]);
    expect(running.worker).toMatchObject({ name: 'runworker', instanceId: `${id}-r1w0`, runtimeStatus: 'Running', input: null });
    expect(running.ledger).toMatchObject({ state: 'running', partitions: 1 });

    await ended(id);
    const over = await until(
        async () => {
            const seen = await look(id);
            return seen.job.runtimeStatus === 'Running' ? null : seen;
        },
        () => `the orchestration of job ${id} does not end`,
    );
    expect(over.job).toMatchObject({ runtimeStatus: 'Completed', output: { jobId: id, state: 'completed' } });
    expect(over.worker.runtimeStatus).toBe('Completed');
    expect(over.ledger).toMatchObject({ state: 'completed', counts: { succeeded: 200 } });
});

test('an orchestration is completed, not failed, when its job has failed for a reason that is told', async () => {
    const source = { upload: await upload('id,name\n1\n', 'short-row.csv') };
    const { id } = await start({ source, process: { processor: 'digest' } });
    await ended(id);
    const seen = await until(
        async () => {
            const response = await durableApi(`/instances/${id}`);
            return response.status === 202 ? null : ((await response.json()) as Instance);
        },
        () => `the orchestration of job ${id} does not end`,
    );
    expect(seen).toMatchObject({ runtimeStatus: 'Completed', output: { jobId: id, state: 'failed' } });
});
