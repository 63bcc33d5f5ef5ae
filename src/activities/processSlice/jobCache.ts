// What a slice needs to know of its job, kept in this process for the slices to come: spec, plan and the compiled processor never change.
import { idempotencyKey, keyAs, plainKey, type ItemKey, type KeyForm } from '../../items/itemKey';
import type { StoredSpec } from '../../contracts/jobSpec';
import { Budget, compileExpression, evaluate, KEY_STEPS } from '../../expressions/jmespath';
import { failed } from '../../processors/processor';
import { compileProcess, readsItem } from '../../processors';
import type { ProcessorResult } from '../../processors/processor';
import { findSecret } from '../../settings';
import type { Plan } from '../../contracts/documents';
import { blobs } from '../../contracts/names';
import type { JobStore } from '../../storage/jobStore';
import { missing } from '../../storage/trouble';
import type { Call } from './itemCalls';

export interface LoadedJob {
    /** ISO. */
    createdAt: string;
    spec: StoredSpec;
    plan: Plan;
    call: (call: Call) => Promise<ProcessorResult>;
    keyOf: (item: unknown, index: number) => ItemKey;
    /** False: neither `call` nor `keyOf` looks at the item's value. */
    readsItem: boolean;
    /** Until then (ms) nobody tries to read items for their keys alone. */
    unreadableUntil: number;
}

const unspeakableKey = failed(
    'LONE_SURROGATE',
    'the key holds half a surrogate pair: it is no Unicode text, and no header can carry it',
    false,
);

const MAX_CACHED = 50;
const cache = new Map<string, Promise<LoadedJob>>();

export function loadJob(store: JobStore, jobId: string): Promise<LoadedJob> {
    const known = cache.get(jobId);
    if (known) return known;
    const loading = load(store, jobId).catch((error: unknown) => {
        cache.delete(jobId);
        throw error;
    });
    cache.set(jobId, loading);
    if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value!);
    return loading;
}

async function load(store: JobStore, jobId: string): Promise<LoadedJob> {
    const [job, plan] = await Promise.all([store.readJob(jobId), store.readPlan(jobId)]);
    if (!job || !plan) throw missing(job ? blobs.plan(jobId) : blobs.spec(jobId));
    const run = compileProcess(job.spec, findSecret);
    return {
        createdAt: job.createdAt,
        spec: job.spec,
        plan,
        keyOf: keyReader(job.spec.key, job.spec.keyForm),
        readsItem: job.spec.key !== undefined || readsItem(job.spec),
        unreadableUntil: 0,
        call: ({ index, key, attempt, item, rawItem }) => {
            const idempotent = idempotencyKey(jobId, key, job.spec.keyForm);
            if (idempotent === null) return Promise.resolve(unspeakableKey);
            return run(item, rawItem, {
                jobId,
                index,
                key: plainKey(key),
                attempt,
                idempotencyKey: idempotent,
                maxOutputBytes: job.spec.results.maxOutputBytes,
            });
        },
    };
}

/** Reads an item's key: what the spec's JMESPath gives, or the index. Planning has made sure that it is a string or a number. */
export function keyReader(expression: string | undefined, form: KeyForm): (item: unknown, index: number) => ItemKey {
    if (expression === undefined) return (_item, index) => index;
    const compiled = compileExpression(expression);
    return (item) => keyAs(form, evaluate(compiled, item, new Budget(KEY_STEPS)) as ItemKey);
}
