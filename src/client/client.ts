// The API of Fanfold, typed: for programs, a command line, a browser. It uses what browsers and Node.js both have, and nothing else.
// Every call throws `ApiError` when the API answers with an error, `NetworkError` when nothing answers, and the signal's reason when that is aborted.
import { realClock, sleep, type Clock } from './clock';
import type {
    LimitsPatch,
    Timeline,
    UserMove,
    Health,
    InvalidRow,
    Item,
    Job,
    JobBrief,
    JobPage,
    JobSpec,
    JobState,
    Limiter,
    LimiterPage,
    LimiterSettings,
    Manifest,
    Outcome,
    OutcomeKind,
    Upload,
    Verdict,
} from './documents';
import { ApiError, JobEnded, NetworkError, WaitTimeout } from './errors';
import { linesOf } from './lines';
import { Requests, type ApiRequest, type CallOptions, type Fetch, type RetryOptions } from './requests';
import { bodyOfStream, type ByteStream, type UploadContent } from './uploadFile';
import { PartsUpload, type PartsOptions } from './uploadParts';

export interface ClientOptions {
    /** Where the host is, such as `http://localhost:7071`; with or without `/api`. */
    url: string;
    /** Function key, sent as `x-functions-key`. */
    key?: string | undefined;
    /** Key of the app itself, where the deployment asks for one; sent as `x-fanfold-key`. */
    appKey?: string | undefined;
    /** Sent with every request, such as `authorization`. */
    headers?: Record<string, string> | undefined;
    /** In place of the global one: to look at answers, to count, to go through a proxy. */
    fetch?: Fetch | undefined;
    /**
     * How calls that can be repeated without harm are asked again: every read, `verifyJob`, `setLimiter`, `startJob` with an idempotency key, and parts of an upload.
     * Default: for 5 s, on broken connections and on 503 with Retry-After.
     */
    retry?: RetryOptions | undefined;
    /** Of one request, in ms: until its answer is there, of a stream until its answer begins. Default 60,000; what carries a file has ten times as much. */
    timeoutMs?: number | undefined;
    clock?: Clock | undefined;
    /** Of answers that are one JSON document; default `JSON.parse`, which rounds numbers beyond what JavaScript holds. */
    parse?: ((text: string) => unknown) | undefined;
}

export interface StartOptions extends CallOptions {
    /** 1 to 255 visible ASCII characters. With it, the request can be repeated: the same key and body are the same job. */
    idempotencyKey?: string | undefined;
}

export interface GetJobOptions extends CallOptions {
    /** The answer is held until the state changes, or for so many seconds: 0 to 60, default 0. */
    waitSeconds?: number | undefined;
}

export interface ListOptions extends CallOptions {
    state?: JobState | undefined;
    /** The whole name. */
    name?: string | undefined;
    /** All must fit. */
    tags?: Record<string, string> | undefined;
    /** ISO 8601. */
    createdAfter?: string | undefined;
    createdBefore?: string | undefined;
    /** Jobs in one page: 1 to 100, default 20. */
    limit?: number | undefined;
}

export interface LimiterListOptions extends CallOptions {
    /** Limiters in one page: 1 to 100, default 20. */
    limit?: number | undefined;
}

export interface ResultsOptions extends CallOptions {
    /** Only items that ended so. */
    outcome?: OutcomeKind | undefined;
    /** Only items that failed so: of a group of the job's `failures`, but that of all others, which has none. */
    fingerprint?: string | undefined;
    /** In the order of the source; otherwise as they were written. */
    order?: 'input' | undefined;
    /** Of an earlier answer: only what has been written since. */
    cursor?: string | undefined;
}

export interface OpenResultsOptions extends ResultsOptions {
    /** Default `ndjson`. */
    format?: 'ndjson' | 'csv' | undefined;
    /** With CSV: no cell is run as a formula. */
    spreadsheet?: boolean | undefined;
}

