// A small API document, which has one of each thing that the check of requests and answers knows.
import { ApiDocument } from '../../support/apiDocument/document';

const problems = (...codes: string[]) => ({
    description: 'It is refused.',
    content: { 'application/problem+json': { schema: { oneOf: codes.map((code) => ({ $ref: `#/components/schemas/${code}` })) } } },
});
const problem = (code: string, more: object = {}) => ({
    type: 'object',
    required: ['code', 'status'],
    additionalProperties: false,
    properties: { code: { const: code }, status: { type: 'integer' }, ...more },
});

export const smallDocument = new ApiDocument(
    JSON.stringify({
        openapi: '3.1.1',
        info: { title: 'Small', version: '1' },
        servers: [{ url: '/api' }],
        paths: {
            '/things': {
                get: {
                    operationId: 'listThings',
                    parameters: [
                        { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100 } },
                        { name: 'tag', in: 'query', schema: { type: 'array', items: { type: 'string', pattern: ':' } } },
                    ],
                    responses: {
                        200: {
                            description: 'Things, one a line, or as a table.',
                            content: {
                                'application/x-ndjson': { schema: { $ref: '#/components/schemas/Thing' }, 'x-ndjson-line': true },
                                'text/csv': { schema: { type: 'string', pattern: '^name,size' } },
                            },
                        },
                    },
                },
                post: {
                    operationId: 'makeThing',
                    parameters: [{ name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 5 } }],
                    requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
                    responses: {
                        201: {
                            description: 'Made.',
                            headers: { Location: { required: true, schema: { type: 'string', pattern: '^/api/' } } },
                            content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
                        },
                        400: problems('BAD_THING', 'BAD_JSON'),
                    },
                },
            },
            '/things/{name}': {
                parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string', pattern: '^[a-z ]+$' } }],
                get: {
                    operationId: 'getThing',
                    responses: {
                        200: { description: 'It.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
                        404: problems('THING_NOT_FOUND'),
                    },
                },
                delete: {
                    operationId: 'deleteThing',
                    responses: {
                        200: { description: 'What it was, or nothing.', 'x-may-be-empty': true, content: { 'application/json': {} } },
                        204: { description: 'Gone.' },
                    },
                },
            },
        },
        'x-other-paths': {
            404: { ...problems('ROUTE_NOT_FOUND'), headers: { 'Cache-Control': { schema: { type: 'string' } } } },
            405: { ...problems('METHOD_NOT_ALLOWED'), headers: { Allow: { required: true, schema: { type: 'string' } } } },
        },
        components: {
            schemas: {
                Thing: {
                    type: 'object',
                    required: ['name'],
                    additionalProperties: false,
                    properties: {
                        name: { type: 'string' },
                        size: { oneOf: [{ type: 'integer' }, { type: 'string' }] },
                        state: { type: 'string', enum: ['new', 'old'] },
                        madeAt: { type: 'string', format: 'date-time' },
                    },
                },
                BAD_THING: problem('BAD_THING', { pointer: { type: 'string' } }),
                BAD_JSON: problem('BAD_JSON'),
                THING_NOT_FOUND: problem('THING_NOT_FOUND'),
                ROUTE_NOT_FOUND: problem('ROUTE_NOT_FOUND'),
                METHOD_NOT_ALLOWED: problem('METHOD_NOT_ALLOWED'),
            },
        },
    }),
);
