// What a call can throw: the API's answer, or that there was none; and what a wait can.
import type { FieldError, Job, ProblemCode, ProblemDocument } from './documents';

/** Characters of an answer that is no problem document which a message shows. */
const SHOWN = 300;

/** Where a request went. */
export interface Asked {
    method: string;
    /** With the query, such as `/api/jobs?limit=1`. */
    path: string;
    /** The whole URL. */
    url: string;
}

/** The API has answered, and not with success. Act on `code`; the message says method, path, status, code and detail. */
export class ApiError extends Error {
    override readonly name = 'ApiError';
    readonly method: string;
    readonly path: string;
    readonly title: string;
    readonly detail: string;
    /** What to do about it; empty where the answer does not say. */
    readonly remedy: string;
    /** Single fields that are wrong, by JSON pointer; empty where none is named. */
    readonly errors: FieldError[];

    constructor(
        asked: Asked,
        readonly status: number,
        /** The whole problem document; null where something else answered, such as a proxy or the host itself. */
        readonly problem: ProblemDocument | null,
        /** The answer as it came. */
        readonly body: string,
        /** What `Retry-After` says, in ms from now; null without that header. */
        readonly retryAfterMs: number | null = null,
    ) {
        const detail = problem?.detail ?? (body.trim().slice(0, SHOWN) || 'without a body');
        super(`${asked.method} ${asked.path} answered ${status}${problem ? ` ${problem.code}` : ''}: ${detail}`);
        this.method = asked.method;
        this.path = asked.path;
        this.title = problem?.title ?? '';
        this.detail = detail;
        this.remedy = problem?.remedy ?? '';
        this.errors = problem?.errors ?? [];
    }

    /** Of the error catalogue; null where the answer is no problem document. */
    get code(): ProblemCode | null {
        return this.problem?.code ?? null;
    }
}

/** Nothing answered: no connection, a broken one, or too late. What was asked may be done all the same. */
export class NetworkError extends Error {
    override readonly name = 'NetworkError';
    readonly method: string;
    readonly url: string;

    constructor({ method, url }: Asked, why: unknown) {
        super(`${method} ${url} was not answered: ${reasons(why)}`, { cause: why });
        this.method = method;
        this.url = url;
    }
}

export type CallError = ApiError | NetworkError;
export const isCallError = (error: unknown): error is CallError => error instanceof ApiError || error instanceof NetworkError;

/** A broken connection, or a 503 that says when to come again. */
export const isTransient = (error: CallError): boolean =>
    error instanceof NetworkError || (error.status === 503 && error.retryAfterMs !== null);

/** As `isTransient`, and any answer of 500 or above: for a host that dies and comes back, which may answer anything in between. */
export const isUnavailable = (error: CallError): boolean => error instanceof NetworkError || error.status >= 500;

/** The job was not seen as it was waited for in time. `job` is how it was seen last; null when it never was. */
export class WaitTimeout extends Error {
    override readonly name = 'WaitTimeout';
    constructor(
        readonly jobId: string,
        timeoutMs: number,
        readonly job: Job | null,
    ) {
        super(`job ${jobId} is not what is waited for after ${timeoutMs} ms: ${JSON.stringify(job)}`);
    }
}

/** The job has ended without being what was waited for, and never will be. */
export class JobEnded extends Error {
    override readonly name = 'JobEnded';
    constructor(readonly job: Job) {
        super(`job ${job.id} ended as ${job.state}, which is not what is waited for: ${JSON.stringify(job)}`);
    }
}

/** `fetch` says no more than "fetch failed"; why stands in its cause. An error may come from another realm, where `instanceof` does not hold. */
function reasons(error: unknown): string {
    const told: string[] = [];
    for (
        let at = error as Partial<AggregateError> | null | undefined;
        typeof at === 'object' && at && told.length < 4;
        at = at.cause as typeof at
    ) {
        // An attempt at several addresses has one error for each, and no message.
        const text = at.message || (at.errors ?? []).map((e) => (e as Error).message).join(', ');
        if (text && !told.includes(text)) told.push(text);
    }
    return told.join(': ') || String(error);
}
