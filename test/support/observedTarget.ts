// A service for jobs to call that knows when each call began, how many are open, and that can keep its answers to itself.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ObservedCall {
    /** Of the job's item. */
    key: string;
    /** When it came, in ms. */
    at: number;
    /** Calls that were open then, this one among them. */
    open: number;
}

export interface ObservedOptions {
    latencyMs?: number;
    /** Of every answer, or by the key of its item. */
    status?: number | ((key: string) => number);
    /** What is answered, by the key of its item; default: `{"ok":true}`. */
    body?: (key: string) => string;
    /** Keys of items whose answers wait for `release`. */
    held?: string[];
}

export interface ObservedTarget {
    url: string;
    /** In the order in which they came. */
    calls: readonly ObservedCall[];
    /** Calls that have come and are not answered. */
    open(): number;
    /** Calls that began in this time (ms), its end not included. */
    between(from: number, to: number): ObservedCall[];
    /** Answers what was held of this item. */
    release(key: string): void;
    stop(): Promise<void>;
}

export async function observedTarget({
    latencyMs = 20,
    status = 200,
    body = () => '{"ok":true}',
    held = [],
}: ObservedOptions = {}): Promise<ObservedTarget> {
    const calls: ObservedCall[] = [];
    let open = 0;
    const gates = new Map(held.map((key) => [key, gate()]));
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        const key = String(request.headers['idempotency-key']).replace(/^[^:]*:/, '');
        calls.push({ key, at: Date.now(), open: ++open });
        try {
            for await (const chunk of request) void chunk;
            await Promise.all([sleep(latencyMs), gates.get(key)?.opened]);
        } finally {
            // Before it is answered: the next call may come before this one is seen to be over.
            open--;
        }
        response.writeHead(typeof status === 'number' ? status : status(key), { 'content-type': 'application/json' }).end(body(key));
    };
    const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
        answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        calls,
        open: () => open,
        between: (from, to) => calls.filter(({ at }) => at >= from && at < to),
        release: (key) => gates.get(key)?.open(),
        stop: () =>
            new Promise((resolve, reject) => {
                server.close((error) => (error ? reject(error) : resolve()));
                server.closeAllConnections();
            }),
    };
}

function gate(): { opened: Promise<void>; open: () => void } {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { opened, open };
}
