// An API of a few lines: answers what a test says, and writes down what it was asked.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { FanfoldClient, type ClientOptions, type Clock } from '../../../src/client';

export interface Asked {
    method: string;
    /** With the query. */
    url: string;
    headers: http.IncomingHttpHeaders;
    body: Buffer;
}

export type Answer = [status: number, body?: unknown, headers?: Record<string, string>] | 'hangUp' | 'never' | { breaksAfter: string };

export interface TinyServer {
    url: string;
    asked: Asked[];
    stop(): Promise<void>;
}

/** Texts and buffers are sent as they are, anything else as JSON, a problem with its own type. */
export async function startServer(answer: (asked: Asked, n: number) => Answer | Promise<Answer>): Promise<TinyServer> {
    const asked: Asked[] = [];
    const serve = async (request: http.IncomingMessage, response: http.ServerResponse) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const seen = { method: request.method!, url: request.url!, headers: request.headers, body: Buffer.concat(chunks) };
        asked.push(seen);
        const given = await answer(seen, asked.length);
        if (given === 'never') return;
        if (given === 'hangUp') return void request.socket.destroy();
        if ('breaksAfter' in given) {
            response.writeHead(200, { 'content-length': String(given.breaksAfter.length + 1_000) });
            return void response.write(given.breaksAfter, () => request.socket.destroy());
        }
        const [status, body, headers] = given;
        const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
        const isProblem = status >= 400 && typeof body === 'object';
        response.writeHead(status, { 'content-type': isProblem ? 'application/problem+json' : 'application/json', ...headers });
        response.end(text);
    };
    const server = http.createServer((request, response) => {
        serve(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        asked,
        stop: () =>
            new Promise((resolve) => {
                server.close(() => resolve());
                server.closeAllConnections();
            }),
    };
}

/** Time in which pauses take no time. What lies as far ahead as `limit` ms or further, such as the limit of a request, never comes. */
export function fastClock(limit = 60_000): Clock & { pauses: number[] } {
    let now = 0;
    const pauses: number[] = [];
    return {
        pauses,
        now: () => now,
        after: (ms, what) => {
            if (ms >= limit) return () => undefined;
            pauses.push(ms);
            const turn = setImmediate(() => {
                now += ms;
                what();
            });
            return () => clearImmediate(turn);
        },
    };
}

let running: TinyServer[] = [];

export async function serving(answer: (asked: Asked, n: number) => Answer | Promise<Answer>, options: Partial<ClientOptions> = {}) {
    const server = await startServer(answer);
    running.push(server);
    return { server, client: new FanfoldClient({ url: server.url, clock: fastClock(), ...options }) };
}

export async function stopServers(): Promise<void> {
    const all = running;
    running = [];
    await Promise.all(all.map((s) => s.stop()));
}
