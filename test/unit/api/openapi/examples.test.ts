// The examples of the document are real answers and requests: each fits its schema, and the server takes each request.
import { parseSettings } from '../../../../src/contracts/limiter';
import { limitsSpec, parseSpec } from '../../../../src/contracts/jobSpec';
import { parseMoveBody } from '../../../../src/contracts/requests';
import { mergeLimits } from '../../../../src/application/mergeLimits';
import { examplesOf } from '../../../../src/api/openapi/examples';
import { allOperations, openApiDocument } from '../../../../src/api/openapi/document';
import type { StoredJob } from '../../../../src/contracts/documents';
import { readExamples } from '../../../../openapi/document';
import { isProvoked } from '../../../../openapi/problems';
import { operationsOf, readDocument, root, Schemas } from '../../../support/apiDocument';
import type { oas31 } from 'zod-openapi';

const document = readDocument();
const schemas = new Schemas(document);
const operations = operationsOf(document);

interface Place {
    /** `getJob 200 application/json running` */
    name: string;
    schema: object;
    value: unknown;
}

const examplesIn = (name: string, content: oas31.ContentObject = {}): Place[] =>
    Object.entries(content).flatMap(([type, { schema, examples = {} }]) =>
        Object.entries(examples).map(([word, example]) => ({
            name: `${name} ${type} ${word}`,
            schema: schema!,
            value: (example as oas31.ExampleObject).value as unknown,
        })),
    );

const requests = operations.flatMap(({ operation: { operationId, requestBody } }) =>
    examplesIn(operationId!, (requestBody as oas31.RequestBodyObject | undefined)?.content),
);
const answers = operations.flatMap(({ operation: { operationId, responses } }) =>
    Object.entries(responses as Record<string, oas31.ResponseObject>).flatMap(([status, { content }]) =>
        examplesIn(`${operationId} ${status}`, content),
    ),
);

test('there are examples of both', () => {
    expect(requests.length).toBeGreaterThan(9);
    expect(answers.length).toBeGreaterThan(100);
});

test('every example fits its schema', () => {
    expect(
        [...requests, ...answers].flatMap(({ name, schema, value }) =>
            schemas.errors(schemas.of(schema), value).map((why) => `${name}: ${why}`),
        ),
    ).toEqual([]);
});

test('every good answer with a body has an example, and every problem that can be provoked', () => {
    const stored = readExamples(root);
    const missing = allOperations().flatMap(({ id, operation }) => {
        const examples = examplesOf(stored[id] ?? {});
        const good = Object.entries(operation.answers).flatMap(([status, { content = {} }]) =>
            Object.keys(content)
                .filter((type) => !('examples' in examples.ofAnswer(status, type)))
                .map((type) => `${id} ${status} ${type}`),
        );
        const bad = operation.isHead
            ? []
            : operation.codes.filter((code) => isProvoked(code) && !('examples' in examples.ofProblems([code])));
        return [...good, ...bad.map((code) => `${id} ${code}`)];
    });
    // The document is no example of itself; storage that does not answer cannot be asked for.
    expect(missing.sort()).toEqual(['getOpenApi 200 application/json', 'health 503 application/json']);
});

/** What the server makes of a body; what is wrong with it, if anything. */
const parsers: Record<string, (value: unknown) => unknown> = {
    startJob: (value) => errorsOf(parseSpec(value)),
    retuneJob: (value) => {
        const { reason, ...patch } = value as Record<string, unknown>;
        const job = {
            id: 'a',
            createdAt: '2026-12-01T00:00:00.000Z',
            spec: { process: { http: { url: 'http://x/' } } },
        } as unknown as StoredJob;
        mergeLimits(limitsSpec.parse({}), patch, job, Date.parse(job.createdAt));
        return errorsOf(parseMoveBody(reason === undefined ? {} : { reason }));
    },
    setLimiter: (value) => errorsOf(parseSettings(value)),
};
const errorsOf = (parsed: { ok: true } | { ok: false; errors: unknown }): unknown => (parsed.ok ? [] : parsed.errors);

test('the server takes every request', () => {
    const refused = requests.map(({ name, value }) => [
        name,
        (parsers[name.split(' ')[0]!] ?? ((body) => errorsOf(parseMoveBody(body))))(value),
    ]);
    expect(refused.filter(([, errors]) => (errors as unknown[]).length > 0)).toEqual([]);
});

describe('what is wrong is found', () => {
    const running = answers.find(({ name }) => name === 'getJob 200 application/json running')!;
    const job = running.value as Record<string, object>;
    const errors = (value: unknown) => schemas.errors(schemas.of(running.schema), value);

    test('a field that no schema has, at the top and within', () => {
        expect(errors({ ...job, more: 1 }).join()).toContain('must NOT have additional properties {"additionalProperty":"more"}');
        expect(errors({ ...job, workers: { ...job.workers, more: 1 } }).join()).toContain('/workers must NOT have additional properties');
        expect(errors({ ...job, canary: {} })).not.toEqual([]);
    });

    test('a field that is missing, and a word that is none', () => {
        const { limits: _limits, ...rest } = job;
        expect(errors(rest).join()).toContain('"missingProperty":"limits"');
        expect(errors({ ...job, state: 'resting' }).join()).toContain('must be equal to one of the allowed values');
        expect(errors({ ...job, createdAt: 'yesterday' }).join()).toContain('must match format "date-time"');
    });

    test('a document from which a field was taken: the stored example does not fit it any more', () => {
        const without = structuredClone(document);
        delete (without.components!.schemas!.Job as oas31.SchemaObject).properties!.repairs;
        const poorer = new Schemas(without);
        expect(poorer.errors(poorer.of(running.schema), job).join()).toContain('"additionalProperty":"repairs"');
    });

    test('a code that the operation does not list', () => {
        const problem = answers.find(({ name }) => name === 'getJob 404 application/problem+json JOB_NOT_FOUND')!;
        expect(schemas.errors(schemas.of(problem.schema), { ...(problem.value as object), code: 'ITEM_NOT_FOUND' })).not.toEqual([]);
    });

    test('an example that is not stored is not in the document', () => {
        expect(JSON.stringify(openApiDocument('1', {}))).not.toContain('"examples"');
    });
});
