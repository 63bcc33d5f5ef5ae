// `npm run start:func`: the built app on the real Functions host, with storage for it. What is given after `--` goes to `func start`.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { emulatorConnection } from './azurite';
import { readLocalSettings } from './settings';
import { ended, stopStorage, useStorage } from './storage';

const windows = process.platform === 'win32';
const binary = windows ? 'func.exe' : 'func';

// npm leaves a command script on Windows, which only a shell can start.
const inShell = { shell: windows };
const quoted = (command: string) => (windows ? `"${command}"` : command);

const missing = (why: string) => `${why}

To run on the Azure Functions host, install Azure Functions Core Tools 4 (Node.js 22 or later):

  npm install --global azure-functions-core-tools@4

Other ways: https://learn.microsoft.com/azure/azure-functions/functions-run-local
The local host needs no Core Tools: npm start`;

const notFetched =
    'The Azure Functions Core Tools of this project could not be fetched: the address above must be reachable (HTTPS_PROXY is obeyed).';

/** The command to run, or why there is none. */
type Func = { command: string } | { missing: string };

/**
 * Core Tools that are there: those of this project, then those on the PATH. The project's come without their program, a large download
 * that they make when first run, so they are asked for it only when there are no others.
 */
function findFunc(app: string): Func {
    const own = path.join(app, 'node_modules/.bin', windows ? 'func.cmd' : 'func');
    if (existsSync(path.join(app, 'node_modules/azure-functions-core-tools/bin', binary))) return { command: own };
    const installed = onPath();
    const version = installed && versionOf(installed);
    if (installed && version?.startsWith('4.')) return { command: installed };
    if (existsSync(own)) {
        console.log('The Azure Functions Core Tools of this project are fetched now, for the first time. That is a large download.');
        // What they say on the way names the address; where that fails, it is all that there is to go by.
        const { status } = spawnSync(quoted(own), ['--version'], { stdio: ['ignore', 'inherit', 'inherit'], ...inShell });
        return status === 0 ? { command: own } : { missing: missing(notFetched) };
    }
    return { missing: missing(version ? `The func on the PATH is version ${version}.` : 'Azure Functions Core Tools are not installed.') };
}

/** The func that was installed on this machine. npm puts the commands of the project before it on the PATH: those are passed over. */
function onPath(): string | undefined {
    const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => !/node_modules[\\/]\.bin[\\/]?$/.test(folder));
    const names = windows ? ['func.exe', 'func.cmd'] : ['func'];
    return folders.flatMap((folder) => names.map((name) => path.join(folder, name))).find((file) => existsSync(file));
}

/** What `func --version` says, such as "4.15.1"; undefined when it does not run. */
function versionOf(command: string): string | undefined {
    const { status, stdout } = spawnSync(quoted(command), ['--version'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        ...inShell,
    });
    return status === 0 ? /^\d+\.\d+\.\S+$/m.exec(stdout)?.[0] : undefined;
}

async function main(): Promise<number> {
    const app = process.cwd();
    const func = findFunc(app);
    if ('missing' in func) {
        console.error(func.missing);
        return 1;
    }
    const env: NodeJS.ProcessEnv = { ...readLocalSettings(app).values, ...process.env };
    const emulated = env.AzureWebJobsStorage === 'UseDevelopmentStorage=true';
    const storage = emulated ? await useStorage(app, env) : null;
    if (storage) {
        const { ports, data, started } = storage;
        console.log(started ? `Storage started, data in ${data}.` : `Using the storage that listens on port ${ports.table}.`);
    }
    try {
        // The short form of the connection string means the default ports.
        const elsewhere = storage && storage.ports.table !== 10002 ? { AzureWebJobsStorage: emulatorConnection(storage.ports) } : {};
        return await run(
            spawn(quoted(func.command), ['start', ...process.argv.slice(2)], {
                cwd: app,
                env: { ...process.env, ...elsewhere },
                stdio: 'inherit',
                ...inShell,
            }),
        );
    } finally {
        if (storage) await stopStorage(storage);
    }
}

/** Waits for func to end. Ctrl-C reaches it from the terminal; a signal sent to this process alone is passed on. */
async function run(func: ChildProcess): Promise<number> {
    const failed = new Promise<never>((_, reject) => func.once('error', reject));
    process.on('SIGINT', () => process.stdin.isTTY || func.kill('SIGINT'));
    process.on('SIGTERM', () => func.kill('SIGTERM'));
    await Promise.race([ended(func), failed]);
    return func.exitCode ?? 1;
}

main().then(
    (code) => process.exit(code),
    (error: Error) => {
        console.error(error.message);
        process.exit(1);
    },
);
