// What the end of a call tells of its target.
import type { Evidence } from '../../core/blame';
import type { ItemCode } from '../../core/codes';
import type { ProcessorResult } from '../../processors/processor';

/** There was none from the first, as the system says it: no name, nobody there, no way. One that breaks may be the item's doing. */
const NO_CONNECTION = /\b(ECONNREFUSED|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN)\b/;

/** Codes without a status of calls that the target has answered all the same. */
const ANSWERED = new Set<ItemCode>(['BAD_ANSWER', 'TOO_LARGE']);

/**
 * 429 Too Many Requests, and 503 Service Unavailable with `Retry-After` (RFC 6585, RFC 9110): it is asked too much. Another status from 500 on that may be
 * tried again, and an answer that did not come in time: it may be away, or it is so with this item. Whatever else it answers, it is there.
 */
export function evidenceOf(result: ProcessorResult): Evidence {
    const { status } = result;
    if (result.ok) return 'answered';
    const { code, retryable } = result.error;
    if (status === 429 || (status === 503 && (result.retryAfterMs ?? 0) > 0)) return 'throttled';
    if (status !== undefined) return status >= 500 && retryable ? 'suspect' : 'answered';
    if (code === 'TIMEOUT') return 'suspect';
    if (code === 'CONNECTION') return NO_CONNECTION.test(result.error.message) ? 'unreachable' : 'suspect';
    return ANSWERED.has(code) ? 'answered' : 'none';
}
