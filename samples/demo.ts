// One job from upload to verified results on this machine, with nothing to set up: local host, storage emulator and target are all started here.
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, openSync, closeSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Presets, SingleBar } from 'cli-progress';
import { FanfoldClient, type Job } from '../src/client';
import { freePorts } from './ports';
import { startTarget, type Target } from './target';

// Compiled, this file is dist/samples/demo.js.
const root = path.resolve(__dirname, '../..');
const folder = path.join(root, '.fanfold/demo');
const data = path.join(folder, 'azurite');
const hostLog = path.join(folder, 'host.log');
const resultsFile = path.join(folder, 'results.ndjson');
const shown = (file: string) => path.relative(process.cwd(), file) || '.';

/** The target goes away after so many calls that it has answered, for so long. */
const AWAY_AFTER = 300;
const AWAY_MS = 10_000;
const LIMIT = { perSecond: 150, burst: 30 };

const READY_MS = 60_000;
const STALLED_MS = AWAY_MS + 60_000;
const POLL_MS = 250;
const SAY_AGAIN_MS = 3_000;

interface Host {
    url: string;
    stop(): Promise<void>;
}

/** What to undo at the end, last first. */
const cleanups: (() => Promise<void>)[] = [];
const interrupted = new AbortController();

async function demo(): Promise<void> {
    // A job that an earlier demo left unfinished would go on here, against a target that is gone.
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });

    console.log(
        `Starting the local host with its storage, and a target that admits ${LIMIT.perSecond} calls a second, answers 2 % of them with 500 and goes away for ${AWAY_MS / 1000} s …`,
    );
    const target = await startTarget({ rate500: 0.02, limits: [{ kind: 'bucket', ...LIMIT, retryAfter: 1 }] });
    cleanups.push(() => target.stop());
    const host = await startHost();
    const client = new FanfoldClient({ url: host.url });
    const { signal } = interrupted;

    const csv = await readFile(path.join(root, 'samples/cities.csv'));
    const upload = await client.upload(csv, { name: 'cities.csv', signal });
    console.log(`Uploaded samples/cities.csv (${upload.bytes.toLocaleString('en')} bytes).`);

    const started = await client.startJob(
        {
            name: 'Distances to 0°, 0°',
            source: { upload: upload.id },
            process: { http: { url: `${target.url}/distance/{id}` } },
            key: 'id',
            retry: { attempts: 10, initialDelay: 'PT0.5S', maxDelay: 'PT5S' },
            concurrency: { max: 32 },
        },
        { signal },
    );
    console.log(`Started job ${started.id}.`);

    goAwayLater(target).catch((error: unknown) => interrupted.abort(error));
    const ended = await follow(client, started.id, target);
    report(ended, target);
    if (ended.state !== 'completed')
        throw new Error(`The job ended as ${ended.state}${ended.error ? `: ${ended.error.code}, ${ended.error.message}` : ''}.`);

    const results = await client.openResults(ended.id, { signal });
    await pipeline(Readable.fromWeb(results.body), createWriteStream(resultsFile));
    const manifest = await client.manifest(ended.id, { signal });
    const verdict = await client.verifyJob(ended.id, { signal });
    const bytes = manifest.parts.reduce((sum, part) => sum + part.bytes, 0);
    console.log(`  results    ${shown(resultsFile)}`);
    console.log(`  manifest   ${manifest.parts.length} part(s), ${bytes.toLocaleString('en')} bytes`);
    if (!verdict.ok) throw new Error(`Verify found problems:\n${verdict.problems.map((p) => `  ${p.code}: ${p.message}`).join('\n')}`);
    console.log(`  verify     ok: each of ${verdict.total.toLocaleString('en')} items has exactly one outcome`);
    lookFurther(ended.id);
}

/** In the middle of its work: the port is closed, and every connection with it. */
async function goAwayLater(target: Target): Promise<void> {
    const done = new AbortController();
    cleanups.push(async () => done.abort());
    while (answered(target) < AWAY_AFTER) {
        await sleep(50);
        if (done.signal.aborted) return;
    }
    await target.goAway({ how: 'refuse', forMs: AWAY_MS });
}

const answered = (target: Target): number => target.stats().statuses[200] ?? 0;
const isAway = (target: Target): boolean => target.stats().outages.at(-1)?.to === null;

