// The built-in processor: one HTTP call per item.
import { compile, TreeInterpreter, type JSONValue } from '@jmespath-community/jmespath';
import { parseTemplate } from 'url-template';
import { durationMs } from '../core/duration';
import type { FieldError } from '../core/errors';
import type { HttpProcess } from '../core/spec';
import { allowedHeaders, OutgoingError, send, target, type OutgoingAnswer } from '../net/outgoing';
import type { Kept, ProcessorContext, ProcessorResult } from './types';

const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);
const THROTTLED = new Set([429, 503]);
const MAX_RETRY_AFTER_MS = 7 * 86_400_000;
const withoutBody = new Set(['GET', 'HEAD', 'DELETE']);

export type HttpCall = (item: unknown, rawItem: string, context: Omit<ProcessorContext, 'send'>) => Promise<ProcessorResult>;

/** Compiles the call once per job. `resolveSecret` gives undefined for a secret that is gone; then every item fails, and says so. */
export function compileHttp(spec: HttpProcess, resolveSecret: (name: string) => string | undefined): HttpCall {
    const urlOf = urlReader(spec.url);
    const bodyOf = bodyReader(spec);
    const success = spec.success === undefined ? null : compile(spec.success);
    const timeoutMs = durationMs(spec.timeout);
    const fixed: Record<string, string> = { 'user-agent': 'fanfold' };
    const missing: string[] = [];
    for (const [name, value] of Object.entries(spec.headers)) {
        const text = typeof value === 'string' ? value : resolveSecret(value.secret);
        if (text === undefined) missing.push((value as { secret: string }).secret);
        else fixed[name] = text;
    }
    const headers = allowedHeaders(fixed);
    if (bodyOf && !('content-type' in headers)) headers['content-type'] = 'application/json';
    for (const ours of ['idempotency-key', 'fanfold-attempt']) delete headers[ours];
    const common = Object.entries(headers).flat();

    return async (item, rawItem, context) => {
        if (missing.length > 0) return failed('SECRET_MISSING', `there is no app setting for the secret ${missing.join(', ')}`, false);
        let body: string | null;
        try {
            body = bodyOf?.(item, rawItem) ?? null;
        } catch (error) {
            return failed('BODY_EXPRESSION', `the body expression does not fit this item: ${(error as Error).message}`, false);
        }
        const { idempotencyKey, attempt, maxOutputBytes } = context;
        return send({
            method: spec.method,
            url: urlOf(item),
            headers: common.concat('idempotency-key', headerText(idempotencyKey), 'fanfold-attempt', String(attempt)),
            body,
            timeoutMs,
            // The success expression looks at the body, so it must be whole even when little of it is kept.
            maxBodyBytes: success ? Math.max(maxOutputBytes, 1_048_576) : maxOutputBytes,
        }).then((answer) => judge(answer, success, maxOutputBytes), unanswered);
    };
}

function unanswered(error: unknown): ProcessorResult {
    if (!(error instanceof OutgoingError)) throw error;
    return { ...failed(error.code, error.message, error.retryable), throttled: error.code === 'TIMEOUT' };
}

/** Whether a call needs the item as a value; otherwise its JSON text is sent as it stands, and nobody need parse it. */
export const httpReadsItem = (spec: HttpProcess): boolean => spec.body !== undefined || spec.url.includes('{');

type Ast = ReturnType<typeof compile>;

