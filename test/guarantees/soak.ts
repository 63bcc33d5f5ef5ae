// npm run soak -- --minutes 30 [--seed 1]: random jobs, one or two in a host, under random fault plans and kills, each checked for conservation.
// Ends with 1 at the first breach, and says with which seed it can be seen again. With --matrix: the fault matrix, see matrixRun.ts; with --limits: targets
// that refuse calls, see limitsRun.ts.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startTarget } from '../../samples/target';
import { ApiError, type RetryOptions } from '../../src/client';
import { startHost, type RunningHost } from '../support/host';
import { playLimits } from './limitsRun';
import { playMatrix } from './matrixRun';
import { dice } from '../support/dice';
import { breaches, clientOf, ended, job, linesOf } from './support';

// Run from dist/, or from its source.
const root = path.resolve(__dirname, __dirname.includes(`${path.sep}dist${path.sep}`) ? '../../..' : '../..');
process.env.DEVHOST_CLI ??= path.join(root, 'dist/devhost/cli.js');

interface Round {
    /** Of each job that runs in the host. */
    items: number[];
    kills: number;
    cancel: boolean;
    plan: object;
    spec: { partition: { items: number }; concurrency: { max: number } };
    target: { latencyMs: number; rate429: number; rate500: number; retryAfterSeconds: number };
}

const documents = [
    '/spec.json',
    '/plan.json',
    '/items.',
    '/control.json',
    '/progress',
    '/outcomes',
    '/manifest.json',
    '/summary.json',
    '/index/',
];

/** A fault that strikes once. */
function single(upTo: (n: number) => number): object {
    const faults = [
        ...[403, 404, 409, 412, 500, 503].map((status) => ({ do: 'fail', status })),
        { do: 'fail' },
        { do: 'lose' },
        { do: 'cut' },
        { do: 'never' },
        { do: 'hold', ms: 1_000 + upTo(30_000) },
    ];
    return faults[upTo(faults.length)]!;
}

function roundOf(seed: number): Round {
    const roll = dice(seed);
    const upTo = (n: number) => Math.floor(roll() * n);
    const rate = (most: number) => Math.round(roll() * most * 1000) / 1000;
    const rules = [
        { at: 'activity', match: 'processSlice', do: 'zombie', ms: 100 + upTo(1500), rate: rate(0.3) },
        { at: 'activity', match: 'processSlice', do: 'twice', rate: rate(0.3) },
        { at: 'activity', do: 'delay', ms: upTo(1000), rate: rate(0.3) },
        { at: 'reply', do: 'delay', ms: upTo(800), rate: rate(0.2) },
        { at: 'reply', do: 'twice', rate: rate(0.2) },
        { at: 'timer', do: 'early', ms: upTo(500) },
        { at: 'storage', match: 'comp=appendblock', do: 'lose', rate: rate(0.1) },
        { at: 'storage', match: 'comp=appendblock', do: 'fail', status: [500, 503][upTo(2)], rate: rate(0.1) },
        { at: 'storage', match: '/outcomes/', do: 'fail', rate: rate(0.05) },
        { at: 'storage', match: '/fanfold/', do: 'fail', status: 503, rate: rate(0.03) },
        ...(roll() < 0.2 ? [{ at: 'storage', match: 'comp=appendblock', do: 'pause', ms: 5_000 + upTo(20_000), nth: 1 + upTo(20) }] : []),
        // What storage answers once, or does not, to a document of a job. Not to a source: a job whose source is refused may end so.
        ...documents.map((match) => ({ at: 'storage', match, nth: 1 + upTo(12), ...single(upTo) })),
    ].filter(() => roll() < 0.6);
    return {
        items: Array.from({ length: 1 + upTo(2) }, () => 1 + upTo(8_000)),
        kills: upTo(4),
        cancel: roll() < 0.2,
        plan: { seed, rules },
        spec: { partition: { items: 1 + upTo(3_000) }, concurrency: { max: 1 + upTo(200) } },
        target: { latencyMs: upTo(30), rate429: rate(0.05), rate500: rate(0.05), retryAfterSeconds: upTo(3) },
    };
}

