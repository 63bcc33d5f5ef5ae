// POST /jobs
import { createHash, randomUUID } from 'node:crypto';
import type { DurableClient } from 'durable-functions';
import { problem } from '../core/errors';
import { parseSpec, type JobSpec, type StoredSpec } from '../core/spec';
import { writeIndex } from '../storage/jobIndex';
import { names, type JobStore, type StoredJob } from '../storage/jobStore';
import { parseJson, readBody } from './body';
import { checkSpec } from './checkSpec';
import { badParameter, json, rootOf, type Handler } from './handle';
import { statusDocument } from './status';

/** What an Idempotency-Key stands for: written before anything else of the job, so that a start that broke off is finished as the same job. */
export interface KeyRecord {
    jobId: string;
    bodyHash: string;
    createdAt: string;
}

export const startJob: Handler = async (request, { client, store: open }) => {
    const idempotencyKey = checkKey(request.headers.get('idempotency-key'));
    const body = await readBody(request);
    const document = parseJson(body);
    const store = await open();
    const bodyHash = sha256(body);
    const earlier = idempotencyKey === null ? null : await store.readJson<KeyRecord>(names.idempotency(sha256(idempotencyKey)));
    if (earlier) checkReplay(earlier, bodyHash);

    // A replay of a job that was stored is answered without new checks: what they look at (an upload, a setting) may be gone since.
    const stored = earlier ? await store.readJob(earlier.jobId) : null;
    const spec = stored ? null : await accept(document, store);
    const { record, replayed } = await claim(store, idempotencyKey, earlier, {
        jobId: randomUUID(),
        bodyHash,
        createdAt: new Date().toISOString(),
    });
    const job = stored ?? (await store.readJob(record.jobId)) ?? (await storeJob(store, record, spec!));
    await writeIndex(store, { id: job.id, name: job.spec.name, createdAt: job.createdAt, tags: job.spec.tags });
    if (!replayed || !(await isStarted(store, client, job.id)))
        await client.startNew('runjob', { instanceId: job.id, input: { jobId: job.id } });

    const status = await statusDocument(store, client, job, rootOf(request));
    return json(202, status, { location: status.links.self!, 'retry-after': '1', ...(replayed ? { 'idempotency-replayed': 'true' } : {}) });
};

/** The document as a job spec that can run here; a problem otherwise, before anything is stored. */
async function accept(document: unknown, store: JobStore): Promise<JobSpec> {
    const parsed = parseSpec(document);
    const errors = parsed.ok ? await checkSpec(parsed.spec, store) : parsed.errors;
    if (!parsed.ok || errors.length > 0) {
        throw problem('BAD_SPEC', {
            detail: `${errors.length === 1 ? 'One problem' : `${errors.length} problems`}; the first: ${errors[0]!.pointer || 'the document'}: ${errors[0]!.message}.`,
            errors,
        });
    }
    return parsed.spec;
}

export function checkKey(key: string | null): string | null {
    if (key !== null && !/^[\x21-\x7e]{1,255}$/.test(key))
        throw badParameter('Idempotency-Key', 'not usable as a key', '1 to 255 visible ASCII characters');
    return key;
}

export function checkReplay(record: KeyRecord, bodyHash: string): void {
    if (record.bodyHash !== bodyHash) {
        throw problem('IDEMPOTENCY_CONFLICT', { detail: `This key started job ${record.jobId} with another body.`, jobId: record.jobId });
    }
}

/** The key's record: ours when this call wrote it, else that of the call which came first. */
export async function claim(
    store: JobStore,
    key: string | null,
    earlier: KeyRecord | null,
    ours: KeyRecord,
): Promise<{ record: KeyRecord; replayed: boolean }> {
    if (earlier) return { record: earlier, replayed: true };
    if (key === null || (await store.createJson(names.idempotency(sha256(key)), ours))) return { record: ours, replayed: false };
    const first = await store.readJson<KeyRecord>(names.idempotency(sha256(key)));
    if (!first) throw problem('STORAGE_UNAVAILABLE', { detail: 'The key was taken and is gone again; try again.' });
    checkReplay(first, ours.bodyHash);
    return { record: first, replayed: true };
}

/** The spec comes last: where it stands, everything it refers to stands too. */
async function storeJob(store: JobStore, record: KeyRecord, spec: JobSpec): Promise<StoredJob> {
    const { source, ...rest } = spec;
    const stored: StoredSpec = { ...rest, source: 'items' in source ? { inline: source.items.length } : source };
    if ('items' in source) {
        const lines = Buffer.from(source.items.map((item) => JSON.stringify(item) + '\n').join(''));
        await store.container
            .getBlockBlobClient(names.source(record.jobId))
            .uploadData(lines, { blobHTTPHeaders: { blobContentType: 'application/x-ndjson' } });
    }
    const job = { id: record.jobId, createdAt: record.createdAt, spec: stored };
    await store.writeJob(job);
    return job;
}

/** An ended instance must not be started again: the engine would replace it and run the job a second time. */
async function isStarted(store: JobStore, client: DurableClient, jobId: string): Promise<boolean> {
    if (await store.readSummary(jobId)) return true;
    try {
        return Boolean(await client.getStatus(jobId));
    } catch (error) {
        // The client throws where the instance does not exist, and tells it by its message only.
        if (/404|not found|no instance/i.test((error as Error).message)) return false;
        throw error;
    }
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
