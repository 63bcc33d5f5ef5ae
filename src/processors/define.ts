// How a processor is written: a name, what it takes, what it does with one item.
import { compile } from '@jmespath-community/jmespath';
import { z } from 'zod';
import { OutgoingError } from '../net/outgoing';
import type { Processor, ProcessorContext, ProcessorResult } from './types';

/** Thrown by a processor: try again later, after `retryAfterMs` if given. */
export class RetryableError extends Error {
    constructor(
        message: string,
        readonly retryAfterMs?: number,
    ) {
        super(message);
    }
}

/** Thrown by a processor: this item fails now, however many attempts are left. */
export class FatalError extends Error {}

/** An option that holds a JMESPath expression; one that does not parse is refused when the job is posted. */
export const jmespath = () =>
    z
        .string()
        .min(1)
        .superRefine((expression, check) => {
            try {
                compile(expression);
            } catch (error) {
                check.addIssue({ code: 'custom', message: `not a JMESPath expression: ${(error as Error).message}` });
            }
        });

export interface Definition<Item extends z.ZodType, Options extends z.ZodType> {
    /** Lower camel case, unique. */
    name: string;
    description: string;
    item: Item;
    options: Options;
    run: (call: { item: z.infer<Item>; options: z.infer<Options>; context: ProcessorContext }) => Promise<unknown>;
}

/**
 * Makes a processor. Options are validated when a job is posted, each item when it is processed (INVALID_ITEM, not retried).
 * What `run` returns is the item's output; what it throws fails the attempt: FatalError for good, anything else to be tried again.
 */
export function defineProcessor<Item extends z.ZodType, Options extends z.ZodType>(d: Definition<Item, Options>): Processor {
    return {
        name: d.name,
        description: d.description,
        options: d.options,
        prepare: (given) => {
            const options = d.options.parse(given);
            return async (raw, context) => {
                const item = d.item.safeParse(raw);
                if (!item.success)
                    return {
                        ok: false,
                        error: {
                            code: 'INVALID_ITEM',
                            message: `${d.name} cannot take this item: ${z.prettifyError(item.error)}`,
                            retryable: false,
                        },
                    };
                try {
                    return bounded(await d.run({ item: item.data, options, context }), context.maxOutputBytes);
                } catch (error) {
                    return failed(error);
                }
            };
        },
    };
}

function bounded(output: unknown, maxBytes: number): ProcessorResult {
    const json = JSON.stringify(output) as string | undefined;
    if (json === undefined) return { ok: true };
    const bytes = Buffer.byteLength(json);
    return bytes <= maxBytes
        ? { ok: true, outputJson: json }
        : { ok: true, output: Buffer.from(json).toString('utf8', 0, maxBytes), truncated: true, outputBytes: bytes };
}

function failed(error: unknown): ProcessorResult {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof FatalError) return { ok: false, error: { code: 'PROCESSOR_FATAL', message, retryable: false } };
    if (error instanceof OutgoingError)
        return { ok: false, error: { code: error.code, message, retryable: error.retryable }, throttled: error.code === 'TIMEOUT' };
    const after = error instanceof RetryableError && error.retryAfterMs !== undefined ? { retryAfterMs: error.retryAfterMs } : {};
    return { ok: false, error: { code: 'PROCESSOR_ERROR', message, retryable: true }, ...after };
}
