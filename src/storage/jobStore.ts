// Everything Fanfold keeps of its jobs, as blobs. Callers name things, not paths.
import type { ContainerClient } from '@azure/storage-blob';
import type { Contract } from '../contracts/contract';
import {
    canaryDocument,
    controlDocument,
    jobDocument,
    manifestDocument,
    planDocument,
    progressDocument,
    stepDocument,
    summaryDocument,
    type Manifest,
    type Plan,
    type Progress,
    type StoredJob,
    type Summary,
} from '../contracts/documents';
import { blobs } from '../contracts/names';
import { noCalls } from '../core/callStats';
import type { CanaryFindings } from '../core/canary';
import { newControl, type Control } from '../core/control';
import type { AllProgress, StepProgress } from '../core/status';
import type { Trouble } from '../core/trouble';
import { takeBuffer } from './buffers';
import { dataContainer } from './container';
import { LimiterStore } from './limiterStore';
import { withCheckedNames } from './names';
import { readBlob, readInto, type ReadOptions } from './readBlob';
import { apart, diagnose, isStatus, messageOf, missing, StorageContradiction, STEP_PATIENCE_MS } from './trouble';

export { isStatus };

/** One append blob of a partition's outcomes. */
export interface Segment {
    name: string;
    bytes: number;
}

/** The outcomes of one partition, as one stretch of bytes that lies in one blob or, seldom, in several. */
export interface PartOutcomes {
    part: number;
    bytes: number;
    segments: Segment[];
}

/** The service takes 4 MiB in one append (100 MiB in newer versions; Azurite keeps the older bound). */
export const MAX_APPEND_BYTES = 4 * 1024 * 1024;

/** A running slice looks at the control document every second, whatever becomes of the looks before: one that takes longer than this is given up. */
const CONTROL_LIMIT_MS = 4_000;

/** Changes of one control document at the same time that one of them outlives. */
const CONTROL_TRIES = 60;
/** Tries, after which storage that says of it that it is there, and that it is not, is believed to go on so. */
const CONTRADICTIONS = 10;
const PROGRESS = 'progress';
const STEP = 'step';
/** Characters of what is written as metadata. */
const MAX_METADATA = 7_000;
/** One that takes longer is given up; the next one comes. */
const PROGRESS_LIMIT_MS = 10_000;
// The client library writes to the options that it is given: these are only ever copied.
const json = Object.freeze({ blobHTTPHeaders: { blobContentType: 'application/json' } });
const ndjson = Object.freeze({ blobHTTPHeaders: { blobContentType: 'application/x-ndjson' } });

/** A job that is there, for it has been started. @throws StorageContradiction where storage says that it is not */
export async function storedJob(store: Pick<JobStore, 'readJob'>, jobId: string): Promise<StoredJob> {
    const job = await store.readJob(jobId);
    if (!job) throw missing(blobs.spec(jobId));
    return job;
}

export class JobStore {
    readonly container: ContainerClient;
    readonly limiters: LimiterStore;

    constructor(container: ContainerClient) {
        this.container = withCheckedNames(container);
        this.limiters = new LimiterStore(this.container);
    }

    static async open(): Promise<JobStore> {
        return new JobStore(await dataContainer());
    }

    /** For messages to people: where a blob was looked for. */
    get containerName(): string {
        return this.container.containerName;
    }

    /** Resolves when storage answers within so many ms. */
    async ping(limitMs: number): Promise<void> {
        await this.container.getProperties({ abortSignal: AbortSignal.timeout(limitMs) });
    }

    // --- JSON documents -------------------------------------------------------------------------------------------

    async readJson<T>(name: string, options: ReadOptions = {}): Promise<T | null> {
        for (let tries = 1; ; tries++) {
            try {
                const chunks: Buffer[] = [];
                for await (const chunk of readBlob(this.container, name, { ...options, oneVersion: true })) chunks.push(chunk);
                return JSON.parse(Buffer.concat(chunks).toString('utf8')) as T;
            } catch (error) {
                if (isStatus(error, 404)) return null;
                // Replaced while a read that had broken off went on: the new version is read.
                if (!isStatus(error, 412) || tries === 3) throw error;
            }
        }
    }

