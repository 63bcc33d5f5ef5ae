import type { z } from 'zod';
import type { ItemCode } from '../core/codes';
import { isRetryable } from '../core/retryable';
import type { send } from '../egress/outgoing';
import type { RateHint } from '../egress/rateLimitHeaders';

/** What a processor is told of the item at hand. */
export interface ProcessorContext {
    jobId: string;
    /** 0-based position of the item in the source. */
    index: number;
    /** A number that JavaScript cannot give back digit for digit is a text of its digits here. */
    key: string | number;
    /** 1 for the first try. */
    attempt: number;
    /** The same for every attempt at this item: `{jobId}:{key}`, as a header can carry it. */
    idempotencyKey: string;
    /** Bytes of output that the job keeps. */
    maxOutputBytes: number;
    /** Aborted when the attempt's time is up: what still runs then runs for nothing. */
    signal: AbortSignal;
    /** Every connection to a URL that came with the item or the spec goes through this. */
    send: typeof send;
}

/** What is kept of the answer, if the job keeps it. */
export interface Kept {
    output?: unknown;
    /** Output that is JSON text already, on one line. */
    outputJson?: string;
    truncated?: boolean;
    /** Length of the whole output, when it is cut. */
    outputBytes?: number;
    /** The value of a secret was taken out of the output, the message or the call. */
    redacted?: boolean;
}

/** What the target said in its answer. */
interface Answered {
    status?: number;
    /** What it told of its limits: so many more calls until so many ms from then. */
    rateHint?: RateHint;
}

export interface Succeeded extends Kept, Answered {
    ok: true;
}

export interface Failed extends Kept, Answered {
    ok: false;
    error: { code: ItemCode; message: string; retryable: boolean };
    /** What the target asked for with Retry-After. */
    retryAfterMs?: number;
    /** Method and URL of the call, where one was made: `GET https://host/path`. Without secrets; 300 characters of it are kept. */
    request?: string;
}

export type ProcessorResult = Succeeded | Failed;

/** `retryable`: another attempt may help; only what knows the cause says otherwise than the table. */
export const failed = (code: ItemCode, message: string, retryable = isRetryable(code)): Failed => ({
    ok: false,
    error: { code, message, retryable },
});

export interface Processor {
    name: string;
    description: string;
    options: z.ZodType;
    /** Options are checked once per job; the returned function is called per item. */
    prepare: (options: unknown) => (item: unknown, context: ProcessorContext) => Promise<ProcessorResult>;
}
