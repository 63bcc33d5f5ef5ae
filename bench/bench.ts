// Measures Fanfold against what else could do the work, all in one run on one machine. docs/performance.md says how each figure is taken.
// Run: npm run bench -- --help
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { emulatorConnection, listens, startAzurite } from '../devhost/azurite';
import { freePorts } from '../samples/ports';
import { FanfoldClient, type JobSpec } from '../src/client';
import { openFile } from '../src/client/file';
import type { Counter, Transactions } from './counter';
import { longestHistory } from './history';
import { NAIVE_ITEMS, naiveApp, runNaive } from './naive/run';
import { startLocalHost, startPart, type ClientRun, type LocalHost } from './processes';
import { print, type Contender, type Figures } from './table';

const usage = `Usage: npm run bench -- [options]
  --items N      items of the main job (default 100000)
  --jobs N       small jobs (default 1000)
  --repeats N    of raw loop, script, Fanfold and naive fan-out; medians are shown (default 3)
  --memory N     items of the job whose peak memory is set beside that of one of 10,000 (default 1000000)
  --url URL      another host that runs Fanfold, in place of the local one; then only raw loop, script, Fanfold, CSV and small jobs
  --counter URL  where storage transactions of that host are counted (dist/bench/counter.js)
  --only LIST    of: throughput, csv, jobs, storage, memory, naive, bullmq (default: all)`;

const root = path.resolve(__dirname, '../..');
const CSV_ROWS = 1_000_000;
const SMALL_ITEMS = 10;
const AT_ONCE = 32;
const IN_FLIGHT = 64;
const FEW = 10_000;

