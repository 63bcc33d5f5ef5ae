// The fuzz against a local host of its own, with keys, a target and a probe in the host's process; and what must hold when it is over.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startTarget } from '../../samples/target';
import { BlobServiceClient } from '@azure/storage-blob';
import { ApiError, FanfoldClient, isEnded } from '../../src/client';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';
import { bombs, startBombs } from './bombs';
import { fuzz, type Finding, type FuzzReport, type UnderWay } from './fuzz';
import type { Sender } from './requests';
import { asCurl, send } from './send';

export interface RunOptions {
    /** Folder of the repository. */
    root: string;
    seed: number;
    requests: number;
    jobs: number;
    /** Also what is far more than it looks, one after the other: `bombs.ts`. */
    bombs?: boolean;
    log?: (line: string) => void;
}

export interface RunReport extends FuzzReport {
    /** How long the event loop was held by one request alone, at most, in ms of work; and by all that was under way together. */
    heldAloneMs: number;
    heldMs: number;
    /** Used after collection, in MB, at each look. */
    heapMb: number[];
    started: number;
}

const keys = {
    admin: 'fuzz-key-of-an-admin',
    operate: 'fuzz-key-of-an-operator',
    read: 'fuzz-key-of-a-reader',
    wrong: 'fuzz-key-of-nobody',
};
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const FANFOLD_KEYS = (['admin', 'operate', 'read'] as const).map((level) => `${level}:${level}:${sha256(keys[level])}`).join();

/** No single request may hold the event loop for longer, in ms of work. */
const MAX_HELD_MS = 200;
/** What the heap may have more at the end than at the first look, in MB: caches fill up to their bounds. */
const MAX_GROWTH_MB = 24;
const LOOKS = 8;

type Told = { at: number } & (
    | { kind: 'started'; pid: number }
    | { kind: 'held'; heldMs: number; cpuMs: number }
    | { kind: 'memory'; heapUsed: number; external: number; rss: number }
);

export async function runFuzz({
    root,
    seed,
    requests,
    jobs,
    bombs: withBombs = false,
    log = () => undefined,
}: RunOptions): Promise<RunReport> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-fuzz-'));
    const file = path.join(folder, 'probe.ndjson');
    const target = await startTarget({ latencyMs: 5 });
    const host = await startHost({
        app: root,
        auth: true,
        env: { FANFOLD_KEYS, FANFOLD_PROBE: file, NODE_OPTIONS: `--require=${path.join(root, 'test/fuzz/probe.cjs')}` },
    });
    const told = (): Told[] =>
        readFileSync(file, 'utf8')
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line) as Told);
    const headersOf = (sender: Sender): [string, string][] => [
        ['x-functions-key', host.key!],
        ...(sender === 'nobody' ? [] : [['x-fanfold-key', keys[sender]] as [string, string]]),
    ];
    const port = Number(new URL(host.url).port);
    const memory = async (): Promise<number> => {
        const looks = () => told().filter((line) => line.kind === 'memory');
        const before = looks().length;
        const started = told().findLast((line) => line.kind === 'started');
        process.kill(started!.pid, 'SIGUSR2');
        await until(
            () => looks().length > before,
            () => `the probe tells nothing\n${host.output()}`,
        );
        return Math.round(looks().at(-1)!.heapUsed / 1e5) / 10;
    };
    const holds = () => told().filter((line) => line.kind === 'held');
    const heapMb: number[] = [];
    const findings: Finding[] = [];
    const latest: UnderWay[] = [];
    let [heldAloneMs, judged] = [0, 0];
    /** What was under way in a hold is sent again, by itself: only what holds the loop up alone is at fault. */
    const judgeHolds = async (): Promise<void> => {
        const all = holds();
        const worst = all
            .slice(judged)
            .sort((a, b) => b.cpuMs - a.cpuMs)
            .slice(0, 3);
        judged = all.length;
        for (const { at, heldMs, cpuMs } of worst)
            if (cpuMs > MAX_HELD_MS)
                for (const { sent } of latest.filter(({ from, to }) => from <= at && to >= at - heldMs)) {
                    let alone = Infinity;
                    for (let again = 0; again < 2 && alone > MAX_HELD_MS; again++) {
                        const before = holds().length;
                        await send(port, sent, 20_000).catch(() => undefined);
                        alone = Math.min(
                            alone,
                            Math.max(
                                0,
                                ...holds()
                                    .slice(before)
                                    .map((hold) => hold.cpuMs),
                            ),
                        );
                    }
                    heldAloneMs = Math.max(heldAloneMs, alone);
                    if (alone > MAX_HELD_MS)
                        findings.push({ what: `holds the event loop for ${alone} ms of work`, how: asCurl(host.url, sent) });
                }
        judged = holds().length;
    };
    try {
        let next = 0;
        const report = await fuzz({
            ...{ url: host.url, headersOf, targetUrl: target.url, seed, requests, jobs },
            latest,
            progress: async (sent) => {
                if (sent < next && sent < requests) return;
                next = sent + requests / LOOKS;
                heapMb.push(await memory());
                await judgeHolds();
                log(`${sent} requests, ${holds().length} holds, heap ${heapMb.at(-1)} MB`);
            },
        });
        const [first = 0, last = 0] = [heapMb[1], heapMb.at(-1)];
        if (heapMb.length > 3 && last - first > MAX_GROWTH_MB)
            findings.push({ what: `the heap grows: ${heapMb.join(', ')} MB`, how: 'all of it' });
        if (withBombs) heldAloneMs = Math.max(heldAloneMs, await setBombs(host, holds, findings, log));
        const started = await afterwards(host, findings);
        return {
            ...report,
            findings: [...report.findings, ...findings],
            heldAloneMs,
            heldMs: Math.max(0, ...holds().map(({ cpuMs }) => cpuMs)),
            heapMb,
            started,
        };
    } finally {
        await host.stop();
        await target.stop();
        rmSync(folder, { recursive: true, force: true });
    }
}

