// The processors of this app. Yours: one file beside these, and a line here.
import { failed } from './processor';
import { z } from 'zod';
import { durationMs } from '../core/duration';
import type { Secret } from '../core/secrets';
import { DEFAULT_TIMEOUT, type JobSpec } from '../contracts/jobSpec';
import { ExpressionError } from '../expressions/jmespath';
import { OutgoingError } from '../egress/outgoing';
import { checkLink } from './checkLink';
import { digest } from './digest';
import { compileHttp, type HttpCall } from './http';
import { httpReadsItem } from './httpRequest';
import { inTime, TimedContext } from './timeLimit';
import type { Processor } from './processor';
import { TemplateError } from './uriTemplate';

const processors = new Map<string, Processor>([checkLink, digest].map((p) => [p.name, p]));

/** Adds a processor to this process; the name must be free. */
export function registerProcessor(processor: Processor): void {
    if (processors.has(processor.name)) throw new Error(`There is a processor "${processor.name}" already.`);
    processors.set(processor.name, processor);
}

export const findProcessor = (name: string): Processor | undefined => processors.get(name);
export const processorNames = (): string[] => [...processors.keys()].sort();

export const readsItem = ({ process }: Pick<JobSpec, 'process'>): boolean => !('http' in process) || httpReadsItem(process.http);

/** What a job does with an item, compiled once. */
export function compileProcess({ process }: Pick<JobSpec, 'process'>, findSecret: (name: string) => Secret): HttpCall {
    try {
        return 'http' in process ? compileHttp(process.http, findSecret) : compileProcessor(process);
    } catch (error) {
        if (!isOfSpec(error)) throw error;
        // An earlier version took this spec, this one does not: the items say so, and nothing is called.
        const unfit = failed('SPEC_INVALID', `this version cannot do what the spec says: ${error.message}`);
        return async () => unfit;
    }
}

const isOfSpec = (error: unknown): error is Error =>
    [TemplateError, ExpressionError, OutgoingError, z.ZodError].some((kind) => error instanceof kind);

function compileProcessor(process: Exclude<JobSpec['process'], { http: unknown }>): HttpCall {
    const found = findProcessor(process.processor);
    if (!found) {
        // The deployment that accepted the job had it; this one does not.
        const missing = failed('PROCESSOR_MISSING', `this deployment has no processor "${process.processor}"`);
        return async () => missing;
    }
    const run = found.prepare(process.options);
    const timeoutMs = durationMs(process.timeout ?? DEFAULT_TIMEOUT);
    return (item, _rawItem, context) => inTime(timeoutMs, (late) => run(item, new TimedContext(context, late)));
}
