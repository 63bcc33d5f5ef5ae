// Promises 1 to 3: a host that dies again and again, at random, loses nothing, records nothing twice, and calls again only what was in flight.
import { BlobServiceClient } from '@azure/storage-blob';
import { startTarget, type Target } from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';
import { dice } from '../support/dice';
import { breaches, ended, job, guaranteesApp, results, startJob } from './support';

const CONCURRENCY = 64;
/** Answered, and not yet on storage: what a slice gathers before it appends, and what gathers while an append runs. */
const UNRECORDED = 2 * 400;

/** The host kills itself ten times in this test; the plan adds zombies and storage that fails or forgets. */
const plan = {
    seed: 4,
    rules: [
        { at: 'activity', match: 'processSlice', do: 'zombie', ms: 500, rate: 0.1 },
        { at: 'activity', match: 'processSlice', do: 'twice', rate: 0.1 },
        { at: 'storage', match: 'comp=appendblock', do: 'lose', rate: 0.02 },
        { at: 'storage', match: 'comp=appendblock', do: 'fail', status: 503, rate: 0.02 },
        { at: 'storage', match: '/outcomes/', do: 'fail', rate: 0.01 },
    ],
};

/** The outcomes blobs of a job, one after the other. */
async function* outcomesBlobs(storage: string, id: string): AsyncGenerator<string> {
    const container = BlobServiceClient.fromConnectionString(storage).getContainerClient('fanfold');
    for await (const { name } of container.listBlobsFlat({ prefix: `jobs/${id}/outcomes/` }))
        yield (await container.getBlobClient(name).downloadToBuffer()).toString();
}

/** How often each partition was taken over after its first time: only a takeover may call an item again. */
async function takeovers(storage: string, id: string): Promise<number> {
    let count = 0;
    for await (const text of outcomesBlobs(storage, id)) count += (text.match(/^\{"fence":/gm)?.length ?? 1) - 1;
    return count;
}

async function outcomesText(storage: string, id: string): Promise<string> {
    let all = '';
    for await (const text of outcomesBlobs(storage, id)) all += text;
    return all;
}

/** Kills the host when the target has seen so many calls more, a random number around `step`; then starts it again. Says how often it did. */
async function killAgainAndAgain(
    host: RunningHost,
    target: Target,
    id: string,
    times: number,
    step: number,
    seed: number,
): Promise<number> {
    const roll = dice(seed);
    let kills = 0;
    while (kills < times) {
        const mark = target.stats().requests + Math.floor(step * (0.5 + roll()));
        const over = await until(
            async () => (target.stats().requests >= mark ? 'reached' : (await job(host, id))?.ended ? 'ended' : null),
            () => `the target sees no more calls\n${host.output()}`,
            100_000,
        );
        if (over === 'ended') break;
        await host.kill9();
        kills++;
        await host.restart();
    }
    return kills;
}

/** What is wrong with the keys that the target saw: one for each item, and the job's own. */
function strangeCalls(seen: Target, id: string, total: number): string[] {
    const keys = Object.keys(seen.stats().perKey);
    const foreign = keys.filter((key) => !key.startsWith(`${id}:`));
    return [
        ...(keys.length === total ? [] : [`${keys.length} keys for ${total} items`]),
        ...(foreign.length === 0 ? [] : [`keys of no item: ${foreign.slice(0, 3).join(', ')}`]),
    ];
}

let host: RunningHost;
let target: Target;
beforeEach(async () => {
    target = await startTarget({ latencyMs: 20 });
});
afterEach(async () => {
    await host?.stop();
    await target?.stop();
});

const items = (n: number) => Array.from({ length: n }, (_, id) => ({ id }));
const spec = () => ({
    process: { http: { url: `${target.url}/x` } },
    key: 'id',
    partition: { items: 2500 },
    concurrency: { max: CONCURRENCY },
});

test('20,000 items, ten SIGKILLs, zombies and storage errors: every item once in the results, and no call that they do not explain', async () => {
    host = await startHost({ app: guaranteesApp, env: { DEVHOST_FAULTS: JSON.stringify(plan) } });
    const total = 20_000;
    const id = await startJob(host, items(total), spec());
    const kills = await killAgainAndAgain(host, target, id, 10, 1_200, 20_261_124);
    expect(kills).toBe(10);
    const end = await ended(host, id, 200_000);
    expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { total, succeeded: total } });
    expect(breaches(await results(host, id), total)).toEqual([]);
    expect(strangeCalls(target, id, total)).toEqual([]);
    const { perKey, requests } = target.stats();
    const taken = await takeovers(host.storage, id);
    expect(requests - total).toBeLessThanOrEqual(taken * (CONCURRENCY + UNRECORDED));
    expect(Math.max(...Object.values(perKey).map((k) => k.calls))).toBeLessThanOrEqual(1 + taken);
}, 400_000);

test('the check of the results fails where no fence holds a zombie from recording', async () => {
    const zombies = { rules: [1, 2].map((nth) => ({ at: 'activity', match: 'processSlice', do: 'zombie', ms: 300, nth })) };
    host = await startHost({ app: guaranteesApp, env: { PROMISES_BREAK: 'fence', DEVHOST_FAULTS: JSON.stringify(zombies) } });
    const total = 8_000;
    const id = await startJob(host, items(total), spec());
    const end = await ended(host, id, 100_000);
    expect(breaches(await results(host, id), total)).toContainEqual(expect.stringMatching(/stands 2 times/));
    expect(end).toMatchObject({ state: 'failed', error: { code: 'NOT_CONSERVED' } });
}, 200_000);

test('the check of the calls fails where each call has a key of its own', async () => {
    host = await startHost({ app: guaranteesApp, env: { PROMISES_BREAK: 'key' } });
    const total = 8_000;
    const id = await startJob(host, items(total), spec());
    await killAgainAndAgain(host, target, id, 1, 3_000, 11);
    expect(await ended(host, id, 100_000)).toMatchObject({ state: 'completed' });
    expect(strangeCalls(target, id, total)).toEqual([expect.stringMatching(/^\d+ keys for 8000 items$/)]);
}, 200_000);

test('the same check fails where slices do not read back what is recorded', async () => {
    host = await startHost({ app: guaranteesApp, env: { PROMISES_BREAK: 'read-back' } });
    const total = 8_000;
    const id = await startJob(host, items(total), spec());
    // Killed while something is recorded and much is not.
    await until(
        async () => (await outcomesText(host.storage, id)).includes('{"index":'),
        () => `nothing is recorded\n${host.output()}`,
    );
    await host.kill9();
    await host.restart();
    const end = await ended(host, id, 100_000);
    expect(breaches(await results(host, id), total).length).toBeGreaterThan(0);
    // The job itself finds it too, when it counts what is there.
    expect(end).toMatchObject({ state: 'failed', error: { code: 'NOT_CONSERVED' } });
}, 200_000);
