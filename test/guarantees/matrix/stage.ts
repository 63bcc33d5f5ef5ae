// Where the matrix is played: Azurite, the faults before it, the local host behind them, and the target.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { emulatorConnection, listens } from '../../../devhost/azurite';
import { freePorts } from '../../support/ports';
import { startHost, type RunningHost } from '../../support/host';
import { Strands } from './faults';
import type { Stage } from './play';
import { FaultProxy } from './proxy';
import { describeBlob, describeTable } from './requests';
import { MatrixTarget } from './target';

/** What no host may say, whatever storage does to it. */
const COMPLAINTS = /unhandled|uncaught|host process (ended|starts again)|out of memory|MaxListenersExceeded|PromiseRejectionHandled/i;

export class MatrixStage implements Stage {
    readonly strands = new Strands();
    readonly target = new MatrixTarget();
    /** Lines of the host's output that it must not say, each with its time. */
    readonly complaints: string[] = [];
    url = '';
    container!: Stage['container'];
    private host!: RunningHost;
    private hostPid = '';
    private rest = '';
    private readonly services: ChildProcess[] = [];
    private readonly proxies: FaultProxy[] = [];

    /** @param app Folder of the built app. */
    static async start(app: string): Promise<MatrixStage> {
        const stage = new MatrixStage();
        try {
            await stage.open(app);
        } catch (error) {
            await stage.stop();
            throw error;
        }
        return stage;
    }

    private async open(app: string): Promise<void> {
        const [blob, table, queue] = (await freePorts(3)) as [number, number, number];
        await Promise.all([this.serve('blob', blob), this.serve('table', table), this.target.start()]);
        const before = async (port: number, describe: typeof describeBlob | typeof describeTable) => {
            const proxy = new FaultProxy(port, this.strands, describe);
            this.proxies.push(proxy);
            return proxy.listen();
        };
        const faulty = { blob: await before(blob, describeBlob), table: await before(table, describeTable), queue };
        const setting = (name: string) => `AzureFunctionsJobHost__extensions__durableTask__${name}`;
        this.host = await startHost({
            app,
            onOutput: (text) => this.listen(text),
            env: {
                AzureWebJobsStorage: emulatorConnection(faulty),
                // A job that waits for storage holds its place: the jobs of the matrix must not wait for each other.
                [setting('maxConcurrentActivityFunctions')]: '1000',
                [setting('maxConcurrentOrchestratorFunctions')]: '200',
                // What nobody looks at is looked at by the sweeper: sooner than every five minutes, for a test that waits for it.
                FANFOLD_SWEEP_SCHEDULE: '*/10 * * * * *',
            },
        });
        this.url = this.host.url;
        this.hostPid = this.pidOfHost();
        this.container = BlobServiceClient.fromConnectionString(emulatorConnection({ blob, table, queue })).getContainerClient('fanfold');
    }

    /** What is wrong with the host now; empty when it is the process that was started, and has said nothing that it must not say. */
    hostWrongs(): string[] {
        const pid = this.pidOfHost();
        return [...this.complaints, ...(pid === this.hostPid ? [] : [`the host process was ${this.hostPid} and is ${pid || 'gone'}`])];
    }

    async stop(): Promise<void> {
        await (this.host as RunningHost | undefined)?.stop();
        for (const proxy of this.proxies) proxy.close();
        this.target.stop();
        for (const service of this.services) {
            if (service.exitCode !== null || service.signalCode !== null) continue;
            const gone = once(service, 'exit');
            // On SIGTERM Azurite waits for connections that are kept alive; its data is in memory.
            service.kill('SIGKILL');
            await gone;
        }
    }

    private async serve(service: 'blob' | 'table', port: number): Promise<void> {
        const main = require.resolve(`azurite/dist/src/${service}/main.js`);
        const args = [main, `--${service}Port`, String(port), '--inMemoryPersistence', '--silent', '--skipApiVersionCheck'];
        // It ends with this process, however that ends: the pipe to it closes then.
        // Every ten minutes Azurite collects what no blob refers to any more; in memory that takes it minutes in which it answers nothing.
        const collector = JSON.stringify(require.resolve('azurite/dist/src/blob/gc/BlobGCManager.js'));
        const guard = `process.stdin.resume().on('end',()=>process.exit());Object.assign(require(${collector}).default.prototype,{start:async()=>{},close:async()=>{}});process.argv=[process.argv[0],...${JSON.stringify(args)}];require(${JSON.stringify(main)})`;
        this.services.push(spawn(process.execPath, ['-e', guard], { stdio: ['pipe', 'ignore', 'ignore'] }));
        for (const until = Date.now() + 30_000; !(await listens(port)); await sleep(100))
            if (Date.now() > until) throw new Error(`Azurite's ${service} service does not answer on port ${port}`);
    }

    private listen(text: string): void {
        const lines = (this.rest + text).split('\n');
        this.rest = lines.pop()!;
        for (const line of lines) if (COMPLAINTS.test(line)) this.complaints.push(`${new Date().toISOString()} ${line.slice(0, 500)}`);
    }

    /** The supervisor's only child, which holds the app. */
    private pidOfHost(): string {
        const all = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
        const rows = all.split('\n').map((row) => row.trim().split(/\s+/));
        return rows
            .filter(([, parent]) => parent === String(this.host.pid))
            .map(([pid]) => pid)
            .join(' ');
    }
}
