// What a document offers, and what of it was used: both as the same words, so that the difference is what no test has used.
import { below, type ApiDocument, type DocumentedAnswer, type Operation, type Schema } from './document';
import type { Validators } from './validators';

export type Uses = Set<string>;

/** Whose data a schema is of: a field that only answers have is not used by a request. */
export type Side = 'request' | 'answer';

/** A part of a document, in words; a place of its schemas is named by its JSON pointer. */
export const use = {
    operation: ({ id }: Operation) => `${id}: the operation`,
    parameter: ({ id }: Operation, place: string, name: string) => `${id}: ${place} parameter ${name}`,
    body: ({ id }: Operation, type: string) => `${id}: request body ${type}`,
    answer: ({ id }: Operation, status: string) => `${id}: answer ${status}`,
    content: ({ id }: Operation, status: string, type: string) => `${id}: answer ${status} as ${type}`,
    header: ({ id }: Operation, status: string, name: string) => `${id}: answer ${status}, header ${name}`,
    code: ({ id }: Operation, status: string, code: string) => `${id}: answer ${status}, code ${code}`,
    field: (side: Side, pointer: string) => `${side}: field ${pointer}`,
    form: (side: Side, pointer: string) => `${side}: form ${pointer}`,
    /** Of requests only: which words there are in answers is a matter of the tables that both are made of. */
    value: (pointer: string, value: unknown) => `request: value ${JSON.stringify(value)} of ${pointer}`,
};

export const PROBLEM = 'application/problem+json';

type Step = { pointer: string; value?: unknown; isGiven: boolean };

/** All that a document offers. */
export function documentedUses(document: ApiDocument): Uses {
    const uses: Uses = new Set();
    for (const operation of document.operations) {
        uses.add(use.operation(operation));
        for (const { name, in: place, schema } of operation.parameters) {
            uses.add(use.parameter(operation, place, name));
            offer(document, 'request', schema, uses);
        }
        for (const [type, { schema }] of operation.body?.content ?? []) {
            uses.add(use.body(operation, type));
            if (schema !== null) offer(document, 'request', schema, uses);
        }
        for (const [status, answer] of operation.answers) offerAnswer(document, operation, status, answer, uses);
    }
    return uses;
}

function offerAnswer(document: ApiDocument, operation: Operation, status: string, answer: DocumentedAnswer, uses: Uses): void {
    uses.add(use.answer(operation, status));
    for (const name of answer.headers.keys()) uses.add(use.header(operation, status, name));
    for (const [type, { schema }] of answer.content) {
        uses.add(use.content(operation, status, type));
        if (type === PROBLEM)
            for (const { code, pointer } of problemsAt(document, schema!)) {
                uses.add(use.code(operation, status, code));
                offer(document, 'answer', pointer, uses);
            }
        else if (schema !== null) offer(document, 'answer', schema, uses);
    }
}

/** The problems that a schema is of: one, or several that their codes tell apart. */
export function problemsAt(document: ApiDocument, pointer: string): { code: string; pointer: string }[] {
    const at = document.follow(pointer);
    const { oneOf, properties } = document.schemaAt(at);
    if (oneOf) return [...oneOf.keys()].flatMap((i) => problemsAt(document, below(at, 'oneOf', i)));
    return [{ code: properties!.code!.const as string, pointer: at }];
}

function offer(document: ApiDocument, side: Side, pointer: string, uses: Uses, seen = new Set<string>()): void {
    const at = document.follow(pointer);
    if (seen.has(at)) return;
    seen.add(at);
    const schema = document.schemaAt(at);
    if (side === 'request') for (const value of valuesOf(schema)) uses.add(use.value(at, value));
    for (const name of Object.keys(schema.properties ?? {})) uses.add(use.field(side, below(at, 'properties', name)));
    for (const form of formsOf(document, at)) uses.add(use.form(side, form));
    for (const next of partsOf(schema, at)) offer(document, side, next, uses, seen);
}

/** Everything of the schema at `pointer` that a value has used, which fits it. */
export function useValue(validators: Validators, side: Side, pointer: string, value: unknown, uses: Uses): void {
    const { document } = validators;
    const at = document.follow(pointer);
    const schema = document.schemaAt(at);
    const go = (next: string, of: unknown) => useValue(validators, side, next, of, uses);
    if (side === 'request' && valuesOf(schema).includes(value)) uses.add(use.value(at, value));
    for (const form of formsOf(document, at))
        if (validators.fits(form, value)) {
            uses.add(use.form(side, form));
            go(form, value);
        }
    for (const i of (schema.allOf ?? []).keys()) go(below(at, 'allOf', i), value);
    if (Array.isArray(value)) useItems(schema, at, value, go);
    else if (typeof value === 'object' && value !== null)
        for (const { pointer: field, value: of, isGiven } of fieldsOf(schema, at, value as Record<string, unknown>)) {
            if (isGiven) uses.add(use.field(side, field));
            go(field, of);
        }
}

function useItems({ items, prefixItems = [] }: Schema, at: string, values: unknown[], go: (next: string, of: unknown) => void): void {
    for (const [i, value] of values.entries()) {
        if (i < prefixItems.length) go(below(at, 'prefixItems', i), value);
        else if (typeof items === 'object') go(below(at, 'items'), value);
    }
}

function fieldsOf(schema: Schema, at: string, value: Record<string, unknown>): Step[] {
    return Object.entries(value).flatMap(([name, of]): Step[] => {
        if (schema.properties && Object.hasOwn(schema.properties, name))
            return [{ pointer: below(at, 'properties', name), value: of, isGiven: true }];
        const patterns = Object.keys(schema.patternProperties ?? {}).filter((pattern) => new RegExp(pattern, 'u').test(name));
        if (patterns.length > 0)
            return patterns.map((pattern) => ({ pointer: below(at, 'patternProperties', pattern), value: of, isGiven: false }));
        return typeof schema.additionalProperties === 'object'
            ? [{ pointer: below(at, 'additionalProperties'), value: of, isGiven: false }]
            : [];
    });
}

/** Words of a list of words; one word alone says nothing that its field does not say. */
const valuesOf = ({ enum: values = [] }: Schema): unknown[] => (values.length > 1 ? values.filter((v) => v !== null) : []);

/** Alternatives; that there may be nothing is none. */
function formsOf(document: ApiDocument, at: string): string[] {
    const schema = document.schemaAt(at);
    return (['anyOf', 'oneOf'] as const)
        .flatMap((kind) => (schema[kind] ?? []).map((_, i) => below(at, kind, i)))
        .filter((form) => document.schemaAt(document.follow(form)).type !== 'null');
}

/** Every place right below a schema. */
function partsOf(schema: Schema, at: string): string[] {
    return [
        ...(['properties', 'patternProperties'] as const).flatMap((kind) => Object.keys(schema[kind] ?? {}).map((n) => below(at, kind, n))),
        ...(['anyOf', 'oneOf', 'allOf', 'prefixItems'] as const).flatMap((kind) => (schema[kind] ?? []).map((_, i) => below(at, kind, i))),
        ...(['items', 'additionalProperties'] as const).filter((kind) => typeof schema[kind] === 'object').map((kind) => below(at, kind)),
    ];
}
