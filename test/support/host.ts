// Starts the local host on an app as a child process, on free ports, with an Azurite and a data folder of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { emulatorConnection } from '../../devhost/azurite';
import { freePorts } from './ports';
import { until } from './until';

export interface HostOptions {
    /** Folder of the built app. */
    app: string;
    env?: Record<string, string>;
    /** Check function keys; the key is then in `key`. */
    auth?: boolean;
    /** Told of all that the host prints, as it comes; `output()` keeps only the last of it. */
    onOutput?: (text: string) => void;
    /** Further options of the command. */
    args?: string[];
}

export interface RunningHost {
    readonly url: string;
    /** Of the supervisor, which leads a process group with the host process in it. */
    readonly pid: number;
    readonly key: string | undefined;
    /** Folder of what it keeps: Azurite's files, the local host's own. */
    readonly data: string;
    /** What the host needs to be found by a storage client. */
    readonly storage: string;
    output(): string;
    /** Kills supervisor and host with SIGKILL, as a power cut would; storage keeps what it holds. */
    kill9(): Promise<void>;
    /** Ends everything in order; the data is whole, and stays until `stop`. */
    end(): Promise<void>;
    /** Ends everything and removes the data. */
    stop(): Promise<void>;
    /** Starts again on the same ports and data, after kill9 or in place of the running one. */
    restart(): Promise<void>;
}

const cli = (): string => process.env.DEVHOST_CLI ?? path.resolve(__dirname, '../../dist/devhost/cli.js');

export async function startHost(options: HostOptions): Promise<RunningHost> {
    const [port, blob, queue, table] = await freePorts(4);
    const data = await mkdtemp(path.join(os.tmpdir(), 'devhost-'));
    const url = `http://127.0.0.1:${port}`;
    let child: ChildProcess;
    let said = '';

    const start = async (): Promise<void> => {
        said = '';
        child = spawn(
            process.execPath,
            [
                cli(),
                '--app',
                options.app,
                '--port',
                String(port),
                // An Azurite that the test has started has data of its own.
                ...(options.env?.AZURITE_TABLE_PORT ? [] : ['--data', data]),
                ...(options.auth ? ['--auth'] : []),
                ...(options.args ?? []),
            ],
            {
                env: {
                    ...process.env,
                    AzureWebJobsStorage: 'UseDevelopmentStorage=true',
                    AZURITE_BLOB_PORT: String(blob),
                    AZURITE_QUEUE_PORT: String(queue),
                    AZURITE_TABLE_PORT: String(table),
                    ...options.env,
                },
                stdio: ['ignore', 'pipe', 'pipe'],
                // A group of its own, so that kill9 reaches the host process with the supervisor.
                detached: true,
            },
        );
        for (const stream of [child.stdout!, child.stderr!])
            stream.on('data', (d: Buffer) => {
                said = (said + d.toString()).slice(-200_000);
                options.onOutput?.(d.toString());
            });
        await until(
            async () => {
                if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the local host ended while starting:\n${said}`);
                // The function key is printed after the host has said that it runs.
                return isRunning(url).then((runs) => runs && (!options.auth || said.includes('Function key: ')));
            },
            () => `the local host was not ready in time:\n${said}`,
            60_000,
        );
    };
    const end = async (signal: NodeJS.Signals, group: boolean): Promise<void> => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        process.kill(group ? -child.pid! : child.pid!, signal);
        await gone;
    };
    const stopAll = async (): Promise<void> => {
        await end('SIGTERM', false);
        await rm(data, { recursive: true, force: true, maxRetries: 5 });
    };
    try {
        await start();
    } catch (error) {
        await stopAll();
        throw error;
    }
    return {
        url,
        get pid() {
            return child.pid!;
        },
        get key() {
            return /Function key: (\S+)/.exec(said)?.[1];
        },
        data,
        storage: emulatorConnection({ blob: blob!, queue: queue!, table: table! }),
        output: () => said,
        end: () => end('SIGTERM', false),
        kill9: () => end('SIGKILL', true),
        stop: stopAll,
        restart: async () => {
            await end('SIGTERM', false);
            await start();
        },
    };
}

async function isRunning(url: string): Promise<boolean> {
    try {
        const response = await fetch(`${url}/admin/host/status`);
        return response.ok && ((await response.json()) as { state: string }).state === 'Running';
    } catch {
        return false; // nobody listens yet
    }
}
