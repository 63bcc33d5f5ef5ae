import { createHash } from 'node:crypto';
import { compile, TreeInterpreter } from '@jmespath-community/jmespath';
import { z } from 'zod';
import { defineProcessor, jmespath } from './define';

/** Fixity: the digest of an item, or of a part of it, to compare two copies of a data set item by item. */
export const digest = defineProcessor({
    name: 'digest',
    description: 'Digests the item, or what a JMESPath finds in it, as canonical JSON (or as text when it is a string).',
    item: z.json(),
    options: z.strictObject({
        /** JMESPath to what is digested; default: the whole item. */
        of: jmespath().default('@'),
        algorithm: z.enum(['sha256', 'sha512', 'md5']).default('sha256'),
    }),
    run: async ({ item, options }) => {
        const found = TreeInterpreter.search(compile(options.of), item);
        const text = typeof found === 'string' ? found : canonical(found);
        return {
            algorithm: options.algorithm,
            digest: createHash(options.algorithm).update(text).digest('hex'),
            bytes: Buffer.byteLength(text),
        };
    },
});

/** JSON with the keys of every object in order, so that equal values give equal text. */
export function canonical(value: unknown): string {
    return JSON.stringify(value, (_key, node: unknown) =>
        typeof node === 'object' && node !== null && !Array.isArray(node)
            ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
            : node,
    );
}