/** One after the other, so that what holds the event loop is known. Gives the longest hold, in ms of work. */
async function setBombs(
    host: RunningHost,
    holds: () => { cpuMs: number }[],
    findings: Finding[],
    log: (line: string) => void,
): Promise<number> {
    const client = adminOf(host);
    const target = await startBombs();
    let worst = 0;
    try {
        for (const { what, set } of bombs) {
            const before = holds().length;
            try {
                const id = await set(client, target.url);
                if (id !== null) await client.waitUntil(id, isEnded, { timeoutMs: 60_000, everyMs: 100 });
            } catch (error) {
                // Refused in words is as good.
                if (!(error instanceof ApiError) || error.status >= 500)
                    findings.push({ what: `${what}: ${String(error)}`, how: 'bombs.ts' });
            }
            const held = Math.max(
                0,
                ...holds()
                    .slice(before)
                    .map(({ cpuMs }) => cpuMs),
            );
            worst = Math.max(worst, held);
            log(`${what}: held for ${held} ms`);
            if (held > MAX_HELD_MS) findings.push({ what: `${what}: holds the event loop for ${held} ms of work`, how: 'bombs.ts' });
        }
    } finally {
        await target.stop();
    }
    return worst;
}

const adminOf = (host: RunningHost): FanfoldClient => new FanfoldClient({ url: host.url, key: host.key!, appKey: keys.admin });

/** Every job that was started ends, can be read in every way, and nothing of a job lies about that is none. Gives how many there were. */
async function afterwards(host: RunningHost, findings: Finding[]): Promise<number> {
    const client = adminOf(host);
    const ids: string[] = [];
    for await (const { id } of client.listJobs()) ids.push(id);
    for (const id of ids) {
        try {
            const job = await client.getJob(id);
            if (!isEnded(job) && job.allowed.includes('cancel')) await client.cancelJob(id);
        } catch (error) {
            findings.push({ what: `a listed job cannot be read or cancelled: ${String(error)}`, how: id });
        }
    }
    for (const id of ids) {
        try {
            const job = await client.waitUntil(id, isEnded, { timeoutMs: 60_000, everyMs: 250 });
            if (job.state === 'failed' && !JSON.stringify(job).includes('"error"'))
                findings.push({ what: 'a job failed without a word', how: JSON.stringify(job) });
            for (const route of ['results', 'manifest', 'timeline', 'invalid', 'items/0']) {
                const answer = await fetch(`${host.url}/api/jobs/${id}/${route}`, {
                    headers: { 'x-functions-key': host.key!, 'x-fanfold-key': keys.admin },
                });
                const text = await answer.text();
                if (answer.status >= 500)
                    findings.push({ what: `${route} of a job that has ended: ${answer.status} ${text.slice(0, 300)}`, how: id });
            }
        } catch (error) {
            findings.push({ what: `a job does not end: ${String(error)}`, how: id });
        }
    }
    const listed = new Set(ids);
    const container = BlobServiceClient.fromConnectionString(host.storage).getContainerClient('fanfold');
    for await (const { name } of container.listBlobsFlat({ prefix: 'jobs/' })) {
        const id = name.split('/')[1]!;
        if (!listed.has(id)) findings.push({ what: 'a blob of a job that is not listed', how: name });
    }
    return ids.length;
}
