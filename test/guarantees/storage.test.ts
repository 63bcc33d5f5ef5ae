// Promise 3 when it is storage that goes: Azurite is ended under a running job, stays away for a while, and comes back.
// Told to end (SIGTERM), Azurite loses nothing. Killed with SIGKILL, it loses what it acknowledged in the last seconds, which Azure Storage does only at a failover:
// then items are called again that were done, and all the same each has one outcome.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startAzurite } from '../../devhost/azurite';
import { startTarget, type Target } from '../../samples/target';
import { freePorts } from '../support/ports';
import { startHost } from '../support/host';
import { until } from '../support/until';
import { breaches, ended, guaranteesApp, results, startJob } from './support';

const data = mkdtempSync(path.join(os.tmpdir(), 'azurite-'));
afterAll(() => rmSync(data, { recursive: true, force: true }));

/** On SIGTERM it waits for connections to close before it ends; whoever still holds one is not waited for long. */
async function stopAzurite(azurite: ChildProcess, how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const gone = once(azurite, 'exit');
    azurite.kill(how);
    const impatient = setTimeout(() => azurite.kill('SIGKILL'), 8000);
    await gone;
    clearTimeout(impatient);
}

/** The hub that Azurite would come back with knows the job and its plan. */
const hasSaved = (job: string): boolean => {
    const saved = (service: string): string => {
        const file = path.join(data, `__azurite_db_${service}__.json`);
        return existsSync(file) ? readFileSync(file, 'utf8') : '';
    };
    return saved('table').includes(`@ledger@${job}`) && saved('blob').includes(`jobs/${job}/plan.json`);
};

interface World {
    id: string;
    target: Target;
    /** Resolves when the target has seen so many calls. */
    calls: (mark: number) => Promise<unknown>;
    startAzurite: () => Promise<void>;
    stopAzurite: (how: 'SIGTERM' | 'SIGKILL') => Promise<void>;
}

const TOTAL = 20_000;

/** A job of 20,000 items while something happens to storage; it must end by itself, with every item once and each under one key. */
async function jobThrough(spec: object, outages: (world: World) => Promise<void>): Promise<void> {
    const target = await startTarget({ latencyMs: 20 });
    const [blob, queue, table] = (await freePorts(3)) as [number, number, number];
    const start = () => startAzurite(guaranteesApp, { blob, queue, table }, data);
    let azurite = await start();
    const env = { AZURITE_BLOB_PORT: String(blob), AZURITE_QUEUE_PORT: String(queue), AZURITE_TABLE_PORT: String(table) };
    const host = await startHost({ app: guaranteesApp, env });
    try {
        const items = Array.from({ length: TOTAL }, (_, n) => ({ id: n }));
        const id = await startJob(host, items, { process: { http: { url: `${target.url}/x` } }, key: 'id', ...spec });
        await outages({
            id,
            target,
            calls: (mark) =>
                until(
                    () => target.stats().requests >= mark,
                    () => `the target sees no more calls\n${host.output()}`,
                ),
            startAzurite: async () => void (azurite = await start()),
            stopAzurite: (how) => stopAzurite(azurite, how),
        });
        expect(await ended(host, id, 150_000)).toMatchObject({ state: 'completed', counts: { total: TOTAL, succeeded: TOTAL } });
        expect(breaches(await results(host, id), TOTAL)).toEqual([]);
        expect(Object.keys(target.stats().perKey)).toHaveLength(TOTAL);
    } finally {
        await host.stop();
        await stopAzurite(azurite, 'SIGTERM');
        await target.stop();
    }
}

test('storage goes away under a running job and comes back: the job ends by itself with every item once', async () => {
    await jobThrough({ partition: { items: 2500 } }, async ({ target, calls, ...azurite }) => {
        for (const mark of [2_000, 8_000, 15_000]) {
            await calls(mark);
            await azurite.stopAzurite('SIGTERM');
            // Nothing is called for ever without a record: what is in flight ends, and then it waits.
            let before = -1;
            await until(
                async () => {
                    const { requests } = target.stats();
                    const still = requests === before;
                    before = requests;
                    if (!still) await new Promise((resolve) => setTimeout(resolve, 1000));
                    return still;
                },
                () => 'calls go on while there is no storage',
            );
            await azurite.startAzurite();
        }
    });
}, 400_000);

test('storage is killed with SIGKILL three times, and forgets seconds of what it had acknowledged: the job ends all the same', async () => {
    const spec = { partition: { items: 1000 }, concurrency: { max: 32 } };
    await jobThrough(spec, async ({ id, target, calls, ...azurite }) => {
        await until(
            () => hasSaved(id),
            () => 'Azurite has not saved the job',
        );
        for (let kill = 0; kill < 3; kill++) {
            await calls(target.stats().requests + 1_500);
            await azurite.stopAzurite('SIGKILL');
            await azurite.startAzurite();
        }
    });
}, 400_000);