async function startHost(): Promise<Host> {
    const [port, blob, queue, table] = await freePorts(4);
    const env: NodeJS.ProcessEnv = {
        ...process.env,
        AZURITE_BLOB_PORT: String(blob),
        AZURITE_QUEUE_PORT: String(queue),
        AZURITE_TABLE_PORT: String(table),
        // A shell that is set up for a real account must not lend it to a demo.
        AzureWebJobsStorage: 'UseDevelopmentStorage=true',
    };
    delete env.FANFOLD_DATA_CONNECTION;
    delete env.FANFOLD_DATA_ACCOUNT_URL;

    // Straight into a file: a pipe that nobody reads any more would end the host in the middle of its own shutdown.
    const log = openSync(hostLog, 'a');
    const child = spawn(process.execPath, ['dist/devhost/cli.js', '--port', String(port), '--data', data], {
        cwd: root,
        env,
        stdio: ['ignore', log, log],
    });
    closeSync(log);
    const host: Host = { url: `http://127.0.0.1:${port}`, stop: () => stopChild(child) };
    cleanups.push(() => host.stop());
    let failed: Error | undefined;
    child.once('error', (error) => (failed = error));

    for (const until = Date.now() + READY_MS; ;) {
        interrupted.signal.throwIfAborted();
        if (failed) throw new Error(`The local host cannot be started: ${failed.message}`);
        if (hasEnded(child)) throw new Error(`The local host ended with ${child.exitCode ?? child.signalCode}.${await logTail()}`);
        if ((await hostState(host.url)) === 'Running') return host;
        if (Date.now() > until) throw new Error(`The local host is not ready after ${READY_MS / 1000} s.${await logTail()}`);
        await sleep(200);
    }
}

