// What the jobs of the matrix call: it knows every call of every job, answers some first attempts with 500, and can hold a job's last answer.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Call {
    item: number;
    at: number;
    /** Calls of the job that were open then, this one among them. */
    open: number;
}

/** One job's calls. */
export class Callee {
    readonly calls: Call[] = [];
    private open = 0;
    private readonly waiting: { count: number; resolve: () => void }[] = [];

    constructor(
        readonly marker: string,
        /** How long each call takes, in ms. */
        private paceMs: number,
        /** The answer to this item waits for it. */
        readonly gate: { item: number; until: Promise<void> } | null,
    ) {}

    /** Every fifth item fails at its first attempt. */
    static attemptsOf = (item: number): number => (item % 5 === 0 ? 2 : 1);

    /** Takes a call; gives the number of its attempt. */
    take(item: number): number {
        this.calls.push({ item, at: Date.now(), open: ++this.open });
        for (const w of this.waiting) if (this.calls.length >= w.count) w.resolve();
        return this.calls.filter((c) => c.item === item).length;
    }

    /** The time that a call takes; it is not open any more then. */
    async work(): Promise<void> {
        await sleep(this.paceMs);
        this.open--;
    }

    /** From now on calls take no time. */
    hurry(): void {
        this.paceMs = 0;
    }

    /** Resolves when so many calls have come. */
    called(count: number): Promise<void> {
        return this.calls.length >= count ? Promise.resolve() : new Promise((resolve) => this.waiting.push({ count, resolve }));
    }
}

export class MatrixTarget {
    url = '';
    private readonly callees = new Map<string, Callee>();
    private readonly server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => {
        this.answer(req, res).catch(() => res.destroy());
    });

    async start(): Promise<void> {
        await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
        this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    }

    stop(): void {
        this.server.closeAllConnections();
        this.server.close();
    }

    expect(callee: Callee): void {
        this.callees.set(callee.marker, callee);
    }

    private async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
        const callee = this.callees.get(req.url!.slice(1));
        const item = Number(/:(\d+)$/.exec(String(req.headers['idempotency-key']))?.[1]);
        for await (const chunk of req) void chunk;
        if (!callee || !Number.isInteger(item)) return void res.writeHead(400).end('not a call of the matrix');
        const attempt = callee.take(item);
        await callee.work();
        if (attempt < Callee.attemptsOf(item)) return void res.writeHead(500).end('chosen to fail');
        if (item === callee.gate?.item) await callee.gate.until;
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ item }));
    }
}
