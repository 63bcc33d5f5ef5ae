// `npm run storage`, `npm run start:func`, and the storage of `npm start`, in a folder of their own, with a func that only says how it was called.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { emulatorConnection, listens, storageListens } from '../../devhost/azurite';
import { freePorts } from '../support/ports';
import { until } from '../support/until';

const root = path.resolve(__dirname, '../..');
let app: string;
let bin: string;
let ports: { blob: number; queue: number; table: number };
beforeEach(async () => {
    app = mkdtempSync(path.join(os.tmpdir(), 'fanfold-func-'));
    // As committed: it must do for both hosts.
    writeFileSync(path.join(app, 'local.settings.json'), readFileSync(path.join(root, 'local.settings.json')));
    bin = path.join(app, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, path.join(bin, 'node'));
    const [blob, queue, table] = await freePorts(3);
    ports = { blob: blob!, queue: queue!, table: table! };
});
afterEach(() => rmSync(app, { recursive: true, force: true }));

/** A func of some version: it says how it was called, and ends when told to. */
function installFunc(file: string, version: string): void {
    mkdirSync(path.dirname(file), { recursive: true });
    const script = `#!${process.execPath}
if (process.argv[2] === '--version') { console.log('${version}'); process.exit(); }
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(7));
console.log('func ' + JSON.stringify({ file: ${JSON.stringify(path.basename(path.dirname(file)))}, args: process.argv.slice(2), storage: process.env.AzureWebJobsStorage }));
setInterval(() => {}, 1000);
`;
    writeFileSync(file, script, { mode: 0o755 });
}

interface Running {
    said(): string;
    /** The group that `pattern` finds in what it says. */
    says(pattern: RegExp): Promise<string>;
    /** What func was called with, once it was. */
    called(): Promise<{ file: string; args: string[]; storage?: string }>;
    /** The exit code, after a signal when one is given. */
    end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Runs a command; `first` is a folder that comes before all others on its PATH. */
function run(script: 'storage' | 'startFunc' | 'cli', args: string[] = [], first?: string): Running {
    const env: NodeJS.ProcessEnv = {
        PATH: first ? `${first}${path.delimiter}${bin}` : bin,
        AZURITE_BLOB_PORT: String(ports.blob),
        AZURITE_QUEUE_PORT: String(ports.queue),
        AZURITE_TABLE_PORT: String(ports.table),
    };
    const child = spawn(process.execPath, [path.join(root, 'dist/devhost', `${script}.js`), ...args], { cwd: app, env });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (d: Buffer) => (said += d.toString()));
    const over = once(child, 'close') as Promise<[number | null]>;
    const says = (pattern: RegExp) =>
        until(
            () => {
                const found = pattern.exec(said)?.[1];
                if (!found && child.exitCode !== null) throw new Error(`${script} ended with ${child.exitCode}:\n${said}`);
                return found;
            },
            () => `${script} said only:\n${said}`,
        );
    return {
        said: () => said,
        says,
        called: async () => JSON.parse(await says(/^func (.*)$/m)) as { file: string; args: string[]; storage?: string },
        end: async (signal) => {
            if (signal) child.kill(signal);
            return (await over)[0];
        },
    };
}

const listening = async () => Promise.all([ports.blob, ports.queue, ports.table].map(listens));

test('local.settings.json, as committed, holds what func start asks for', () => {
    const settings = JSON.parse(readFileSync(path.join(root, 'local.settings.json'), 'utf8')) as Record<string, Record<string, unknown>>;
    expect(settings).toMatchObject({
        IsEncrypted: false,
        Values: { FUNCTIONS_WORKER_RUNTIME: 'node', AzureWebJobsStorage: 'UseDevelopmentStorage=true' },
        Host: { LocalHttpPort: 7071 },
    });
    // Anything else is none of the host's: a setting is text, or Core Tools do not read the file.
    for (const value of Object.values(settings.Values!)) expect(typeof value).toBe('string');
});

