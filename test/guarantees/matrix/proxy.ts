// A storage service with faults: stands before the real one, knows whose each request is, and does to it what its strand says.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { HELD_MS, isBare, refusal, statusOf, type Fault, type Strand, type Strands } from './faults';
import type { Described } from './requests';

export type Describe = (method: string, target: string, body: string) => Described;

interface Answer {
    status: number;
    headers: http.IncomingHttpHeaders;
    body: Buffer;
}

export class FaultProxy {
    private readonly server = http.createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
        // Whoever breaks off while it sends has no request here.
        this.serve(req, res).catch(() => req.socket.destroy());
    });
    // The real service closes connections that are idle for five seconds; used a moment before, one would break for no reason of the matrix.
    private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 200, timeout: 3_000 });
    private readonly held = new Set<NodeJS.Timeout>();

    constructor(
        /** Port of the real service. */
        private readonly port: number,
        private readonly strands: Strands,
        private readonly describe: Describe,
    ) {}

    async listen(): Promise<number> {
        await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
        return (this.server.address() as AddressInfo).port;
    }

    close(): void {
        for (const timer of this.held) clearTimeout(timer);
        this.server.closeAllConnections();
        this.server.close();
        this.agent.destroy();
    }

    private async serve(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
        const chunks: Buffer[] = [];
        for await (const chunk of req) chunks.push(chunk as Buffer);
        const body = Buffer.concat(chunks);
        const text = body.toString('latin1');
        const { names, request } = this.describe(req.method!, req.url!, text);
        const strand = this.strands.of(names, text);
        const fault = strand?.strike(request) ?? null;
        const onward = async (): Promise<Answer> => {
            const answer = await this.forward(req, body);
            if (strand && request === 'PUT summary' && answer.status === 201) strand.tookSummary();
            return answer;
        };
        if (!fault) return give(res, await onward());
        return this.befall(fault, strand!, req, res, onward);
    }

    private async befall(
        fault: Fault,
        strand: Strand,
        req: http.IncomingMessage,
        res: http.ServerResponse,
        onward: () => Promise<Answer>,
    ): Promise<void> {
        const status = statusOf(fault);
        if (status) {
            const { headers, body } = refusal(status, isBare(strand.cell!));
            return give(res, { status, headers, body: Buffer.from(body) });
        }
        if (fault === 'reset') return void req.socket.resetAndDestroy();
        if (fault === 'never') return;
        if (fault === 'held') {
            await this.pause();
            return give(res, await onward());
        }
        const answer = await onward();
        if (fault === 'cut') return cut(res, req, answer);
        if (fault === 'late') await this.pause();
        if (fault === 'late') return give(res, answer);
        req.socket.destroy();
    }

    private pause(): Promise<void> {
        return new Promise((resolve) => {
            const timer = setTimeout(() => {
                this.held.delete(timer);
                resolve();
            }, HELD_MS);
            this.held.add(timer);
        });
    }

    private forward(req: http.IncomingMessage, body: Buffer): Promise<Answer> {
        return new Promise((resolve, reject) => {
            const { method, url: path, headers } = req;
            const onward = http.request({ host: '127.0.0.1', port: this.port, method, path, headers, agent: this.agent }, (answer) => {
                const chunks: Buffer[] = [];
                answer.on('data', (chunk: Buffer) => chunks.push(chunk));
                answer.on('error', reject);
                answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) }));
            });
            onward.on('error', reject);
            onward.end(body);
        });
    }
}

/** Headers without how the body travelled: it stands here whole. */
function headersOf({ headers, body }: Answer, method: string): http.OutgoingHttpHeaders {
    const kept = Object.entries(headers).filter(([name]) => !['transfer-encoding', 'connection', 'keep-alive'].includes(name));
    return { ...Object.fromEntries(kept), ...(method === 'HEAD' ? {} : { 'content-length': body.length }) };
}

function give(res: http.ServerResponse, answer: Answer): void {
    if (res.destroyed) return;
    res.writeHead(answer.status, headersOf(answer, res.req.method!));
    res.end(res.req.method === 'HEAD' ? undefined : answer.body);
}

/** Half of the answer, then the end of the connection: of its body, or of its head where it has none. */
function cut(res: http.ServerResponse, req: http.IncomingMessage, answer: Answer): void {
    const end = (socket: Duplex) => () => socket.destroy();
    if (req.method !== 'HEAD' && answer.body.length > 0) {
        res.writeHead(answer.status, headersOf(answer, req.method!));
        res.write(answer.body.subarray(0, answer.body.length >> 1), end(req.socket));
        if (answer.body.length === 1) res.flushHeaders();
    } else req.socket.write(`HTTP/1.1 ${answer.status} OK\r\nserver: storage\r\nx-ms-req`, end(req.socket));
}
