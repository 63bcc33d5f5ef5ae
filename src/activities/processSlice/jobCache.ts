// What a slice needs to know of its job, kept in this process for the slices to come: spec, plan and the compiled processor never change.
import { NewerVersion } from '../../contracts/contract';
import { newControl, type Control } from '../../core/control';
import { idempotencyKey, keyAs, plainKey, type ItemKey, type KeyForm } from '../../items/itemKey';
import type { StoredSpec } from '../../contracts/jobSpec';
import { Budget, compileExpression, evaluate, KEY_STEPS } from '../../expressions/jmespath';
import { failed } from '../../processors/httpAnswer';
import { compileProcess, readsItem } from '../../processors';
import type { ProcessorResult } from '../../processors/types';
import { findSecret } from '../../settings';
import type { Plan } from '../../contracts/documents';
import { blobs } from '../../contracts/names';
import type { JobStore } from '../../storage/jobStore';
import { missing } from '../../storage/trouble';
import type { Call } from './callScheduler';

export interface LoadedJob {
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

export interface Watch {
    cancelled: () => boolean;
    /** What the document said last. */
    seen: () => Control;
    /** Resolves when it has been looked at once, or could not be within the limit of a look; rejects with NewerVersion. */
    first: Promise<void>;
    /** Has `tell` called once: when the document says that the job is cancelled, or now when it has. */
    onCancel: (tell: () => void) => void;
    stop: () => void;
}

/** One look a second at a job's control document, for all who watch it in this process. A look that fails or takes too long is given up; the next one comes. */
class ControlWatch {
    control = newControl();
    readonly watchers = new Set<Watcher>();
    private looking = false;

    get cancelled(): boolean {
        return this.control.desired === 'cancel';
    }

    private readonly timer = setInterval(() => {
        this.look().catch(this.complain);
    }, 1000);
    readonly first: Promise<void>;

    constructor(
        private readonly store: JobStore,
        private readonly jobId: string,
    ) {
        this.first = this.look().catch((error: unknown) => {
            if (error instanceof NewerVersion) throw error;
            this.complain(error);
        });
        // Not everybody waits for it.
        this.first.catch(() => undefined);
    }

    stop = () => clearInterval(this.timer);

    private complain = (error: unknown): void => console.warn(`control of job ${this.jobId} was not read: ${String(error)}`);

    private async look(): Promise<void> {
        if (this.looking || this.cancelled) return;
        this.looking = true;
        try {
            this.control = await this.store.glanceAtControl(this.jobId);
            if (this.cancelled) for (const { tell } of this.watchers) tell();
        } finally {
            this.looking = false;
        }
    }
}

interface Watcher {
    tell: () => void;
}

const watches = new Map<string, ControlWatch>();

/** Watches the control document until stopped. */
export function watchControl(store: JobStore, jobId: string): Watch {
    const watch = watches.get(jobId) ?? new ControlWatch(store, jobId);
    watches.set(jobId, watch);
    const watcher: Watcher = { tell: () => undefined };
    watch.watchers.add(watcher);
    return {
        cancelled: () => watch.cancelled,
        seen: () => watch.control,
        first: watch.first,
        onCancel: (tell) => {
            watcher.tell = tell;
            if (watch.cancelled) tell();
        },
        stop: () => {
            watch.watchers.delete(watcher);
            if (watch.watchers.size > 0) return;
            watch.stop();
            watches.delete(jobId);
        },
    };
}
