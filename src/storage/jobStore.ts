// Everything Fanfold keeps of its jobs, as blobs. Callers name things, not paths.
import type { Readable } from 'node:stream';
import { RestError, type ContainerClient } from '@azure/storage-blob';
import type { Counts } from '../core/outcome';
import type { Failure } from '../core/errors';
import type { FailureGroup } from '../core/failures';
import type { StoredSpec } from '../core/spec';
import { takeBuffer } from './buffers';
import { dataContainer } from './container';

/** `[offset, bytes, items, firstIndex]` of one partition in the items blob. */
export type PartitionEntry = [offset: number, bytes: number, items: number, firstIndex: number];

export interface Plan {
    jobId: string;
    /** Name of the blob that holds the items, one a line. */
    items: string;
    total: number;
    invalid: number;
    partitions: PartitionEntry[];
    createdAt: string;
}

/** What running slices look at once a second. */
export interface Control {
    cancelled?: boolean;
    generation: number;
}

/** What one slice has recorded since it began, so that counts move before the slice reports. */
export interface Progress {
    worker: string;
    epoch: number;
    counts: Counts;
    inFlight: number;
    rate: number;
    at: string;
}

export interface ManifestPart {
    part: number;
    name: string;
    bytes: number;
    items: number;
    sha256: string;
    counts: Counts;
}

export interface Manifest {
    jobId: string;
    total: number;
    counts: Counts;
    parts: ManifestPart[];
    createdAt: string;
}

/** The end of a job, written once. */
export interface Summary {
    jobId: string;
    state: 'completed' | 'failed' | 'cancelled';
    outcome?: 'succeeded' | 'partial';
    total: number | null;
    counts: Counts;
    invalid: number;
    failures: FailureGroup[];
    error?: Failure & { invalid?: number };
    startedAt?: string;
    endedAt: string;
}

export interface StoredJob {
    id: string;
    createdAt: string;
    spec: StoredSpec;
}

/** The service takes 4 MiB in one append (100 MiB in newer versions; Azurite keeps the older bound). */
export const MAX_APPEND_BYTES = 4 * 1024 * 1024;

export const isStatus = (error: unknown, ...codes: number[]): boolean =>
    error instanceof RestError && codes.includes(error.statusCode ?? 0);

const PROGRESS = 'progress';
const json = { blobHTTPHeaders: { blobContentType: 'application/json' } };

export class JobStore {
    constructor(readonly container: ContainerClient) {}

    static async open(): Promise<JobStore> {
        return new JobStore(await dataContainer());
    }

    // --- JSON documents -------------------------------------------------------------------------------------------

    async readJson<T>(name: string): Promise<T | null> {
        try {
            const chunks: Buffer[] = [];
            for await (const chunk of this.read(name)) chunks.push(chunk);
            return JSON.parse(Buffer.concat(chunks).toString('utf8')) as T;
        } catch (error) {
            if (isStatus(error, 404)) return null;
            throw error;
        }
    }

    /** A blob's bytes in one request, so of one version: downloadToBuffer asks for the size first, and what is replaced in between comes cut off. */
    private async *read(name: string, offset?: number): AsyncGenerator<Buffer> {
        const { readableStreamBody } = await this.container.getBlobClient(name).download(offset, undefined, { maxRetryRequests: 5 });
        for await (const chunk of readableStreamBody ?? []) yield chunk as Buffer;
    }

