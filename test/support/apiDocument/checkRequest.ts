// Does a request fit what the document says of its operation?
import type { Operation, Parameter } from './document';
import { entryFor, mediaType, type SentRequest } from './exchange';
import { possibleValues } from './parameterValue';
import { use, useValue, type Uses } from './uses';
import type { Validators } from './validators';

/** What clients and what stands between send by themselves or to be let in, and what OpenAPI describes elsewhere than among parameters. */
const EVERYWHERE = new Set([
    ...['accept', 'content-type', 'authorization', 'x-functions-key', 'x-fanfold-key'],
    ...['accept-encoding', 'accept-language', 'connection', 'content-length', 'host', 'transfer-encoding', 'user-agent'],
    ...['origin', 'sec-fetch-site', 'sec-fetch-mode', 'expect', 'cookie', 'cache-control'],
]);

/** What does not fit, a sentence each. What the request uses of the document goes into `uses`. */
export function checkRequest(
    validators: Validators,
    operation: Operation,
    pathValues: Map<string, string>,
    sent: SentRequest,
    uses: Uses,
): string[] {
    const given = operation.parameters.map((parameter) => ({ parameter, texts: textsOf(parameter, pathValues, sent) }));
    const misfits = given.flatMap(({ parameter, texts }) => {
        if (texts.length > 0) return checkParameter(validators, operation, parameter, texts, uses);
        return parameter.required ? [`${parameter.in} parameter ${parameter.name} is required`] : [];
    });
    const known = (place: string, name: string) => operation.parameters.some((p) => p.in === place && p.name === name);
    for (const name of new Set(sent.query.keys())) if (!known('query', name)) misfits.push(`query parameter ${name} is not documented`);
    for (const name of sent.headers.keys())
        if (!EVERYWHERE.has(name) && !known('header', name)) misfits.push(`header ${name} is not documented`);
    return [...misfits, ...checkBody(validators, operation, sent, uses)];
}

function textsOf({ in: place, name }: Parameter, pathValues: Map<string, string>, { query, headers }: SentRequest): string[] {
    if (place === 'query') return query.getAll(name);
    const text = place === 'path' ? pathValues.get(name) : headers.get(name);
    return text === null || text === undefined ? [] : [text];
}

function checkParameter(
    validators: Validators,
    operation: Operation,
    { in: place, name, schema }: Parameter,
    texts: string[],
    uses: Uses,
): string[] {
    const { document } = validators;
    const values = possibleValues(texts, document.schemaAt(document.follow(schema)));
    const fitting = values.find((value) => validators.fits(schema, value));
    if (fitting === undefined) return [`${place} parameter ${name}: ${validators.errors(schema, values.at(-1)).join('; ')}`];
    uses.add(use.parameter(operation, place, name));
    useValue(validators, 'request', schema, fitting, uses);
    return [];
}

function checkBody(validators: Validators, operation: Operation, sent: SentRequest, uses: Uses): string[] {
    const { body } = operation;
    if (!sent.hasBody) return body?.required ? ['a body is required'] : [];
    if (!body) return ['no body is documented'];
    // A body of which nothing is said is bytes (RFC 9110, 8.3).
    const type = mediaType(sent.headers) ?? 'application/octet-stream';
    const found = entryFor(body.content, type);
    if (!found) return [`a body of type ${type} is not documented`];
    uses.add(use.body(operation, found.type));
    const { schema } = found.entry;
    if (schema === null || !type.includes('json') || sent.text === undefined) return [];
    let value: unknown;
    try {
        value = JSON.parse(sent.text);
    } catch {
        return ['the body is no JSON'];
    }
    const errors = validators.errors(schema, value);
    if (errors.length > 0) return [`body: ${errors.join('; ')}`];
    useValue(validators, 'request', schema, value, uses);
    return [];
}
