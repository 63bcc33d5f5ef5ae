import { z } from 'zod';
import { compileExpression, evaluate } from '../expressions/jmespath';
import { defineProcessor, FatalError, jmespath } from './defineProcessor';

/** Finds dead and moved links: calls a URL that stands in the item and says what became of it. A 404 is a finding, not a failure. */
export const checkLink = defineProcessor({
    name: 'checkLink',
    description: 'Calls a URL found in the item and reports status, redirect target, content type and time.',
    item: z.unknown(),
    exactNumbers: true,
    options: z.strictObject({
        /** JMESPath to the URL in the item. */
        url: jmespath().default('url'),
        method: z.enum(['HEAD', 'GET']).default('HEAD'),
        /** For one call, in seconds. */
        timeoutSeconds: z.number().min(0.1).max(600).default(30),
    }),
    run: async ({ item, options, context }) => {
        const url = evaluate(compileExpression(options.url), item);
        if (typeof url !== 'string') throw new FatalError(`the item has no URL at "${options.url}"`);
        const began = Date.now();
        const answer = await context.send({
            method: options.method,
            url,
            headers: { 'user-agent': 'fanfold' },
            timeoutMs: options.timeoutSeconds * 1000,
            maxBodyBytes: 0,
        });
        const { location, 'content-type': contentType } = answer.headers;
        return {
            url,
            status: answer.status,
            alive: answer.status < 400,
            ...(location ? { location } : {}),
            ...(contentType ? { contentType } : {}),
            ms: Date.now() - began,
        };
    },
});
