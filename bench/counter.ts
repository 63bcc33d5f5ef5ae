// Counts storage transactions at the endpoint: three ports in front of the emulator's, bytes passed on as they are, requests counted on the way.
// Run: node dist/bench/counter.js BLOB QUEUE TABLE (ports of the emulator). Says its own ports and the URL of the count; ends with Ctrl-C.
import { createServer } from 'node:http';
import net from 'node:net';
import { emulatorConnection } from '../devhost/azurite';
import { say } from './processes';

export interface Counter {
    /** Connection string through this process. */
    storage: string;
    /** GET gives `{"blob": n, "queue": n, "table": n}` since the start. */
    url: string;
}

export type Transactions = Record<'blob' | 'queue' | 'table', number>;

const END = Buffer.from('\r\n\r\n');
const counts: Transactions = { blob: 0, queue: 0, table: 0 };

/** Finds the beginnings of requests in what a client sends. */
class Requests {
    private held: Buffer | null = null;
    /** Bytes of the body still to come. */
    private body = 0;

    constructor(private readonly begun: () => void) {}

    read(chunk: Buffer): void {
        let at = Math.min(this.body, chunk.length);
        this.body -= at;
        while (at < chunk.length) {
            const data: Buffer = this.held ? Buffer.concat([this.held, chunk.subarray(at)]) : chunk.subarray(at);
            const end = data.indexOf(END);
            if (end < 0) {
                this.held = Buffer.from(data);
                return;
            }
            const head = data.toString('latin1', 0, end);
            if (/\r\ntransfer-encoding:/i.test(head)) throw new Error('a request in chunks is not understood here');
            this.begun();
            const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
            const rest = data.length - end - END.length;
            this.body = Math.max(0, length - rest);
            this.held = null;
            at = chunk.length - Math.max(0, rest - length);
        }
    }
}

function pass(kind: keyof Transactions, upstream: number): Promise<number> {
    const server = net.createServer((client) => {
        const storage = net.connect(upstream, '127.0.0.1');
        const requests = new Requests(() => counts[kind]++);
        client.setNoDelay(true).on('data', (chunk) => requests.read(chunk));
        storage.setNoDelay(true);
        client.pipe(storage).pipe(client);
        for (const [one, other] of [
            [client, storage],
            [storage, client],
        ] as const)
            one.on('error', () => other.destroy());
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port)));
}

async function main(): Promise<void> {
    const [blob, queue, table] = process.argv.slice(2).map(Number);
    const ports = { blob: await pass('blob', blob!), queue: await pass('queue', queue!), table: await pass('table', table!) };
    const server = createServer((_, response) => response.end(JSON.stringify(counts)));
    server.listen(0, '127.0.0.1', () => {
        const counter: Counter = {
            storage: emulatorConnection(ports),
            url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
        };
        if (process.send) say(counter);
        else console.log(counter);
    });
    process.on('disconnect', () => process.exit());
}

main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
});
