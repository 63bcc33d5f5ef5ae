// `npm run storage`: Azurite alone, on the ports and the data of the local host, for a host that brings no storage of its own (`func start`).
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { portsFrom, servesData, startAzurite, storageListens, waitForOrphan, type Ports } from './azurite';
import { readLocalSettings } from './settings';

export interface Storage {
    ports: Ports;
    /** Where a started Azurite keeps its data. */
    data: string;
    /** The Azurite that was started; null when something listened on the ports already, which is left alone. */
    started: ChildProcess | null;
}

/** Where an app's storage is kept, unless told otherwise. */
export const dataOf = (app: string): string => path.join(app, '.azurite');

/**
 * The storage emulator for the app in this folder: the one that listens, or else a new one on `data`. Resolves when all its services answer.
 * Whoever names `data` wants these and no others: an emulator that listens with other data is refused then.
 */
export async function useStorage(app: string, env: NodeJS.ProcessEnv, data?: string): Promise<Storage> {
    const ports = portsFrom(env);
    const folder = data ?? dataOf(app);
    await waitForOrphan(folder);
    if (!(await storageListens(ports))) return { ports, data: folder, started: await startAzurite(app, ports, folder) };
    if (data && !servesData(data))
        throw new Error(`Storage listens on port ${ports.table} already, with other data than those in ${data}. Stop it first.`);
    return { ports, data: folder, started: null };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;
export const ended = (child: ChildProcess): Promise<void> =>
    new Promise((resolve) => (hasEnded(child) ? resolve() : child.once('exit', () => resolve())));

/** Ends an Azurite; resolves when its data are saved and its ports free. */
export async function stopStorage({ started }: Storage): Promise<void> {
    if (!started) return;
    started.stdin?.end();
    const force = setTimeout(() => started.kill('SIGKILL'), 10_000);
    await ended(started);
    clearTimeout(force);
}

async function main(): Promise<number> {
    const app = process.cwd();
    const storage = await useStorage(app, { ...readLocalSettings(app).values, ...process.env });
    const { blob, queue, table } = storage.ports;
    if (!storage.started) {
        console.error(`Storage listens on port ${table} already, as \`npm start\` brings it. It will do for \`func start\` too.`);
        return 1;
    }
    const { started } = storage;
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.on(signal, () => {
            asked = true;
            started.stdin?.end();
        });
    console.log(
        `Storage is ready on ports ${blob} (blobs), ${queue} (queues) and ${table} (tables); data in ${storage.data}. Ctrl-C stops it.`,
    );
    await ended(started);
    if (asked) return 0;
    console.error(`Azurite ended with ${started.exitCode ?? started.signalCode}.`);
    return 1;
}

if (require.main === module)
    main().then(
        (code) => process.exit(code),
        (error: Error) => {
            console.error(error.message);
            process.exit(1);
        },
    );
