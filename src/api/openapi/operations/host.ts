// The app itself.
import { health as healthSchema } from '../answers/health';
import { json, type Operation } from '../operation';

export const health: Operation = {
    tag: 'Host',
    summary: 'Ask whether the app works',
    description: 'Whether the app reaches its storage. Nobody is asked for a key.',
    answers: {
        200: { description: 'It does.', headers: ['Cache-Control'], content: json(healthSchema) },
        503: { description: 'It does not.', headers: ['Cache-Control'], content: json(healthSchema) },
    },
    codes: [],
};

export const getOpenApi: Operation = {
    tag: 'Host',
    summary: 'Read this document',
    description: 'The OpenAPI document of this version of the app. Nobody is asked for a key.',
    parameters: ['ifNoneMatch'],
    answers: {
        200: {
            description: 'The document.',
            headers: ['ETag', 'Cache-Control'],
            content: {
                'application/json': {
                    schema: {
                        type: 'object',
                        description: 'OpenAPI 3.1.',
                        properties: { openapi: { type: 'string' } },
                        required: ['openapi'],
                    },
                },
            },
        },
        304: { description: 'The caller has it already.', headers: ['ETag', 'Cache-Control'] },
    },
    codes: ['INTERNAL'],
};
