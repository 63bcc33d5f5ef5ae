// Azurite, when nothing listens where the app's storage is expected.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';

const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface Ports {
    blob: number;
    queue: number;
    table: number;
}

export const portsFrom = (env: NodeJS.ProcessEnv): Ports => ({
    blob: Number(env.AZURITE_BLOB_PORT ?? 10000),
    queue: Number(env.AZURITE_QUEUE_PORT ?? 10001),
    table: Number(env.AZURITE_TABLE_PORT ?? 10002),
});

/** The public, well-known account of the storage emulator. */
export const emulatorConnection = (p: Ports): string =>
    `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${KEY};BlobEndpoint=http://127.0.0.1:${p.blob}/devstoreaccount1;QueueEndpoint=http://127.0.0.1:${p.queue}/devstoreaccount1;TableEndpoint=http://127.0.0.1:${p.table}/devstoreaccount1;`;

const VARIABLES = ['AZURITE_BLOB_PORT', 'AZURITE_QUEUE_PORT', 'AZURITE_TABLE_PORT'] as const;

export const listens = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
        socket.on('error', () => resolve(false));
    });

type State = 'is free' | 'is there already' | 'is taken by another program';

/** What is on a port where a service of the emulator is wanted. Azurite says what it is in each answer, whatever its version. */
async function stateOf(service: keyof Ports, port: number): Promise<State> {
    if (!(await listens(port))) return 'is free';
    const server = await serverOf(port);
    if (server?.toLowerCase().startsWith(`azurite-${service}`)) return 'is there already';
    return server !== null || (await listens(port)) ? 'is taken by another program' : 'is free';
}

/** The header `server` of what answers there, empty without one; null when it does not answer as HTTP does, or not within 10 s. */
const serverOf = (port: number): Promise<string | null> =>
    new Promise((resolve) => {
        const request = http.get({ host: '127.0.0.1', port, agent: false, signal: AbortSignal.timeout(10_000) }, (response) => {
            response.destroy();
            resolve(String(response.headers.server ?? ''));
        });
        request.on('error', () => resolve(null));
    });

/**
 * Whether the storage emulator listens already: on all three ports, or on none.
 *
 * @throws Error that names the ports where something else listens, or where only a part of the emulator does. Storage could neither be
 * started there nor used, and what came of trying would say less.
 */
export async function storageListens(ports: Ports): Promise<boolean> {
    const services = Object.entries(ports) as [keyof Ports, number][];
    for (const deadline = Date.now() + 5000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
        const states = await Promise.all(services.map(([service, port]) => stateOf(service, port)));
        if (states.every((state) => state === 'is free')) return false;
        if (states.every((state) => state === 'is there already')) return true;
        // An emulator that starts or ends at this moment has some of its ports only.
        if (!states.includes('is taken by another program') && Date.now() < deadline) continue;
        const found = services.map(([service, port], at) => `  ${port}, for ${service}s, ${states[at]}`);
        throw new Error(
            `Storage needs three ports, and cannot have them:\n${found.join('\n')}\nStop what listens there, or choose others with ${VARIABLES.join(', ')}.`,
        );
    }
}

/** In the data folder: the process ids of Azurite and of the supervisor that started it. */
const OWNER = 'devhost.pid';

export function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
}

/** Azurite's process id and its supervisor's, as the data folder has them; null where none was ever started on it. */
function ownerOf(data: string): [azurite: number, supervisor: number] | null {
    const file = path.join(data, OWNER);
    if (!existsSync(file)) return null;
    const [azurite, supervisor] = readFileSync(file, 'utf8').split(' ').map(Number);
    return azurite && supervisor ? [azurite, supervisor] : null;
}

/** Whether an Azurite runs that was started on this folder: what listens then has these data. */
export function servesData(data: string): boolean {
    const owner = ownerOf(data);
    return owner !== null && isAlive(owner[0]);
}

/** An Azurite whose supervisor was killed is saving its data and about to end: a new one must not read them before that. */
export async function waitForOrphan(data: string): Promise<void> {
    const owner = ownerOf(data);
    if (!owner || isAlive(owner[1])) return;
    const [azurite] = owner;
    // After that long it is some other process with the same number.
    for (const deadline = Date.now() + 15_000; isAlive(azurite) && Date.now() < deadline;)
        await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Its package.json, where no build has made one file of it. */
function azuriteFrom(paths: string[]): string {
    try {
        return require.resolve('azurite/package.json', { paths });
    } catch {
        throw new Error('Azurite, the storage of the local host, is not installed. Install it here: npm install azurite@3.37.0');
    }
}

/**
 * What runs Azurite, or its blob service alone: the one file that the build has made of it (scripts/azurite.mjs), which starts in a third of the processor
 * time, and without a build what the package `azurite` has, as the app or this program finds it.
 */
export function azuriteProgram(service: 'azurite' | 'blob' = 'azurite', app: string = __dirname): string {
    // This file is in devhost/ or, compiled, in dist/devhost/ or, packed, in dist/cli/devhost/.
    const made = ['..', '../dist', '../..']
        .map((folder) => path.join(__dirname, folder, 'azurite', `${service}.cjs`))
        .find((file) => existsSync(file));
    if (made) return made;
    const folder = path.dirname(azuriteFrom([app, process.cwd(), __dirname]));
    return path.join(folder, 'dist/src', service === 'blob' ? 'blob/main.js' : 'azurite.js');
}

/** Starts Azurite and resolves when all three services answer. It is detached from Ctrl-C, and stopped by whoever started it. */
export async function startAzurite(app: string, ports: Ports, data: string): Promise<ChildProcess> {
    mkdirSync(data, { recursive: true });
    const script = azuriteProgram('azurite', app);
    const args = ['--silent', '--skipApiVersionCheck', '--disableTelemetry', '--location', data];
    for (const [service, port] of Object.entries(ports)) args.push(`--${service}Port`, String(port));
    // The guard ends Azurite when the supervisor is gone, however it went: the pipe to it closes then. Azurite keeps its tables in memory
    // and saves them every few seconds, so it must be told to end in order, or what was last written is lost.
    const guard =
        `process.stdin.resume();process.stdin.on('end',()=>{process.emit('SIGTERM')||process.exit();setTimeout(()=>process.exit(),10000).unref()});` +
        `process.argv=[process.argv[0],${JSON.stringify(script)},...${JSON.stringify(args)}];require(${JSON.stringify(script)})`;
    const child = spawn(process.execPath, ['-e', guard], { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
    writeFileSync(path.join(data, OWNER), `${child.pid} ${process.pid}`);
    let said = '';
    child.stderr.on('data', (d: Buffer) => (said = (said + d.toString()).slice(-2000)));
    for (let tries = 0; tries < 300; tries++) {
        if (child.exitCode !== null) throw new Error(`Azurite ended with ${child.exitCode}: ${said}`);
        if ((await Promise.all([listens(ports.blob), listens(ports.queue), listens(ports.table)])).every(Boolean)) return child;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    child.kill();
    throw new Error(`Azurite does not answer on ports ${ports.blob}, ${ports.queue} and ${ports.table} after 30 s. ${said}`);
}