    async writeJson(name: string, value: unknown): Promise<void> {
        const text = JSON.stringify(value);
        await this.container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text), json);
    }

    /** Writes the document unless it is there already; says whether it was this call that wrote it. */
    async createJson(name: string, value: unknown): Promise<boolean> {
        const text = JSON.stringify(value);
        try {
            await this.container
                .getBlockBlobClient(name)
                .upload(text, Buffer.byteLength(text), { ...json, conditions: { ifNoneMatch: '*' } });
            return true;
        } catch (error) {
            if (isStatus(error, 409, 412)) return false;
            throw error;
        }
    }

    readJob = (jobId: string) => this.readJson<StoredJob>(names.spec(jobId));
    writeJob = (job: StoredJob) => this.writeJson(names.spec(job.id), job);
    readPlan = (jobId: string) => this.readJson<Plan>(names.plan(jobId));
    /** Commits a plan. False when another run of planning has committed one first. */
    createPlan = (plan: Plan) => this.createJson(names.plan(plan.jobId), plan);
    readControl = async (jobId: string): Promise<Control> => (await this.readJson<Control>(names.control(jobId))) ?? { generation: 0 };
    writeControl = (jobId: string, control: Control) => this.writeJson(names.control(jobId), control);
    readManifest = (jobId: string) => this.readJson<Manifest>(names.manifest(jobId));
    readSummary = (jobId: string) => this.readJson<Summary>(names.summary(jobId));

    /** As metadata of an empty blob, so that one listing tells of all workers. */
    async writeProgress(jobId: string, progress: Progress): Promise<void> {
        const metadata = { [PROGRESS]: JSON.stringify(progress) };
        await this.container.getBlockBlobClient(names.progress(jobId, progress.worker)).upload('', 0, { metadata });
    }

    /** The progress of every worker that has written one. */
    async readProgress(jobId: string): Promise<Progress[]> {
        const found: Progress[] = [];
        for await (const { metadata } of this.container.listBlobsFlat({ prefix: names.progress(jobId, ''), includeMetadata: true }))
            if (metadata?.[PROGRESS]) found.push(JSON.parse(metadata[PROGRESS]) as Progress);
        return found;
    }

    // --- items ----------------------------------------------------------------------------------------------------

    /** The items of one partition, one JSON text a line: at most the partition's size bound (8 MB) and one item. May be given to `giveBuffer` afterwards. */
    async readPartition(plan: Plan, partition: number): Promise<Buffer> {
        const [offset, bytes] = plan.partitions[partition]!;
        const buffer = takeBuffer(bytes).subarray(0, bytes);
        return this.container.getBlobClient(plan.items).downloadToBuffer(buffer, offset, bytes);
    }

    /** A blob as a stream, or null when it does not exist. */
    async openBlob(name: string): Promise<Readable | null> {
        try {
            const { readableStreamBody } = await this.container.getBlobClient(name).download(0, undefined, { maxRetryRequests: 5 });
            return (readableStreamBody ?? null) as Readable | null;
        } catch (error) {
            if (isStatus(error, 404)) return null;
            throw error;
        }
    }

    // --- outcomes -------------------------------------------------------------------------------------------------

    /** Creates the outcomes blob of a partition; false when it exists. */
    async createOutcomes(jobId: string, part: number): Promise<boolean> {
        try {
            await this.outcomes(jobId, part).create({
                conditions: { ifNoneMatch: '*' },
                blobHTTPHeaders: { blobContentType: 'application/x-ndjson' },
            });
            return true;
        } catch (error) {
            if (isStatus(error, 409, 412)) return false;
            throw error;
        }
    }

    /** Appends at exactly `position`; false when the blob has grown since (or the append went through before and its answer was lost). */
    async appendOutcomes(jobId: string, part: number, position: number, lines: Buffer): Promise<boolean> {
        try {
            await this.outcomes(jobId, part).appendBlock(lines, lines.length, { conditions: { appendPosition: position } });
            return true;
        } catch (error) {
            if (isStatus(error, 412)) return false;
            throw error;
        }
    }

    /** What stands in the outcomes blob from `offset` on, as it is now; nothing when there is none. It may be hundreds of megabytes: outputs are in it. */
    async *readOutcomes(jobId: string, part: number, offset = 0): AsyncGenerator<Buffer> {
        try {
            yield* this.read(names.outcomes(jobId, part), offset);
        } catch (error) {
            // 416: the blob ends at the offset.
            if (!isStatus(error, 404, 416)) throw error;
        }
    }

    /** Every outcomes blob of the job with its size now, in the order of partitions. */
    async listOutcomes(jobId: string): Promise<{ part: number; name: string; bytes: number }[]> {
        const parts = [];
        for await (const blob of this.container.listBlobsFlat({ prefix: `jobs/${jobId}/outcomes/` })) {
            parts.push({ part: Number(/(\d+)\.ndjson$/.exec(blob.name)?.[1]), name: blob.name, bytes: blob.properties.contentLength ?? 0 });
        }
        return parts.sort((a, b) => a.part - b.part);
    }

    private outcomes = (jobId: string, part: number) => this.container.getAppendBlobClient(names.outcomes(jobId, part));
}

export const names = {
    spec: (jobId: string) => `jobs/${jobId}/spec.json`,
    source: (jobId: string) => `jobs/${jobId}/source.ndjson`,
    items: (jobId: string, planId: string) => `jobs/${jobId}/items.${planId}.ndjson`,
    plan: (jobId: string) => `jobs/${jobId}/plan.json`,
    invalid: (jobId: string) => `jobs/${jobId}/invalid.ndjson`,
    control: (jobId: string) => `jobs/${jobId}/control.json`,
    progress: (jobId: string, worker: string) => `jobs/${jobId}/progress/${worker}`,
    outcomes: (jobId: string, part: number) => `jobs/${jobId}/outcomes/${String(part).padStart(5, '0')}.ndjson`,
    manifest: (jobId: string) => `jobs/${jobId}/manifest.json`,
    summary: (jobId: string) => `jobs/${jobId}/summary.json`,
    upload: (id: string) => `uploads/${id}`,
    index: (createdAtMs: number, jobId: string) => `index/${String(9_999_999_999_999 - createdAtMs).padStart(13, '0')}-${jobId}`,
    idempotency: (digest: string) => `idempotency/${digest}`,
};
