// The OpenAPI document of this API, from its routes, its schemas, its catalogue of errors and the examples that are stored.
import {
    createDocument,
    type oas31,
    type ZodOpenApiOperationObject,
    type ZodOpenApiOverride,
    type ZodOpenApiPathsObject,
} from 'zod-openapi';
import { KEY_HEADER, type RouteLevel } from '../../core/access';
import { problemCodes, type ProblemCode } from '../../core/codes';
import { routes } from '../routes';
import { answersOf, headersOf, schemaOf, unauthorized } from './answersOf';
import { problemName, problems } from './answers/problem';
import { examplesOf, type StoredExamples } from './examples';
import { headerComponent, headers, type HeaderName } from './headers';
import type { Operation } from './operation';
import { operations } from './operations';
import { parameters } from './parameters';
import { withoutBoundOfInts, type Schema } from './requests/described';
import { jobSpecSchema, limitsPatchSchema } from './requests/jobSpec';
import { limiterSettingsSchema, moveBodySchema } from './requests/small';
import { tags } from './tags';

const DESCRIPTION = `Durable batch jobs: a list of items in, every item called, every outcome recorded exactly once.

Every error is a problem document (RFC 9457): act on its \`code\`. Times are ISO 8601 in UTC, durations ISO 8601. An answer of the type
\`application/x-ndjson\` is any number of lines: its schema is that of one line, and \`x-ndjson-line\` says so. \`x-problem-codes\` lists the codes
that an answer may have, \`x-level\` says what a caller needs: each of \`read\`, \`operate\` and \`admin\` may do what those before it may. A path that is not
here answers as \`x-other-paths\` says.`;

export interface ListedOperation {
    /** Its name in the document. */
    id: string;
    method: string;
    path: string;
    /** What callers need for it. */
    level: RouteLevel;
    operation: Operation;
}

/** Every operation, as the table of routes has it. */
export function allOperations(): ListedOperation[] {
    return routes
        .filter(({ route }) => route !== FALLBACK)
        .flatMap(({ name, route, level, methods }) =>
            methods.map((method) => {
                const ofRoute: Record<string, Operation & { id?: string }> = operations[name as keyof typeof operations];
                const operation = ofRoute[method]!;
                return { id: operation.id ?? name, method, path: `/${route}`, level, operation: atLevel(operation, level) };
            }),
        );
}

/** With what a caller below its level is answered; none is below the lowest. */
const atLevel = (operation: Operation, level: RouteLevel): Operation =>
    ['anonymous', 'read'].includes(level) ? operation : { ...operation, codes: [...operation.codes, 'LEVEL_TOO_LOW'] };

const FALLBACK = '{*path}';

/** `stored`: examples by the name of their operation. */
export function openApiDocument(version: string, stored: Record<string, StoredExamples>): oas31.OpenAPIObject {
    const paths: ZodOpenApiPathsObject = {};
    for (const listed of allOperations())
        (paths[listed.path] ??= {})[listed.method.toLowerCase() as 'get'] = operationObject(listed, stored[listed.id] ?? {});
    return createDocument(
        {
            openapi: '3.1.1',
            info: {
                title: 'Fanfold',
                version,
                description: DESCRIPTION,
                license: { name: 'MIT', identifier: 'MIT' },
            },
            servers: [{ url: '/api', description: 'The host that serves this document.' }],
            security,
            tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
            paths,
            components: { ...components(), schemas: { ...requestSchemas(), ...problemSchemas() } },
            'x-other-paths': otherPaths(),
        },
        { override: readable },
    );
}

/** What is said of a value is said of it as a whole, where it may be null. */
const readable: ZodOpenApiOverride = ({ jsonSchema }) => {
    withoutBoundOfInts({ jsonSchema });
    const [value, none] = jsonSchema.anyOf ?? [];
    if (value?.description === undefined || none?.type !== 'null' || jsonSchema.description !== undefined) return;
    jsonSchema.description = value.description;
    delete value.description;
};

/** What the platform asks for, or nothing where it asks for nothing, as the local host does; and a key of the app beside it, or none where there are no such keys. */
const security = [{ functionKey: [] }, { functionKeyInQuery: [] }, { bearer: [] }, {}].flatMap((ofPlatform) => [
    ofPlatform,
    { ...ofPlatform, appKey: [] },
]);

function operationObject({ id, level, operation }: ListedOperation, stored: StoredExamples): ZodOpenApiOperationObject {
    const { tag, summary, description, parameters: names = [], body } = operation;
    const examples = examplesOf(stored);
    return {
        operationId: id,
        tags: [tag],
        summary,
        description,
        ...(names.length > 0 ? { parameters: names.map((name) => ({ $ref: `#/components/parameters/${name}` })) } : {}),
        ...(body
            ? {
                  requestBody: {
                      description: body.description,
                      ...(body.required ? { required: true } : {}),
                      content: Object.fromEntries(
                          Object.entries(body.content).map(([type, schema]) => [type, { schema, ...examples.ofRequest(type) }]),
                      ),
                  },
              }
            : {}),
        responses: answersOf(operation, level, examples),
        ...(level === 'anonymous' ? { security: [] } : {}),
        'x-level': level,
    };
}

function requestSchemas(): Record<string, Schema> {
    const move = moveBodySchema();
    return {
        JobSpec: jobSpecSchema(),
        LimitsPatch: limitsPatchSchema(move.properties!.reason as Schema),
        MoveBody: move,
        LimiterSettings: limiterSettingsSchema(),
    };
}

const problemSchemas = () =>
    Object.fromEntries((Object.keys(problemCodes) as ProblemCode[]).map((code) => [problemName(code), problems[code]]));

const components = () => ({
    parameters,
    headers: Object.fromEntries((Object.keys(headers) as HeaderName[]).map((name) => [headerComponent(name), headers[name]])),
    responses: unauthorized,
    securitySchemes: {
        functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key', description: 'Function key of the deployment.' },
        functionKeyInQuery: { type: 'apiKey', in: 'query', name: 'code', description: 'The same in the query.' },
        bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'Where the deployment asks for sign-in: a token, beside the function key if that is asked for too.',
        },
        appKey: {
            type: 'apiKey',
            in: 'header',
            name: KEY_HEADER,
            description: 'Key of the app, where the deployment has any: its level decides which operations it is good for.',
        },
    } as const,
});

const otherPaths = () =>
    Object.fromEntries(
        (['ROUTE_NOT_FOUND', 'METHOD_NOT_ALLOWED'] as const).map((code) => [
            problemCodes[code].status,
            {
                description: `\`${code}\`: ${problemCodes[code].title}.`,
                headers: headersOf(code),
                content: { 'application/problem+json': { schema: schemaOf([code]) } },
                'x-problem-codes': [code],
            },
        ]),
    );