/** The jobs of a round in one host; gives what is wrong with them, which is nothing. */
async function play(round: Round, roll: () => number): Promise<string[]> {
    const target = await startTarget(round.target);
    const host = await startHost({
        app: path.join(root, 'test/fixtures/guarantees-app'),
        env: { DEVHOST_FAULTS: JSON.stringify(round.plan) },
    });
    try {
        const ids: string[] = [];
        for (const items of round.items) ids.push(await start(host, items, round.spec, target.url));
        const total = round.items.reduce((sum, n) => sum + n, 0);
        const allEnded = async () => (await Promise.all(ids.map((id) => job(host, id)))).every((j) => j.ended);
        for (let kill = 0; kill < round.kills; kill++) {
            const mark = target.stats().requests + Math.floor((total / (round.kills + 1)) * roll()) + 1;
            for (const until = Date.now() + 60_000; target.stats().requests < mark && Date.now() < until && !(await allEnded());)
                await sleep(50);
            await host.kill9();
            await host.restart();
        }
        // Of two jobs only the first is cancelled.
        if (round.cancel) await clientOf(host).cancelJob(ids[0]!).catch(refused);
        const wrong: string[] = [];
        for (const [i, id] of ids.entries()) wrong.push(...(await judge(host, id, round.items[i]!)));
        const { perKey, requests } = target.stats();
        const others = Object.keys(perKey).filter((key) => !ids.some((id) => key.startsWith(`${id}:`)));
        if (others.length > 0) wrong.push(`calls came under other keys: ${others.slice(0, 3).join(', ')}`);
        console.log(`  ${requests} calls`);
        return wrong;
    } finally {
        await host.stop();
        await target.stop();
    }
}

async function start(host: RunningHost, count: number, spec: Round['spec'], url: string): Promise<string> {
    const items = Array.from({ length: count }, (_, id) => ({ id }));
    const client = clientOf(host);
    const upload = await client.upload(linesOf(items), { name: 'items.ndjson', retry: insistent });
    const whole = {
        ...spec,
        source: { upload: upload.id },
        process: { http: { url: `${url}/x` } },
        key: 'id',
        retry: { attempts: 15, initialDelay: 'PT0.1S', maxDelay: 'PT2S' },
    };
    return (await client.startJob(whole, { idempotencyKey: randomUUID(), retry: insistent })).id;
}

async function judge(host: RunningHost, id: string, items: number): Promise<string[]> {
    const end = await ended(host, id, 240_000);
    const { counts } = end;
    const wrong = breaches((await clientOf(host).resultsPage(id, { retry: insistent })).outcomes, counts.total ?? 0);
    const sum = counts.succeeded + counts.failed + counts.skipped + counts.cancelled;
    if (sum !== (counts.total ?? 0)) wrong.push(`the counts add up to ${sum}, not to ${counts.total}`);
    if (!['completed', 'cancelled'].includes(end.state)) wrong.push(`the job ended ${end.state}: ${JSON.stringify(end.error)}`);
    if (end.state === 'completed' && counts.total !== items) wrong.push(`the job has ${counts.total} items of ${items}`);
    console.log(`  ${end.state}, ${JSON.stringify(counts)}`);
    return wrong.map((w) => `${id}: ${w}`);
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A cancel that is refused does no harm: the job may have ended, or a fault may have struck. */
function refused(error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
}

/** Asks again for a minute: a fault of the plan may have struck what was asked. */
const insistent: RetryOptions = { forMs: 60_000, on: () => true };

async function main(): Promise<void> {
    const { values } = parseArgs({
        options: {
            minutes: { type: 'string' },
            seed: { type: 'string', default: '1' },
            matrix: { type: 'boolean', default: false },
            limits: { type: 'boolean', default: false },
            only: { type: 'string' },
            'at-once': { type: 'string', default: '60' },
            report: { type: 'string' },
        },
    });
    if (values.matrix) {
        const wrong = await playMatrix(root, { only: values.only, atOnce: Number(values['at-once']), report: values.report });
        if (wrong) throw new Error(wrong);
        return;
    }
    if (values.limits) {
        const broken = await playLimits(root, { minutes: Number(values.minutes ?? 10), only: values.only });
        if (broken) throw new Error(broken);
        return;
    }
    const until = Date.now() + Number(values.minutes ?? 30) * 60_000;
    let jobs = 0;
    let items = 0;
    for (let seed = Number(values.seed); Date.now() < until; seed++) {
        const round = roundOf(seed);
        console.log(
            `seed ${seed}: ${round.items.join(' and ')} items, ${round.kills} kills${round.cancel ? ', a cancel' : ''}, ${JSON.stringify(round.plan)}`,
        );
        const wrong = await play(round, dice(seed + 1_000_000));
        if (wrong.length > 0) throw new Error(`BREACH: ${wrong.join('; ')}. Again: npm run soak -- --seed ${seed} --minutes 1`);
        jobs += round.items.length;
        items += round.items.reduce((sum, n) => sum + n, 0);
    }
    console.log(`${jobs} jobs, ${items} items, no breach.`);
}

main().catch((error: unknown) => {
    console.error((error as Error).message);
    process.exitCode = 1;
});
