// npm run bench:fence: what the fence around targets costs a call. Calls of one process to an own target, with the fence and without it, in turns; ratios within
// one run.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { Fence } from '../src/egress/fence/fence';
import { sender, type Send } from '../src/egress/outgoing';
import { Pools } from '../src/egress/pools';

const ROUNDS = 9;
const AT_ONCE = 32;
const WARM_UP = 1_000;

/** Connections as `Pools` makes them, without a look at where they lead. */
class Unfenced extends Pools {
    private readonly plain = new Map<string, Pool>();

    override of(origin: string): Pool {
        const known = this.plain.get(origin);
        if (known) return known;
        const pool = new Pool(origin, {
            ...{
                connections: 512,
                pipelining: 1,
                keepAliveTimeout: 10_000,
                headersTimeout: 0,
                bodyTimeout: 0,
                connect: { timeout: 10_000 },
            },
        });
        this.plain.set(origin, pool);
        return pool;
    }
}

/** Calls in a second. */
async function rate(send: Send, url: string, calls: number): Promise<number> {
    let left = calls;
    const began = performance.now();
    const worker = async (): Promise<void> => {
        while (left-- > 0) await send({ method: 'POST', url, headers: {}, body: '{"id":1}', timeoutMs: 30_000, maxBodyBytes: 1_000 });
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return (calls * 1_000) / (performance.now() - began);
}

const median = (numbers: number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

async function main(): Promise<void> {
    const server = http.createServer((request, response) => {
        if (request.url === '/fresh') response.setHeader('connection', 'close');
        request.resume().once('end', () => response.end('{}'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const fence = new Fence({ allowed: 'localhost, 127.0.0.0/8, [::1]', denied: '169.254.0.0/16', own: ['api.example.com'] });
    const [fenced, unfenced] = [sender(new Pools(fence)), sender(new Unfenced(fence))];
    for (const [what, path, calls] of [
        ['connections that are kept', '/kept', 10_000],
        ['a connection for each call', '/fresh', 1_500],
    ] as const) {
        const url = `http://localhost:${port}${path}`;
        for (const send of [fenced, unfenced]) await rate(send, url, WARM_UP);
        const ratios: number[] = [];
        const rates: number[] = [];
        for (let round = 0; round < ROUNDS; round++) {
            // Who goes first changes: a machine that grows slower would blame the second.
            const order = round % 2 === 0 ? [fenced, unfenced] : [unfenced, fenced];
            const taken = new Map<Send, number>();
            for (const send of order) taken.set(send, await rate(send, url, calls));
            ratios.push(taken.get(fenced)! / taken.get(unfenced)!);
            rates.push(taken.get(fenced)!);
        }
        const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
        console.log(
            `${what.padEnd(28)} with the fence ${median(ratios).toFixed(2)} of the calls without it (median of ${ROUNDS}; ${least.toFixed(2)} to ${most.toFixed(2)}); ${median(rates).toFixed(0)} calls/s`,
        );
    }
    process.exit(0);
}

main().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
});
