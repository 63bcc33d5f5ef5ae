// npm run histories -- FOLDER: runs small jobs on the local host and keeps what its orchestrators were given and answered, for the replay test.
// Of each execution the last episode is kept: its history holds those before.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { startTarget, type Target, type TargetOptions } from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import type { Job } from '../../src/client';
import { clientOf, ended, startJob } from '../guarantees/support';
import { until } from '../support/until';

const root = path.resolve(__dirname, '../../..');
process.env.DEVHOST_CLI ??= path.join(root, 'dist/devhost/cli.js');

export interface RecordedEpisode {
    function: string;
    trigger: { instanceId: string; history: { EventType: number; [field: string]: unknown }[]; [field: string]: unknown };
    answer: unknown;
}

interface Scene {
    host: RunningHost;
    target: Target;
}

/** Targets that differ from one that answers in two milliseconds. */
const targets: Record<string, TargetOptions> = { retries: { rate500: 0.3 }, cancelled: { latencyMs: 200 } };

/** Each starts a job and brings it to its end; gives its id. */
const scenarios: Record<string, (scene: Scene) => Promise<string>> = {
    small: async ({ host, target }) => {
        const id = await startJob(host, rows(30), { process: { http: { url: `${target.url}/x` } }, partition: { items: 10 } });
        await ended(host, id, 60_000);
        return id;
    },
    'several-workers': async ({ host, target }) => {
        const id = await startJob(host, rows(400), {
            process: { http: { url: `${target.url}/x` } },
            partition: { items: 20 },
            concurrency: { max: 128 },
        });
        await ended(host, id, 60_000);
        return id;
    },
    // The retry is so far off that the workers end and the job waits; the event wakes it.
    'cancelled-while-it-waits': async ({ host }) => {
        const id = await startJob(host, rows(3), {
            process: { http: { url: 'http://127.0.0.1:9/nobody' } },
            retry: { attempts: 3, initialDelay: 'PT10M', maxDelay: 'PT1H', factor: 1 },
        });
        await clientOf(host).waitUntil(id, waitsForRetry, { everyMs: 50, timeoutMs: 60_000 });
        await clientOf(host).cancelJob(id);
        await ended(host, id, 60_000);
        return id;
    },
    retries: async ({ host, target }) => {
        const id = await startJob(host, rows(60), {
            process: { http: { url: `${target.url}/x` } },
            partition: { items: 20 },
            retry: { attempts: 8, initialDelay: 'PT1S', maxDelay: 'PT3S' },
        });
        await ended(host, id, 100_000);
        return id;
    },
    cancelled: async ({ host, target }) => {
        const before = target.stats().requests;
        const id = await startJob(host, rows(300), {
            process: { http: { url: `${target.url}/x` } },
            partition: { items: 100 },
            concurrency: { max: 4 },
        });
        await until(
            () => target.stats().requests > before + 10,
            () => 'the target is not called',
            60_000,
        );
        await clientOf(host).cancelJob(id);
        await ended(host, id, 60_000);
        return id;
    },
    crash: async ({ host, target }) => {
        const items = Array.from({ length: 20 }, (_, id) => (id === 7 ? { id, poison: 'exit' } : { id }));
        const id = await startJob(host, items, {
            process: { processor: 'fragile', options: { url: `${target.url}/x` } },
            key: 'id',
            partition: { items: 10 },
        });
        await ended(host, id, 110_000);
        return id;
    },
    'bad-source': async ({ host, target }) => {
        const client = clientOf(host);
        const upload = await client.upload('{"id":1}\nno JSON\n', { name: 'x.ndjson' });
        const { id } = await client.startJob({ source: { upload: upload.id }, process: { http: { url: `${target.url}/x` } } });
        await ended(host, id, 60_000);
        return id;
    },
};

const waitsForRetry = (job: Job): boolean => job.waiting?.code === 'RETRY_DUE';

const rows = (count: number): object[] => Array.from({ length: count }, (_, id) => ({ id }));

