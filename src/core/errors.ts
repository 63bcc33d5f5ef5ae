// Failures: of requests, and as data.
import { problemCodes, type ItemCode, type JobCode, type ProblemCode } from './codes';
import { cutText } from './text';

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
        super(details.detail ?? problemCodes[code].title);
        this.name = 'Problem';
        ({ status: this.status, title: this.title, remedy: this.remedy } = problemCodes[code]);
    }
}

export const problem = (code: ProblemCode, details?: ProblemDetails): Problem => new Problem(code, details);

/** The codes of problems that list what is wrong field by field. */
export type FieldsCode = 'BAD_BODY' | 'BAD_SPEC';

/** A document of which these fields are wrong, one at least. */
export function badFields(code: FieldsCode, errors: FieldError[], listed = 100): Problem {
    const first = errors[0]!;
    const many = errors.length > listed ? `More than ${listed} problems` : `${errors.length} problems`;
    return problem(code, {
        detail: `${errors.length === 1 ? 'One problem' : many}; the first: ${first.pointer || 'the document'}: ${first.message}.`,
        errors: errors.slice(0, listed),
    });
}

/** A failure kept as data: in an outcome, a job's `error`, or an activity's reply. Messages are cut so that no record grows without bound. */
export interface Failure {
    /** One of `codes.ts`; what another version has stored may have one that is not there. */
    code: string;
    message: string;
    retryable?: boolean;
}

export const MAX_MESSAGE = 500;

export const failure = <Code extends ItemCode | JobCode>(code: Code, message: string, retryable = false) => ({
    code,
    message: cutText(message, MAX_MESSAGE),
    retryable,
});
