// Request schemas as JSON Schema, from the schemas that the server checks with. Descriptions, and what a check in code says that no schema can show, come from
// tables beside them: a thousand texts in the schemas themselves would be read at every start of the app.
import { createSchema, type oas31 } from 'zod-openapi';
import type { z } from 'zod';

export type Schema = oas31.SchemaObject;

/** What a schema is told beside what it says itself; undefined takes something away. */
export type Told = { description: string } & { [Keyword in keyof Schema]?: Schema[Keyword] | undefined };
/** By place: `/retry/attempts`, `/tags/*` for any field of an object, `/windows/*` for any element of a list. The empty place is the whole. */
export type Texts = Record<string, Told | string>;

/**
 * The schema of what users send, with its texts.
 * @throws Error where a field has no text, or a text no field
 */
export function described(schema: z.ZodType, texts: Texts): Schema {
    const { schema: bare, components } = createSchema(schema, {
        io: 'input',
        opts: { override: withoutBoundOfInts, allowEmptySchema: open },
    });
    if (Object.keys(components).length > 0) throw new Error(`The schema refers to ${Object.keys(components).join(', ')}.`);
    const unused = new Set(Object.keys(texts));
    const told = walk(bare as Schema, '', texts, unused);
    if (unused.size > 0) throw new Error(`No field is at ${[...unused].join(', ')}.`);
    return told;
}

/** What no type of JSON stands for: its text says what it is. */
const open = { custom: true, pipe: { input: true }, transform: { input: true } } as const;

/** No JSON of this API comes near the greatest number that is exact: the bound would only be noise. */
export function withoutBoundOfInts({ jsonSchema }: { jsonSchema: { minimum?: number | undefined; maximum?: number | undefined } }): void {
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
}

function walk(schema: Schema, place: string, texts: Texts, unused: Set<string>, isMember = false): Schema {
    const text = texts[place];
    // Alternatives stand at one place: the text is about all of them together.
    if (text === undefined && !isMember) throw new Error(`No text is there for ${place || 'the whole'}.`);
    unused.delete(place);
    const { description, ...told }: Partial<Told> =
        isMember || text === undefined ? {} : typeof text === 'string' ? { description: text } : text;
    // What is told in place of parts is whole.
    const { properties, items, additionalProperties, anyOf, ...plain } = { ...schema, ...told };
    const inner = (part: unknown, at: string, member = false) => (isSchema(part) ? walk(part, at, texts, unused, member) : part);
    const parts = withoutUndefined({
        ...plain,
        properties:
            properties && Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, inner(part, `${place}/${name}`)])),
        items: inner(items, `${place}/*`),
        additionalProperties: inner(additionalProperties, `${place}/*`),
        anyOf: told.anyOf ?? anyOf?.map((part) => inner(part, place, true)),
    });
    return description === undefined ? parts : { description, ...parts };
}

const isSchema = (part: unknown): part is Schema => typeof part === 'object' && part !== null;

const withoutUndefined = (schema: object): Schema => Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
