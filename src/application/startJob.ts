// A job spec becomes a job that is stored and runs.
import { randomUUID } from 'node:crypto';
import { capSettings, type Caps } from '../core/caps';
import { badFields, problem } from '../core/errors';
import { KEY_FORM } from '../items/itemKey';
import { MAX_ERRORS, parseSpec, type JobSpec, type StoredSpec } from '../contracts/jobSpec';
import type { KeyRecord, StoredJob } from '../contracts/documents';
import type { JobStore } from '../storage/jobStore';
import { noteUse } from '../storage/uploads';
import { checkSpec } from './checkSpec';
import { tryToBegin, tryToStart } from './ensureStarted';
import { checkAbandoned, checkReplay, claim, readKey, release } from './idempotency';
import { takeJobPlace } from './jobRoom';
import type { Log } from '../log';
import type { JobEngine } from './jobEngine';
import { inTurns } from '../turns';
import { asLines, type InlineItems } from './inlineItems';
import type { SpecText } from './specText';

export interface StartPorts {
    store: JobStore;
    engine: JobEngine;
    /** Milliseconds since 1970. */
    clock: () => number;
    /** Told of what fails once the job is stored. */
    log: Log;
    caps: Pick<Caps, 'items' | 'jobs'>;
}

export interface StartAsked {
    text: SpecText;
    /** SHA-256 of the bytes that `text` was read from: the same key must come with the same. */
    bodyHash: string;
    /** The idempotency key; null when none was given. */
    key: string | null;
    /** Who posts it: kept with the job. */
    by: string;
}

export interface Started {
    job: StoredJob;
    /** The key had started a job before, and this is that job. */
    replayed: boolean;
    /** The job was stored before this request: its status is to be read. Otherwise it is that of a new job. */
    stoodBefore: boolean;
}

/** Stores the job and starts it, once for each key. @throws Problem BAD_SPEC, TOO_MANY_ITEMS, TOO_MANY_JOBS, IDEMPOTENCY_CONFLICT or IDEMPOTENCY_IN_PROGRESS; nothing is stored then */
export async function startJob({ store, engine, clock, log, caps }: StartPorts, { text, bodyHash, key, by }: StartAsked): Promise<Started> {
    const ours: KeyRecord = { jobId: randomUUID(), bodyHash, createdAt: new Date(clock()).toISOString() };
    let record = key === null ? null : await readKey(store, key);
    let accepted: Accepted | null = null;
    if (record) checkReplay(record, ours.bodyHash);
    else {
        accepted = await accept(text, store, clock(), caps);
        record = key === null ? ours : await claim(store, key, ours);
    }
    const replayed = record.jobId !== ours.jobId;
    if (replayed) {
        // The job of a replay is answered without new checks: what they look at (an upload, a setting) may be gone since.
        const stored = await store.readJob(record.jobId);
        if (stored) {
            await tryToStart(store, engine, stored.id, log);
            return { job: stored, replayed, stoodBefore: true };
        }
        checkAbandoned(record, clock());
        accepted ??= await accept(text, store, clock(), caps);
    }

    const job = await storeJob(store, record, accepted!, by).catch(async (error: unknown) => {
        // Nobody need wait for a request that is over: the next one with the key begins at once.
        if (key !== null)
            await release(store, key, record).catch((e: unknown) =>
                log.about({ job: record.jobId }).warn('idempotency key was not released', {}, e),
            );
        throw error;
    });
    log.about({ job: job.id }).info('job accepted', {
        name: job.spec.name,
        by,
        process: 'http' in job.spec.process ? 'http' : job.spec.process.processor,
    });
    // Stored is accepted: the job runs, at the latest when the sweeper finds it. An error would have the caller post it a second time.
    await tryToBegin(store, engine, job, log);
    return { job, replayed, stoodBefore: false };
}

interface Accepted {
    spec: JobSpec;
    items: InlineItems | null;
    /** Of the file that the job reads. */
    etag?: string;
}

/** The document as a job spec that can run here; a problem otherwise, before anything is stored. */
async function accept(
    { document, items, errors: inText }: SpecText,
    store: JobStore,
    now: number,
    caps: StartPorts['caps'],
): Promise<Accepted> {
    if (items && items.count > caps.items)
        throw problem('TOO_MANY_ITEMS', {
            detail: `The job has ${items.count} items; at most ${caps.items} are allowed (app setting ${capSettings.items.name}).`,
            limit: caps.items,
            setting: capSettings.items.name,
        });
    const parsed = document === undefined ? null : parseSpec(document);
    const errors = [...inText, ...(parsed?.ok === false ? parsed.errors : [])];
    if (!parsed?.ok || errors.length > 0) throw badFields('BAD_SPEC', errors, MAX_ERRORS);
    const { errors: found, ...pin } = await checkSpec(parsed.spec, items, store, now);
    if (found.length > 0) throw badFields('BAD_SPEC', found, MAX_ERRORS);
    await takeJobPlace(store, caps.jobs);
    return { spec: parsed.spec, items, ...pin };
}

/** The spec comes last: where it stands, everything it refers to stands too, and the sweeper knows of the job. */
async function storeJob(store: JobStore, record: KeyRecord, { spec, items, ...pin }: Accepted, by: string): Promise<StoredJob> {
    const { source, ...rest } = spec;
    const stored: StoredSpec = {
        ...rest,
        keyForm: KEY_FORM,
        source: 'items' in source ? { inline: items!.count } : { ...source, ...pin },
    };
    if ('upload' in source) await noteUse(store, source.upload);
    const lines = items && (await inTurns(asLines(items)));
    await Promise.all([store.markLive(record.jobId), lines && store.createSource(record.jobId, lines)]);
    const job = { id: record.jobId, createdAt: record.createdAt, by, spec: stored };
    return store.createJob(job);
}
