// The built-in processor: one HTTP call per item.
import type { ItemCode } from '../core/codes';
import { durationMs } from '../core/duration';
import type { Secret } from '../core/secrets';
import type { HttpProcess } from '../contracts/jobSpec';
import { codeOf, compileExpression } from '../expressions/jmespath';
import { allowedHeaders, send } from '../egress/outgoing';
import { CallError } from './callError';
import { urlReader } from './callUrl';
import { bytesToKeep, judge, unanswered } from './httpAnswer';
import { failed } from './processor';
import { bodyReader } from './httpRequest';
import { redactor, type Redactor } from './redact';
import { requestLine } from './requestLine';
import { headersOf } from './secretHeaders';
import type { Failed, ProcessorContext, ProcessorResult } from './processor';

export type HttpCall = (item: unknown, rawItem: string, context: Omit<ProcessorContext, 'send' | 'signal'>) => Promise<ProcessorResult>;

/** Compiles the call once per job. Where `findSecret` finds no value, every item fails, and says so. */
export function compileHttp(spec: HttpProcess, findSecret: (name: string) => Secret): HttpCall {
    const urlOf = urlReader(spec);
    const bodyOf = bodyReader(spec);
    const success = spec.success === undefined ? null : compileExpression(spec.success);
    const timeoutMs = durationMs(spec.timeout);
    const given = headersOf(spec, findSecret);
    const redact = redactor(given.secrets);
    const headers = allowedHeaders({ 'user-agent': 'fanfold', ...given.headers });
    if (bodyOf && !('content-type' in headers)) headers['content-type'] = 'application/json';
    const common = Object.entries(headers).flat();

    return async (item, rawItem, context) => {
        let url: string;
        let body: string | null;
        try {
            url = urlOf(item);
        } catch (error) {
            if (error instanceof CallError) return failed(error.code, error.message);
            throw error;
        }
        const refusal = given.refuses(url);
        if (refusal) return refusal;
        try {
            body = bodyOf?.(item, rawItem) ?? null;
        } catch (error) {
            return failed(codeOf(error, 'BODY_EXPRESSION'), `the body expression does not fit this item: ${(error as Error).message}`);
        }
        const { idempotencyKey, attempt, maxOutputBytes } = context;
        const wanted = { success, maxOutputBytes, redact };
        const named = (result: ProcessorResult) => (result.ok ? result : withRequest(result, spec.method, url, redact));
        return send({
            method: spec.method,
            url,
            headers: common.concat('idempotency-key', idempotencyKey, 'fanfold-attempt', String(attempt)),
            body,
            timeoutMs,
            maxBodyBytes: bytesToKeep(wanted),
        }).then(
            async (answer) => named(await judge(answer, wanted)),
            (error: unknown) => named(unanswered(error)),
        );
    };
}

/** Failures of calls that were never made: there is nothing to be seen at the target. */
const neverSent = new Set<ItemCode>(['BAD_URL', 'LONE_SURROGATE', 'TARGET_FORBIDDEN', 'TARGET_UNRESOLVED']);

/** With the call as it was made. */
function withRequest(result: Failed, method: string, url: string, redact: Redactor | null): Failed {
    if (neverSent.has(result.error.code)) return result;
    const { request, redacted } = requestLine(method, url, redact);
    return { ...result, request, ...(redacted ? { redacted } : {}) };
}
