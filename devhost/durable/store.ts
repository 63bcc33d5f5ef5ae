// The task hub in Azure Tables: one partition per instance, so that everything an episode changes is one entity-group transaction.
//
// Row keys: `i` the instance, `h-…` its history, a row per episode, `m-…` messages to it that are not yet consumed, `o-…` messages from it
// that are not yet delivered. A value that does not fit a property goes to a blob.
import { randomUUID } from 'node:crypto';
import { RestError, type TableClient, type TransactionAction } from '@azure/data-tables';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { hubTable } from '../hubTable';

/** UTF-16 units; a table property holds 64 KiB, two bytes a unit. */
const MAX_INLINE = 30_000;
/** For a large value to be read or written, in ms: the client library has no limit of its own. */
const BLOB_LIMIT_MS = 60_000;
/** Operations in one transaction. */
export const MAX_OPERATIONS = 100;

export interface Row {
    id: string;
    rowKey: string;
    value: unknown;
}

export interface Change {
    put?: { rowKey: string; value: unknown; active?: boolean }[];
    remove?: string[];
}

interface StoredRow {
    partitionKey: string;
    rowKey: string;
    id: string;
    value?: string;
    blob?: string;
    active?: boolean;
}

export class HubStore {
    /** By row, `partition/row key`: the blob that holds its value. */
    private readonly blobOf = new Map<string, string>();

    private constructor(
        private readonly table: TableClient,
        private readonly blobs: ContainerClient,
    ) {}

    static async open(connection: string, hub: string): Promise<HubStore> {
        const table = hubTable(connection, hub);
        const blobs = BlobServiceClient.fromConnectionString(connection).getContainerClient(`${hub.toLowerCase()}-largemessages`);
        await Promise.all([table.createTable(), blobs.createIfNotExists()]);
        return new HubStore(table, blobs);
    }

    /** Instances that are not done, and all undelivered messages. */
    async loadActive(): Promise<Row[]> {
        return this.query("(RowKey eq 'i' and active eq true) or (RowKey ge 'm-' and RowKey lt 'p')");
    }

    async loadInstances(): Promise<Row[]> {
        return this.query("RowKey eq 'i'");
    }

    async loadInstance(id: string): Promise<Row[]> {
        return this.query(`PartitionKey eq '${partition(id)}'`);
    }

    /** Changes rows of one instance, all or none. More than a transaction holds: the removals that are over follow after it, for they may come twice. */
    async commit(id: string, change: Change): Promise<void> {
        const puts = await Promise.all(
            (change.put ?? []).map(async (p) => ['upsert', { ...(await this.encode(id, p)) }, 'Replace'] as TransactionAction),
        );
        const removals = (change.remove ?? []).map((rowKey) => ['delete', { partitionKey: partition(id), rowKey }] as TransactionAction);
        const actions = [...puts, ...removals];
        const superseded = actions.flatMap(([, row]) => this.blobOf.get(keyOf(row)) ?? []);
        if (actions.length === 1 && puts.length === 1) await this.table.upsertEntity(puts[0]![1], 'Replace');
        else for (let at = 0; at < actions.length; at += MAX_OPERATIONS) await this.submit(actions.slice(at, at + MAX_OPERATIONS));
        for (const [, row] of actions) this.note(row as unknown as StoredRow);
        this.dropBlobs(superseded);
    }

    /** A transaction. One that was done, and whose answer was lost, is refused when it comes again: its deletions find nothing. */
    private async submit(actions: TransactionAction[]): Promise<void> {
        try {
            await this.table.submitTransaction(actions);
        } catch (error) {
            if (!(await this.isDone(actions).catch(() => false))) throw error;
        }
    }

    /** All or nothing is done, so what is to be put stands only if all is; of deletions alone none must be left. */
    private async isDone(actions: TransactionAction[]): Promise<boolean> {
        const put = actions.findLast(([kind]) => kind === 'upsert')?.[1] as StoredRow | undefined;
        if (put) {
            const { value, blob } = await this.table.getEntity<StoredRow>(put.partitionKey, put.rowKey);
            return value === put.value && blob === put.blob;
        }
        const left = await Promise.all(actions.map(([, row]) => this.stands(row as unknown as StoredRow)));
        return !left.includes(true);
    }

