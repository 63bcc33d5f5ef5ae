// One host for a hub: the engine keeps instances in memory, and a second one would work on stale copies of them.
import os from 'node:os';
import { RestError, type TableClient } from '@azure/data-tables';
import { isAlive } from './azurite';
import { hubTable } from './hubTable';

const BEAT = 5_000;
/** A holder on another machine that has not been heard of for so long is gone. */
const STALE = 20_000;
const where = { partitionKey: '~host', rowKey: 'lock' };

interface LockRow {
    etag?: string;
    machine: string;
    pid: number;
    beat: number;
}

const read = (table: TableClient): Promise<LockRow | null> =>
    table.getEntity<LockRow>(where.partitionKey, where.rowKey).catch((error: unknown) => {
        if (error instanceof RestError && error.statusCode === 404) return null;
        throw error;
    });

const isOthers = ({ machine, pid, beat }: LockRow): boolean =>
    machine === os.hostname() ? pid !== process.pid && isAlive(pid) : Date.now() - beat < STALE;

interface Lost {
    taken: () => void;
    /** Storage is as it was some seconds ago (Azurite killed with SIGKILL), behind what this host has in memory. */
    wentBack: () => void;
}

export class HubInUse extends Error {}

export class HubLock {
    private timer: NodeJS.Timeout | undefined;
    private released = false;
    /** Of the last row that storage has taken. */
    private taken = 0;

    private constructor(
        private readonly table: TableClient,
        private etag: string,
        private readonly lost: Lost,
    ) {}

    static async take(connection: string, hub: string, lost: Lost): Promise<HubLock> {
        const table = hubTable(connection, hub);
        await table.createTable();
        const held = await read(table);
        if (held && isOthers(held))
            throw new HubInUse(
                `The task hub "${hub}" is in use by another local host (process ${held.pid} on ${held.machine}). Stop it, or give this one a hub of its own: AzureFunctionsJobHost__extensions__durableTask__hubName.`,
            );
        const lock = new HubLock(table, held?.etag ?? '', lost);
        await lock.write();
        lock.beatLater();
        return lock;
    }

    /** One beat at a time: a second beside one that storage is slow to answer would be refused. */
    private beatLater(): void {
        this.timer = setTimeout(() => {
            this.beat()
                .catch((error: unknown) => console.error(`the beat of this host was not written: ${String(error)}`))
                .finally(() => this.released || this.beatLater());
        }, BEAT);
        this.timer.unref();
    }

    private async write(): Promise<void> {
        const row = { ...where, machine: os.hostname(), pid: process.pid, beat: Date.now() };
        // With the tag of what was read: of two that start at once, one fails here.
        const written = this.etag ? await this.table.updateEntity(row, 'Replace', { etag: this.etag }) : await this.table.createEntity(row);
        this.etag = written.etag ?? '*';
        this.taken = row.beat;
    }

    private async beat(): Promise<void> {
        try {
            await this.write();
        } catch (error) {
            // Storage that does not answer for a moment is no loss of the lock.
            if (error instanceof RestError && (error.statusCode === 412 || error.statusCode === 404)) await this.look();
        }
    }

    /** The row is not as this host left it: another one has it, or storage has lost what it had acknowledged. */
    private async look(): Promise<void> {
        const row = await read(this.table).catch(() => undefined); // the next beat looks again
        if (row && isOthers(row)) this.lost.taken();
        // A beat of this host that was taken, and whose answer was lost.
        else if (row && row.pid === process.pid && row.beat >= this.taken) this.etag = row.etag ?? '*';
        else if (row !== undefined) this.lost.wentBack();
    }

    /** Frees the hub at once for a host on another machine too. */
    async release(): Promise<void> {
        this.released = true;
        clearTimeout(this.timer);
        await this.table.deleteEntity(where.partitionKey, where.rowKey).catch(() => undefined); // it goes stale by itself
    }
}