    /** A document, or null when there is none. @throws NewerVersion, WrongDocument */
    async readDocument<T>(document: Contract<T>, name: string, options: ReadOptions = {}): Promise<T | null> {
        const stored = await this.readJson<unknown>(name, options);
        return stored === null ? null : document.read(stored);
    }

    writeDocument = <T>(document: Contract<T>, name: string, value: T): Promise<void> => this.writeJson(name, document.write(value));

    /** As `createJson`, for a document. */
    async createDocument<T>(document: Contract<T>, name: string, value: T): Promise<T> {
        const { created, stands } = await this.createJson<unknown>(name, document.write(value));
        return created ? value : document.read(stands);
    }

    async writeJson(name: string, value: unknown): Promise<void> {
        const text = JSON.stringify(value);
        await this.container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text), { ...json });
    }

    /**
     * Writes the document unless one stands there already; gives what stands there now, and whether that is this document. An answer that is lost makes
     * the client ask again, and then its own document is in the way: so what stands is read, not guessed.
     */
    async createJson<T>(name: string, value: T): Promise<{ created: boolean; stands: T }> {
        const text = JSON.stringify(value);
        let refusal: string;
        try {
            await this.container
                .getBlockBlobClient(name)
                .upload(text, Buffer.byteLength(text), { ...json, conditions: { ifNoneMatch: '*' } });
            return { created: true, stands: value };
        } catch (error) {
            if (!isStatus(error, 409, 412)) throw error;
            refusal = messageOf(error);
        }
        const stands = await this.readJson<T>(name);
        if (stands === null) throw new StorageContradiction(`${refusal} as if it were there, and 404 when it is read`);
        return { created: JSON.stringify(stands) === text, stands };
    }

    /** What an error of storage means: an outage, or this request alone. */
    diagnose = (error: unknown): Promise<Trouble> => diagnose(error, this.container);

    readJob = (jobId: string) => this.readDocument(jobDocument, blobs.spec(jobId));
    /** Stores a job; the one that stands then may be that of another request with the same key. */
    createJob = (job: StoredJob): Promise<StoredJob> => this.createDocument(jobDocument, blobs.spec(job.id), job);

    /** Stores the inline items of a job, one a line. @throws when others stand there */
    async createSource(jobId: string, lines: Buffer): Promise<void> {
        const name = blobs.source(jobId);
        try {
            await this.container.getBlockBlobClient(name).uploadData(lines, { ...ndjson, conditions: { ifNoneMatch: '*' } });
        } catch (error) {
            if (!isStatus(error, 409, 412)) throw error;
            // There already: a request with the same key and body has stored the same bytes. Said to be there, it must be.
            if ((await this.sizeOf(name)) !== lines.length) throw error;
        }
    }

    /** Writes the list of the rows that are no items, one a line. */
    async writeInvalid(jobId: string, lines: string): Promise<void> {
        await this.container.getBlockBlobClient(blobs.invalid(jobId)).upload(lines, Buffer.byteLength(lines), { ...ndjson });
    }

    readPlan = (jobId: string) => this.readDocument(planDocument, blobs.plan(jobId));
    /** Commits a plan; the one that stands then may be that of another run of planning. */
    createPlan = (plan: Plan): Promise<Plan> => this.createDocument(planDocument, blobs.plan(plan.jobId), plan);
    readControl = async (jobId: string): Promise<Control> =>
        (await this.readDocument(controlDocument, blobs.control(jobId))) ?? newControl();
    /** A look that does not wait: no tries again, and a limit of four seconds. */
    glanceAtControl = async (jobId: string): Promise<Control> =>
        (await this.readDocument(controlDocument, blobs.control(jobId), { abortSignal: AbortSignal.timeout(CONTROL_LIMIT_MS) })) ??
        newControl();

    /**
     * Changes the control document under its ETag, so that of two changes at once none is lost. `change` is asked again with what stands there when
     * another was first; it gives null where nothing is to be changed. Gives the document as it stands afterwards.
     * @throws StorageContradiction where storage says of the document that it is there, and that it is not
     */
    async changeControl(jobId: string, change: (now: Control) => Control | null): Promise<Control> {
        const name = blobs.control(jobId);
        for (let tries = 1; ; tries++) {
            try {
                const ifMatch = await this.etagOf(name);
                const found = await this.readDocument(controlDocument, name, ifMatch ? { ifMatch } : {});
                // Taken for one that is not there, a document would lose what stands in it, or be said to say what it does not.
                if ((found === null) !== (ifMatch === null)) {
                    const said = found ? '404 to HEAD, and the document to GET' : 'the document to HEAD, and 404 to GET';
                    if (tries >= CONTRADICTIONS) throw new StorageContradiction(`storage answered ${said} ${name}`);
                    // It may have been created in this moment.
                    await apart(tries);
                    continue;
                }
                const now = found ?? newControl();
                const changed = change(now);
                if (changed === null) return now;
                const text = JSON.stringify(controlDocument.write(changed));
                const conditions = ifMatch ? { ifMatch } : { ifNoneMatch: '*' };
                await this.container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text), { ...json, conditions });
                return changed;
            } catch (error) {
                // Another was first; or it was this one, and storage's answer was lost: then `change` finds nothing left to do.
                if (!isStatus(error, 409, 412) || tries === CONTROL_TRIES) throw error;
                await apart(tries);
            }
        }
    }

    /** Marks a job that is about to be stored; the sweeper looks at what is marked, and lists what could not be listed. */
    markLive = (jobId: string, isListed = true) => {
        const text = isListed ? '' : 'unlisted';
        return this.container.getBlockBlobClient(blobs.live(jobId)).upload(text, text.length);
    };
    deleteLive = (jobId: string) => this.container.getBlobClient(blobs.live(jobId)).deleteIfExists();

    /** The marked jobs, in pages of at most so many; `createdAt` is the time of the mark, in ms. */
    async *listLive(pageSize: number): AsyncGenerator<{ jobId: string; createdAt: number; isListed: boolean }[]> {
        for await (const page of this.container.listBlobsFlat({ prefix: blobs.live('') }).byPage({ maxPageSize: pageSize }))
            yield page.segment.blobItems.map(({ name, properties }) => ({
                jobId: name.slice(blobs.live('').length),
                createdAt: properties.lastModified.getTime(),
                isListed: properties.contentLength === 0,
            }));
    }

    readCanary = (jobId: string) => this.readDocument(canaryDocument, blobs.canary(jobId));
    /** Writes what a canary came to, unless that stands there; gives what stands there then. */
    createCanary = (jobId: string, findings: CanaryFindings): Promise<CanaryFindings> =>
        this.createDocument(canaryDocument, blobs.canary(jobId), findings);

    readManifest = (jobId: string) => this.readDocument(manifestDocument, blobs.manifest(jobId));
    writeManifest = (manifest: Manifest) => this.writeDocument(manifestDocument, blobs.manifest(manifest.jobId), manifest);
    readSummary = (jobId: string) => this.readDocument(summaryDocument, blobs.summary(jobId));
    /** Writes the end of a job, unless it has one; gives the one that it has then. */
    createSummary = (summary: Summary): Promise<Summary> => this.createDocument(summaryDocument, blobs.summary(summary.jobId), summary);

    /**
     * Writes progress, as metadata of an empty blob, so that one listing tells of all workers. `etag`: of what stands there, as far as the caller knows.
     * Gives the ETag of what it has written, or null when a later epoch has written there: then nothing is written.
     */
    async writeProgress(jobId: string, progress: Progress, etag: string | null): Promise<string | null> {
        let text = JSON.stringify(progressDocument.write(progress));
        // The service takes 8 KiB of metadata. What calls were like is told by the report, too.
        if (text.length > MAX_METADATA) text = JSON.stringify(progressDocument.write({ ...progress, calls: noCalls() }));
        const client = this.container.getBlockBlobClient(blobs.progress(jobId, progress.worker));
        const abortSignal = AbortSignal.timeout(PROGRESS_LIMIT_MS);
        for (let known = etag, tries = 1; ; tries++) {
            try {
                const conditions = known === null ? { ifNoneMatch: '*' } : { ifMatch: known };
                return (await client.upload('', 0, { metadata: { [PROGRESS]: text }, conditions, abortSignal })).etag ?? '*';
            } catch (error) {
                if (!isStatus(error, 409, 412) || tries === 3) throw error;
                const there = await this.glanceAtProgress(jobId, progress.worker);
                if (there && there.progress.epoch > progress.epoch) return null;
                known = there?.etag ?? null;
            }
        }
    }

    /** How far planning or folding has come. */
    async writeStep(jobId: string, progress: StepProgress): Promise<void> {
        const metadata = { [STEP]: JSON.stringify(stepDocument.write(progress)) };
        await this.container
            .getBlockBlobClient(blobs.step(jobId, progress.step))
            .upload('', 0, { metadata, abortSignal: AbortSignal.timeout(PROGRESS_LIMIT_MS) });
    }

    /** The progress of every worker and step that has written one; how old it is follows from storage's own clock. */
    async readProgress(jobId: string): Promise<AllProgress> {
        const found: AllProgress = { slices: [], steps: [] };
        const pages = this.container.listBlobsFlat({ prefix: blobs.progress(jobId, ''), includeMetadata: true }).byPage();
        for await (const page of pages)
            for (const { metadata, properties } of page.segment.blobItems) {
                const age = Math.max(0, (page.date ?? properties.lastModified).getTime() - properties.lastModified.getTime());
                if (metadata?.[PROGRESS]) found.slices.push({ ...progressDocument.read(JSON.parse(metadata[PROGRESS])), age });
                if (metadata?.[STEP]) found.steps.push({ ...stepDocument.read(JSON.parse(metadata[STEP])), age });
            }
        return found;
    }

    /** What the last slice in this worker's place has written, and its ETag; null when there is nothing. A look that does not wait. */
    async glanceAtProgress(jobId: string, worker: string): Promise<{ progress: Progress; etag: string } | null> {
        try {
            const client = this.container.getBlobClient(blobs.progress(jobId, worker));
            const { metadata, etag } = await client.getProperties({ abortSignal: AbortSignal.timeout(CONTROL_LIMIT_MS) });
            return metadata?.[PROGRESS] ? { progress: progressDocument.read(JSON.parse(metadata[PROGRESS])), etag: etag ?? '' } : null;
        } catch (error) {
            if (isStatus(error, 404)) return null;
            throw error;
        }
    }

    // --- items ----------------------------------------------------------------------------------------------------

    /** The items of one partition, one JSON text a line: at most the partition's size bound (8 MB) and one item. May be given to `giveBuffer` afterwards. */
    async readPartition(plan: Plan, partition: number, abortSignal?: AbortSignal): Promise<Buffer> {
        const { offset, bytes } = plan.partitions[partition]!;
        const buffer = takeBuffer(bytes).subarray(0, bytes);
        await readInto(this.container, plan.items, buffer, offset, { abortSignal });
        return buffer;
    }

    /**
     * A blob as a stream, or null when it does not exist. Nothing is open before the first byte is asked for. The stream ends with status 412 when the
     * blob is not the version `ifMatch`, or is replaced while it is read.
     */
    async openBlob(name: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer> | null> {
        if ((await this.etagOf(name)) === null) return null;
        return readBlob(this.container, name, { ...options, oneVersion: true });
    }

    /** In bytes; throws when the blob does not exist. */
    async sizeOf(name: string): Promise<number> {
        return (await this.container.getBlobClient(name).getProperties()).contentLength ?? 0;
    }

    /** What stands for the present version of a blob; null when there is none. */
    async etagOf(name: string): Promise<string | null> {
        try {
            return (await this.container.getBlobClient(name).getProperties()).etag ?? '';
        } catch (error) {
            if (isStatus(error, 404)) return null;
            throw error;
        }
    }

    // --- outcomes -------------------------------------------------------------------------------------------------
    // A partition's outcomes are one append blob, and further ones where it came near the number of blocks that a blob can have: segments.

    /** Creates a segment; false when it is there. */
    async createOutcomes(jobId: string, part: number, segment = 0): Promise<boolean> {
        try {
            await this.outcomes(jobId, part, segment).create({ ...ndjson, conditions: { ifNoneMatch: '*' } });
            return true;
        } catch (error) {
            if (isStatus(error, 409, 412)) return false;
            throw error;
        }
    }

    /**
     * Appends at exactly `position`; null when the segment does not end there: it has grown since, or the append went through before and its answer
     * was lost. Else the number of blocks that the segment has then, when storage tells.
     */
    async appendOutcomes(
        jobId: string,
        part: number,
        segment: number,
        position: number,
        lines: Buffer,
    ): Promise<{ blocks?: number } | null> {
        try {
            const { blobCommittedBlockCount: blocks } = await this.outcomes(jobId, part, segment).appendBlock(lines, lines.length, {
                conditions: { appendPosition: position },
            });
            return blocks === undefined ? {} : { blocks };
        } catch (error) {
            if (isStatus(error, 412)) return null;
            throw error;
        }
    }

    /** What stands in a segment from `offset` on, as it is now; nothing when there is none. It may be hundreds of megabytes: outputs are in it. */
    async *readSegment(jobId: string, part: number, segment: number, offset = 0): AsyncGenerator<Buffer> {
        const name = blobs.outcomes(jobId, part, segment);
        try {
            yield* readBlob(this.container, name, { from: offset });
        } catch (error) {
            // 416: the blob ends at the offset.
            if (!isStatus(error, 404, 416)) throw error;
            const bytes = isStatus(error, 404) ? (await this.measureSegment(jobId, part, segment))?.bytes : 0;
            if (bytes) throw new StorageContradiction(`storage answered 404 to GET ${name}, and to HEAD that it has ${bytes} bytes`);
        }
    }

    /** How large a segment is and how many blocks it has; null when it is not there. */
    async measureSegment(jobId: string, part: number, segment: number): Promise<{ bytes: number; blocks: number } | null> {
        try {
            const { contentLength, blobCommittedBlockCount } = await this.outcomes(jobId, part, segment).getProperties();
            return { bytes: contentLength ?? 0, blocks: blobCommittedBlockCount ?? 0 };
        } catch (error) {
            if (isStatus(error, 404)) return null;
            throw error;
        }
    }

    /** All that stands in the outcomes of a partition, segment after segment. */
    async *readOutcomes({ segments }: Pick<PartOutcomes, 'segments'>): AsyncGenerator<Buffer> {
        for (const { name, bytes } of segments) {
            try {
                yield* readBlob(this.container, name, { patienceMs: STEP_PATIENCE_MS });
            } catch (error) {
                // 404: nobody has begun the partition. 416: the blob is empty.
                if (!isStatus(error, 404, 416)) throw error;
                if (bytes > 0) throw new StorageContradiction(`${messageOf(error)}, which is in its list with ${bytes} bytes`);
            }
        }
    }

    /** The outcomes of every partition of the job with their size now, in the order of partitions. */
    async listOutcomes(jobId: string): Promise<PartOutcomes[]> {
        const parts = new Map<number, Segment[]>();
        for await (const { name, properties } of this.container.listBlobsFlat({ prefix: blobs.allOutcomes(jobId) })) {
            // In the order of names, so the segments of a part come in theirs.
            const part = Number(/\/(\d+)(?:\.s\d+)?\.ndjson$/.exec(name)?.[1]);
            const segments = parts.get(part) ?? [];
            segments.push({ name, bytes: properties.contentLength ?? 0 });
            parts.set(part, segments);
        }
        return [...parts]
            .map(([part, segments]) => ({ part, segments, bytes: segments.reduce((n, s) => n + s.bytes, 0) }))
            .sort((a, b) => a.part - b.part);
    }

    private outcomes = (jobId: string, part: number, segment: number) =>
        this.container.getAppendBlobClient(blobs.outcomes(jobId, part, segment));
}
