// The processors of this app. Yours: one file beside these, and a line here.
import type { JobSpec } from '../core/spec';
import { send } from '../net/outgoing';
import { checkLink } from './checkLink';
import { digest } from './digest';
import { compileHttp, httpReadsItem, type HttpCall } from './http';
import type { Processor } from './types';

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
export function compileProcess({ process }: Pick<JobSpec, 'process'>, resolveSecret: (name: string) => string | undefined): HttpCall {
    if ('http' in process) return compileHttp(process.http, resolveSecret);
    const found = findProcessor(process.processor);
    if (!found) {
        // The deployment that accepted the job had it; this one does not.
        const error = { code: 'PROCESSOR_MISSING', message: `this deployment has no processor "${process.processor}"`, retryable: true };
        return async () => ({ ok: false, error });
    }
    const run = found.prepare(process.options);
    return (item, _rawItem, context) => run(item, { ...context, send });
}
