// Registers of targets on storage, one small document for each limiter, replaced as a whole under its ETag.
import { createHash } from 'node:crypto';
import { RestError, type ContainerClient } from '@azure/storage-blob';
import { registerDocument } from '../contracts/limiter';
import { blobs } from '../contracts/names';
import type { Register } from '../core/limiter/state';
import { isStatus } from './trouble';

/** Who asks for a share has little time: a request that takes longer is given up, in ms. */
const LIMIT_MS = 4_000;
const json = Object.freeze({ blobHTTPHeaders: { blobContentType: 'application/json' } });

export const limiterBlob = (name: string): string => blobs.limiter(createHash('sha256').update(name).digest('hex'));

/** `date`: storage's clock when it answered, in ms, whole seconds. */
export type FoundRegister =
    { found: 'none' | 'same'; date: number } | { found: 'register'; register: Register; etag: string; date: number };

export class LimiterStore {
    constructor(private readonly container: ContainerClient) {}

    /** What stands there, unless it is as it was under this ETag. @throws NewerVersion, WrongDocument, or what storage answered */
    async read(name: string, etag: string | null): Promise<FoundRegister> {
        try {
            const conditions = etag === null ? {} : { ifNoneMatch: etag };
            const client = this.container.getBlobClient(limiterBlob(name));
            const answer = await client.download(0, undefined, {
                conditions,
                abortSignal: AbortSignal.timeout(LIMIT_MS),
                maxRetryRequests: 0,
            });
            const chunks: Buffer[] = [];
            for await (const chunk of answer.readableStreamBody as AsyncIterable<Buffer>) chunks.push(chunk);
            const register = registerDocument.read(JSON.parse(Buffer.concat(chunks).toString('utf8')));
            return { found: 'register', register, etag: answer.etag ?? '', date: (answer.date ?? new Date()).getTime() };
        } catch (error) {
            if (isStatus(error, 404)) return { found: 'none', date: dateOf(error) };
            if (isStatus(error, 304)) return { found: 'same', date: dateOf(error) };
            throw error;
        }
    }

    /** Writes it over what stands there under this ETag, or where nothing stands (null); says whether it did. */
    async replace(register: Register, etag: string | null): Promise<{ written: false } | { written: true; etag: string }> {
        const text = JSON.stringify(registerDocument.write(register));
        const conditions = etag === null ? { ifNoneMatch: '*' } : { ifMatch: etag };
        try {
            const client = this.container.getBlockBlobClient(limiterBlob(register.name));
            const answer = await client.upload(text, Buffer.byteLength(text), {
                ...json,
                conditions,
                abortSignal: AbortSignal.timeout(LIMIT_MS),
            });
            return { written: true, etag: answer.etag ?? '' };
        } catch (error) {
            if (isStatus(error, 409, 412)) return { written: false };
            throw error;
        }
    }

    /** Every register, in pages of at most so many. */
    async *list(pageSize: number, continuationToken?: string): AsyncGenerator<{ registers: Register[]; next: string | undefined }> {
        const settings = { maxPageSize: pageSize, ...(continuationToken ? { continuationToken } : {}) };
        for await (const page of this.container.listBlobsFlat({ prefix: blobs.limiter('').replace('.json', '') }).byPage(settings)) {
            const found = await Promise.all(page.segment.blobItems.map(({ name }) => this.readBlob(name)));
            yield { registers: found.filter((register) => register !== null), next: page.continuationToken || undefined };
        }
    }

    private async readBlob(blob: string): Promise<Register | null> {
        try {
            const bytes = await this.container.getBlobClient(blob).downloadToBuffer();
            return registerDocument.read(JSON.parse(bytes.toString('utf8')));
        } catch (error) {
            if (isStatus(error, 404)) return null;
            throw error;
        }
    }
}

/** Storage's clock, from an answer that says no. */
function dateOf(error: unknown): number {
    const date = error instanceof RestError ? Date.parse(error.response?.headers.get('date') ?? '') : NaN;
    return Number.isNaN(date) ? Date.now() : date;
}
