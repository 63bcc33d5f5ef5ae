// One job of the matrix, from its POST to its end, as a user goes through it: asking again where the API answers with a problem, looking now and then.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerClient } from '@azure/storage-blob';
import {
    ApiError,
    FanfoldClient,
    isEnded,
    WaitTimeout,
    type CallError,
    type Job,
    type JobSpec,
    type Outcome,
    type RetryOptions,
} from '../../../src/client';
import { isForGood, statusOf, Strand, type Cell, type Strands } from './faults';
import { bitesMs, FOR_GOOD_MS, judge, ONCE_MS, seconds, type Asked, type Played } from './judge';
import { Callee, type MatrixTarget } from './target';
import { itemsOf, type Ask, type Variant } from './variants';

export interface Stage {
    /** Of the host, without /api. */
    url: string;
    strands: Strands;
    target: MatrixTarget;
    /** The real storage, past the faults. */
    container: ContainerClient;
}

export interface Result {
    variant: string;
    cell: Cell | null;
    /** Seconds from when the job was accepted to its end. */
    took: number;
    state: string;
    error?: string;
    /** How many requests were struck. */
    struck: number;
    /** What is wrong; empty when nothing is. */
    wrong: string[];
    began: string;
    jobId?: string;
    log?: Strand['log'];
}

/** No request to the API takes longer. */
const API_MS = 60_000;
/** Looks come 1, 3, 7, 15 s after the job was accepted, and every so many ms from then on. */
const LOOK_MS = 10_000;
/** A fault for good on what POST itself asks of storage is taken away after so long: then the same key must start the job. */
const REFUSED_POST_MS = 20_000;
/** So long a job's last answer is held for a request that is to be struck. */
const HOLD_MS = 15_000;
/** What is asked for stays in force for so much longer than it takes to be. */
const SEEN_MS = 1_500;
/** A job whose requests to storage rest for longer waits. */
const BUSY_MS = 1_500;

export class Play {
    readonly strand: Strand;
    private readonly marker = `matrix-${randomBytes(6).toString('hex')}`;
    private readonly key = randomUUID();
    private readonly callee: Callee;
    private readonly client: FanfoldClient;
    private readonly wrong: string[] = [];
    private readonly limit: number;
    private open!: () => void;
    private id = '';
    private acceptedAt = 0;
    private readonly asked: Asked[] = [];
    private lastSeen: Job | null = null;

    constructor(
        private readonly stage: Stage,
        private readonly variant: Variant,
        private readonly cell: Cell | null,
        /** How much slower than usual, for a request that has not come at the usual pace. */
        slower = 1,
    ) {
        this.strand = new Strand(this.marker, cell);
        const until = new Promise<void>((resolve) => (this.open = resolve));
        const gate = variant.runsForMs === undefined ? null : { item: variant.items - 1, until };
        this.callee = new Callee(this.marker, variant.paceMs * slower, gate);
        const asks = variant.asks?.inTurn.length ?? 0;
        this.limit = (cell !== null && isForGood(cell.fault) ? FOR_GOOD_MS : ONCE_MS) + Math.max(0, asks - 1) * this.inForceMs;
        stage.strands.expect(this.strand, createHash('sha256').update(this.key).digest('hex'));
        stage.target.expect(this.callee);
        this.client = new FanfoldClient({ url: stage.url, retry: { forMs: 0 }, timeoutMs: API_MS });
    }

    /** Whether it keeps the host at work now, rather than waiting for what does not come. */
    get busy(): boolean {
        return Date.now() - this.strand.lastAt < BUSY_MS;
    }

    async run(): Promise<Result> {
        const began = new Date().toISOString();
        let state = 'not accepted';
        let took = 0;
        try {
            const accepted = await this.start();
            if (accepted) {
                const [endedAt] = await Promise.all([this.end(), this.hold(), this.control()]);
                took = endedAt === null ? this.limit : endedAt - this.acceptedAt;
                state = endedAt === null ? 'no end' : await this.verdict(endedAt);
            }
        } catch (error) {
            this.wrong.push(`the play broke off: ${(error as Error).stack}`);
        } finally {
            this.open();
        }
        const { cell, strand, wrong } = this;
        const error = this.lastSeen?.error ? `${this.lastSeen.error.code}: ${this.lastSeen.error.message}` : null;
        return {
            variant: this.variant.name,
            cell,
            took: seconds(took),
            state,
            ...(error ? { error } : {}),
            struck: strand.struck,
            wrong,
            began,
            ...(this.id ? { jobId: this.id } : {}),
            ...(wrong.length > 0 ? { log: strand.log.slice(-200) } : {}),
        };
    }

    // --- what a user does -----------------------------------------------------------------------------------------

