import { cutText } from './text';

/** The error catalogue: every problem the API can answer with, its HTTP status, title and remedy. `docs/api.md` lists the same codes. */
export const catalogue = {
    BAD_JSON: { status: 400, title: 'The request body is not valid JSON', remedy: 'Send one JSON document as UTF-8.' },
    BAD_SPEC: { status: 400, title: 'The job spec is not valid', remedy: 'Correct each listed field; nothing was stored.' },
    BAD_PARAMETER: { status: 400, title: 'A request parameter is not valid', remedy: 'Correct the named parameter.' },
    BAD_UPLOAD: { status: 400, title: 'The upload is not valid', remedy: 'See docs/uploads.md.' },
    FOREIGN_ORIGIN: {
        status: 403,
        title: 'The page that sent this is of another origin',
        remedy: 'Send it from a page of this origin, or have the deployment allow that origin (FANFOLD_ALLOWED_ORIGINS).',
    },
    JOB_NOT_FOUND: { status: 404, title: 'No such job', remedy: 'List jobs with GET /api/jobs.' },
    ITEM_NOT_FOUND: { status: 404, title: 'No such item', remedy: 'Items are numbered from 0 to total - 1.' },
    UPLOAD_NOT_FOUND: { status: 404, title: 'No such upload', remedy: 'Create one with POST /api/uploads.' },
    ROUTE_NOT_FOUND: { status: 404, title: 'No such route', remedy: 'See docs/api.md for the routes.' },
    METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed here', remedy: 'Use one of the methods in the Allow header.' },
    NOT_ACCEPTABLE: { status: 406, title: 'No such representation', remedy: 'Ask for NDJSON or CSV.' },
    ILLEGAL_MOVE: { status: 409, title: 'The job is in a state that does not allow this', remedy: 'See "state" and "allowed".' },
    NOT_READY: { status: 409, title: 'Not there yet', remedy: 'Ask again when the job has ended.' },
    IDEMPOTENCY_IN_PROGRESS: {
        status: 409,
        title: 'The first request with this Idempotency-Key is still at work',
        remedy: 'Send it again after the time in Retry-After.',
    },
    UPLOAD_CONFLICT: {
        status: 409,
        title: 'The upload is not where this request expects it',
        remedy: 'Ask for the offset with HEAD and go on from there.',
    },
    PRECONDITION_FAILED: { status: 412, title: 'Protocol version not supported', remedy: 'Send Tus-Resumable: 1.0.0.' },
    TOO_LARGE: { status: 413, title: 'The request is too large', remedy: 'Upload the items in a file and name the upload as the source.' },
    UNSUPPORTED_MEDIA: {
        status: 415,
        title: 'The content type is not supported',
        remedy: 'Send the content type that the route documents.',
    },
    IDEMPOTENCY_CONFLICT: { status: 422, title: 'This Idempotency-Key was used with another body', remedy: 'Use a new key for a new job.' },
    INTERNAL: { status: 500, title: 'Something went wrong here', remedy: 'Try again; the log holds the details under the invocation id.' },
    NEWER_VERSION: {
        status: 503,
        title: 'A newer version of this app has written what is asked for',
        remedy: 'Try again in a few seconds: this instance is being replaced.',
    },
    STORAGE_UNAVAILABLE: { status: 503, title: 'Storage does not answer', remedy: 'Try again in a few seconds.' },
} as const;

export type ProblemCode = keyof typeof catalogue;

/** One thing wrong with a document: where (JSON pointer, RFC 6901), what, and what is allowed there. */
export interface FieldError {
    pointer: string;
    message: string;
    allowed?: string | undefined;
}

export interface ProblemDetails {
    detail?: string;
    errors?: FieldError[];
    headers?: Record<string, string>;
    [extra: string]: unknown;
}

/** An expected failure of a request, told to the caller as `application/problem+json` (RFC 9457). */
export class Problem extends Error {
    readonly status: number;
    readonly title: string;
    readonly remedy: string;
    constructor(
        readonly code: ProblemCode,
        readonly details: ProblemDetails = {},
    ) {
        super(details.detail ?? catalogue[code].title);
        this.name = 'Problem';
        ({ status: this.status, title: this.title, remedy: this.remedy } = catalogue[code]);
    }
}

export const problem = (code: ProblemCode, details?: ProblemDetails): Problem => new Problem(code, details);

/** A failure kept as data: in an outcome, a job's `error`, or an activity's reply. Messages are cut so that no record grows without bound. */
export interface Failure {
    code: string;
    message: string;
    retryable?: boolean;
}

export const MAX_MESSAGE = 500;

export const failure = (code: string, message: string, retryable = false): Failure & { retryable: boolean } => ({
    code,
    message: cutText(message, MAX_MESSAGE),
    retryable,
});
