// openapi.json is what the code says, and says all of it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { oas31 } from 'zod-openapi';
import { documentText } from '../../openapi/document';
import { allOperations } from '../../src/api/openapi/document';
import { routes } from '../../src/api/routes';
import { problemCodes } from '../../src/core/codes';
import { operationsOf, readDocument, root } from '../support/apiDocument';

const document = readDocument();
const operations = operationsOf(document);
type Schema = oas31.SchemaObject;

interface Answer {
    headers?: object;
    'x-problem-codes'?: (keyof typeof problemCodes)[];
}

/** Answers by their status; what stands among the components, in its place. */
const answersIn = (responses: object = {}): [status: string, answer: Answer][] =>
    Object.entries(responses as Record<string, Answer & { $ref?: string }>).map(([status, answer]) => [
        status,
        answer.$ref ? (document.components!.responses![answer.$ref.split('/').at(-1)!] as Answer) : answer,
    ]);
const answers = operations.flatMap(({ operation }) => answersIn(operation.responses));
const elsewhere = answersIn(document['x-other-paths'] as object);

/** Places of schemas that say nothing of what they are. */
function undescribed(schema: Schema, place: string): string[] {
    const fields = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
        const { description, $ref, const: is } = field as Schema;
        const isSaid = description !== undefined || $ref !== undefined || is !== undefined;
        return [...(isSaid ? [] : [`${place}/${name}`]), ...undescribed(field as Schema, `${place}/${name}`)];
    });
    const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), schema.items, schema.additionalProperties];
    return [...fields, ...parts.flatMap((part) => (typeof part === 'object' ? undescribed(part as Schema, place) : []))];
}

test('openapi.json is what the code and the stored examples make of it; `npm run openapi -- --offline` writes it', () => {
    expect(readFileSync(path.join(root, 'openapi.json'), 'utf8')).toBe(documentText(root));
});

test('every route and method is in it once, under a name of its own', () => {
    const known = routes
        .filter(({ route }) => route !== '{*path}')
        .flatMap(({ route, methods }) => methods.map((method) => `${method} /${route}`));
    expect(operations.map(({ path: at, method }) => `${method} ${at}`).sort()).toEqual(known.sort());
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(known.length);
});

test('every code of a problem is answered somewhere, with its status', () => {
    const told = [...answers, ...elsewhere].flatMap(([status, answer]) =>
        (answer['x-problem-codes'] ?? []).map((code) => [code, Number(status)] as const),
    );
    expect([...new Set(told.map(([code]) => code))].sort()).toEqual(Object.keys(problemCodes).sort());
    expect(told.filter(([code, status]) => problemCodes[code].status !== status)).toEqual([]);
});

test('every field of every document, every parameter and every header is described', () => {
    const { schemas = {}, parameters = {}, headers = {} } = document.components!;
    expect(Object.entries(schemas).flatMap(([name, schema]) => undescribed(schema as Schema, name))).toEqual([]);
    const rest = { ...parameters, ...headers } as Record<string, { description?: string }>;
    expect(Object.entries(rest).filter(([, { description }]) => !description)).toEqual([]);
    expect(undescribed({ properties: { a: { anyOf: [{ properties: { b: {} } }], description: 'x' } } }, '')).toEqual(['/a/b']);
});

test('no answer has a field that is not described: every object of an answer is closed, or says of what kind its fields are', () => {
    const open = (schema: Schema, place: string): string[] => [
        ...(schema.type === 'object' && schema.properties && schema.additionalProperties !== false ? [place] : []),
        ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) => open(field as Schema, `${place}/${name}`)),
        ...[...(schema.anyOf ?? []), schema.items].flatMap((part) => (typeof part === 'object' ? open(part as Schema, place) : [])),
    ];
    expect(Object.entries(document.components!.schemas!).flatMap(([name, schema]) => open(schema as Schema, name))).toEqual([]);
    expect(open({ type: 'object', properties: { a: {} } }, 'x')).toEqual(['x']);
});

test('the app loads nothing of what makes the document', () => {
    const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const outside = files.filter((file) => !file.startsWith(path.join('api', 'openapi')));
    expect(outside.length).toBeLessThan(files.length);
    const makes = /from '[^']*\/openapi\/|from 'zod-openapi'/;
    expect(outside.filter((file) => makes.test(readFileSync(path.join(root, 'src', file), 'utf8')))).toEqual([]);
    expect(makes.test(`import { operations } from './openapi/operations';`)).toBe(true);
});

test('headers that handlers set are headers of the document', () => {
    // What src/api writes as a key of an object that has headers in it, or with a hyphen.
    const files = readdirSync(path.join(root, 'src/api'), { recursive: true, encoding: 'utf8' }).filter(
        (file) => file.endsWith('.ts') && !file.startsWith('openapi'),
    );
    const set = files.flatMap((file) => headersIn(readFileSync(path.join(root, 'src/api', file), 'utf8')));
    const known = new Set(answers.flatMap(([, { headers = {} }]) => Object.keys(headers).map((name) => name.toLowerCase())));
    expect([...new Set(set)].sort()).toEqual(expect.arrayContaining(['cache-control', 'retry-after', 'tus-max-size', 'x-fanfold-cursor']));
    expect(set.filter((name) => !known.has(name))).toEqual([]);
    expect(headersIn(`{ 'x-unknown': '1' }, { headers: { allow: 'GET' } }`)).toEqual(['x-unknown', 'allow']);
});

const headersIn = (text: string): string[] =>
    [...text.matchAll(/'([a-z]+(?:-[a-z]+)+)':|\b(allow|accept|location|etag):/g)]
        .map(([, quoted, plain]) => quoted ?? plain!)
        .filter((name) => name !== 'content-type');

test('what an operation asks of its callers is what the table of routes says', () => {
    const wrong = allOperations().flatMap(({ id, level }) => {
        const { operation } = operations.find((known) => known.operation.operationId === id)!;
        const codes = answersIn(operation.responses).flatMap(([, answer]) => answer['x-problem-codes'] ?? []);
        const isAnonymous = level === 'anonymous';
        const isRight =
            operation['x-level' as keyof typeof operation] === level &&
            codes.includes('KEY_REQUIRED') === !isAnonymous &&
            codes.includes('LEVEL_TOO_LOW') === (level === 'operate' || level === 'admin') &&
            (operation.security?.length === 0) === isAnonymous;
        return isRight ? [] : [id];
    });
    expect(wrong).toEqual([]);
});

test('what guards an answer in a browser comes with each that the app gives', () => {
    const names = ['X-Content-Type-Options', 'Content-Security-Policy'];
    const bare = [...answers, ...elsewhere].filter(([, { headers = {} }]) => !names.every((name) => name in headers));
    expect(bare).toEqual([]);
});

test('an operation is found by the name that its examples have', () => {
    const names = allOperations().map(({ id }) => id);
    const files = readdirSync(path.join(root, 'src/api/openapi/examples')).filter((file) => file.endsWith('.json'));
    expect(files.map((file) => path.basename(file, '.json')).filter((name) => !names.includes(name))).toEqual([]);
});