    private async stands({ partitionKey, rowKey }: StoredRow): Promise<boolean> {
        try {
            await this.table.getEntity(partitionKey, rowKey);
            return true;
        } catch (error) {
            if (error instanceof RestError && error.statusCode === 404) return false;
            throw error;
        }
    }

    /** Adds a message to an instance's inbox; one that is there already is the same message. */
    async deliver(id: string, rowKey: string, value: unknown): Promise<void> {
        const row = await this.encode(id, { rowKey, value });
        await this.table.upsertEntity(row, 'Replace');
        this.note(row);
    }

    private note(row: StoredRow): void {
        if (row.blob) this.blobOf.set(keyOf(row), row.blob);
        else this.blobOf.delete(keyOf(row));
    }

    async remove(id: string, rowKey: string): Promise<void> {
        try {
            await this.table.deleteEntity(partition(id), rowKey);
        } catch (error) {
            if (!(error instanceof RestError) || error.statusCode !== 404) throw error;
        }
        const key = keyOf({ partitionKey: partition(id), rowKey });
        const blob = this.blobOf.get(key);
        if (blob) this.dropBlobs([blob]);
        this.blobOf.delete(key);
    }

    async purge(id: string): Promise<void> {
        const blobs: string[] = [];
        for await (const blob of this.blobs.listBlobsFlat({ prefix: `${partition(id)}/` })) blobs.push(blob.name);
        // A blob is named after its row, with a UUID behind.
        for (const name of blobs) this.blobOf.delete(name.slice(0, -37));
        const rows = await this.loadKeys(id);
        for (let at = 0; at < rows.length; at += MAX_OPERATIONS) {
            await this.table.submitTransaction(
                rows
                    .slice(at, at + MAX_OPERATIONS)
                    .map((rowKey) => ['delete', { partitionKey: partition(id), rowKey }] as TransactionAction),
            );
        }
        this.dropBlobs(blobs);
    }

    /** Values of rows that are gone. One that stays behind costs only space, so a failure is left to the purge of its instance. */
    private dropBlobs(names: string[]): void {
        for (const name of names) void this.blobs.deleteBlob(name).catch(() => undefined);
    }

    private async loadKeys(id: string): Promise<string[]> {
        const keys: string[] = [];
        for await (const row of this.table.listEntities<StoredRow>({
            queryOptions: { filter: `PartitionKey eq '${partition(id)}'`, select: ['rowKey'] },
        }))
            keys.push(row.rowKey);
        return keys;
    }

    private async query(filter: string): Promise<Row[]> {
        const rows: Promise<Row>[] = [];
        for await (const row of this.table.listEntities<StoredRow>({ queryOptions: { filter } })) rows.push(this.decode(row));
        return Promise.all(rows);
    }

    private async encode(id: string, p: { rowKey: string; value: unknown; active?: boolean }): Promise<StoredRow> {
        const text = jsonOf(p.value);
        const row = { partitionKey: partition(id), rowKey: p.rowKey, id, ...(p.active === undefined ? {} : { active: p.active }) };
        if (text.length <= MAX_INLINE) return { ...row, value: text };
        const blob = `${partition(id)}/${p.rowKey}-${randomUUID()}`;
        await this.blobs.getBlockBlobClient(blob).upload(text, Buffer.byteLength(text), limited());
        return { ...row, blob };
    }

    private async decode(row: StoredRow): Promise<Row> {
        this.note(row);
        const text = row.blob
            ? (await this.blobs.getBlobClient(row.blob).downloadToBuffer(0, undefined, limited())).toString('utf8')
            : row.value!;
        return { id: row.id, rowKey: row.rowKey, value: JSON.parse(text) as unknown };
    }
}

/** Azurite finds a row in a transaction by a pattern that ends at a line separator: a target that answers with one would bring its job to a standstill. */
const jsonOf = (value: unknown): string => JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');

const limited = () => ({ abortSignal: AbortSignal.timeout(BLOB_LIMIT_MS) });

/** An instance id as a partition key: table keys allow less than ids do. */
const partition = (id: string): string => id.replaceAll(/[^A-Za-z0-9@._-]/g, (c) => `~${c.codePointAt(0)!.toString(16)}~`);
const keyOf = (row: { partitionKey: string; rowKey: string }): string => `${row.partitionKey}/${row.rowKey}`;
