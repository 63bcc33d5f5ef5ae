// The processes of a bench: each part runs in its own, so that none takes time or memory that is booked to another.
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** From a part to the bench. */
export const say = (message: object): void => void process.send?.(message);

export interface ClientRun {
    seconds: number;
    /** Processor time of this process, in microseconds for each item. */
    cpu: number;
    /** Peak resident memory of this process, in MB. */
    memory: number;
}

/** A client's last word: what it took since `began` (process.hrtime) and `cpu`. */
export function sayRun(began: bigint, cpu: NodeJS.CpuUsage, items: number): void {
    const { user, system } = process.cpuUsage(cpu);
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    say({ seconds, cpu: (user + system) / items, memory: process.resourceUsage().maxRSS / 1024 } satisfies ClientRun);
}

export interface Part<T> {
    said: T;
    child: ChildProcess;
    stop: () => Promise<void>;
}

/** Starts a file of this folder and resolves with the first thing it says. It ends with the bench. */
export async function startPart<T>(name: string, args: string[] = []): Promise<Part<T>> {
    const child = fork(path.join(__dirname, `${name}.js`), args);
    const said = await new Promise<T>((resolve, reject) => {
        child.once('message', (m) => resolve(m as T));
        child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    });
    return { said, child, stop: () => stopChild(child) };
}

export async function stopChild(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(force);
}

export interface LocalHost {
    url: string;
    /** Peak resident memory of the process that runs the app, in MB; null where the system does not tell. */
    peakMemory(): Promise<number | null>;
    stop: () => Promise<void>;
}

export interface LocalHostOptions {
    app: string;
    port: number;
    /** Connection string. */
    storage: string;
    hub: string;
    log: string;
}

/** The local host on an app, ready. */
export async function startLocalHost({ app, port, storage, hub, log }: LocalHostOptions): Promise<LocalHost> {
    const file = openSync(log, 'a');
    const env = { ...process.env, AzureWebJobsStorage: storage, AzureFunctionsJobHost__extensions__durableTask__hubName: hub };
    const child = spawn(process.execPath, [path.resolve(__dirname, '../devhost/cli.js'), '--app', app, '--port', String(port)], {
        env,
        stdio: ['ignore', file, file],
    });
    closeSync(file);
    const url = `http://127.0.0.1:${port}`;
    for (const until = Date.now() + 60_000; ; await sleep(100)) {
        if (child.exitCode !== null || Date.now() > until)
            throw new Error(`the local host is not ready; its log is ${log}:\n${await readFile(log, 'utf8')}`);
        const state = await fetch(`${url}/admin/host/status`).then(
            async (answer) => ((await answer.json()) as { state?: string }).state,
            () => null, // not up yet; the loop has the deadline
        );
        if (state === 'Running') break;
    }
    return { url, peakMemory: () => peakMemory(child.pid!), stop: () => stopChild(child) };
}

async function peakMemory(supervisor: number): Promise<number | null> {
    try {
        const [host] = (await readFile(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8')).trim().split(' ');
        const peak = /VmHWM:\s*(\d+) kB/.exec(await readFile(`/proc/${host}/status`, 'utf8'))?.[1];
        return peak === undefined ? null : Number(peak) / 1024;
    } catch {
        return null; // no /proc on this system
    }
}
