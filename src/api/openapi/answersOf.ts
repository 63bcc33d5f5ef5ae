// The answers of an operation as the document has them: the good ones, and the problems by their status.
import type { oas31, ZodOpenApiResponseObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { problemCodes, type ProblemCode } from '../../core/codes';
import { problemName } from './answers/problem';
import type { Examples } from './examples';
import { headerComponent, headers, onEveryAnswer, type HeaderName } from './headers';
import type { RouteLevel } from '../../core/access';
import type { HeaderOfAnswer, Operation } from './operation';

/** Headers that problems of a code have wherever it is answered. */
const headersOfCode: Partial<Record<ProblemCode, readonly HeaderOfAnswer[]>> = {
    METHOD_NOT_ALLOWED: ['Allow'],
    PRECONDITION_FAILED: ['Tus-Resumable', 'Tus-Version'],
    IDEMPOTENCY_IN_PROGRESS: ['Retry-After'],
    NEWER_VERSION: ['Retry-After'],
    STORAGE_UNAVAILABLE: ['Retry-After'],
    TOO_MANY_JOBS: ['Retry-After'],
    TOO_MANY_UPLOADS: ['Retry-After'],
};

/** `level`: what callers need for it. */
export function answersOf(operation: Operation, level: RouteLevel, examples: Examples): ZodOpenApiResponsesObject {
    const good = Object.entries(operation.answers).map(([status, { description, headers = [], content, mayBeEmpty }]) => [
        status,
        {
            description,
            headers: headersObject(headers),
            ...(mayBeEmpty ? { 'x-may-be-empty': true } : {}),
            ...(content
                ? {
                      content: Object.fromEntries(
                          Object.entries(content).map(([type, { schema, isLine }]) => [
                              type,
                              { schema, ...(isLine ? { 'x-ndjson-line': true } : {}), ...examples.ofAnswer(status, type) },
                          ]),
                      ),
                  }
                : {}),
        },
    ]);
    const statuses = [...new Set(operation.codes.map((code) => problemCodes[code].status))];
    const bad = statuses.map((status) => [status, problemsOf(operation, status, examples)]);
    const name = operation.isHead ? 'UnauthorizedHead' : 'Unauthorized';
    const unknown = level === 'anonymous' ? [] : [['401', { $ref: `#/components/responses/${name}` }]];
    return Object.fromEntries([...good, ...unknown, ...bad]) as ZodOpenApiResponsesObject;
}

/** Whom nobody knows: the platform answers some without a word, and so without any header of the app; the app all others. */
const head: ZodOpenApiResponseObject = {
    description:
        'No key, or none that fits. The host answers without a body, where the deployment asks for function keys or for sign-in; the app with `KEY_REQUIRED`, where it asks for keys of its own or for app roles.',
    headers: headersObject(
        (['WWW-Authenticate', 'Cache-Control', ...onEveryAnswer] as const).map((name) => `${name}?` as const),
        [],
    ),
    'x-answered-by-host': true,
    'x-problem-codes': ['KEY_REQUIRED'],
};
/** Among the components, by their names. */
export const unauthorized: Record<string, ZodOpenApiResponseObject> = {
    Unauthorized: { ...head, content: { 'application/problem+json': { schema: schemaOf(['KEY_REQUIRED']) } }, 'x-may-be-empty': true },
    UnauthorizedHead: head,
};

/** The problems that come with one status. `x-problem-codes` lists them where there is no body to tell them by, too. */
function problemsOf({ codes, body, problemHeaders = {}, isHead }: Operation, status: number, examples: Examples): ZodOpenApiResponseObject {
    const here = codes.filter((code) => problemCodes[code].status === status).sort();
    const ofRoute = (code: ProblemCode): readonly HeaderOfAnswer[] => (code === 'UNSUPPORTED_MEDIA' && takesJson(body) ? ['Accept'] : []);
    const names = here.flatMap((code) => [...(headersOfCode[code] ?? []), ...ofRoute(code), ...(problemHeaders[code] ?? [])]);
    return {
        description: here.map((code) => `\`${code}\`: ${problemCodes[code].title}.`).join(' '),
        headers: headersObject([...new Set(names), 'Cache-Control']),
        ...(isHead ? {} : { content: { 'application/problem+json': { schema: schemaOf(here), ...examples.ofProblems(here) } } }),
        'x-problem-codes': here,
    };
}

/** A route that takes bytes of any kind has no content types to name. */
const takesJson = (body: Operation['body']): boolean => 'application/json' in (body?.content ?? {});

function refOf(code: ProblemCode): string {
    return `#/components/schemas/${problemName(code)}`;
}

/** The document of any of these problems, told apart by `code`. */
export function schemaOf(codes: readonly ProblemCode[]): oas31.SchemaObject | oas31.ReferenceObject {
    if (codes.length === 1) return { $ref: refOf(codes[0]!) };
    return {
        oneOf: codes.map((code) => ({ $ref: refOf(code) })),
        discriminator: { propertyName: 'code', mapping: Object.fromEntries(codes.map((code) => [code, refOf(code)])) },
    };
}

/** Headers of a problem where no route adds its own. */
export const headersOf = (code: ProblemCode): oas31.HeadersObject => headersObject([...(headersOfCode[code] ?? []), 'Cache-Control']);

export function headersObject(names: readonly HeaderOfAnswer[], everywhere: readonly HeaderName[] = onEveryAnswer): oas31.HeadersObject {
    return Object.fromEntries([...names, ...everywhere].map(headerOf));
}

function headerOf(name: HeaderOfAnswer): [string, oas31.HeaderObject | oas31.ReferenceObject] {
    const known = name.replace('?', '') as HeaderName;
    const { description, required, schema } = headers[known];
    if (!name.endsWith('?') || !required) return [known, { $ref: `#/components/headers/${headerComponent(known)}` }];
    return [known, { description: description!, schema: schema! }];
}
