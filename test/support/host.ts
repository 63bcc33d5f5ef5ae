// Starts the local host as a process of its own, on free ports and with storage of its own, and brings it down in every way there is.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePorts } from '../../samples/ports';
import { until } from './until';

export interface Host {
    url: string;
    /** What it has printed. */
    output: () => string;
    /** SIGKILL, to the supervisor; host and storage go with it. Resolves when the port is free. */
    kill9: () => Promise<void>;
    /** The same app on the same data and ports. */
    restart: () => Promise<void>;
    stop: () => Promise<void>;
}

export interface HostOptions {
    app: string;
    env?: Record<string, string>;
    args?: string[];
}

const cli = path.resolve(__dirname, '../../dist/devhost/cli.js');

export async function startHost({ app, env = {}, args = [] }: HostOptions): Promise<Host> {
    const [port, blob, queue, table] = (await freePorts(4)) as [number, number, number, number];
    const data = mkdtempSync(path.join(os.tmpdir(), 'fanfold-'));
    const url = `http://127.0.0.1:${port}`;
    const environment = {
        ...process.env,
        AzureWebJobsStorage: 'UseDevelopmentStorage=true',
        AZURITE_BLOB_PORT: String(blob),
        AZURITE_QUEUE_PORT: String(queue),
        AZURITE_TABLE_PORT: String(table),
        ...env,
    };
    let child: ChildProcess;
    let output = '';
    const start = async () => {
        child = spawn(process.execPath, [cli, '--app', app, '--port', String(port), '--data', data, ...args], {
            env: environment,
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        for (const stream of [child.stdout!, child.stderr!])
            stream.on('data', (d: Buffer) => (output = (output + d.toString()).slice(-20_000)));
        await until(
            async () => {
                if (child.exitCode !== null) throw new Error(`the host ended with ${child.exitCode}: ${output}`);
                return (await status(url)) === 'Running';
            },
            () => `the host is not ready: ${output}`,
        );
    };
    const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
        const gone =
            child.exitCode !== null || child.signalCode !== null
                ? Promise.resolve()
                : new Promise((resolve) => child.once('exit', resolve));
        child.kill(signal);
        await gone;
        await until(
            async () => (await status(url)) === null,
            () => 'the port is still in use',
        );
    };
    await start();
    return {
        url,
        output: () => output,
        kill9: () => end('SIGKILL'),
        restart: start,
        stop: async () => {
            await end('SIGTERM');
            rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
        },
    };
}

async function status(url: string): Promise<string | null> {
    try {
        return ((await (await fetch(`${url}/admin/host/status`)).json()) as { state: string }).state;
    } catch {
        return null; // nothing listens
    }
}