export const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const progress = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)}  ${text}`);

/** What to undo at the end, last first. */
const cleanups: (() => Promise<unknown>)[] = [];

interface Bench {
    folder: string;
    target: string;
    items: number;
    jobs: number;
    repeats: number;
    memoryItems: number;
    itemsFile: string;
    figures: Figures;
}

/** 200 bytes of JSON. */
const itemLine = (id: number): string => {
    const line = JSON.stringify({ id, pad: '' });
    return line.replace('""', `"${'x'.repeat(200 - line.length)}"`);
};

async function writeLines(file: string, count: number, line: (i: number) => string, first?: string): Promise<void> {
    const out = createWriteStream(file);
    if (first !== undefined) out.write(first + '\n');
    for (let i = 0; i < count; i += 1000) {
        const lines = Array.from({ length: Math.min(1000, count - i) }, (_, k) => line(i + k) + '\n').join('');
        if (!out.write(lines)) await new Promise<void>((resolve) => out.once('drain', resolve));
    }
    out.end();
    await finished(out);
}

/** In whole items per second. */
const rate = (items: number, seconds: number): number => Math.round(items / seconds);

/** Fewer items, as it is slower by an order: its rate does not depend on how many there are. */
const QUEUED_ITEMS = 20_000;

/** BullMQ on Redis, where both are there; bench/bullmq.ts says how they come there. */
async function bullmq(b: Bench): Promise<void> {
    const port = Number(new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379').port || 6379);
    if (!(await listens(port)) || !['bullmq', 'ioredis'].every(isInstalled)) return progress('no Redis or no BullMQ here: left out');
    const file = path.join(b.folder, 'queued.ndjson');
    await writeLines(file, QUEUED_ITEMS, itemLine);
    const runs: ClientRun[] = [];
    for (let i = 0; i < b.repeats; i++) {
        const part = await startPart<ClientRun>('bullmq', [b.target, file]);
        await part.stop();
        runs.push(part.said);
    }
    const perSecond = median(runs.map(({ seconds }) => rate(QUEUED_ITEMS, seconds)));
    b.figures.contenders.push({ kind: 'bullmq', name: 'BullMQ on Redis', perSecond, memory: runs.at(-1)!.memory });
    progress(`BullMQ: ${perSecond}/s`);
}

function isInstalled(name: string): boolean {
    try {
        return require.resolve(name) !== '';
    } catch {
        return false;
    }
}

async function client(kind: 'raw' | 'script', b: Bench): Promise<ClientRun> {
    const part = await startPart<ClientRun>('clients', [kind, b.target, b.itemsFile, path.join(b.folder, 'script.ndjson')]);
    await part.stop();
    return part.said;
}

/** No call is asked again: a bench that meets a broken connection is none. */
const clientOf = (url: string): FanfoldClient => new FanfoldClient({ url, retry: { forMs: 0 } });

/** Gives the upload's id. */
async function uploadFile(api: FanfoldClient, file: string): Promise<string> {
    const opened = await openFile(file);
    try {
        return (await api.uploadInParts(opened, { name: opened.name })).id;
    } finally {
        await opened.close();
    }
}

const httpJob = (b: Bench, source: JobSpec['source']): JobSpec => ({
    name: 'bench',
    source,
    process: { http: { url: `${b.target}/` } },
    concurrency: { max: IN_FLIGHT },
});

/** Seconds from the job's creation to its end, planning and folding included, by the job's own clock. */
async function fanfold(b: Bench, api: FanfoldClient, upload: string, items: number): Promise<{ id: string; seconds: number }> {
    const { id } = await api.startJob(httpJob(b, { upload }));
    const job = await api.waitUntil(id, (j) => j.state === 'completed');
    if (job.counts.succeeded !== items) throw new Error(`only ${job.counts.succeeded} of ${items} items succeeded`);
    return { id, seconds: (Date.parse(job.endedAt!) - Date.parse(job.createdAt)) / 1000 };
}

/** Raw loop, script and Fanfold take turns, so that whatever else the machine does falls on all of them. */
async function throughput(b: Bench, url: string, hostMemory?: () => Promise<number | null>): Promise<void> {
    const api = clientOf(url);
    const upload = await uploadFile(api, b.itemsFile);
    const rounds: { raw: number; script: number; fanfold: number }[] = [];
    let last: { raw: ClientRun; script: ClientRun; job: string };
    for (let i = 0; i < b.repeats; i++) {
        const raw = await client('raw', b);
        const ours = await fanfold(b, api, upload, b.items);
        const script = await client('script', b);
        last = { raw, script, job: ours.id };
        const [r, f, s] = [raw, ours, script].map(({ seconds }) => rate(b.items, seconds));
        progress(`round ${i + 1}: raw ${r}/s, Fanfold ${f}/s, script ${s}/s`);
        rounds.push({ raw: r!, fanfold: f!, script: s! });
    }
    const of = (figure: (round: (typeof rounds)[number]) => number) => median(rounds.map(figure));
    const { raw, script, job } = last!;
    const [history, memory] = [await longestHistory(url, job), (await hostMemory?.()) ?? undefined];
    b.figures.contenders.push(
        { kind: 'raw', name: 'raw `undici` loop', perSecond: of((r) => r.raw), toRaw: 1, memory: raw.memory },
        {
            kind: 'script',
            name: '`p-map` script',
            perSecond: of((r) => r.script),
            toRaw: of((r) => r.script / r.raw),
            memory: script.memory,
        },
        { kind: 'fanfold', name: '**Fanfold**', perSecond: of((r) => r.fanfold), toRaw: of((r) => r.fanfold / r.raw), memory, history },
    );
    b.figures.toRaw = of((r) => r.fanfold / r.raw);
    b.figures.toScript = of((r) => r.fanfold / r.script);
}

/** From the answer of POST until the job is no longer planning. Then it is cancelled: its items are of no interest. */
async function csv(b: Bench, api: FanfoldClient): Promise<void> {
    const file = path.join(b.folder, 'million.csv');
    const row = (i: number) => `${i},customer ${i},"Main Street ${i % 100}, ${i % 7}",${(i % 180) - 90}.25,${(i % 360) - 180}.5`;
    await writeLines(file, CSV_ROWS, row, 'id,name,street,lat,lon');
    const upload = await uploadFile(api, file);
    await rm(file);
    const began = performance.now();
    const { id } = await api.startJob(httpJob(b, { upload }));
    const planned = await api.waitUntil(id, (j) => j.counts.total !== null, { everyMs: 50 });
    b.figures.csv = rate(CSV_ROWS, (performance.now() - began) / 1000);
    if (planned.counts.total !== CSV_ROWS) throw new Error(`planned ${planned.counts.total} rows`);
    await api.cancelJob(id);
    await api.waitUntil(id);
}

async function smallJobs(b: Bench, api: FanfoldClient): Promise<void> {
    const items = Array.from({ length: SMALL_ITEMS }, (_, id) => ({ id }));
    const posts: number[] = [];
    let left = b.jobs;
    const began = performance.now();
    const loop = async () => {
        while (left-- > 0) {
            const before = performance.now();
            const { id } = await api.startJob(httpJob(b, { items }));
            posts.push(performance.now() - before);
            await api.waitUntil(id, (j) => j.state === 'completed', { everyMs: 250 });
        }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, loop));
    b.figures.jobsPerSecond = b.jobs / ((performance.now() - began) / 1000);
    posts.sort((x, y) => x - y);
    b.figures.postP50 = median(posts);
    b.figures.postP99 = posts[Math.ceil(posts.length * 0.99) - 1]!;
}

const transactions = async (url: string): Promise<Transactions> => (await (await fetch(url)).json()) as Transactions;

/** Per 1,000 items, of everything between POST and the job's end: the looks at its status twice a second are in it. */
async function counted(url: string, items: number, run: () => Promise<unknown>): Promise<number> {
    const before = await transactions(url);
    await run();
    const after = await transactions(url);
    const sum = (t: Transactions) => t.blob + t.queue + t.table;
    return ((sum(after) - sum(before)) / items) * 1000;
}

async function local(b: Bench, wanted: (row: string) => boolean): Promise<void> {
    const [port, blob, queue, table] = await freePorts(4);
    const ports = { blob: blob!, queue: queue!, table: table! };
    const azurite = await startAzurite(root, ports, path.join(b.folder, 'azurite'));
    cleanups.push(
        () =>
            new Promise((resolve) => {
                azurite.once('exit', resolve);
                azurite.stdin!.end();
            }),
    );
    const direct = emulatorConnection(ports);
    let hosts = 0;
    const withHost = async <T>(app: string, storage: string, use: (host: LocalHost) => Promise<T>): Promise<T> => {
        // A hub for each host: none waits for the lock of the one before.
        const host = await startLocalHost({ app, port: port!, storage, hub: `bench${++hosts}`, log: path.join(b.folder, 'host.log') });
        cleanups.push(() => host.stop());
        try {
            return await use(host);
        } finally {
            await host.stop();
        }
    };

    const withCounter = async (use: (counter: Counter) => Promise<void>): Promise<void> => {
        const { said, stop } = await startPart<Counter>('counter', [blob, queue, table].map(String));
        cleanups.push(stop);
        await use(said);
        await stop();
    };

    if (wanted('throughput') || wanted('csv') || wanted('jobs'))
        await withHost(root, direct, async (host) => {
            const api = clientOf(host.url);
            if (wanted('throughput')) await throughput(b, host.url, () => host.peakMemory());
            if (wanted('csv')) await csv(b, api);
            if (wanted('csv')) progress(`planning: ${b.figures.csv} rows/s`);
            if (wanted('jobs')) await smallJobs(b, api);
            if (wanted('jobs')) progress(`small jobs: ${b.figures.jobsPerSecond?.toFixed(1)}/s`);
        });

    if (wanted('memory')) {
        const sizes = [FEW, b.memoryItems];
        const peaks: (number | null)[] = [];
        for (const size of sizes)
            await withHost(root, direct, async (host) => {
                const file = path.join(b.folder, `${size}.ndjson`);
                await writeLines(file, size, itemLine);
                const api = clientOf(host.url);
                const upload = await uploadFile(api, file);
                await rm(file);
                await fanfold(b, api, upload, size);
                peaks.push(await host.peakMemory());
                progress(`peak memory at ${size} items: ${peaks.at(-1)?.toFixed(0) ?? 'not known'} MB`);
            });
        const [few, many] = peaks;
        b.figures.memory = { sizes, peaks };
        if (few && many) b.figures.memoryRatio = many / few;
    }

    if (wanted('naive')) {
        const configured = await configuredActivities();
        for (const activities of [configured, IN_FLIGHT]) {
            const app = await naiveApp(b.folder, activities);
            const contender = await withHost(app, direct, async (host) => {
                const runs = [];
                for (let i = 0; i < b.repeats; i++) runs.push(await runNaive(host.url, b.target));
                const measured: Contender = {
                    kind: 'naive',
                    name: `naive durable fan-out, ${activities} activities at once`,
                    perSecond: Math.round(median(runs.map((r) => r.perSecond))),
                    memory: (await host.peakMemory()) ?? undefined,
                    history: runs.at(-1)!.history,
                };
                return measured;
            });
            b.figures.contenders.push(contender);
            progress(`${contender.name}: ${contender.perSecond}/s`);
            if (wanted('storage') && activities === configured)
                await withCounter(async (counter) => {
                    contender.transactions = await withHost(app, counter.storage, (host) =>
                        counted(counter.url, NAIVE_ITEMS, () => runNaive(host.url, b.target)),
                    );
                });
        }
    }
    if (wanted('storage'))
        await withCounter(async (counter) => {
            b.figures.transactions = await withHost(root, counter.storage, async ({ url }) => {
                const api = clientOf(url);
                const upload = await uploadFile(api, b.itemsFile);
                return counted(counter.url, b.items, () => fanfold(b, api, upload, b.items));
            });
            progress(`storage transactions per 1,000 items: ${b.figures.transactions.toFixed(1)}`);
        });
}

/** What the app allows itself: the naive fan-out runs on the same host, with the same settings. */
async function configuredActivities(): Promise<number> {
    const { extensions } = JSON.parse(await readFile(path.join(root, 'host.json'), 'utf8')) as {
        extensions: { durableTask: { maxConcurrentActivityFunctions: number } };
    };
    return extensions.durableTask.maxConcurrentActivityFunctions;
}

async function remote(b: Bench, url: string, counter: string | undefined, wanted: (row: string) => boolean): Promise<void> {
    const base = url.replace(/\/+$/, '');
    const api = clientOf(base);
    if (wanted('throughput')) await throughput(b, base);
    if (counter && wanted('storage')) {
        const upload = await uploadFile(api, b.itemsFile);
        b.figures.transactions = await counted(counter, b.items, () => fanfold(b, api, upload, b.items));
    }
    if (wanted('csv')) await csv(b, api);
    if (wanted('jobs')) await smallJobs(b, api);
}

async function main(): Promise<void> {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
        options: {
            items: text,
            jobs: text,
            repeats: text,
            memory: text,
            url: text,
            counter: text,
            only: text,
            help: { type: 'boolean', short: 'h' },
        },
    });
    if (values.help) return console.log(usage);
    const count = (name: 'items' | 'jobs' | 'repeats' | 'memory', fallback: number): number => {
        const value = Number(values[name] ?? fallback);
        if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: "${values[name]}" is not a whole number from 1 up`);
        return value;
    };
    const items = count('items', 100_000);
    const only = values.only?.split(',');
    const wanted = (row: string) => only?.includes(row) ?? true;

    const folder = await mkdtemp(path.join(os.tmpdir(), 'fanfold-bench-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const target = await startPart<{ url: string }>('echo');
    cleanups.push(() => target.stop());
    const b: Bench = {
        folder,
        target: target.said.url,
        items,
        jobs: count('jobs', 1_000),
        repeats: count('repeats', 3),
        memoryItems: count('memory', 1_000_000),
        itemsFile: path.join(folder, 'items.ndjson'),
        figures: { contenders: [] },
    };
    await writeLines(b.itemsFile, items, itemLine);

    const began = Date.now();
    if (values.url) await remote(b, values.url, values.counter, wanted);
    else await local(b, wanted);
    if (wanted('bullmq')) await bullmq(b);
    print(b, values.url ? 'the host given by --url' : 'the local host', (Date.now() - began) / 1000);
}

function fail(error: unknown): void {
    console.error(error);
    process.exitCode = 1;
}

async function run(): Promise<void> {
    await main().catch(fail);
    for (const cleanup of cleanups.reverse()) await cleanup().catch(fail);
    process.exit();
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
        Promise.allSettled(cleanups.reverse().map((c) => c())).then(
            () => process.exit(1),
            () => process.exit(1),
        );
    });
run().catch(fail);