function judge(answer: OutgoingAnswer, success: Ast | null, maxOutputBytes: number): ProcessorResult {
    const { status } = answer;
    const parsed = parseBody(answer);
    if (success) {
        let held: unknown;
        try {
            held = TreeInterpreter.search(success, { status, headers: answer.headers, body: parsed.value } as JSONValue);
        } catch (error) {
            // An error page in place of the expected document is the usual reason: the status says whether to try again.
            return {
                ...failed(
                    'SUCCESS_EXPRESSION',
                    `HTTP ${status}: the success expression does not fit the answer: ${(error as Error).message}`,
                    RETRYABLE.has(status),
                ),
                status,
                throttled: THROTTLED.has(status),
            };
        }
        // JMESPath's own idea of truth: false, null and empty values are false.
        if (isTruthy(held)) return succeeded(answer, parsed.json, maxOutputBytes);
    } else if (status >= 200 && status < 300) return succeeded(answer, parsed.json, maxOutputBytes);
    const said = answer.body.length > 0 ? `: ${answer.body.toString('utf8', 0, 200)}` : '';
    const unsuccessful = success !== null && status >= 200 && status < 300;
    const retryAfterMs = retryAfter(answer.headers['retry-after']);
    return {
        ...failed(
            unsuccessful ? 'UNSUCCESSFUL' : 'HTTP_STATUS',
            unsuccessful ? `the success expression does not hold${said}` : `HTTP ${status}${said}`,
            RETRYABLE.has(status),
        ),
        status,
        ...kept(answer, parsed.json, maxOutputBytes),
        throttled: THROTTLED.has(status),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
}

const failed = (code: string, message: string, retryable: boolean) => ({ ok: false as const, error: { code, message, retryable } });

const succeeded = (answer: OutgoingAnswer, json: string | null, maxOutputBytes: number): ProcessorResult => ({
    ok: true,
    status: answer.status,
    ...kept(answer, json, maxOutputBytes),
});

/** The answer's body as output: JSON where it is whole and JSON, else text. */
function kept({ body, bodyBytes }: OutgoingAnswer, json: string | null, maxOutputBytes: number): Kept {
    if (bodyBytes === 0) return {};
    if (bodyBytes > maxOutputBytes) return { output: body.toString('utf8', 0, maxOutputBytes), truncated: true, outputBytes: bodyBytes };
    return json === null ? { output: body.toString('utf8') } : { outputJson: json };
}

/** The body as a value for expressions, and as JSON text on one line when it is JSON. */
function parseBody(answer: OutgoingAnswer): { value: unknown; json: string | null } {
    const text = answer.body.toString('utf8');
    if (answer.truncated || !/^\s*[[{"\d\-tfn]/.test(text)) return { value: text, json: null };
    try {
        const value: unknown = JSON.parse(text);
        return { value, json: /[\r\n]/.test(text) ? JSON.stringify(value) : text };
    } catch {
        return { value: text, json: null }; // looked like JSON and is not: plain text
    }
}

const isTruthy = (v: unknown): boolean =>
    !(
        v === false ||
        v === null ||
        v === undefined ||
        v === '' ||
        (Array.isArray(v) && v.length === 0) ||
        (typeof v === 'object' && Object.keys(v).length === 0)
    );

/** Retry-After in ms (RFC 9110 section 10.2.3: seconds, or an HTTP date); at most seven days. */
export function retryAfter(value: string | undefined, now = Date.now()): number | undefined {
    if (value === undefined) return undefined;
    const ms = /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
    return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, Math.round(ms))) : undefined;
}

/** A header may hold visible ASCII only; anything else is percent-encoded. */
const headerText = (text: string): string => (/^[\x21-\x7e]*$/.test(text) ? text : encodeURIComponent(text));

function urlReader(template: string): (item: unknown) => string {
    if (!template.includes('{')) return () => template;
    const parsed = parseTemplate(template);
    return (item) =>
        parsed.expand(
            typeof item === 'object' && item !== null && !Array.isArray(item) ? (item as Record<string, never>) : { item: item as never },
        );
}

function bodyReader(spec: HttpProcess): ((item: unknown, rawItem: string) => string | undefined) | null {
    if (spec.body !== undefined) {
        const ast = compile(spec.body);
        return (item) => JSON.stringify(TreeInterpreter.search(ast, item as JSONValue));
    }
    return withoutBody.has(spec.method) ? null : (_item, rawItem) => rawItem;
}

/** What is wrong with the `http` part of a spec beyond its shape: templates and expressions that do not parse. */
export function checkHttp(spec: HttpProcess): FieldError[] {
    const problems: FieldError[] = [];
    const at = (field: string) => `/process/http/${field}`;
    const template = /^[^{}]*(\{[+#./;?&]?[\w.%]+(:\d{1,4}|\*)?(,[\w.%]+(:\d{1,4}|\*)?)*\}[^{}]*)*$/;
    if (!template.test(spec.url))
        problems.push({ pointer: at('url'), message: 'not a URI template', allowed: 'RFC 6570, such as https://example.com/things/{id}' });
    else if (/^[^/?#]*:\/\/[^/?#]*\{/.test(spec.url))
        problems.push({
            pointer: at('url'),
            message: 'scheme and host must not come from the item',
            allowed: 'a fixed host; variables after it',
        });
    else {
        try {
            target(spec.url.replaceAll(/\{[^}]*\}/g, ''));
        } catch (error) {
            problems.push({ pointer: at('url'), message: (error as Error).message, allowed: 'an absolute http or https URL' });
        }
    }
    for (const field of ['body', 'success'] as const) {
        const expression = spec[field];
        if (expression === undefined) continue;
        try {
            compile(expression);
        } catch (error) {
            problems.push({
                pointer: at(field),
                message: `not a JMESPath expression: ${(error as Error).message}`,
                allowed: 'see https://jmespath.org',
            });
        }
    }
    if (spec.body !== undefined && (spec.method === 'GET' || spec.method === 'HEAD'))
        problems.push({ pointer: at('body'), message: `${spec.method} takes no body` });
    for (const [name, value] of Object.entries(spec.headers)) {
        if (typeof value === 'string' && !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
            problems.push({ pointer: `/process/http/headers/${name}`, message: 'holds characters that a header cannot carry' });
    }
    return problems;
}
