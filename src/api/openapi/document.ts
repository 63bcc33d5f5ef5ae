// The OpenAPI document of this API, from its routes, its schemas, its catalogue of errors and the examples that are stored.
import {
    createDocument,
    type oas31,
    type ZodOpenApiOperationObject,
    type ZodOpenApiOverride,
    type ZodOpenApiPathsObject,
} from 'zod-openapi';
import { problemCodes, type ProblemCode } from '../../core/codes';
import { routes } from '../routes';
import { answersOf, headersOf, schemaOf } from './answersOf';
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
that an answer may have. A path that is not here answers as \`x-other-paths\` says.`;

/** Every operation, by its name in the document. */
export function allOperations(): { id: string; method: string; path: string; operation: Operation }[] {
    return routes
        .filter(({ route }) => route !== FALLBACK)
        .flatMap(({ name, route, methods }) =>
            methods.map((method) => {
                const ofRoute: Record<string, Operation & { id?: string }> = operations[name as keyof typeof operations];
                const operation = ofRoute[method]!;
                return { id: operation.id ?? name, method, path: `/${route}`, operation };
            }),
        );
}

const FALLBACK = '{*path}';

/** `stored`: examples by the name of their operation. */
export function openApiDocument(version: string, stored: Record<string, StoredExamples>): oas31.OpenAPIObject {
    const paths: ZodOpenApiPathsObject = {};
    for (const { id, method, path, operation } of allOperations())
        (paths[path] ??= {})[method.toLowerCase() as 'get'] = operationObject(id, operation, stored[id] ?? {});
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
            // One of them, or none where the deployment asks for none, as the local host does.
            security: [{ functionKey: [] }, { functionKeyInQuery: [] }, { bearer: [] }, {}],
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

function operationObject(id: string, operation: Operation, stored: StoredExamples): ZodOpenApiOperationObject {
    const { tag, summary, description, parameters: names = [], body, isAnonymous } = operation;
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
        responses: answersOf(operation, examples),
        ...(isAnonymous ? { security: [] } : {}),
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
    responses: {
        Unauthorized: {
            description:
                'No key, or none that fits. The host answers so, without a body, where the deployment asks for keys or for sign-in.',
            'x-answered-by-host': true,
        },
    },
    securitySchemes: {
        functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key', description: 'Function key of the deployment.' },
        functionKeyInQuery: { type: 'apiKey', in: 'query', name: 'code', description: 'The same in the query.' },
        bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'Where the deployment asks for sign-in: a token, beside the function key if that is asked for too.',
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