export interface WaitOptions extends CallOptions {
    /** Between two looks, in ms; default 500. A look is a few reads of storage. */
    everyMs?: number | undefined;
    /** Then `WaitTimeout` is thrown; default: never. */
    timeoutMs?: number | undefined;
    /** Told of every look. What it throws ends the wait. */
    onProgress?: ((job: Job) => void) | undefined;
}

export interface MoveOptions extends CallOptions {
    /** Kept in the job's timeline: 1 to 500 characters. */
    reason?: string | undefined;
}

export interface UploadOptions extends CallOptions {
    /** Of the file: its ending tells the format, unless the spec does. */
    name?: string | undefined;
}

const DEFAULT_RETRY: RetryOptions = { forMs: 5_000 };

export const isEnded = (job: Job): boolean => job.ended;

export class FanfoldClient {
    private readonly requests: Requests;
    private readonly clock: Clock;

    constructor({
        url,
        key,
        appKey,
        headers = {},
        retry = DEFAULT_RETRY,
        timeoutMs = 60_000,
        clock = realClock,
        parse = JSON.parse,
        ...options
    }: ClientOptions) {
        this.clock = clock;
        this.requests = new Requests({
            base: `${url.replace(/\/+$/, '').replace(/\/api$/, '')}/api`,
            headers: { ...headers, ...(key ? { 'x-functions-key': key } : {}), ...(appKey ? { 'x-fanfold-key': appKey } : {}) },
            // Looked up at each call, and called as what it is: a browser's refuses to be a method.
            fetch: options.fetch ?? ((target, init) => globalThis.fetch(target, init)),
            retry,
            timeoutMs,
            clock,
            parse,
        });
    }

    // --- jobs -----------------------------------------------------------------------------------------------------

    /** Stores a job, which then runs. A text is sent as it is, to the last digit. Errors: `BAD_SPEC` with `errors`, `IDEMPOTENCY_CONFLICT`. */
    startJob(spec: JobSpec | string, { idempotencyKey, ...call }: StartOptions = {}): Promise<Job> {
        const headers = {
            'content-type': 'application/json',
            ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        };
        const body = typeof spec === 'string' ? spec : JSON.stringify(spec);
        return this.requests.json({ method: 'POST', path: '/jobs', headers, body, repeatable: idempotencyKey !== undefined }, call);
    }

    /** The status document. Error: `JOB_NOT_FOUND`. */
    getJob(id: string, { waitSeconds = 0, ...call }: GetJobOptions = {}): Promise<Job> {
        const query = { wait: waitSeconds || undefined };
        return this.requests.json({ method: 'GET', path: jobPath(id), query, heldMs: waitSeconds * 1000 }, call);
    }

    /** One page of the list; its `next` is the `continuation` of the next page. */
    listPage({ continuation, ...options }: ListOptions & { continuation?: string | undefined } = {}): Promise<JobPage> {
        const { tags = {}, signal, retry, ...filter } = options;
        const query = new URLSearchParams();
        for (const [name, value] of Object.entries({ ...filter, continuation })) if (value !== undefined) query.append(name, String(value));
        for (const [name, value] of Object.entries(tags)) query.append('tag', `${name}:${value}`);
        return this.requests.json({ method: 'GET', path: '/jobs', query }, { signal, retry });
    }

    /** Jobs, newest first; a page is asked for when it is come to. */
    async *listJobs(options: ListOptions = {}): AsyncGenerator<JobBrief, void> {
        for (let continuation: string | undefined; ;) {
            const { jobs, next } = await this.listPage({ ...options, continuation });
            yield* jobs;
            if (next === undefined) return;
            continuation = next;
        }
    }

    /** Stops calls; what is in flight is recorded. Error: `ILLEGAL_MOVE` of a job that is scheduled, ends or has ended. */
    pauseJob(id: string, options: MoveOptions = {}): Promise<Job> {
        return this.move(id, 'pause', options);
    }

    /** Goes on with a paused job. Error: `ILLEGAL_MOVE` of a job that neither is paused nor runs. */
    resumeJob(id: string, options: MoveOptions = {}): Promise<Job> {
        return this.move(id, 'resume', options);
    }

