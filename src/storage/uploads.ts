// Uploaded files: whole in one request (a block blob, there only when complete) or in parts (an append blob that grows).
import { createHash, randomUUID } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import type { BlockBlobClient } from '@azure/storage-blob';
import { blobs } from '../contracts/names';
import { isStatus, type JobStore } from './jobStore';

export interface Upload {
    id: string;
    /** Bytes received. */
    bytes: number;
    /** Bytes announced; null for one that came in one request. */
    length: number | null;
    complete: boolean;
    name?: string;
    sha256?: string;
    /** The tus Upload-Metadata header as it came. */
    tusMetadata?: string;
    createdAt: string;
    /** When the last bytes came, in ms. */
    changedAt: number;
    /** Of the stored file as it is now. */
    etag?: string;
}

/** Bytes of one block. The smallest number of appends that still keeps memory small: 50,000 blocks make 195 GB. */
export const BLOCK = 4 * 1024 * 1024;
export const MAX_UPLOAD = BLOCK * 50_000;

// Blob metadata are HTTP headers: names of files travel encoded.
const encode = (text: string) => Buffer.from(text).toString('base64url');
const decode = (text: string | undefined) => (text ? Buffer.from(text, 'base64url').toString() : undefined);

export async function readUpload(store: JobStore, id: string): Promise<Upload | null> {
    try {
        const p = await store.container.getBlobClient(blobs.upload(id)).getProperties();
        const m = p.metadata ?? {};
        const bytes = p.contentLength ?? 0;
        const length = m.length === undefined ? null : Number(m.length);
        const [name, tusMetadata] = [decode(m.name), decode(m.tus)];
        return {
            id,
            bytes,
            length,
            complete: length === null || bytes === length,
            ...(name ? { name } : {}),
            ...(m.sha256 ? { sha256: m.sha256 } : {}),
            ...(tusMetadata ? { tusMetadata } : {}),
            ...(p.etag ? { etag: p.etag } : {}),
            createdAt: (p.createdOn ?? p.lastModified ?? new Date(0)).toISOString(),
            changedAt: (p.lastModified ?? new Date()).getTime(),
        };
    } catch (error) {
        if (isStatus(error, 404)) return null;
        throw error;
    }
}

/** What a sender was told he may send at most was exceeded. */
export class UploadTooLarge extends Error {}

/**
 * Streams a whole file into storage; null when it was empty, and then nothing is kept. Memory: a few blocks, whatever the size.
 * @throws UploadTooLarge beyond `most` bytes, when all has been read: nothing is kept
 */
export async function storeWhole(
    store: JobStore,
    body: AsyncIterable<Uint8Array>,
    name: string | undefined,
    most: number = MAX_UPLOAD,
): Promise<Upload | null> {
    const id = randomUUID();
    const blob = store.container.getBlockBlobClient(blobs.upload(id));
    const hash = createHash('sha256');
    let bytes = 0;
    // Sent with the commit, when all has been measured: a description of its own would be wiped out by a commit that storage carries out late, after its repeat.
    const metadata: Record<string, string> = name ? { name: encode(name) } : {};
    const measured = new Transform({
        transform(chunk: Buffer, _encoding, done) {
            bytes += chunk.length;
            // Read and dropped: a host in front loses the answer when the body is left unread.
            if (bytes > most) return done();
            hash.update(chunk);
            done(null, chunk);
        },
        flush(done) {
            if (bytes > most) return done(new UploadTooLarge());
            metadata.sha256 = hash.digest('hex');
            done();
        },
    });
    const source = Readable.from(body, { objectMode: false });
    // A sender that goes away ends the upload too: the blocks are never committed, and storage drops them.
    source.on('error', (error) => measured.destroy(error));
    try {
        await blob.uploadStream(source.pipe(measured), BLOCK, 3, { metadata, conditions: { ifNoneMatch: '*' } });
    } catch (error) {
        // The id is nobody else's: what stands there is this upload, committed by a try whose answer was lost.
        if (!isStatus(error, 409, 412) || !(await isCommitted(blob, metadata.sha256))) throw error;
    }
    if (bytes === 0) {
        await blob.deleteIfExists();
        return null;
    }
    return {
        id,
        bytes,
        length: null,
        complete: true,
        sha256: metadata.sha256!,
        ...(name ? { name } : {}),
        createdAt: new Date().toISOString(),
        changedAt: Date.now(),
    };
}

