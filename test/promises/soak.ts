// npm run soak -- --minutes 30 [--seed 1]: random jobs under random fault plans and kills, one after the other, each checked for conservation.
// Ends with 1 at the first breach, and says with which seed it can be seen again.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startTarget } from '../../samples/target';
import { startHost } from '../support/host';
import { breaches, dice, ended, job, results, startJob } from './support';

// Run from dist/, or from its source.
const root = path.resolve(__dirname, __dirname.includes(`${path.sep}dist${path.sep}`) ? '../../..' : '../..');
process.env.DEVHOST_CLI ??= path.join(root, 'dist/devhost/cli.js');

interface Round {
    items: number;
    kills: number;
    cancel: boolean;
    plan: object;
    spec: { partition: { items: number }; concurrency: { max: number } };
    target: { latencyMs: number; rate429: number; rate500: number; retryAfterSeconds: number };
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
    ].filter(() => roll() < 0.6);
    return {
        items: 1 + upTo(8_000),
        kills: upTo(4),
        cancel: roll() < 0.2,
        plan: { seed, rules },
        spec: { partition: { items: 1 + upTo(3_000) }, concurrency: { max: 1 + upTo(200) } },
        target: { latencyMs: upTo(30), rate429: rate(0.05), rate500: rate(0.05), retryAfterSeconds: upTo(3) },
    };
}

/** One job; gives what is wrong with it, which is nothing. */
async function play(round: Round, roll: () => number): Promise<string[]> {
    const target = await startTarget(round.target);
    const host = await startHost({
        app: path.join(root, 'test/fixtures/promises-app'),
        env: { DEVHOST_FAULTS: JSON.stringify(round.plan) },
    });
    try {
        const items = Array.from({ length: round.items }, (_, id) => ({ id }));
        const spec = {
            ...round.spec,
            process: { http: { url: `${target.url}/x` } },
            key: 'id',
            retry: { attempts: 15, initialDelay: 'PT0.1S', maxDelay: 'PT2S' },
        };
        const id = await startJob(host, items, spec);
        for (let kill = 0; kill < round.kills; kill++) {
            const mark = target.stats().requests + Math.floor((round.items / (round.kills + 1)) * roll()) + 1;
            for (const until = Date.now() + 60_000; target.stats().requests < mark && Date.now() < until && !(await job(host, id))?.ended;)
                await new Promise((resolve) => setTimeout(resolve, 50));
            await host.kill9();
            await host.restart();
        }
        if (round.cancel) await fetch(`${host.url}/api/jobs/${id}/cancel`, { method: 'POST' });
        const end = await ended(host, id, 240_000);
        const all = await results(host, id);
        const { counts } = end;
        const wrong = breaches(all, counts.total ?? 0);
        const sum = counts.succeeded + counts.failed + counts.skipped + counts.cancelled;
        if (sum !== (counts.total ?? 0)) wrong.push(`the counts add up to ${sum}, not to ${counts.total}`);
        if (!['completed', 'cancelled'].includes(end.state)) wrong.push(`the job ended ${end.state}: ${JSON.stringify(end.error)}`);
        if (end.state === 'completed' && counts.total !== round.items) wrong.push(`the job has ${counts.total} items of ${round.items}`);
        const { perKey, requests } = target.stats();
        const others = Object.keys(perKey).filter((key) => !key.startsWith(`${id}:`));
        if (others.length > 0) wrong.push(`calls came under other keys: ${others.slice(0, 3).join(', ')}`);
        console.log(`  ${end.state}, ${JSON.stringify(counts)}, ${requests} calls`);
        return wrong;
    } finally {
        await host.stop();
        await target.stop();
    }
}

async function main(): Promise<void> {
    const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } } });
    const until = Date.now() + Number(values.minutes) * 60_000;
    let jobs = 0;
    let items = 0;
    for (let seed = Number(values.seed); Date.now() < until; seed++) {
        const round = roundOf(seed);
        console.log(
            `seed ${seed}: ${round.items} items, ${round.kills} kills${round.cancel ? ', a cancel' : ''}, ${JSON.stringify(round.plan)}`,
        );
        const wrong = await play(round, dice(seed + 1_000_000));
        if (wrong.length > 0) throw new Error(`BREACH: ${wrong.join('; ')}. Again: npm run soak -- --seed ${seed} --minutes 1`);
        jobs++;
        items += round.items;
    }
    console.log(`${jobs} jobs, ${items} items, no breach.`);
}

main().catch((error: unknown) => {
    console.error((error as Error).message);
    process.exitCode = 1;
});
