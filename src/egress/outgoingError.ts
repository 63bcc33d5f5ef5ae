// Why a call came to no answer.
import type { ItemCode } from '../core/codes';
import { isRetryable } from '../core/retryable';

/**
 * BAD_URL: the call cannot be made. LONE_SURROGATE: its URL or body is no Unicode text. BAD_ANSWER: what came is no HTTP, or more header than is read.
 * TOO_LARGE: more body than is read. TARGET_UNRESOLVED: there is no host of that name. TARGET_FORBIDDEN: it may not be called from here.
 */
export type OutgoingCode = Extract<
    ItemCode,
    'TIMEOUT' | 'CONNECTION' | 'BAD_URL' | 'LONE_SURROGATE' | 'BAD_ANSWER' | 'TOO_LARGE' | 'TARGET_UNRESOLVED' | 'TARGET_FORBIDDEN'
>;

export class OutgoingError extends Error {
    readonly retryable: boolean;

    constructor(
        readonly code: OutgoingCode,
        message: string,
    ) {
        super(message);
        this.name = 'OutgoingError';
        this.retryable = isRetryable(code);
    }
}
