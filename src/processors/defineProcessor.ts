// How a processor is written: a name, what it takes, what it does with one item.
import { z } from 'zod';
import { holdsExact, withDoubles, writeExact } from '../json/exactJson';
import { InexactNumber } from '../json/exactNumber';
import { messageOf } from '../core/text';
import { codeOf, compileExpression, ExpressionError } from '../expressions/jmespath';
import { OutgoingError } from '../egress/outgoing';
import { MAX_RETRY_AFTER_MS } from '../egress/retryAfter';
import { CallError } from './callError';
import { cutBytes } from './httpAnswer';
import { failed, type Processor, type ProcessorContext, type ProcessorResult } from './processor';

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
                compileExpression(expression);
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
    /**
     * Numbers of the item that a double would not give back digit for digit (`1.10`, `9007199254740993`) come as `ExactNumber`. Without it they come as
     * doubles where a double is the same number; where none is, `z.number()` refuses the item, and `z.coerce.string()` takes the digits.
     */
    exactNumbers?: boolean;
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
                const given = d.exactNumbers ? raw : withDoubles(raw);
                const item = d.item.safeParse(given);
                if (!item.success) return invalid(d.name, item.error, given);
                try {
                    return bounded(await d.run({ item: item.data, options, context }), context.maxOutputBytes);
                } catch (error) {
                    return thrown(error);
                }
            };
        },
    };
}

/** Problems of an item that its message tells of; it is cut soon. */
const TOLD = 10;

function invalid(name: string, error: z.ZodError, item: unknown): ProcessorResult {
    const first = new z.ZodError(error.issues.slice(0, TOLD));
    const hint = holdsExact(item) ? '. A number that no double gives back is taken with z.coerce.string().' : '';
    const message = `${name} cannot take this item: ${z.prettifyError(first)}${hint}`;
    return failed('INVALID_ITEM', message);
}

function bounded(output: unknown, maxBytes: number): ProcessorResult {
    const json = writeExact(output) as string | undefined;
    if (json === undefined) return { ok: true };
    const bytes = Buffer.byteLength(json);
    return bytes <= maxBytes
        ? { ok: true, outputJson: json }
        : { ok: true, output: cutBytes(json, maxBytes), truncated: true, outputBytes: bytes };
}

function thrown(error: unknown): ProcessorResult {
    const message = messageOf(error);
    try {
        return judged(error, message);
    } catch {
        // It throws when it is looked at, so it is none of ours.
        return failed('PROCESSOR_ERROR', message);
    }
}

function judged(error: unknown, message: string): ProcessorResult {
    if (error instanceof FatalError) return failed('PROCESSOR_FATAL', message);
    if (error instanceof ExpressionError) return failed(codeOf(error, 'PROCESSOR_FATAL'), message);
    if (error instanceof CallError || error instanceof OutgoingError) return failed(error.code, message);
    if (error instanceof InexactNumber) return failed('NUMBER_INEXACT', message);
    const asked = error instanceof RetryableError ? Number(error.retryAfterMs) : NaN;
    // What is no time (NaN, Infinity, negative) asks for nothing; more than seven days is seven days.
    const after = Number.isFinite(asked) && asked > 0 ? { retryAfterMs: Math.min(asked, MAX_RETRY_AFTER_MS) } : {};
    return { ...failed('PROCESSOR_ERROR', message), ...after };
}
