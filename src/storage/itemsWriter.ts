// Writes the items of a job as one block blob while they are read, and the partitions with it.
import { consoleLog } from '../log';
import { giveBuffer, takeBuffer } from './buffers';
import type { PartitionEntry } from '../contracts/documents';
import type { JobStore } from './jobStore';
import { patiently, STEP_PATIENCE_MS } from './trouble';

const BLOCK_BYTES = 2 * 1024 * 1024;
const MAX_PARTITION_BYTES = 8 * 1024 * 1024;
const BLOCKS_IN_FLIGHT = 3;
const NEWLINE = 0x0a;

export class ItemsWriter {
    readonly partitions: PartitionEntry[] = [];
    total = 0;
    /** Lines are copied here as they come: kept as strings until a block is full, they would be what the garbage collector is busy with. */
    private block = takeBuffer(BLOCK_BYTES);
    private filled = 0;
    private blocks: string[] = [];
    private uploads: Promise<unknown>[] = [];
    private start = { offset: 0, index: 0, items: 0, bytes: 0 };

    constructor(
        private readonly store: JobStore,
        readonly name: string,
        private readonly perPartition: number,
        /** A partition ends behind so many items of the job, and the next begins; 0: behind none in particular. */
        private readonly cutBehind = 0,
    ) {}

    /** Adds one item, JSON text on one line. */
    add(json: string): void {
        const bytes = Buffer.byteLength(json) + 1;
        const { items, bytes: size } = this.start;
        if (items > 0 && (items >= this.perPartition || size + bytes > MAX_PARTITION_BYTES || this.total === this.cutBehind)) this.cut();
        this.start.items++;
        this.start.bytes += bytes;
        this.total++;
        if (this.filled + bytes > this.block.length) this.stage();
        if (bytes > this.block.length) this.block = takeBuffer(bytes);
        this.filled += this.block.write(json, this.filled);
        this.block[this.filled++] = NEWLINE;
    }

    /** Waits when storage is slower than the source. */
    async relieve(): Promise<void> {
        while (this.uploads.length > BLOCKS_IN_FLIGHT) await this.uploads.shift();
    }

    /** Makes the blob whole. */
    async commit(): Promise<void> {
        this.stage();
        giveBuffer(this.block);
        if (this.start.items > 0) this.cut();
        await Promise.all(this.uploads);
        const headers = { blobHTTPHeaders: { blobContentType: 'application/x-ndjson' } };
        await patiently(() => this.blob().commitBlockList(this.blocks, headers), STEP_PATIENCE_MS);
    }

    /** Removes what was written. What cannot be removed is a leftover, no reason to fail. */
    async discard(): Promise<void> {
        await Promise.allSettled(this.uploads);
        await this.blob()
            .deleteIfExists()
            .catch((error: unknown) => consoleLog.warn('items blob that no plan names was not removed', { blob: this.name }, error));
    }

    private cut(): void {
        const { offset, bytes, items, index } = this.start;
        this.partitions.push({ offset, bytes, items, firstIndex: index });
        this.start = { offset: offset + bytes, index: index + items, items: 0, bytes: 0 };
    }

    /** Uploads what has gathered. */
    private stage(): void {
        if (this.filled === 0) return;
        const full = this.block;
        const data = full.subarray(0, this.filled);
        this.block = takeBuffer(BLOCK_BYTES);
        this.filled = 0;
        const id = Buffer.from(String(this.blocks.length).padStart(8, '0')).toString('base64');
        this.blocks.push(id);
        const upload = patiently(() => this.blob().stageBlock(id, data, data.length), STEP_PATIENCE_MS);
        // Awaited later, in order; until then a failure must not count as unhandled.
        upload.then(
            () => giveBuffer(full),
            () => undefined,
        );
        this.uploads.push(upload);
    }

    private blob = () => this.store.container.getBlockBlobClient(this.name);
}
