import type { ItemCode } from '../core/codes';

/** Why an item cannot be called, or digested, as the spec says. It fails for good, and nothing is called: trying again would find the same. */
export type CallErrorCode = Extract<
    ItemCode,
    'URL_VARIABLE' | 'URL_SEGMENT' | 'URL_ORIGIN' | 'URL_TOO_LONG' | 'LONE_SURROGATE' | 'NUMBER_INEXACT'
>;

export class CallError extends Error {
    constructor(
        readonly code: CallErrorCode,
        message: string,
    ) {
        super(message);
    }
}
