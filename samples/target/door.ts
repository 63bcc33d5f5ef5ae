// The port that a target listens on, and how it goes away from there for a while.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { How } from './options';

/** Somebody's outgoing connection may have got the port meanwhile. */
const PORT_BACK_MS = 30_000;

export interface DoorEvents {
    wentAway(how: How): void;
    cameBack(): void;
}

/** Closing and listening take turns: each begins when the one before is done. */
export class Door {
    /** How the target is away now, or null. */
    how: How | null = null;
    port = 0;
    private turn: Promise<unknown> = Promise.resolve();
    private back: NodeJS.Timeout | undefined;
    private readonly planned: NodeJS.Timeout[] = [];
    private stopped = false;

    constructor(
        private readonly server: Server,
        private readonly events: DoorEvents,
    ) {}

    async open(port: number): Promise<void> {
        await this.listen(port);
        this.port = (this.server.address() as AddressInfo).port;
    }

    plan(outages: readonly { fromMs: number; toMs: number; how: How }[]): void {
        for (const { fromMs, toMs, how } of outages)
            this.planned.push(setTimeout(() => void this.goAway(how, toMs - fromMs).catch(report), fromMs));
    }

    /** Is done when the target is away; an outage before it is over then. Without a time it lasts until `comeBack`. */
    goAway(how: How, forMs?: number): Promise<void> {
        return this.next(async () => {
            await this.end();
            if (this.stopped) return;
            this.how = how;
            this.events.wentAway(how);
            if (how === 'refuse') await this.close();
            if (forMs !== undefined) this.back = setTimeout(() => void this.comeBack().catch(report), forMs);
        });
    }

    /** Is done when calls are answered again. */
    comeBack(): Promise<void> {
        return this.next(() => this.end());
    }

    async stop(): Promise<void> {
        this.stopped = true;
        for (const timer of [this.back, ...this.planned]) clearTimeout(timer);
        await this.next(() => this.close());
    }

    private async end(): Promise<void> {
        clearTimeout(this.back);
        const { how } = this;
        if (how === null || this.stopped) return;
        if (how === 'refuse') await this.listenAgain();
        this.how = null;
        // Before the connections are cut: whoever sees that may call at once.
        this.events.cameBack();
        if (how === 'hang') this.server.closeAllConnections();
    }

    private async listenAgain(): Promise<void> {
        for (const until = Date.now() + PORT_BACK_MS; !this.stopped; await sleep(50)) {
            try {
                return await this.listen(this.port);
            } catch (error) {
                if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || Date.now() > until) throw error;
            }
        }
    }

    private listen(port: number): Promise<void> {
        const { server } = this;
        return new Promise((resolve, reject) => {
            server.once('error', reject);
            server.listen(port, '127.0.0.1', () => {
                server.off('error', reject);
                resolve();
            });
        });
    }

    private close(): Promise<void> {
        const { server } = this;
        if (!server.listening) return Promise.resolve();
        return new Promise((resolve, reject) => {
            server.close((error) => (error ? reject(error) : resolve()));
            server.closeAllConnections();
        });
    }

    private next<T>(step: () => Promise<T>): Promise<T> {
        const done = this.turn.then(step);
        this.turn = done.catch(() => undefined);
        return done;
    }
}

const report = (error: unknown): void => console.error('target:', error);