/** The host's state, or null while nothing answers yet. */
async function hostState(url: string): Promise<string | null> {
    try {
        const answer = await fetch(`${url}/admin/host/status`, { signal: AbortSignal.timeout(2000) });
        return ((await answer.json()) as { state?: string }).state ?? null;
    } catch {
        return null; // not up yet; the caller has the deadline
    }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

async function stopChild(child: ChildProcess): Promise<void> {
    if (hasEnded(child) || child.pid === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(force);
}

async function follow(client: FanfoldClient, id: string, target: Target): Promise<Job> {
    const progress = process.stdout.isTTY ? barProgress(target) : lineProgress(target);
    let last = '';
    let changed = Date.now();
    const onProgress = (job: Job) => {
        progress.show(job);
        const now = JSON.stringify([job.state, job.counts]);
        if (now !== last) [last, changed] = [now, Date.now()];
        else if (Date.now() - changed > STALLED_MS)
            throw new Error(`The job has not moved for ${STALLED_MS / 1000} s (state ${job.state}).`);
    };
    try {
        return await client.waitUntil(id, undefined, { everyMs: POLL_MS, onProgress, signal: interrupted.signal });
    } catch (error) {
        throw interrupted.signal.aborted ? error : new Error(`${(error as Error).message}${await logTail()}`, { cause: error });
    } finally {
        progress.end();
    }
}

const settled = ({ counts: c }: Job) => c.succeeded + c.failed + c.skipped + c.cancelled;

interface Progress {
    show(status: Job): void;
    end(): void;
}

/** What keeps a job from calling, and until when, or null. */
function waitOf({ waiting }: Job): string | null {
    if (!waiting) return null;
    const seconds = waiting.until === null ? null : Math.max(0, Math.ceil((Date.parse(waiting.until) - Date.now()) / 1000));
    return `waits: ${known[waiting.code] ?? waiting.for} (${waiting.code})${seconds === null ? '' : `, next look in ${seconds} s`}`;
}

const known: Partial<Record<string, string>> = {
    BREAKER_OPEN: 'the target is away',
    GATE_CLOSED: 'the target has asked for a pause',
};

function barProgress(target: Target): Progress {
    const bar = new SingleBar(
        { format: '  {bar} {percentage}% | {value}/{total} | {rate} items/s | {retries} retries | {now}', hideCursor: true },
        Presets.shades_classic,
    );
    let running = false;
    return {
        show: (status) => {
            const { total, retries } = status.counts;
            if (total === null) return;
            const now = waitOf(status) ?? (isAway(target) ? 'the target is away' : status.state);
            const payload = { rate: Math.round(status.rate), retries, now };
            if (running) bar.update(settled(status), payload);
            else bar.start(total, settled(status), payload);
            running = true;
        },
        end: () => bar.stop(),
    };
}

/** For logs and pipes: a line for every tenth and for what is waited for, not a screen that redraws itself. */
function lineProgress(target: Target): Progress {
    let tenth = -1;
    let wasAway = false;
    let said = { code: '', at: 0 };
    return {
        show: (status) => {
            const { total, retries } = status.counts;
            if (total === null) return;
            if (isAway(target) !== wasAway) {
                wasAway = !wasAway;
                console.log(wasAway ? `         the target goes away, for ${AWAY_MS / 1000} s` : '         the target is back');
            }
            const { waiting } = status;
            // Short waits for one thing come again and again.
            if (waiting && (waiting.code !== said.code || Date.now() - said.at > SAY_AGAIN_MS)) {
                said = { code: waiting.code, at: Date.now() };
                console.log(`         ${waitOf(status)}`);
            }
            const reached = total === 0 ? 10 : Math.floor((settled(status) / total) * 10);
            if (reached === tenth) return;
            tenth = reached;
            console.log(
                `  ${String(reached * 10).padStart(3)} %  ${settled(status)}/${total}  ${Math.round(status.rate)} items/s  ${retries} retries`,
            );
        },
        end: () => undefined,
    };
}

function report(status: Job, target: Target): void {
    const { counts } = status;
    const seconds = (Date.parse(status.endedAt ?? '') - Date.parse(status.startedAt ?? status.createdAt)) / 1000;
    const calls = target.stats();
    console.log(`\n${status.state}${status.outcome ? ` (${status.outcome})` : ''}`);
    console.log(
        `  items      ${counts.total ?? 0}: ${counts.succeeded} succeeded, ${counts.failed} failed, ${counts.skipped} skipped, ${counts.cancelled} cancelled; ${counts.invalid} invalid row(s)`,
    );
    if (Number.isFinite(seconds))
        console.log(`  duration   ${seconds.toFixed(1)} s (${Math.round(settled(status) / Math.max(seconds, 0.001))} items/s)`);
    const answers = Object.entries(calls.statuses).map(([code, count]) => `${count} × ${code}`);
    console.log(`  target     ${calls.requests} calls (${answers.join(', ')}), at most ${calls.maxInFlight} at once`);
    const [from, to] = [Date.parse(status.startedAt ?? status.createdAt), Date.parse(status.endedAt ?? '') || Date.now()];
    const room = target.capacity(from, to);
    const admitted = calls.requests - calls.throttled;
    console.log(
        `  its limit  ${calls.throttled} calls refused, ${admitted} admitted of ${room} that there was room for (${Math.round((admitted / room) * 100)} %)`,
    );
    for (const outage of calls.outages)
        console.log(
            `  its outage ${(((outage.to ?? Date.now()) - outage.from) / 1000).toFixed(1)} s; calls that were cut off: ${calls.unanswered}, that came through: ${outage.calls}; attempts without a connection: ${status.calls.statuses.CONNECTION ?? 0}`,
        );
    // Each 500 costs its item an attempt, as it should; what is tried again beyond that was lost to limit and outage.
    const lost = Math.max(0, counts.retries - (calls.statuses[500] ?? 0));
    console.log(
        `  retries    ${counts.retries} for ${calls.statuses[500] ?? 0} answers of 500: ${lost === 0 ? 'no item lost an attempt' : `${lost} attempts were lost`} to limit and outage`,
    );
    for (const group of status.failures) console.log(`  failed     ${group.count} × ${group.code}: ${group.message}`);
}

function lookFurther(id: string): void {
    const job = `http://localhost:7071/api/jobs/${id}`;
    console.log(`
The data stays in ${shown(data)} until the next demo. To look further, start the host on it again:

  npm start -- --data ${shown(data)}

and in another terminal:

  curl -s ${job}
  curl -s ${job}/items/7
  curl -s '${job}/results?format=csv&order=input'
  curl -s ${job}/manifest
  curl -s -X POST ${job}/verify
`);
}

/** The end of the host's log, to be shown with an error: it is where the reason stands. */
async function logTail(): Promise<string> {
    const text = await readFile(hostLog, 'utf8');
    return `\nEnd of ${shown(hostLog)}:\n${text.trimEnd().split('\n').slice(-15).join('\n')}`;
}

async function main(): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error(`Stopped by ${signal}.`)));
    let exitCode = 0;
    const fail = (error: unknown) => {
        console.error(`\nThe demo failed. ${(error as Error).message}`);
        exitCode = 1;
    };
    await demo().catch(fail);
    for (const cleanup of cleanups.reverse()) await cleanup().catch(fail);
    process.exit(exitCode);
}

main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
});
