// Looks for canaries where anything may be kept: the files of a storage emulator, its blobs, tables and queues, and texts.
import { BlobServiceClient } from '@azure/storage-blob';
import { TableClient, TableServiceClient } from '@azure/data-tables';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { constants, inflateRawSync } from 'node:zlib';
import { formsOf, type Canary } from './canary';

export interface Find {
    canary: string;
    form: string;
    /** Where: a file, a blob, a row, a line. */
    place: string;
    /** What stands around it, without the canary itself. */
    around: string;
}

/** What was looked through, and what was found. */
export class Search {
    readonly finds: Find[] = [];
    readonly looked: Record<string, number> = {};
    private readonly forms;

    constructor(canaries: readonly Canary[]) {
        this.forms = canaries.flatMap((canary) => formsOf(canary).map((form) => ({ ...form, canary: canary.name })));
    }

    /** Looks through bytes, and through what is compressed in them. `kind`: what they are counted as. */
    through(kind: string, place: string, bytes: Buffer): void {
        this.looked[kind] = (this.looked[kind] ?? 0) + 1;
        this.bytes(place, bytes);
        for (const [i, unpacked] of gzipped(bytes).entries()) this.bytes(`${place} (unpacked ${i})`, unpacked);
    }

    private bytes(place: string, bytes: Buffer): void {
        for (const { form, bytes: wanted, canary } of this.forms) {
            const at = bytes.indexOf(wanted);
            if (at < 0) continue;
            const [before, after] = [bytes.subarray(Math.max(0, at - 80), at), bytes.subarray(at + wanted.length, at + wanted.length + 40)];
            this.finds.push({ canary, form, place, around: `${before.toString('latin1')}<HERE>${after.toString('latin1')}` });
        }
    }

    /** Every file below a folder. */
    files(kind: string, folder: string): void {
        for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
            const file = path.join(folder, name);
            if (statSync(file).isFile()) this.through(kind, name, readFileSync(file));
        }
    }

    /** Every blob with its name and metadata, and every row of every table. */
    async storage(connection: string): Promise<void> {
        const blobs = BlobServiceClient.fromConnectionString(connection);
        for await (const { name: container } of blobs.listContainers({ includeMetadata: true })) {
            const client = blobs.getContainerClient(container);
            for await (const blob of client.listBlobsFlat({ includeMetadata: true })) {
                const place = `${container}/${blob.name}`;
                this.through('blobs', place, await client.getBlobClient(blob.name).downloadToBuffer());
                this.bytes(`${place} (metadata)`, Buffer.from(JSON.stringify([blob.name, blob.metadata, blob.properties])));
            }
        }
        const options = { allowInsecureConnection: true };
        for await (const { name } of TableServiceClient.fromConnectionString(connection, options).listTables())
            for await (const row of TableClient.fromConnectionString(connection, name!, options).listEntities())
                this.through('rows', `${name} ${String(row.partitionKey)} ${String(row.rowKey)}`, Buffer.from(JSON.stringify(row)));
    }
}

/** How gzip begins (RFC 1952) where the header has no further fields, as both Node.js and .NET write it; it is ten bytes long. */
const GZIP = Buffer.from([0x1f, 0x8b, 0x08, 0]);
const HEADER_BYTES = 10;

/** All that is compressed somewhere in the bytes, as far as it can be unpacked. */
function gzipped(bytes: Buffer): Buffer[] {
    const found: Buffer[] = [];
    for (let at = bytes.indexOf(GZIP); at >= 0; at = bytes.indexOf(GZIP, at + 1)) {
        try {
            found.push(inflateRawSync(bytes.subarray(at + HEADER_BYTES), { finishFlush: constants.Z_SYNC_FLUSH }));
        } catch {
            continue; // four bytes that only look like it
        }
    }
    return found;
}
