// The same work by BullMQ on Redis, for comparison, where both are there: a Redis at REDIS_URL or 127.0.0.1:6379, and `npm install --no-save bullmq ioredis`.
// Run by the bench in a process of its own. Arguments: URL of the target, NDJSON file of the items. One job an item, 64 at once, results kept by Redis.
import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import { sayRun } from './processes';

interface BullMq {
    Queue: new (
        name: string,
        options: object,
    ) => { addBulk(jobs: object[]): Promise<unknown>; obliterate(o: object): Promise<void>; close(): Promise<void> };
    Worker: new (
        name: string,
        work: (job: { data: { line: string } }) => Promise<unknown>,
        options: object,
    ) => { on(event: 'completed' | 'failed', tell: () => void): unknown; close(): Promise<void> };
}

const IN_FLIGHT = 64;
const headers = { 'content-type': 'application/json' };

async function main(): Promise<void> {
    const [url, file] = process.argv.slice(2);
    // Not a dependency of this project: the bench goes without where nobody has installed it.
    const name = 'bullmq';
    const { Queue, Worker } = (await import(name)) as BullMq;
    const { hostname: host, port } = new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
    const options = { connection: { host, port: Number(port || 6379), maxRetriesPerRequest: null } };
    const pool = new Pool(url!, { connections: IN_FLIGHT, pipelining: 1 });
    const queue = new Queue('fanfold-bench', options);
    await queue.obliterate({ force: true });

    const began = process.hrtime.bigint();
    const cpu = process.cpuUsage();
    const lines = (await readFile(file!, 'utf8')).trimEnd().split('\n');
    let left = lines.length;
    const done = new Promise<void>((resolve) => {
        const call = async ({ data: { line } }: { data: { line: string } }) => {
            const answer = await pool.request({ method: 'POST', path: '/', headers, body: line });
            return { status: answer.statusCode, output: await answer.body.json() };
        };
        const worker = new Worker('fanfold-bench', call, { ...options, concurrency: IN_FLIGHT });
        for (const end of ['completed', 'failed'] as const) worker.on(end, () => --left === 0 && void worker.close().then(resolve));
    });
    for (let at = 0; at < lines.length; at += 1000)
        await queue.addBulk(lines.slice(at, at + 1000).map((line) => ({ name: 'call', data: { line } })));
    await done;
    sayRun(began, cpu, lines.length);
    await queue.obliterate({ force: true });
    await queue.close();
    process.exit();
}

main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
});
