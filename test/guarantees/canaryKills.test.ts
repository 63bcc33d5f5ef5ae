// What somebody decides on a canary holds, whatever becomes of the host: it dies while the canary runs, while it is waited for, and in the very moment in
// which the word is said. The same of a budget of failures, of a job beside them.
import { setTimeout as sleep } from 'node:timers/promises';
import { dice } from '../support/dice';
import type { ObservedTarget } from '../support/observedTarget';
import { past, until } from '../support/until';
import { again, useKilledHost } from './killedHost';
import { breaches, clientOf, ended, job, results, startJob, type Job } from './support';

const SEED = Number(process.env.FANFOLD_KILLS_SEED ?? 20_261_130);
const ITEMS = 200;
const CANARY = 40;
const FAILURES = 60;
const IN_FLIGHT = 8;

const killed = useKilledHost();
const roll = dice(SEED);

interface Begun {
    id: string;
    target: ObservedTarget;
}

async function start(spec: object, items = ITEMS, status: (key: number) => number = () => 200): Promise<Begun> {
    const target = await killed.observe({ latencyMs: 50, status: (key) => status(Number(key)) });
    const id = await startJob(
        killed.host,
        Array.from({ length: items }, (_, id) => ({ id })),
        {
            process: { http: { url: `${target.url}/x` } },
            key: 'id',
            partition: { items: 15 },
            concurrency: { max: 8, adaptive: false },
            retry: { attempts: 1 },
            ...spec,
        },
    );
    return { id, target };
}

const seen = (id: string, is: (j: Job) => boolean): Promise<Job> => {
    let last: Job;
    return until(
        async () => (is((last = await job(killed.host, id))) ? last : null),
        () => `the job is ${JSON.stringify(last)}`,
        120_000,
    );
};

const keysOf = ({ target }: Begun): number[] => target.calls.map(({ key }) => Number(key));
const awaits = ({ id }: Begun): Promise<Job> => seen(id, ({ state }) => state === 'awaitingApproval');

test(`the word on a canary holds, and a budget of failures, though the host dies before, with and after them (seed ${SEED})`, async () => {
    const [approved, rejected, automatic] = await Promise.all([
        start({ canary: { items: CANARY } }),
        start({ canary: { items: CANARY } }),
        start({ canary: { items: CANARY, approval: 'automatic', maxPercent: 5 } }, ITEMS, (key) => (key < 10 ? 422 : 200)),
    ]);
    const all = [approved, rejected, automatic];
    const failing = await start({ budget: { failures: FAILURES }, concurrency: { max: IN_FLIGHT, adaptive: false } }, ITEMS, () => 422);
    await until(() => [...all, failing].every(({ target }) => target.calls.length >= 10));
    await killed.restart();
    await Promise.all([awaits(approved), awaits(rejected), seen(automatic.id, ({ ended: isOver }) => isOver)]);

    await killed.restart();
    const still = Date.now();
    await past(still + 4_000);
    for (const begun of all) {
        expect(begun.target.between(still, Infinity)).toEqual([]);
        expect(Math.max(...keysOf(begun))).toBeLessThan(CANARY);
    }
    expect(await job(killed.host, approved.id)).toMatchObject({ state: 'awaitingApproval', waiting: { code: 'APPROVAL' } });

    const said = Promise.all([
        clientOf(killed.host).approveJob(approved.id, { reason: 'good', retry: again }),
        clientOf(killed.host).rejectJob(rejected.id, { reason: 'bad', retry: again }),
    ]);
    await sleep(roll() * 60);
    await killed.restart();
    await said;
    await killed.restart();

    const standing = await seen(failing.id, ({ state, workers }) => state === 'paused' && workers.active === 0);
    expect(standing.waiting).toMatchObject({ code: 'BUDGET', limit: '/budget/failures' });
    expect(standing.counts.failed).toBeGreaterThanOrEqual(FAILURES);
    expect(standing.counts.failed).toBeLessThanOrEqual(FAILURES + IN_FLIGHT);
    await clientOf(killed.host).cancelJob(failing.id, { retry: again });
    expect((await ended(killed.host, failing.id, 60_000)).counts.failed).toBe(standing.counts.failed);

    const ends = await Promise.all(all.map(({ id }) => ended(killed.host, id, 120_000)));
    expect(ends[0]).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: ITEMS } });
    expect(ends[1]).toMatchObject({ state: 'cancelled', endedBy: 'reject', counts: { succeeded: CANARY, skipped: ITEMS - CANARY } });
    expect(ends[2]).toMatchObject({ state: 'cancelled', endedBy: 'reject', counts: { failed: 10, skipped: ITEMS - CANARY } });
    for (const { id } of [...all, failing]) {
        expect(breaches(await results(killed.host, id), ITEMS)).toEqual([]);
        expect(await clientOf(killed.host).verifyJob(id)).toMatchObject({ ok: true });
    }
    for (const begun of [rejected, automatic]) expect(Math.max(...keysOf(begun))).toBeLessThan(CANARY);
    const words = async ({ id }: Begun) =>
        (await clientOf(killed.host).getTimeline(id)).events.flatMap(({ kind, move }) => (kind === 'move' ? [String(move)] : []));
    expect(await Promise.all(all.map(words))).toEqual([['approve'], ['reject'], ['reject']]);
}, 300_000);
