// The local host's command: settings, Azurite, and a host process that is started again when the app brings it down.
import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { emulatorConnection, portsFrom } from './azurite';
import { isLocal } from './doors';
import { Faults, faultyStorage, readPlan, type FaultPlan } from './faults';
import type { HostStart } from './host';
import { CANNOT_START, readHostSettings, readLocalSettings, START_AGAIN } from './settings';
import { dataOf, useStorage } from './storage';

const usage = `Usage: node dist/devhost/cli.js [--app DIR] [--port N] [--host ADDRESS] [--allow-host NAME] [--auth] [--data DIR] [--faults PLAN]
  --app DIR   the built Functions app (default: this folder)
  --port N    port for HTTP (default: PORT, or Host.LocalHttpPort in local.settings.json, or 7071)
  --host A    where it listens (default: localhost, on this machine only; 0.0.0.0: on all addresses, and then best with --auth)
  --allow-host N  a further name that it may be called by, as often as needed; addresses and localhost are always
  --auth      check function keys, as Azure does; the key is printed at the start
  --data DIR  where Azurite keeps its data (default: .azurite in the app)
  --faults F  what shall go wrong, as JSON or a file of it (default: DEVHOST_FAULTS); see the README
Environment: AZURITE_BLOB_PORT, AZURITE_QUEUE_PORT, AZURITE_TABLE_PORT choose Azurite's ports.`;

class Supervisor {
    private host: ChildProcess | undefined;
    private azurite: ChildProcess | undefined;
    private stopping = false;
    private crashes = 0;
    private lives = 0;

    constructor(
        private readonly app: string,
        private readonly port: number,
        private readonly door: Pick<HostStart, 'host' | 'allowedHosts' | 'auth'>,
        /** Where Azurite shall keep its data; undefined when nobody said. */
        private readonly data: string | undefined,
        private readonly faults: FaultPlan | null,
    ) {}

    async start(): Promise<void> {
        const { values } = readLocalSettings(this.app);
        const env = { ...values, ...process.env };
        readHostSettings(this.app, env);
        const ports = portsFrom(env);
        const storage = env.AzureWebJobsStorage ?? 'UseDevelopmentStorage=true';
        const emulated = storage === 'UseDevelopmentStorage=true';
        const azurite = emulated ? (await useStorage(this.app, env, this.data)).started : null;
        if (azurite) {
            this.azurite = azurite;
            console.log(`Azurite started, data in ${this.data ?? dataOf(this.app)}`);
            azurite.once('exit', (code) => this.stopping || this.stop(1, `Azurite ended with ${code}.`));
        } else if (emulated) console.log(`Using the storage that listens on port ${ports.table}.`);
        const faults = this.faults?.rules.some((r) => r.at === 'storage') ? new Faults(this.faults) : null;
        if (faults) for (const service of ['blob', 'queue', 'table'] as const) ports[service] = await faultyStorage(ports[service], faults);
        const connection = emulated ? emulatorConnection(ports) : storage;
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => this.stop(0));
        this.run(
            { ...env, AzureWebJobsStorage: connection, WEBSITE_HOSTNAME: `localhost:${this.port}`, FUNCTIONS_WORKER_RUNTIME: 'node' },
            connection,
            null,
        );
    }

    private run(env: NodeJS.ProcessEnv, storage: string, workerDeath: HostStart['workerDeath']): void {
        // As the real host reads it; so a local run may have no more memory than an instance in Azure.
        const execArgv = env.languageWorkers__node__arguments?.split(/\s+/).filter(Boolean) ?? [];
        const host = fork(path.join(__dirname, 'host.js'), [], { env, execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
        this.host = host;
        const running = new Set<string>();
        host.send({
            app: this.app,
            port: this.port,
            ...this.door,
            storage,
            workerDeath,
            faults: this.faults,
            life: ++this.lives,
        } satisfies HostStart);
        host.on(
            'message',
            (m: {
                ready?: boolean;
                failed?: string;
                functions?: string[];
                key?: string | null;
                systemKey?: string | null;
                activity?: string;
                runs?: boolean;
            }) => {
                if (m.activity !== undefined) return void (m.runs ? running.add(m.activity) : running.delete(m.activity));
                if (m.failed) return console.error(m.failed);
                if (!m.ready) return;
                console.log(`\nFunctions:\n${m.functions!.map((f) => `  ${f}`).join('\n')}\n`);
                if (!isLocal(this.door.host) && !this.door.auth)
                    console.warn(`Whoever reaches ${this.door.host}:${this.port} may use all of this: no key is asked for without --auth.`);
                // The key of functions last: who reads along waits for it.
                if (m.systemKey) console.log(`System key, of the durable HTTP API: ${m.systemKey}`);
                if (m.key) console.log(`Function key: ${m.key}`);
                console.log(`Ready on http://localhost:${this.port} — Ctrl-C stops.`);
                setTimeout(() => (this.crashes = 0), 60_000).unref();
            },
        );
        host.once('exit', (code, signal) => {
            if (this.stopping) return;
            if (code === CANNOT_START) return this.stop(1);
            // The app took its process down. The real host starts the worker again, and tells its running activities as failed.
            const status = code ?? 128 + (signal === 'SIGKILL' ? 9 : signal === 'SIGABRT' ? 6 : 15);
            const delay = Math.min(5000, 200 * 2 ** this.crashes++);
            console.error(`The host process ended with ${signal ?? code}; it starts again in ${delay} ms.`);
            const death =
                code === START_AGAIN
                    ? null
                    : { how: `node exited with code ${status} (0x${status.toString(16).toUpperCase()})`, running: [...running] };
            setTimeout(() => this.stopping || this.run(env, storage, death), delay);
        });
    }

    private stop(code: number, why?: string): void {
        if (this.stopping) return;
        this.stopping = true;
        if (why) console.error(why);
        const end = () => {
            const { azurite } = this;
            if (!azurite || azurite.exitCode !== null || azurite.signalCode !== null) process.exit(code);
            // It saves its data first; when this returns, they are whole and the ports are free.
            azurite.once('exit', () => process.exit(code));
            azurite.stdin?.end();
            setTimeout(() => azurite.kill('SIGKILL'), 10_000);
        };
        if (!this.host || this.host.exitCode !== null || !this.host.connected) return end();
        this.host.once('exit', end);
        this.host.send('stop');
        // Whoever asked to stop does not wait for a call that hangs.
        setTimeout(() => this.host!.kill('SIGKILL'), 3000);
    }
}

function main(): void {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
        options: {
            ...{ app: text, port: text, host: text, data: text, faults: text },
            'allow-host': { type: 'string', multiple: true },
            auth: { type: 'boolean' },
            help: { type: 'boolean', short: 'h' },
        },
    });
    if (values.help) return console.log(usage);
    const app = path.resolve(values.app ?? '.');
    const port = Number(values.port ?? process.env.PORT ?? readLocalSettings(app).port ?? 7071);
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`"${values.port ?? port}" is not a port`);
    const data = values.data === undefined ? undefined : path.resolve(values.data);
    const door = { host: values.host ?? 'localhost', allowedHosts: values['allow-host'] ?? [], auth: values.auth ?? false };
    new Supervisor(app, port, door, data, readPlan(values.faults ?? process.env.DEVHOST_FAULTS)).start().catch(fail);
}

function fail(error: unknown): never {
    console.error((error as Error).message);
    process.exit(1);
}

try {
    main();
} catch (error) {
    fail(error);
}