/** All that stands of a job half way: a third of its items wait for their next attempt; and what a cancel and the end add to it. */
async function storedDocuments(host: RunningHost): Promise<string> {
    const target = await startTarget({ latencyMs: 2, rate500: 0.3 });
    const id = await startJob(host, rows(60), {
        name: 'half way',
        process: { http: { url: `${target.url}/x` } },
        key: 'id',
        partition: { items: 20 },
        retry: { attempts: 3, initialDelay: 'PT10M', maxDelay: 'PT10M', factor: 1 },
        tags: { of: 'an earlier version' },
    });
    await clientOf(host).waitUntil(id, waitsForRetry, { everyMs: 50, timeoutMs: 60_000 });
    const container = BlobServiceClient.fromConnectionString(host.storage).getContainerClient('fanfold');
    const blobs: Record<string, { text: string; metadata?: Record<string, string>; append?: boolean }> = {};
    const read = async () => {
        for await (const { name, metadata, properties } of container.listBlobsFlat({ includeMetadata: true })) {
            if (!name.includes(id) && !name.startsWith('uploads/')) continue;
            const text = (await container.getBlobClient(name).downloadToBuffer()).toString();
            const append = properties.blobType === 'AppendBlob' ? { append: true } : {};
            blobs[name] ??= { text, ...(metadata && Object.keys(metadata).length > 0 ? { metadata } : {}), ...append };
        }
    };
    await read();
    const ledger: unknown = await (await fetch(`${host.url}/runtime/webhooks/durabletask/entities/ledger/${id}`)).json();
    await clientOf(host).cancelJob(id);
    await ended(host, id, 60_000);
    // What a cancel and an end add: control, manifest, summary.
    const before = Object.keys(blobs);
    await read();
    const later = Object.fromEntries(Object.entries(blobs).filter(([name]) => !before.includes(name)));
    await target.stop();
    return `${JSON.stringify({ id, ledger, halfWay: Object.fromEntries(before.map((name) => [name, blobs[name]])), later }, null, 1)}\n`;
}

async function main(): Promise<void> {
    const folder = process.argv[2];
    if (!folder) throw new Error('Name the folder to write to, such as test/histories/0.1.0.');
    const data = mkdtempSync(path.join(os.tmpdir(), 'histories-'));
    const record = path.join(data, 'record');
    const host = await startHost({ app: path.join(root, 'test/fixtures/guarantees-app'), env: { GOLDEN_RECORD: record } });
    try {
        mkdirSync(folder, { recursive: true });
        writeFileSync(path.join(folder, '..', '..', 'fixtures/stored', `${path.basename(folder)}.json`), await storedDocuments(host));
        for (const [name, play] of Object.entries(scenarios)) {
            const target = await startTarget({ latencyMs: 2, ...targets[name] });
            const id = await play({ host, target }).finally(() => target.stop());
            await until(
                () => episodesOf(record, id).some((e) => e.function === 'runjob' && (e.answer as { isDone?: boolean }).isDone === true),
                () => `${name}: the orchestration has not ended`,
                30_000,
            );
            const kept = lastOfExecutions(episodesOf(record, id));
            writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(kept, null, 1)}\n`);
            console.log(`${name}: ${kept.length} executions`);
        }
    } finally {
        await host.stop();
        rmSync(data, { recursive: true, force: true });
    }
}

interface Invocation {
    req?: { request: { inputData: { data: { string?: string } }[] } };
    res?: { returnValue?: { string?: string; json?: string } };
    thrown?: string;
}

/** The episodes of a job and of its workers, in their order. */
function episodesOf(file: string, jobId: string): RecordedEpisode[] {
    const text = readFileSync(file, 'utf8');
    return text
        .slice(0, text.lastIndexOf('\n') + 1)
        .split('\n')
        .filter(Boolean)
        .flatMap((line) => {
            const { req, res } = JSON.parse(line) as Invocation;
            const input = req?.request.inputData[0]?.data.string;
            const answer = res?.returnValue?.string ?? res?.returnValue?.json;
            if (!input?.startsWith('{"history"') || answer === undefined) return [];
            const trigger = JSON.parse(input) as RecordedEpisode['trigger'];
            if (!trigger.instanceId.startsWith(jobId)) return [];
            const started = trigger.history.find((e) => e.EventType === 0)!;
            return [{ function: String(started.Name), trigger, answer: JSON.parse(answer) as unknown }];
        });
}

const executionOf = ({ trigger }: RecordedEpisode): string => {
    const { OrchestrationInstance } = trigger.history.find((e) => e.EventType === 0)!;
    return (OrchestrationInstance as { ExecutionId: string }).ExecutionId;
};

function lastOfExecutions(episodes: RecordedEpisode[]): RecordedEpisode[] {
    return [...new Map(episodes.map((e) => [executionOf(e), e])).values()];
}

main().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
});
