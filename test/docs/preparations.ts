// What the pages take to be there before their commands are given: jobs, files, names. What is not in the table needs nothing but the host.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type * as sample from '../../samples/target';
import type { FanfoldClient, Job } from '../../src/client';
import { until } from '../support/until';

/** What a preparation finds. */
export interface Scene {
    client: FanfoldClient;
    /** Of the host, without `/api`. */
    url: string;
    /** Stopped when its page is done. */
    startTarget: (options?: sample.TargetOptions) => Promise<sample.Target>;
}

export interface Prepared {
    /** Variables of the shell. */
    env?: Record<string, string>;
    /** In the folder where the commands run. */
    files?: Record<string, string>;
    /** What the page calls otherwise, and what it is here; for the rest of the page. */
    instead?: Record<string, string>;
}

export type Prepare = (scene: Scene) => Promise<Prepared>;

/** By page and section: for each block of it a preparation, or one for each of its commands; null where a block goes on from the one above. */
export const preparations: Record<string, Record<string, (Prepare | (Prepare | null)[] | null)[]>> = {
    'README.md': {
        'A long run, with a lunch in it': [
            async (scene) =>
                running(scene, {
                    ...rows(3000),
                    concurrency: { max: 8 },
                    process: { http: { url: `${(await scene.startTarget()).url}/{id}` } },
                }),
        ],
        'A target that says stop, and goes away': [stopsAndGoesAway],
        'Try the first fifty, look, then let the rest run': [
            (scene) => awaitingApproval(scene, '{latitude: latitude, longitude: longitude}'),
            (scene) => awaitingApproval(scene, '{lat: lat, lon: lon}'),
        ],
    },
    'samples/README.md': {
        'The target': [async ({ startTarget }) => ({ instead: { 'http://127.0.0.1:7080': (await startTarget()).url } })],
    },
    'docs/api.md': { Moves: [slow] },
    'docs/canary.md': {
        'A real run': [
            async ({ url, startTarget }) => ({
                files: { 'samples/cities.csv': cities() },
                instead: {
                    'http://localhost:7193': url,
                    // As the page says, but for the latency: nobody looks on.
                    'http://127.0.0.1:7194': (await startTarget({ latencyMs: 10, badShare: 0.03, badStatus: 422 })).url,
                },
            }),
        ],
    },
    'docs/uploads.md': {
        'In one request': [async () => ({ files: { 'customers.csv': 'id,name\n1,Ada\n2,Grace\n' } })],
        'In parts': [async () => ({ files: { 'big.csv': `id,name\n${'1,Ada\n'.repeat(20)}` }, instead: { '64M': '50' } })],
    },
    'docs/deploy.md': {
        'A first job': [async ({ url }) => ({ env: { url, group: 'g', app: 'a' } })],
        'Sign-in with Entra': [async () => ({ env: { client: 'c' } })],
    },
    // A key that a host does not ask for, it does not look at.
    'docs/security.md': { Keys: [async ({ url }) => ({ env: { url, function_key: 'f', key: 'k' } })] },
    'docs/operate.md': {
        'Pause for maintenance': [async (scene) => asJob((await slow(scene)).env.id)],
        // Approved, a job cannot be rejected any more: the page says that it is one of the two.
        'A job waits for approval': [approvable, [null, approvable]],
    },
};

/** Commands that are not run here, by the page and the section where they stand, and why. */
export const NOT_RUN: Record<string, Record<string, string>> = {
    'docs/deploy.md': { Prices: 'asks the price list of Azure' },
};

const cities = (): string => readFileSync(path.resolve(__dirname, '../../samples/cities.csv'), 'utf8');
const rows = (count: number): { source: { items: { id: number }[] } } => ({
    source: { items: Array.from({ length: count }, (_, id) => ({ id })) },
});

type Spec = Parameters<FanfoldClient['startJob']>[0];

async function started(
    { client, url }: Scene,
    spec: Exclude<Spec, string>,
    is: (job: Job) => boolean,
): Promise<{ env: { id: string; job: string } }> {
    // With a key it may be sent again: the connection has been idle while commands ran, and the host closes those.
    const { id } = await client.startJob(spec, { idempotencyKey: randomUUID() });
    await client.waitUntil(id, is, { everyMs: 50 });
    return { env: { id, job: `${url}/api/jobs/${id}` } };
}

const running = (scene: Scene, spec: Exclude<Spec, string>): ReturnType<typeof started> =>
    started(scene, spec, ({ state, counts }) => state === 'running' && counts.succeeded > 0);

/** A job that lasts longer than its page: five calls a second. */
async function slow(scene: Scene): ReturnType<typeof started> {
    const { url } = await scene.startTarget();
    return running(scene, { ...rows(1000), process: { http: { url: `${url}/{id}` } }, rate: '5/s' });
}

/** The page calls it by a name in capitals. */
const asJob = (id: string): Prepared => ({ env: { id }, instead: { JOB: id } });

async function approvable(scene: Scene): Promise<Prepared> {
    const spec = { ...rows(3), process: { processor: 'digest' }, canary: { items: 1 } } as const;
    return started(scene, spec, ({ state }) => state === 'awaitingApproval');
}

async function awaitingApproval(scene: Scene, body: string): Promise<Prepared> {
    const { url } = await scene.startTarget({ latencyMs: 10, badShare: 0.1, badStatus: 422 });
    const { id: upload } = await scene.client.upload(cities().split('\n').slice(0, 1001).join('\n'), { name: 'cities.csv' });
    const http = { url: `${url}/distance/{id}`, body, success: 'body.distanceKm' };
    const spec = {
        source: { upload },
        key: 'id',
        process: { http },
        concurrency: { max: 32 },
        canary: { items: 50 },
        budget: { failures: 60 },
    };
    return started(scene, spec, ({ state }) => state === 'awaitingApproval');
}

/** Admits some calls in each stretch of time, says when to come again, and is gone for a while once it has answered a third of all. */
async function stopsAndGoesAway(scene: Scene): Promise<Prepared> {
    const target = await scene.startTarget({ limits: [{ kind: 'window', calls: 40, perMs: 3000, retryAfter: true }] });
    const ready = await started(
        scene,
        { ...rows(240), process: { http: { url: `${target.url}/{id}` } } },
        ({ state }) => state === 'running',
    );
    until(() => (target.stats().statuses[200] ?? 0) >= 80)
        .then(() => target.goAway({ how: 'refuse', forMs: 8000 }))
        .catch((error: unknown) => console.error(error));
    return ready;
}
