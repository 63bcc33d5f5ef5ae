// What a slice needs to know of its job, kept in this process for the slices to come: spec, plan and the compiled processor never change.
import { compile, TreeInterpreter, type JSONValue } from '@jmespath-community/jmespath';
import { retryPolicy, type RetryPolicy } from '../../core/retry';
import type { StoredSpec } from '../../core/spec';
import { compileProcess, readsItem } from '../../processors';
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
    /** False: neither `call` nor `keyOf` looks at the item's value. */
    readsItem: boolean;
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
        readsItem: job.spec.key !== undefined || readsItem(job.spec),
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

/** One look a second at a job's control document, for all who watch it in this process. A look that fails is tried again a second later. */
class ControlWatch {
    cancelled = false;
    readonly watchers = new Set<() => void>();
    private looking = false;
    private readonly timer = setInterval(() => void this.look(), 1000);

    constructor(
        private readonly store: JobStore,
        private readonly jobId: string,
    ) {
        void this.look();
    }

    stop = () => clearInterval(this.timer);

    private async look(): Promise<void> {
        if (this.looking || this.cancelled) return;
        this.looking = true;
        try {
            this.cancelled = (await this.store.readControl(this.jobId)).cancelled === true;
            if (this.cancelled) for (const tell of this.watchers) tell();
        } catch (error) {
            console.warn(`control of job ${this.jobId} was not read: ${String(error)}`);
        } finally {
            this.looking = false;
        }
    }
}

const watches = new Map<string, ControlWatch>();

/** Watches the control document until stopped; `onCancel` is called once when it says that the job is cancelled. */
export function watchControl(store: JobStore, jobId: string, onCancel: () => void): Watch {
    const watch = watches.get(jobId) ?? new ControlWatch(store, jobId);
    watches.set(jobId, watch);
    // A function of its own, so that two watchers with the same one are two.
    const tell = () => onCancel();
    watch.watchers.add(tell);
    // Later, as when the document is read: who watches is not ready yet.
    if (watch.cancelled) queueMicrotask(tell);
    return {
        cancelled: () => watch.cancelled,
        stop: () => {
            watch.watchers.delete(tell);
            if (watch.watchers.size > 0) return;
            watch.stop();
            watches.delete(jobId);
        },
    };
}
