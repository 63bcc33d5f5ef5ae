// Idempotency-Key: the same key and body give the same job, however often and however many at once they are sent.
import { createHash, webcrypto } from 'node:crypto';
import { problem } from '../core/errors';
import { keyDocument, type KeyRecord } from '../contracts/documents';
import { blobs } from '../contracts/names';
import type { JobStore } from '../storage/jobStore';

/** A request that has claimed its key and has not stored the job after so long has died: the next one with the key finishes what it began. */
export const STORING_MS = 30_000;

export const readKey = (store: JobStore, key: string): Promise<KeyRecord | null> =>
    store.readDocument(keyDocument, blobs.idempotency(sha256(key)));

export function checkReplay(record: KeyRecord, bodyHash: string): void {
    if (record.bodyHash !== bodyHash) {
        throw problem('IDEMPOTENCY_CONFLICT', { detail: `This key started job ${record.jobId} with another body.`, jobId: record.jobId });
    }
}

/** Refuses while the request that claimed the key may still be storing the job. @throws Problem IDEMPOTENCY_IN_PROGRESS */
export function checkAbandoned(record: KeyRecord, now: number): void {
    if (record.released) return;
    const left = Date.parse(record.createdAt) + STORING_MS - now;
    // A clock that is far ahead must not keep the key for longer than any request takes.
    if (left > 0 && left <= 2 * STORING_MS)
        throw problem('IDEMPOTENCY_IN_PROGRESS', {
            detail: `The first request with this key is still storing job ${record.jobId}.`,
            jobId: record.jobId,
            headers: { 'retry-after': '1' },
        });
}

/** The key's record: ours when this call wrote it, else that of the call which came first. */
export async function claim(store: JobStore, key: string, ours: KeyRecord): Promise<KeyRecord> {
    const stands = await store.createDocument(keyDocument, blobs.idempotency(sha256(key)), ours);
    checkReplay(stands, ours.bodyHash);
    return stands;
}

/** Lets the next request with the key go on at once. */
export const release = (store: JobStore, key: string, record: KeyRecord): Promise<void> =>
    store.writeDocument(keyDocument, blobs.idempotency(sha256(key)), { ...record, released: true });

export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

/** The same of what may be many megabytes, worked out beside the event loop. */
export const digestOf = async (data: Buffer): Promise<string> =>
    Buffer.from(await webcrypto.subtle.digest('SHA-256', data)).toString('hex');