describe('npm run storage', () => {
    const ready = /(Storage is ready)/;

    test('builds where what it runs is not there, as after a pull, and leaves alone a build that may be in use', () => {
        const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
        expect(scripts.storage).toMatch(/--if-missing (\S+) && node \1$/);
        const build = (file: string) => {
            const ran = spawnSync(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-missing', file], { cwd: app });
            return [ran.status, existsSync(path.join(app, 'dist'))];
        };
        mkdirSync(path.join(app, 'dist/devhost'), { recursive: true });
        writeFileSync(path.join(app, 'dist/devhost/cli.js'), '');
        expect(build('dist/devhost/cli.js')).toEqual([0, true]);
        // There is no compiler here: an attempt is what shows.
        expect(build('dist/devhost/storage.js')).toEqual([1, false]);
    });

    test.each(['SIGINT', 'SIGTERM'] as const)('serves blobs, queues and tables until %s, and frees its ports', async (signal) => {
        const storage = run('storage');
        await storage.says(ready);
        expect(await listening()).toEqual([true, true, true]);
        for (const port of Object.values(ports)) expect(storage.said()).toContain(String(port));
        expect(existsSync(path.join(app, '.azurite'))).toBe(true);
        expect(await storage.end(signal)).toBe(0);
        expect(await listening()).toEqual([false, false, false]);
    });

    test('says that something listens already, and leaves it alone', async () => {
        const first = run('storage');
        await first.says(ready);
        const second = run('storage');
        expect(await second.end()).toBe(1);
        expect(second.said()).toContain(`Storage listens on port ${ports.table} already`);
        expect(await listening()).toEqual([true, true, true]);
        await first.end('SIGINT');
    });
});

describe('where something else has a port of storage', () => {
    const servers: http.Server[] = [];
    afterEach(() => Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))));

    /** A server that says it is `name`, or nothing of the kind. Resolves when it listens. */
    function serve(port: number, name?: string, asked: () => void = () => undefined): Promise<void> {
        const server = http.createServer((_, response) => {
            if (name) response.setHeader('server', name);
            response.end('hello');
            asked();
        });
        servers.push(server);
        return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    }
    const azurite = () =>
        Promise.all([
            serve(ports.blob, 'Azurite-Blob/3.37.0'),
            serve(ports.queue, 'Azurite-Queue/3.37.0'),
            serve(ports.table, 'Azurite-Table/3.37.0'),
        ]);

    test.each(['blob', 'table'] as const)('each command names the port of %ss, starts nothing, and says what to do', async (service) => {
        installFunc(path.join(bin, 'func'), '4.15.1');
        writeFileSync(path.join(app, 'host.json'), '{}');
        await serve(ports[service]);
        for (const script of ['storage', 'startFunc', 'cli'] as const) {
            const started = run(script);
            expect([script, await started.end()]).toEqual([script, 1]);
            expect(started.said()).toContain(`${ports[service]}, for ${service}s, is taken by another program`);
            expect(started.said()).toContain(`${ports.queue}, for queues, is free`);
            expect(started.said()).toContain('AZURITE_BLOB_PORT');
            expect(existsSync(path.join(app, '.azurite'))).toBe(false);
        }
    });

    test('an emulator of any version is storage, and nothing is none', async () => {
        expect(await storageListens(ports)).toBe(false);
        await azurite();
        expect(await storageListens(ports)).toBe(true);
    });

    test('one that is just starting is waited for', async () => {
        let rest: Promise<unknown> = Promise.resolve();
        await serve(ports.blob, 'Azurite-Blob/3.37.0', () => {
            if (servers.length === 1)
                rest = Promise.all([serve(ports.queue, 'Azurite-Queue/3.37.0'), serve(ports.table, 'Azurite-Table/3.37.0')]);
        });
        expect(await storageListens(ports)).toBe(true);
        await rest;
    });

    test('npm start refuses to use other data than those that it is given', async () => {
        writeFileSync(path.join(app, 'host.json'), '{}');
        await azurite();
        const data = path.join(app, 'elsewhere');
        const started = run('cli', ['--data', data]);
        expect(await started.end()).toBe(1);
        expect(started.said()).toContain(`Storage listens on port ${ports.table} already, with other data than those in ${data}.`);
    });
});

