import type { FailureGroup } from '../../src/core/failures';

/** So many items that have failed with one code, all with one message. */
export const groupOf = (code: string, count: number, message = 'm'): FailureGroup => ({
    ...{ fingerprint: code.toLowerCase(), code, status: null, message, count, firstAt: null, lastAt: null },
    sample: { index: 1, key: null, at: null, message },
});
