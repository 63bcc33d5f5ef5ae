// Registers of targets on storage, one small document for each limiter, replaced as a whole under its ETag.
import { createHash } from 'node:crypto';
import { RestError, type ContainerClient } from '@azure/storage-blob';
import { registerDocument } from '../contracts/limiter';
import { blobs } from '../contracts/names';
import { newRegister, type Register } from '../core/limiter/state';
import { apart, isStatus } from './trouble';

/** Who asks for a share has little time: a request that takes longer is given up, in ms. */
const LIMIT_MS = 4_000;
/** Changes of one register at the same time that one of them outlives. */
const CHANGE_TRIES = 60;
const json = Object.freeze({ blobHTTPHeaders: { blobContentType: 'application/json' } });

export const limiterBlob = (name: string): string => blobs.limiter(createHash('sha256').update(name).digest('hex'));

/** `date`: storage's clock when it answered, in ms, whole seconds. */
export type FoundRegister =
    { found: 'none' | 'same'; date: number } | { found: 'register'; register: Register; etag: string; date: number };

export class LimiterStore {
    constructor(private readonly container: ContainerClient) {}

    /** What stands there, unless it is as it was under this ETag. @throws NewerVersion, WrongDocument, or what storage answered */
    read(name: string, etag: string | null): Promise<FoundRegister> {
        return this.readBlob(limiterBlob(name), etag);
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

    /**
     * Changes the register under its ETag, or makes one, so that of changes at the same time none is lost: `change` is asked again with what stands there
     * when another was first. Gives what stands there afterwards. @throws what `read` throws; storage's 412 when others were first time and again
     */
    async change(name: string, change: (register: Register, date: number) => Register): Promise<{ register: Register; date: number }> {
        for (let tries = 1; ; tries++) {
            const found = await this.read(name, null);
            const [before, etag] = found.found === 'register' ? [found.register, found.etag] : [newRegister(name), null];
            const register = change(before, found.date);
            if ((await this.replace(register, etag)).written) return { register, date: found.date };
            if (tries === CHANGE_TRIES) throw new RestError('others were first, time and again', { statusCode: 412 });
            await apart(tries);
        }
    }

    /** So many registers at most, in no order that says anything, and the position of the next page. @throws what `read` throws */
    async list(
        pageSize: number,
        position?: string,
    ): Promise<{ registers: { register: Register; date: number }[]; next: string | undefined }> {
        const settings = { maxPageSize: pageSize, ...(position ? { continuationToken: position } : {}) };
        for await (const { segment, continuationToken } of this.container.listBlobsFlat({ prefix: blobs.limiters }).byPage(settings)) {
            const found = await Promise.all(segment.blobItems.map(({ name }) => this.readBlob(name, null)));
            return { registers: found.filter((one) => one.found === 'register'), next: continuationToken || undefined };
        }
        return { registers: [], next: undefined };
    }

    private async readBlob(blob: string, etag: string | null): Promise<FoundRegister> {
        try {
            const conditions = etag === null ? {} : { ifNoneMatch: etag };
            const answer = await this.container.getBlobClient(blob).download(0, undefined, {
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
}

/** Storage's clock, from an answer that says no. */
function dateOf(error: unknown): number {
    const date = error instanceof RestError ? Date.parse(error.response?.headers.get('date') ?? '') : NaN;
    return Number.isNaN(date) ? Date.now() : date;
}
