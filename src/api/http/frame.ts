// The frame around every handler: what goes wrong becomes application/problem+json, because the host itself would answer with an empty 500.
import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { NewerVersion } from '../../contracts/contract';
import type { Caller } from '../../core/access';
import type { ProblemCode } from '../../core/codes';
import { Problem, problem, type FieldError } from '../../core/errors';
import { isLimiterName, LIMITER_FORM } from '../../core/limiter/name';
import { writeExact } from '../../json/exactJson';
import { JobStore } from '../../storage/jobStore';
import { isUnavailable } from '../../storage/trouble';

export interface RouteContext {
    client: DurableClient;
    invocation: InvocationContext;
    /** Opens storage on first use: a route that needs none answers without it. */
    store: () => Promise<JobStore>;
    /** Who calls: whoever this is may. */
    caller: Caller;
}

export type Handler = (request: HttpRequest, context: RouteContext) => Promise<HttpResponseInit>;

/** What the frame knows of a request before anybody has asked who sends it. A handler is none: without a door before it, it does not fit into the frame. */
export type Door = (request: HttpRequest, context: Omit<RouteContext, 'caller'>) => Promise<HttpResponseInit>;

/**
 * Of every answer: a browser that is pointed at one takes it for what it says it is, runs nothing in it, and shows it in no frame. A route that answers with a
 * page says what that page needs.
 */
export const guards = { 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" };

const guarded = (answer: HttpResponseInit): HttpResponseInit => ({
    ...answer,
    headers: { ...guards, ...(answer.headers as Record<string, string> | undefined) },
});

export const handle =
    (door: Door) =>
    async (request: HttpRequest, client: DurableClient, invocation: InvocationContext): Promise<HttpResponseInit> => {
        try {
            return guarded(await door(request, { client, invocation, store: () => JobStore.open() }));
        } catch (error) {
            const known = asProblem(error);
            if (known.status >= 500) invocation.error(`${request.method} ${pathOf(request)} failed:`, error);
            return guarded(problemResponse(known, pathOf(request), invocation.invocationId));
        }
    };

/** The problem to tell the caller. What is not expected becomes a 500 that reveals nothing; the log has the rest. */
export function asProblem(error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (error instanceof NewerVersion) return problem('NEWER_VERSION', { detail: error.message, headers: { 'retry-after': '5' } });
    if (isUnavailable(error)) return problem('STORAGE_UNAVAILABLE', { headers: { 'retry-after': '5' } });
    return problem('INTERNAL');
}

/** Body of an answer that is an error (RFC 9457). Some problems have fields of their own beside these. */
export interface ProblemDocument {
    type: string;
    title: string;
    status: number;
    code: ProblemCode;
    detail: string;
    /** Path of the request. */
    instance: string;
    /** Absent where `detail` says it already. */
    remedy?: string;
    errors?: FieldError[];
    /** Of an error of 500 and above: under this id the log has the rest. */
    invocationId?: string;
    [extra: string]: unknown;
}

export function problemResponse(p: Problem, instance: string, invocationId?: string): HttpResponseInit {
    const { detail, errors, headers, ...extra } = p.details;
    const body: ProblemDocument = {
        type: `urn:fanfold:problem:${p.code}`,
        title: p.title,
        status: p.status,
        code: p.code,
        detail: detail ?? p.remedy,
        instance,
        ...(detail ? { remedy: p.remedy } : {}),
        ...(p.status >= 500 && invocationId ? { invocationId } : {}),
        ...(errors ? { errors } : {}),
        ...extra,
    };
    return {
        status: p.status,
        headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
        body: JSON.stringify(body),
    };
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): HttpResponseInit => ({
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: writeExact(body),
});

export const pathOf = (request: { url: string }): string => new URL(request.url, 'http://local').pathname;

/** Path of the API's root as the caller sees it, without a trailing slash. Links are paths: they hold behind any proxy that keeps paths. */
export const rootOf = (request: { url: string }): string =>
    /^(.*?)\/(?:jobs|uploads|limiters|health|openapi\.json)(?:\/|$)/i.exec(pathOf(request))?.[1] ?? '/api';

/** The route's `{id}`: never a path of its own inside the container. */
export function idOf(request: HttpRequest, missing: 'JOB_NOT_FOUND' | 'UPLOAD_NOT_FOUND' = 'JOB_NOT_FOUND'): string {
    const id = request.params.id ?? '';
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(id))
        throw problem(missing, { detail: `There is no ${missing === 'JOB_NOT_FOUND' ? 'job' : 'upload'} "${id}".` });
    return id;
}

/** The route's `{name}`, as the host has decoded it. */
export function limiterNameOf(request: HttpRequest): string {
    const name = request.params.name ?? '';
    if (isLimiterName(name)) return name;
    const message = `"${name.slice(0, 300)}" is no name of a limiter`;
    throw problem('BAD_PARAMETER', {
        detail: `Name of the limiter: ${message}.`,
        errors: [{ pointer: '/path/name', message, allowed: LIMITER_FORM }],
    });
}

export interface IntBounds {
    min: number;
    max: number;
    /** What is meant where nothing is given. */
    fallback: number;
}

/** Of `limit`: entries of a page. */
export const PAGE: IntBounds = { min: 1, max: 100, fallback: 20 };

/** A whole number from the query, between bounds; the fallback when it is absent. */
export function intParam(request: HttpRequest, name: string, bounds: IntBounds): number {
    const text = request.query.get(name);
    if (text === null) return bounds.fallback;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(value >= bounds.min && value <= bounds.max))
        throw badParameter(name, `"${text}" is not a whole number in bounds`, `${bounds.min} to ${bounds.max}`);
    return value;
}

/** One of the allowed words from the query, or undefined when absent. */
export function wordParam<T extends string>(request: HttpRequest, name: string, allowed: readonly T[]): T | undefined {
    const text = request.query.get(name);
    if (text === null) return undefined;
    if (!(allowed as readonly string[]).includes(text)) throw badParameter(name, `"${text}" is not known here`, allowed.join(' | '));
    return text as T;
}

/** Parameters have no place in a document: the pointer names them under /query, what stands in the path under /path. */
export const badParameter = (name: string, message: string, allowed?: string): Problem =>
    problem('BAD_PARAMETER', { detail: `Parameter "${name}": ${message}.`, errors: [{ pointer: `/query/${name}`, message, allowed }] });