    private async start(): Promise<boolean> {
        const { variant, marker, stage } = this;
        const retry = this.insistent();
        let source: JobSpec['source'] = { items: itemsOf(marker, variant.items) };
        if (variant.upload) {
            const content = variant.upload(marker);
            const upload = await this.accepted(() => this.client.upload(content, { name: 'items.ndjson', retry }));
            if (!upload) return false;
            source = { upload: upload.id };
        }
        const spec: JobSpec = {
            name: marker,
            source,
            process: { http: { url: `${stage.target.url}/${marker}` } },
            key: 'id',
            partition: { items: Math.max(1, variant.items / 3) },
            concurrency: { max: variant.concurrency },
            retry: { attempts: 8, initialDelay: 'PT0.2S', maxDelay: 'PT0.5S' },
            ...variant.spec,
        };
        const job = await this.accepted(() => this.client.startJob(spec, { idempotencyKey: this.key, retry: this.insistent() }));
        if (!job) return false;
        this.acceptedAt = Date.now();
        this.id = job.id;
        stage.strands.expect(this.strand, job.id);
        return true;
    }

    /** Again and again until it is accepted. A fault for good is lifted on the way: what it refuses is told so each time, and is not lost. */
    private insistent(): RetryOptions {
        const liftAt = Date.now() + REFUSED_POST_MS;
        const on = (error: CallError): boolean => {
            this.check(error);
            if (isForGood(this.cell?.fault ?? 'reset') && Date.now() > liftAt) this.strand.lifted = true;
            return true;
        };
        return { forMs: ONCE_MS + REFUSED_POST_MS, on };
    }

    /** What a POST has answered; null where it was never accepted, which is wrong. */
    private async accepted<T>(post: () => Promise<T>): Promise<T | null> {
        const answer = await this.ask(post);
        if (answer instanceof Error) this.wrong.push(`is not accepted: ${answer.message.slice(0, 300)}`);
        return answer instanceof Error ? null : answer;
    }

    /** One call of the API: what it answers, or the error. */
    private async ask<T>(call: () => Promise<T>): Promise<T | CallError> {
        try {
            return await call();
        } catch (error) {
            return this.check(error);
        }
    }

    /** What is neither an answer nor a problem is wrong. */
    private check(error: unknown): CallError {
        const told = this.without(error instanceof ApiError ? error.message : inspect(error, { breakLength: Infinity }));
        if (!(error instanceof ApiError)) this.wrong.push(told.slice(0, 300));
        else if (error.code === null) this.wrong.push(`without a problem: ${told.slice(0, 200)}`);
        return error as CallError;
    }

    /** A text that says the same of any job. */
    private without = (text: string): string => (this.id ? text.replaceAll(this.id, '{id}') : text);

    /** How long what is asked for stays in force before the next is. */
    private get inForceMs(): number {
        return bitesMs(this.cell) + SEEN_MS;
    }

    /** Asks for one after the other, as long as the job has not ended. */
    private async control(): Promise<void> {
        const { asks } = this.variant;
        if (!asks) return;
        const over = Date.now() + this.limit;
        await Promise.race([this.callee.called(asks.afterCalls), this.ended(over)]);
        for (const ask of asks.inTurn) {
            if (this.asked.length > 0) await this.ended(Date.now() + this.inForceMs);
            if (!(await this.askFor(ask, over))) return;
        }
        this.callee.hurry();
    }

    /** Again and again until it is accepted; says whether it was. */
    private async askFor(ask: Ask, over: number): Promise<boolean> {
        const asked: Asked = { ask, askedAt: Date.now(), acceptedAt: null };
        // A job that stands still, or nearly, must not do so for good: what is refused is told so, and is not lost.
        const liftAt = this.asked.length > 0 ? Date.now() + REFUSED_POST_MS : Infinity;
        while (Date.now() < over && this.strand.summaryAt === null) {
            if (!this.asked.includes(asked)) this.asked.push(asked);
            const answer = await this.ask(() => this.request(ask));
            if (!(answer instanceof Error)) asked.acceptedAt = Date.now();
            // It has ended, or is about to.
            if (!(answer instanceof Error) || statusIn(answer) === 409) return asked.acceptedAt !== null;
            if (Date.now() > liftAt) this.strand.lifted = true;
            await sleep(500);
        }
        return false;
    }

    private request(ask: Ask): Promise<Job> {
        if (ask === 'pause') return this.client.pauseJob(this.id);
        if (ask === 'resume') return this.client.resumeJob(this.id);
        if (ask === 'cancel') return this.client.cancelJob(this.id);
        return this.client.retuneJob(this.id, { concurrency: { max: ask.concurrency } });
    }

    /** Holds the last answer until the job has run for a while, or until what is to be struck has been, but not for ever. */
    private async hold(): Promise<void> {
        const { runsForMs } = this.variant;
        if (runsForMs === undefined) return;
        const comesWhileItRuns = this.cell !== null && /control|progress|spec|GET summary|append|table/.test(this.cell.request);
        const until = Date.now() + runsForMs;
        const latest = Date.now() + HOLD_MS;
        await Promise.race([this.callee.called(1), this.ended(latest)]);
        while (Date.now() < latest && (Date.now() < until || (comesWhileItRuns && this.strand.struck === 0))) await sleep(100);
        this.open();
    }