    /** Has everything called that comes after the canary. Error: `ILLEGAL_MOVE` of a job that does not wait for that. */
    approveJob(id: string, options: MoveOptions = {}): Promise<Job> {
        return this.move(id, 'approve', options);
    }

    /** Ends the job, with everything that comes after the canary `skipped`. Error: `ILLEGAL_MOVE` of a job that does not wait for a word on it. */
    rejectJob(id: string, options: MoveOptions = {}): Promise<Job> {
        return this.move(id, 'reject', options);
    }

    /** Asks a job to stop; it has ended a moment later. Error: `ILLEGAL_MOVE` when it is folding or has ended. */
    cancelJob(id: string, options: MoveOptions = {}): Promise<Job> {
        return this.move(id, 'cancel', options);
    }

    private move(id: string, move: UserMove, { reason, ...call }: MoveOptions): Promise<Job> {
        const body = reason === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ reason }) };
        return this.requests.json({ method: 'POST', path: `${jobPath(id)}/${move}`, ...body }, call);
    }

    /**
     * Changes the limits of a job that has not ended, by a merge patch (RFC 7396): null takes a limit away. Errors: `BAD_SPEC` with `errors`,
     * `ILLEGAL_MOVE`.
     */
    retuneJob(id: string, patch: LimitsPatch, { reason, ...call }: MoveOptions = {}): Promise<Job> {
        const body = JSON.stringify({ ...patch, ...(reason === undefined ? {} : { reason }) });
        const headers = { 'content-type': 'application/merge-patch+json' };
        return this.requests.json({ method: 'PATCH', path: jobPath(id), headers, body }, call);
    }

    /** What happened to the job as a whole, in its order. */
    getTimeline(id: string, call: CallOptions = {}): Promise<Timeline> {
        return this.requests.json({ method: 'GET', path: `${jobPath(id)}/timeline`, query: { format: 'json' } }, call);
    }

    /**
     * Looks until `until` holds of the job, by default until it has ended. A look that nothing answers is asked again as `retry` says, and then throws.
     * Errors: `WaitTimeout`; `JobEnded` when the job has ended and `until` does not hold.
     */
    async waitUntil(id: string, until: (job: Job) => boolean = isEnded, options: WaitOptions = {}): Promise<Job> {
        const { everyMs = 500, timeoutMs, onProgress, ...call } = options;
        const late = new AbortController();
        let last: Job | null = null;
        const cancel =
            timeoutMs === undefined ? () => undefined : this.clock.after(timeoutMs, () => late.abort(new WaitTimeout(id, timeoutMs, last)));
        const signal = call.signal ? AbortSignal.any([call.signal, late.signal]) : late.signal;
        try {
            for (;;) {
                last = await this.getJob(id, { ...call, signal });
                onProgress?.(last);
                if (until(last)) return last;
                if (last.ended) throw new JobEnded(last);
                await sleep(this.clock, everyMs, signal);
            }
        } finally {
            cancel();
        }
    }

    // --- what became of its items ---------------------------------------------------------------------------------

    /** The outcomes as bytes, unread, and the cursor behind them. The stream is not asked for again when it breaks. Error: `BAD_PARAMETER`. */
    async openResults(id: string, options: OpenResultsOptions = {}): Promise<{ body: ReadableStream<Uint8Array>; cursor: string }> {
        const { signal, retry, format = 'ndjson', ...more } = options;
        const answer = await this.requests.open(resultsOf(id, { format, ...more }), { signal, retry });
        return { body: bodyOf(answer), cursor: answer.headers.get('x-fanfold-cursor') ?? '' };
    }

    /** One outcome for each item that has ended, as they come in. */
    async *results(id: string, options: ResultsOptions = {}): AsyncGenerator<Outcome, void> {
        for await (const line of this.resultLines(id, options)) yield JSON.parse(line) as Outcome;
    }

    /** All that is there now or has come since `cursor`, and the cursor to go on from. All of it is in memory. */
    async resultsPage(id: string, options: ResultsOptions = {}): Promise<{ outcomes: Outcome[]; cursor: string }> {
        const { body, cursor } = await this.openResults(id, options);
        const outcomes: Outcome[] = [];
        for await (const line of this.read(resultsOf(id, options), body, options.signal)) outcomes.push(JSON.parse(line) as Outcome);
        return { outcomes, cursor };
    }

    /** One item with all its attempts, by its position in the source from 0 on. Errors: `ITEM_NOT_FOUND`, `NOT_READY` while the source is read. */
    getItem(id: string, index: number, call: CallOptions = {}): Promise<Item> {
        return this.requests.json({ method: 'GET', path: `${jobPath(id)}/items/${index}` }, call);
    }

    /**
     * The first item that has ended and has this key; null where there is none. A number is given as its digits, or as a number that has no others.
     * The API knows items by position: this reads results until the key comes, all of them where it does not.
     */
    async getItemByKey(id: string, key: string | number, call: CallOptions = {}): Promise<Item | null> {
        for await (const line of this.resultLines(id, call)) {
            const head = /^\{"index":(\d+),"outcome":"\w+","key":("(?:[^"\\]|\\.)*"|[^,]*),/.exec(line);
            if (!head) continue;
            const text = head[2]!.startsWith('"') ? (JSON.parse(head[2]!) as string) : head[2]!;
            if (text === String(key)) return this.getItem(id, Number(head[1]), call);
        }
        return null;
    }

    /** Rows of the source that are no items, as they come in. `line` counts from 1. */
    async *invalidRows(id: string, call: CallOptions = {}): AsyncGenerator<InvalidRow, void> {
        const request: ApiRequest = { method: 'GET', path: `${jobPath(id)}/invalid` };
        const answer = await this.requests.open(request, call);
        for await (const line of this.read(request, bodyOf(answer), call.signal)) yield JSON.parse(line) as InvalidRow;
    }

    /** The files of the outcomes, with digests and counts. Error: `NOT_READY` until the job is folded. */
    manifest(id: string, call: CallOptions = {}): Promise<Manifest> {
        return this.requests.json({ method: 'GET', path: `${jobPath(id)}/manifest` }, call);
    }

    /** Has the API read every outcome again: `ok` where each item has exactly one. Error: `NOT_READY` until the job is folded. */
    verifyJob(id: string, call: CallOptions = {}): Promise<Verdict> {
        return this.requests.json({ method: 'POST', path: `${jobPath(id)}/verify`, repeatable: true }, call);
    }

    // --- limiters -------------------------------------------------------------------------------------------------

    /** One page of the list; its `next` is the `continuation` of the next page. */
    limiterPage({ limit, continuation, ...call }: LimiterListOptions & { continuation?: string | undefined } = {}): Promise<LimiterPage> {
        return this.requests.json({ method: 'GET', path: '/limiters', query: { limit, continuation } }, call);
    }

    /** Every limiter, in no order that says anything; a page is asked for when it is come to. */
    async *limiters(options: LimiterListOptions = {}): AsyncGenerator<Limiter, void> {
        for (let continuation: string | undefined; ;) {
            const { limiters, next } = await this.limiterPage({ ...options, continuation });
            yield* limiters;
            if (next === undefined) return;
            continuation = next;
        }
    }

    /** What a target may be asked, what was learned of it, and who asks. Error: `LIMITER_NOT_FOUND` until something has limited it. */
    limiter(name: string, call: CallOptions = {}): Promise<Limiter> {
        return this.requests.json({ method: 'GET', path: limiterPath(name) }, call);
    }

    /** Sets what a target may be asked, in place of what was set before; what was learned of it is forgotten. Error: `BAD_BODY` with `errors`. */
    setLimiter(name: string, settings: LimiterSettings, call: CallOptions = {}): Promise<Limiter> {
        const headers = { 'content-type': 'application/json' };
        const body = JSON.stringify(settings);
        return this.requests.json({ method: 'PUT', path: limiterPath(name), headers, body, repeatable: true }, call);
    }

    // --- uploads --------------------------------------------------------------------------------------------------

    /** Uploads in one request: less than 100 MB, the host's bound. When it breaks off nothing is kept, and it is not sent again. Error: `BAD_UPLOAD`. */
    upload(content: Blob | Uint8Array | string | ByteStream, { name, ...call }: UploadOptions = {}): Promise<Upload> {
        const isWhole = typeof content === 'string' || content instanceof Blob || content instanceof Uint8Array;
        const body = (isWhole ? content : bodyOfStream(content)) as RequestInit['body'];
        const heldMs = this.requests.options.timeoutMs * 9;
        return this.requests.json({ method: 'POST', path: '/uploads', query: { name }, body: body ?? null, heldMs }, call);
    }

    /**
     * Uploads in parts (tus), at most 195 GB. After a broken connection it asks how far the upload is and goes on from there.
     * A stream goes through `fileOfStream`, a file of the disk through `openFile`.
     */
    uploadInParts(content: UploadContent, options: PartsOptions = {}): Promise<Upload> {
        return new PartsUpload(this.requests, (id, call) => this.getUpload(id, call)).run(content, options);
    }

    /** What is known of an upload. Error: `UPLOAD_NOT_FOUND`. */
    getUpload(id: string, call: CallOptions = {}): Promise<Upload> {
        return this.requests.json({ method: 'GET', path: uploadPath(id) }, call);
    }

    /** Error: `UPLOAD_NOT_FOUND`. */
    async deleteUpload(id: string, call: CallOptions = {}): Promise<void> {
        await this.requests.open({ method: 'DELETE', path: uploadPath(id), headers: { 'tus-resumable': '1.0.0' } }, call);
    }

    // --- the host -------------------------------------------------------------------------------------------------

    /** Whether the app reaches its storage. That it does not is an answer here, no error. */
    async health(call: CallOptions = {}): Promise<Health> {
        const request: ApiRequest = { method: 'GET', path: '/health', accept: [503] };
        const answer = await this.requests.json<Partial<Health>>(request, call);
        // Some other 503, of a host that is not there yet.
        if (answer.status !== 'ok' && answer.status !== 'unavailable')
            throw new ApiError(this.requests.urlOf(request), 503, null, JSON.stringify(answer));
        return answer as Health;
    }

    private async *resultLines(id: string, options: ResultsOptions): AsyncGenerator<string, void> {
        const { body } = await this.openResults(id, options);
        yield* this.read(resultsOf(id, options), body, options.signal);
    }

    /** The lines of an answer; that it breaks off is told as of any other request. */
    private async *read(
        request: ApiRequest,
        body: ReadableStream<Uint8Array>,
        signal: AbortSignal | undefined,
    ): AsyncGenerator<string, void> {
        const lines = linesOf(body);
        try {
            for (;;) {
                const { done, value } = await lines.next().catch((error: unknown) => {
                    if (signal?.aborted) throw signal.reason;
                    throw new NetworkError(this.requests.urlOf(request), error);
                });
                if (done) return;
                yield value;
            }
        } finally {
            await lines.return(undefined);
        }
    }
}

const jobPath = (id: string): string => `/jobs/${encodeURIComponent(id)}`;
const limiterPath = (name: string): string => `/limiters/${encodeURIComponent(name)}`;
const uploadPath = (id: string): string => `/uploads/${encodeURIComponent(id)}`;

function resultsOf(id: string, options: OpenResultsOptions): ApiRequest {
    const { outcome, fingerprint, order, cursor, format, spreadsheet } = options;
    return { method: 'GET', path: `${jobPath(id)}/results`, query: { outcome, fingerprint, order, cursor, format, spreadsheet } };
}

/** An answer without a body is one that is empty. */
const bodyOf = (answer: Response): ReadableStream<Uint8Array> =>
    (answer.body as ReadableStream<Uint8Array> | null) ?? new ReadableStream({ start: (controller) => controller.close() });