async function isCommitted(blob: BlockBlobClient, sha256: string | undefined): Promise<boolean> {
    return sha256 !== undefined && (await blob.getProperties()).metadata?.sha256 === sha256;
}

export async function createParts(
    store: JobStore,
    length: number,
    name: string | undefined,
    tusMetadata: string | undefined,
): Promise<string> {
    const id = randomUUID();
    const metadata = {
        length: String(length),
        ...(name ? { name: encode(name) } : {}),
        ...(tusMetadata ? { tus: encode(tusMetadata) } : {}),
    };
    await store.container.getAppendBlobClient(blobs.upload(id)).create({ metadata, conditions: { ifNoneMatch: '*' } });
    return id;
}

export type Appended = { kind: 'ok' | 'moved' | 'tooLong'; offset: number };

/**
 * Appends a part at `offset`. Every block is conditional on the position, so that two senders of the same part never both write:
 * `moved` says that the upload stands elsewhere. When the sender breaks off, what came until then is kept, as tus wants it.
 */
export async function appendPart(store: JobStore, upload: Upload, offset: number, body: AsyncIterable<Uint8Array>): Promise<Appended> {
    const blob = store.container.getAppendBlobClient(blobs.upload(upload.id));
    const length = upload.length ?? upload.bytes;
    let position = offset;
    const block = Buffer.allocUnsafe(BLOCK);
    let size = 0;
    const flush = async (): Promise<boolean> => {
        if (size === 0) return true;
        try {
            await blob.appendBlock(block.subarray(0, size), size, { conditions: { appendPosition: position } });
        } catch (error) {
            if (isStatus(error, 412)) return false;
            throw error;
        }
        position += size;
        size = 0;
        return true;
    };
    let broken: { error: unknown } | null = null;
    try {
        for await (const piece of body) {
            if (position + size + piece.length > length) return { kind: 'tooLong', offset: position };
            // A piece larger than a block is cut: a host may hand the body over as one.
            for (let i = 0; i < piece.length;) {
                const cut = piece.subarray(i, i + BLOCK - size);
                block.set(cut, size);
                size += cut.length;
                i += cut.length;
                if (size === BLOCK && !(await flush())) return { kind: 'moved', offset: position };
            }
        }
    } catch (error) {
        broken = { error };
    }
    if (!(await flush())) return { kind: 'moved', offset: position };
    if (broken) throw broken.error;
    return { kind: 'ok', offset: position };
}

export async function deleteUpload(store: JobStore, id: string): Promise<boolean> {
    await store.container.getBlobClient(blobs.uploadUse(id)).deleteIfExists();
    return (await store.container.getBlobClient(blobs.upload(id)).deleteIfExists()).succeeded;
}

/** Notes that a job is posted with the upload. Beside it, not on it: a job reads the version of the upload that it was posted with. */
export async function noteUse(store: JobStore, id: string): Promise<void> {
    await store.container.getBlockBlobClient(blobs.uploadUse(id)).upload('', 0);
}

/** When a job was last posted with the upload, in ms; null when none was. */
export async function usedAt(store: JobStore, id: string): Promise<number | null> {
    try {
        return (await store.container.getBlobClient(blobs.uploadUse(id)).getProperties()).lastModified?.getTime() ?? null;
    } catch (error) {
        if (isStatus(error, 404)) return null;
        throw error;
    }
}

const LIST_PAGE = 5_000;

/** All uploads, in pages; of each what a list tells of it. */
export async function* listUploads(store: JobStore): AsyncGenerator<Pick<Upload, 'id' | 'bytes' | 'length' | 'complete' | 'changedAt'>[]> {
    const prefix = blobs.upload('');
    for await (const page of store.container.listBlobsFlat({ prefix, includeMetadata: true }).byPage({ maxPageSize: LIST_PAGE }))
        yield page.segment.blobItems.map(({ name, metadata, properties }) => {
            const bytes = properties.contentLength ?? 0;
            const length = metadata?.length === undefined ? null : Number(metadata.length);
            return {
                id: name.slice(prefix.length),
                bytes,
                length,
                complete: length === null || bytes === length,
                changedAt: properties.lastModified.getTime(),
            };
        });
}
