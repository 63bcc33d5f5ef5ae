// What a slice needs to know of its job, kept in this process for the slices to come: spec, plan and the compiled processor never change.
import { compile, TreeInterpreter, type JSONValue } from '@jmespath-community/jmespath';
import { retryPolicy, type RetryPolicy } from '../../core/retry';
import type { StoredSpec } from '../../core/spec';
import { compileProcess } from '../../processors';
import type { ProcessorResult } from '../../processors/types';
import { resolveSecret } from '../../settings';
import type { JobStore, Plan } from '../../storage/jobStore';
import type { Call } from './engine';

export interface LoadedJob {
    spec: StoredSpec;
    plan: Plan;
    retry: RetryPolicy;
    call: (call: Call) => Promise<ProcessorResult>;
    keyOf: (item: unknown, index: number) => string | number;
}

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
    if (!job || !plan) throw new Error(`job ${jobId} has no ${job ? 'plan' : 'spec'}`);
    const run = compileProcess(job.spec, resolveSecret);
    return {
        spec: job.spec,
        plan,
        retry: retryPolicy(job.spec.retry),
        keyOf: keyReader(job.spec.key),
        call: ({ index, key, attempt, item, rawItem }) =>
            run(item, rawItem, {
                jobId,
                index,
                key,
                attempt,
                idempotencyKey: `${jobId}:${key}`,
                maxOutputBytes: job.spec.results.maxOutputBytes,
            }),
    };
}

/** Reads an item's key: what the spec's JMESPath gives, or the index. Planning has made sure that it is a string or a number. */
export function keyReader(expression: string | undefined): (item: unknown, index: number) => string | number {
    if (expression === undefined) return (_item, index) => index;
    const ast = compile(expression);
    return (item) => TreeInterpreter.search(ast, item as JSONValue) as string | number;
}

interface Watch {
    cancelled: () => boolean;
    stop: () => void;
}

/** Looks at the control document once a second until stopped. A look that fails is tried again a second later. */
export function watchControl(store: JobStore, jobId: string, onCancel: () => void): Watch {
    let cancelled = false;
    let looking = false;
    const look = async () => {
        if (looking || cancelled) return;
        looking = true;
        try {
            cancelled = (await store.readControl(jobId)).cancelled === true;
            if (cancelled) onCancel();
        } catch (error) {
            console.warn(`control of job ${jobId} was not read: ${String(error)}`);
        } finally {
            looking = false;
        }
    };
    void look();
    const timer = setInterval(() => void look(), 1000);
    return { cancelled: () => cancelled, stop: () => clearInterval(timer) };
}
