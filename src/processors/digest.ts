import { createHash } from 'node:crypto';
import { z } from 'zod';
import { writeExact } from '../json/exactJson';
import { ExactNumber } from '../json/exactNumber';
import { hasLoneSurrogate } from '../core/text';
import { compileExpression, evaluate } from '../expressions/jmespath';
import { CallError } from './callError';
import { defineProcessor, jmespath } from './defineProcessor';

/** Fixity: the digest of an item, or of a part of it, to compare two copies of a data set item by item. */
export const digest = defineProcessor({
    name: 'digest',
    description: 'Digests the item, or what a JMESPath finds in it, as canonical JSON (or as text when it is a string).',
    item: z.unknown(),
    exactNumbers: true,
    options: z.strictObject({
        /** JMESPath to what is digested; default: the whole item. */
        of: jmespath().default('@'),
        algorithm: z.enum(['sha256', 'sha512', 'md5']).default('sha256'),
    }),
    run: async ({ item, options }) => {
        const found = evaluate(compileExpression(options.of), item);
        // As bytes it would be the same as another text: two items that differ would have one digest.
        if (typeof found === 'string' && hasLoneSurrogate(found))
            throw new CallError(
                'LONE_SURROGATE',
                'the text holds half a surrogate pair: it is no Unicode text, and has no bytes to digest',
            );
        const text = typeof found === 'string' ? found : canonical(found);
        return {
            algorithm: options.algorithm,
            digest: createHash(options.algorithm).update(text).digest('hex'),
            bytes: Buffer.byteLength(text),
        };
    },
});

/** JSON with the keys of every object in order, so that equal values give equal text. A number is its digits: `1.10` and `1.1` are two. */
export function canonical(value: unknown): string {
    if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
    if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return writeExact(value);
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}