    /** When the job has ended, in ms; null when it has not in time. Looks now and then as its user does, through the faults. */
    private async end(): Promise<number | null> {
        const over = this.acceptedAt + this.limit;
        for (let look = 1; ; look++) {
            if (await this.ended(Math.min(over, this.acceptedAt + 1_000 * (2 ** Math.min(look, 4) - 1) + Math.max(0, look - 4) * LOOK_MS)))
                return this.strand.summaryAt;
            if (Date.now() >= over) break;
            const seen = await this.look();
            // Where storage refuses even what tells of the end, the ledger alone knows of it.
            if (seen?.ended || (!seen && /^(completed|failed|cancelled)$/.test(String((await this.ledger()).state)))) return Date.now();
        }
        this.wrong.push(`has not ended after ${seconds(this.limit)} s: ${await this.diagnosis()}`);
        return null;
    }

    private async look(): Promise<Job | null> {
        const answer = await this.ask(() => this.client.getJob(this.id));
        if (answer instanceof Error) return this.checkLook(answer);
        return (this.lastSeen = answer);
    }

    private checkLook(error: CallError): null {
        const status = statusIn(error);
        // Storage has said that there is no such job; anybody else would be wrong.
        if (status > 0 && status < 500 && !(status === 404 && statusOf(this.cell?.fault ?? 'reset') === 404))
            this.wrong.push(`its status: ${this.without(error.message).slice(0, 200)}`);
        return null;
    }

    /** Waits until storage has taken the summary, at the latest until that time (ms); says whether it has. */
    private async ended(until: number): Promise<boolean> {
        const over = new AbortController();
        const late = sleep(Math.max(0, until - Date.now()), undefined, { signal: over.signal }).catch(() => undefined);
        await Promise.race([this.strand.ended, late]);
        over.abort();
        return this.strand.summaryAt !== null;
    }

    // --- what is seen afterwards ----------------------------------------------------------------------------------

    private async verdict(endedAt: number): Promise<string> {
        this.strand.lifted = true;
        const on = (error: CallError): boolean => this.checkLook(this.check(error)) === null;
        const onProgress = (job: Job): void => void (this.lastSeen = job);
        try {
            await this.client.waitUntil(this.id, isEnded, { timeoutMs: 20_000, onProgress, retry: { forMs: Infinity, on } });
        } catch (error) {
            if (!(error instanceof WaitTimeout)) throw error;
            this.wrong.push(`its status does not say that it has ended: ${JSON.stringify(this.lastSeen).slice(0, 500)}`);
            return this.lastSeen?.state ?? 'unknown';
        }
        const status = this.lastSeen!;
        const part = async <T>(call: () => Promise<T>): Promise<T | number> => {
            const answer = await this.ask(call);
            return answer instanceof Error ? statusIn(answer) : answer;
        };
        const whole = status.state !== 'failed' && status.counts.total !== null;
        const nothing: Outcome[] = [];
        const outcomes = whole ? await part(async () => (await this.client.resultsPage(this.id)).outcomes) : nothing;
        const played: Played = {
            variant: this.variant,
            cell: this.cell,
            status,
            outcomes: typeof outcomes === 'number' ? null : outcomes,
            calls: this.callee.calls,
            verified: whole ? await part(() => this.client.verifyJob(this.id)) : 0,
            firstItem: whole ? await part(() => this.client.getItem(this.id, 0)) : 0,
            endedAt,
            asked: this.asked,
            timeline: await part(async () => (await this.client.getTimeline(this.id)).events),
            listed: await this.isListed(status),
        };
        this.wrong.push(...judge(played));
        return status.state;
    }

    private async isListed({ createdAt }: Job): Promise<boolean> {
        const at = String(9_999_999_999_999 - Date.parse(createdAt)).padStart(13, '0');
        return this.stage.container.getBlobClient(`index/${at}-${this.id}`).exists();
    }

    private async diagnosis(): Promise<string> {
        const { runtimeStatus } = await this.engine(`instances/${this.id}`);
        const { state, troubles, waiting, closed, partitions, parked, returned, leases } = await this.ledger();
        return JSON.stringify({ runtimeStatus, state, troubles, waiting, closed, partitions, parked, returned, leases }).slice(0, 1_500);
    }

    private ledger = () => this.engine(`entities/ledger/${this.id}`);

    /** What the durable engine's own API says; nothing where it knows of none. */
    private async engine(path: string): Promise<Record<string, unknown>> {
        const text = await fetch(`${this.stage.url}/runtime/webhooks/durabletask/${path}`).then(
            (answer) => answer.text(),
            () => '',
        );
        return text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
    }
}

/** 0 where nothing answered. */
const statusIn = (error: CallError): number => (error instanceof ApiError ? error.status : 0);
