// The API document as a test reads it, and validators of its schemas.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { oas31 } from 'zod-openapi';

export const root = path.resolve(__dirname, '../..');

export const readDocument = (): oas31.OpenAPIObject =>
    JSON.parse(readFileSync(path.join(root, 'openapi.json'), 'utf8')) as oas31.OpenAPIObject;

export interface DocumentedOperation {
    path: string;
    method: string;
    operation: oas31.OperationObject;
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;

export const operationsOf = (document: oas31.OpenAPIObject): DocumentedOperation[] =>
    Object.entries(document.paths ?? {}).flatMap(([at, item]) =>
        methods.flatMap((method) => (item[method] ? [{ path: at, method: method.toUpperCase(), operation: item[method] }] : [])),
    );

/** Compiles schemas of a document, each found by its place in it. */
export class Schemas {
    private readonly ajv: Ajv2020;

    constructor(document: oas31.OpenAPIObject) {
        // Keywords of OpenAPI beside those of JSON Schema say nothing about what is valid.
        this.ajv = new Ajv2020({ strict: false, allErrors: true, discriminator: false });
        addFormats(this.ajv);
        this.ajv.addSchema({ $id: 'api', components: document.components });
    }

    /** A validator of a schema whose references lead into the document. */
    of(schema: object): ValidateFunction {
        return this.ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')) as object);
    }

    component(name: string): ValidateFunction {
        return this.of({ $ref: `#/components/schemas/${name}` });
    }

    /** What is wrong with a value; empty where nothing is. */
    errors(validate: ValidateFunction, value: unknown): string[] {
        return validate(value)
            ? []
            : (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
    }
}