test('npm start --data takes the storage that was started on these data', async () => {
    writeFileSync(path.join(app, 'host.json'), '{}');
    const storage = run('storage');
    await storage.says(/(Storage is ready)/);
    // Without an app it goes no further.
    const started = run('cli', ['--data', path.join(app, '.azurite')]);
    await started.says(/(Using the storage that listens)/);
    await started.end('SIGINT');
    await storage.end('SIGINT');
});

describe('npm run start:func', () => {
    test('says what to do where Core Tools are not installed, and starts nothing', async () => {
        const started = run('startFunc');
        expect(await started.end()).toBe(1);
        expect(started.said()).toContain('Azure Functions Core Tools are not installed.');
        expect(started.said()).toContain('npm install --global azure-functions-core-tools@4');
        expect(started.said()).toContain('npm start');
        expect(existsSync(path.join(app, '.azurite'))).toBe(false);
    });

    test('says so where those on the PATH are of another version', async () => {
        installFunc(path.join(bin, 'func'), '3.0.5682');
        const started = run('startFunc');
        expect(await started.end()).toBe(1);
        expect(started.said()).toContain('The func on the PATH is version 3.0.5682.');
    });

    test('starts storage and func from the PATH, with what is given, and ends both', async () => {
        installFunc(path.join(bin, 'func'), '4.15.1');
        const started = run('startFunc', ['--port', '7099']);
        expect(await started.called()).toEqual({ file: 'bin', args: ['start', '--port', '7099'], storage: emulatorConnection(ports) });
        expect(await listening()).toEqual([true, true, true]);
        expect(await started.end('SIGINT')).toBe(7);
        expect(await listening()).toEqual([false, false, false]);
    });

    describe('with an account that is none of the emulator', () => {
        beforeEach(() => {
            const settings = { Values: { AzureWebJobsStorage: 'DefaultEndpointsProtocol=https;AccountName=x;AccountKey=eA==' } };
            writeFileSync(path.join(app, 'local.settings.json'), JSON.stringify(settings));
        });
        const own = () => path.join(app, 'node_modules/.bin/func');
        const calledFrom = async (first?: string) => {
            const started = run('startFunc', [], first);
            const { file } = await started.called();
            await started.end('SIGTERM');
            return file;
        };

        test('starts no storage', async () => {
            installFunc(path.join(bin, 'func'), '4.15.1');
            const started = run('startFunc');
            expect((await started.called()).storage).toBeUndefined();
            expect(await listening()).toEqual([false, false, false]);
            await started.end('SIGINT');
        });

        test("prefers this project's Core Tools once they have their program", async () => {
            installFunc(path.join(bin, 'func'), '4.15.1');
            installFunc(own(), '4.15.1');
            expect(await calledFrom()).toBe('bin');
            const program = path.join(app, 'node_modules/azure-functions-core-tools/bin/func');
            mkdirSync(path.dirname(program), { recursive: true });
            writeFileSync(program, '');
            expect(await calledFrom()).toBe('.bin');
        });

        test('takes those that are installed before it, though npm puts the commands of the project first on the PATH', async () => {
            installFunc(path.join(bin, 'func'), '4.15.1');
            installFunc(own(), '4.15.1');
            expect(await calledFrom(path.dirname(own()))).toBe('bin');
        });

        test('has them fetch it where there are no others, and says so when that fails', async () => {
            installFunc(own(), '4.15.1');
            expect(await calledFrom()).toBe('.bin');
            writeFileSync(own(), `#!${process.execPath}\nconsole.log('GET https://cdn'); console.error('no network'); process.exit(1);\n`);
            const started = run('startFunc');
            expect(await started.end()).toBe(1);
            // The address is said on one stream, what went wrong with it on the other.
            for (const said of ['GET https://cdn', 'no network', 'could not be fetched', 'npm start'])
                expect(started.said()).toContain(said);
        });
    });

    test('uses the storage that listens, and leaves it running', async () => {
        installFunc(path.join(bin, 'func'), '4.15.1');
        const storage = run('storage');
        await storage.says(/(Storage is ready)/);
        const started = run('startFunc');
        await started.called();
        expect(started.said()).toContain(`Using the storage that listens on port ${ports.table}.`);
        await started.end('SIGINT');
        expect(await listening()).toEqual([true, true, true]);
        await storage.end('SIGINT');
    });
});
