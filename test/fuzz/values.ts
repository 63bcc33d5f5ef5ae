// Values for a place of the API document: such as fit its schema, such as nearly fit, and such as nobody should send.
import fc from 'fast-check';
import type { ApiDocument, Schema } from '../support/apiDocument/document';

/** What of a JSON schema bounds values, beside its structure. */
interface Bounds extends Schema {
    pattern?: string;
    format?: string;
    minLength?: number;
    maxLength?: number;
    minimum?: number;
    maximum?: number;
    minItems?: number;
    maxItems?: number;
    maxProperties?: number;
    required?: string[];
    propertyNames?: Bounds;
}

/** Lists and maps are no longer than this: what is long is of `hostile`. */
const MOST = 4;
const MOST_CHARACTERS = 40;

/** Texts that have broken programs before. */
const badTexts = [
    '',
    ' ',
    '\0',
    '\ufeff',
    '\ud800',
    '\u202e\u200b',
    '../../../etc/passwd',
    '..%2f..%2fjobs',
    '%00',
    '%c0%ae%c0%ae/',
    "'; drop table jobs; --",
    '${jndi:ldap://127.0.0.1/a}',
    '{{7*7}}',
    '<script>alert(1)</script>',
    "=cmd|' /C calc'!A0",
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'null',
    'NaN',
    '-0',
    '1e999',
    '9007199254740993',
    '2026-02-30T25:61:61Z',
    'P99999999999Y',
    'PT1e3S',
    '\r\nx-injected: 1',
    'http://169.254.169.254/latest',
    '[[[[[[[[[[',
    '@.@.@',
    'a'.repeat(5_000),
    '\u0130\u0131\ufb03',
];

export const badText: fc.Arbitrary<string> = fc.oneof(
    fc.constantFrom(...badTexts),
    fc.string({ maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.integer({ min: 1, max: 20_000 }).map((n) => '[{"a":'.repeat(Math.ceil(n / 6))),
);

/** Any JSON value, and some that only JavaScript can write. */
export const hostile: fc.Arbitrary<unknown> = fc.oneof(
    { weight: 4, arbitrary: badText },
    { weight: 2, arbitrary: fc.constantFrom(null, true, 0, -1, 1e308, -1e-308, 2 ** 53, 0.1, [], {}, [[]], [null], { '': '' }) },
    { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 600 }).map(nested) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3_000 }).map((n) => Array.from({ length: n }, (_, i) => i)) },
    {
        weight: 1,
        arbitrary: fc.integer({ min: 1, max: 1_000 }).map((n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]))),
    },
    { weight: 1, arbitrary: fc.constant(JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":{}}}') as unknown) },
);

function nested(depth: number): unknown {
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
    return value;
}

/** Values that fit the schema at a pointer, as far as one can be made from what it says. */
export function fitting(document: ApiDocument, pointer: string): fc.Arbitrary<unknown> {
    return ofSchema(document, document.at(pointer) as Bounds, 0);
}

function ofSchema(document: ApiDocument, schema: Bounds | boolean, depth: number): fc.Arbitrary<unknown> {
    if (typeof schema === 'boolean') return fc.jsonValue({ maxDepth: 1 });
    if (schema.$ref !== undefined) return ofSchema(document, document.at(decodeURIComponent(schema.$ref.slice(1))) as Bounds, depth);
    if ('const' in schema) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const alternatives = schema.anyOf ?? schema.oneOf;
    if (alternatives) {
        // What stands beside alternatives holds for each of them.
        const beside = { ...schema };
        delete beside.anyOf;
        delete beside.oneOf;
        return fc.oneof(...alternatives.map((one) => ofSchema(document, { ...beside, ...one }, depth + 1)));
    }
    const [type = 'any', ...others] = [schema.type ?? (schema.properties ? 'object' : 'any')].flat();
    if (others.length > 0) return fc.oneof(...[type, ...others].map((one) => ofSchema(document, { ...schema, type: one }, depth)));
    switch (type) {
        case 'object':
            return objectOf(document, schema, depth);
        case 'array':
            return fc.array(
                schema.items === undefined ? fc.jsonValue({ maxDepth: 1 }) : ofSchema(document, schema.items as Bounds, depth + 1),
                {
                    minLength: Math.min(MOST, schema.minItems ?? 0),
                    maxLength: Math.max(schema.minItems ?? 0, Math.min(MOST, schema.maxItems ?? MOST)),
                },
            );
        case 'string':
            return textOf(schema);
        case 'integer':
            return fc.integer({ min: Math.max(-1_000, schema.minimum ?? -1_000), max: Math.min(1_000_000, schema.maximum ?? 1_000_000) });
        case 'number':
            return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
        case 'boolean':
            return fc.boolean();
        case 'null':
            return fc.constant(null);
        default:
            return fc.jsonValue({ maxDepth: 2 });
    }
}

function objectOf(document: ApiDocument, schema: Bounds, depth: number): fc.Arbitrary<unknown> {
    const known = Object.entries(schema.properties ?? {});
    const record = fc.record(Object.fromEntries(known.map(([name, of]) => [name, ofSchema(document, of, depth + 1)])), {
        requiredKeys: known.map(([name]) => name).filter((name) => schema.required?.includes(name)),
    });
    if (typeof schema.additionalProperties !== 'object') return record;
    const more = fc.dictionary(
        schema.propertyNames ? textOf(schema.propertyNames) : fc.string({ minLength: 1, maxLength: 12 }),
        ofSchema(document, schema.additionalProperties as Bounds, depth + 1),
        { maxKeys: Math.min(MOST, schema.maxProperties ?? MOST) },
    );
    return fc.tuple(record, more).map(([a, b]) => ({ ...b, ...a }));
}

function textOf({ pattern, format, minLength = 0, maxLength = MOST_CHARACTERS }: Bounds): fc.Arbitrary<string> {
    if (format === 'date-time')
        return fc.date({ min: new Date('2026-01-01'), max: new Date('2028-01-01'), noInvalidDate: true }).map((d) => d.toISOString());
    if (pattern !== undefined) return matching(pattern) ?? fc.constantFrom('PT1S', 'P1D', '10/s', 'a');
    return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, MOST_CHARACTERS)) });
}

/** Null where the pattern says what no text can be made from. */
function matching(pattern: string): fc.Arbitrary<string> | null {
    try {
        const arbitrary = fc.stringMatching(new RegExp(pattern, 'u'));
        fc.sample(arbitrary, 1);
        return arbitrary.map((text) => text.slice(0, 200));
    } catch {
        return null;
    }
}

/** The value with one thing in it replaced, taken out or added; `at` chooses which, `by` what comes there. */
export function changed(value: unknown, at: number, by: unknown): unknown {
    const places: { holder: Record<string, unknown>; key: string }[] = [];
    const walk = (one: unknown): void => {
        if (typeof one !== 'object' || one === null) return;
        for (const key of Object.keys(one)) {
            places.push({ holder: one as Record<string, unknown>, key });
            walk((one as Record<string, unknown>)[key]);
        }
    };
    const copy = structuredClone(value);
    walk(copy);
    const place = places[at % Math.max(1, places.length)];
    if (!place) return by;
    const { holder, key } = place;
    if (at % 3 === 0) holder[key] = by;
    else if (at % 3 === 1 && !Array.isArray(holder)) delete holder[key];
    else if (!Array.isArray(holder)) holder[typeof by === 'string' ? by.slice(0, 50) : 'unknown'] = by;
    else holder.push(by);
    return copy;
}
