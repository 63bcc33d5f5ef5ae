// What is tried again, and why: one table of statuses and one of codes. docs/job-spec.md shows both.
import type { ItemCode } from './codes';

interface StatusRule {
    from: number;
    /** Absent: this status alone. */
    to?: number;
    retry: boolean;
    why: string;
}

/** Of an answer that is no success. The first rule that a status fits holds. */
export const statusRules: readonly StatusRule[] = [
    { from: 408, retry: true, why: 'Request Timeout: the request did not come through in time.' },
    { from: 425, retry: true, why: 'Too Early: the target asks for it once more, so that nothing is replayed (RFC 8470).' },
    { from: 429, retry: true, why: 'Too Many Requests: it is asked too much now (RFC 6585).' },
    { from: 500, retry: true, why: 'Internal Server Error: also what passes, such as a deployment, is answered so.' },
    { from: 502, retry: true, why: 'Bad Gateway: what stands before the target has had no sensible answer of it.' },
    { from: 503, retry: true, why: 'Service Unavailable: overload or maintenance, for a while.' },
    { from: 504, retry: true, why: 'Gateway Timeout: what stands before the target has had no answer of it in time.' },
    { from: 520, to: 529, retry: true, why: 'Of content delivery networks: the target behind them is away, slow or overloaded.' },
    { from: 200, to: 299, retry: false, why: 'The target has done what it was asked for: another call would do it again.' },
    { from: 300, to: 399, retry: false, why: 'Redirects are not followed, and would be answered again.' },
    { from: 400, to: 499, retry: false, why: 'The request is at fault, and would be the same again.' },
    { from: 500, to: 599, retry: false, why: 'What the target cannot do, it can as little a moment later.' },
    { from: 600, to: 999, retry: false, why: 'No status of HTTP.' },
];

/** `status`: as the status of the answer says, and not without one. `cause`: as whoever gives the code knows. */
export type Retry = 'yes' | 'no' | 'status' | 'cause';

/** Of an attempt that failed. */
export const codeRules = {
    HTTP_STATUS: { retry: 'status', why: 'See the statuses.' },
    UNSUCCESSFUL: { retry: 'no', why: 'The target has taken the call, and said no.' },
    SUCCESS_EXPRESSION: { retry: 'status', why: 'An error page in place of the expected document is the usual reason.' },
    TIMEOUT: { retry: 'yes', why: 'The target was slow or away, which passes.' },
    CONNECTION: { retry: 'yes', why: 'The target, its network or the looking up of names was away, which passes.' },
    BAD_ANSWER: { retry: 'no', why: 'What speaks no HTTP does not learn it.' },
    BAD_ENCODING: { retry: 'yes', why: 'A body that was damaged on its way may come whole.' },
    TOO_LARGE: { retry: 'no', why: 'The answer would be as long again.' },
    URL_VARIABLE: { retry: 'no', why: 'The same item gives the same URL.' },
    URL_SEGMENT: { retry: 'no', why: 'The same item gives the same URL.' },
    URL_ORIGIN: { retry: 'no', why: 'The same item gives the same URL.' },
    URL_TOO_LONG: { retry: 'no', why: 'The same item gives the same URL.' },
    BAD_URL: { retry: 'no', why: 'The same item gives the same URL.' },
    TARGET_FORBIDDEN: { retry: 'no', why: 'What may be called does not change while the app runs.' },
    TARGET_UNRESOLVED: {
        retry: 'no',
        why: 'A name that nobody has does not come to be one in minutes; where names cannot be looked up just now, it is CONNECTION.',
    },
    LONE_SURROGATE: { retry: 'no', why: 'The same item has the same text.' },
    NUMBER_INEXACT: { retry: 'status', why: 'An item has the same number again, and no status; an answer may have another.' },
    BODY_EXPRESSION: { retry: 'no', why: 'The same expression on the same item fails again.' },
    SECRET_MISSING: { retry: 'cause', why: 'Yes where the setting may be on its way, as one that a vault resolves.' },
    SECRET_HOST: { retry: 'no', why: 'Where a secret may go does not change while the app runs.' },
    SECRET_INVALID: { retry: 'no', why: 'The setting does not change while the app runs.' },
    SPEC_INVALID: { retry: 'no', why: 'The spec does not change.' },
    INVALID_ITEM: { retry: 'no', why: 'The same item is refused again.' },
    PROCESSOR_ERROR: { retry: 'yes', why: 'A processor throws for reasons that pass, unless it says otherwise.' },
    PROCESSOR_FATAL: { retry: 'no', why: 'The processor says that it cannot help.' },
    PROCESSOR_MISSING: { retry: 'yes', why: 'The deployment that has it may be on its way.' },
    BAD_RESULT: { retry: 'no', why: 'The attempt has done its work: another would do it again.' },
    NOT_APPROVED: { retry: 'no', why: 'The item is not to be called.' },
    POISON: { retry: 'no', why: 'It has ended processes enough.' },
} as const satisfies Record<ItemCode, { retry: Retry; why: string }>;

const retried = new Set(
    statusRules.flatMap(({ from, to = from, retry }) => (retry ? Array.from({ length: to - from + 1 }, (_, i) => from + i) : [])),
);

/** Whether another attempt may help after one that failed with this code; `status`: that of the answer, if there was one. */
export function isRetryable(code: ItemCode, status?: number): boolean {
    const { retry } = codeRules[code];
    return retry === 'yes' || (retry === 'status' && status !== undefined && retried.has(status));
}
