// The API document (OpenAPI 3.1) as the suite reads it: its operations, and every place in it by its JSON pointer.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What of a JSON schema is walked through; all else is left to the validator. */
export interface Schema {
    $ref?: string;
    type?: string | string[];
    enum?: unknown[];
    const?: unknown;
    properties?: Record<string, Schema>;
    patternProperties?: Record<string, Schema>;
    additionalProperties?: boolean | Schema;
    items?: boolean | Schema;
    prefixItems?: Schema[];
    anyOf?: Schema[];
    oneOf?: Schema[];
    allOf?: Schema[];
}

export interface Parameter {
    /** Of a header in lower case. */
    name: string;
    in: 'path' | 'query' | 'header';
    required: boolean;
    /** Pointer to its schema. */
    schema: string;
}

export interface Media {
    /** Pointer to its schema; null where any bytes are taken or given. */
    schema: string | null;
    /** The schema is of one line. */
    isLines: boolean;
}

export interface AnswerHeader {
    required: boolean;
    schema: string;
}

export interface DocumentedAnswer {
    /** By name in lower case. */
    headers: Map<string, AnswerHeader>;
    /** By media type. */
    content: Map<string, Media>;
    /** There may be no body, and then no content type either. */
    mayBeEmpty: boolean;
}

export interface Operation {
    id: string;
    /** In upper case. */
    method: string;
    /** Below the API's root, such as `/jobs/{id}`. */
    path: string;
    parameters: Parameter[];
    body: { required: boolean; content: Map<string, Media> } | null;
    /** By status. */
    answers: Map<string, DocumentedAnswer>;
}

/** What the document knows at a path, for a method. */
export type Found =
    | { kind: 'operation'; operation: Operation; pathValues: Map<string, string> }
    /** The path is there, with these methods only. */
    | { kind: 'method'; methods: string[] }
    | { kind: 'nothing' };

type Json = Record<string, unknown>;

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
const unescaped = (name: string): string => name.replaceAll('~1', '/').replaceAll('~0', '~');

/** A pointer one step or several further down. */
export const below = (pointer: string, ...steps: (string | number)[]): string =>
    [pointer, ...steps.map((step) => escaped(String(step)))].join('/');

export class ApiDocument {
    readonly json: Json;
    /** SHA-256 of its text: what was recorded with another one says nothing of this one. */
    readonly digest: string;
    readonly operations: Operation[];
    /** By status: the answers where no operation is. */
    readonly otherPaths: Map<string, DocumentedAnswer>;

    constructor(text: string) {
        this.json = JSON.parse(text) as Json;
        this.digest = createHash('sha256').update(text).digest('hex');
        this.operations = Object.keys(this.json.paths as Json)
            .flatMap((route) => this.operationsAt(route))
            .sort((a, b) => parametersIn(a.path) - parametersIn(b.path));
        this.otherPaths = this.answersAt('/x-other-paths');
    }

    /** What is at a pointer, as it stands there. */
    at(pointer: string): unknown {
        let value: unknown = this.json;
        for (const step of pointer.split('/').slice(1)) value = (value as Json | undefined)?.[unescaped(step)];
        return value;
    }

    /** The pointer to what a pointer stands for: references are followed to their end. */
    follow(pointer: string): string {
        const { $ref } = this.at(pointer) as { $ref?: string };
        return $ref === undefined ? pointer : this.follow(decodeURIComponent($ref.slice(1)));
    }

    schemaAt(pointer: string): Schema {
        return this.at(pointer) as Schema;
    }

    /** `route` is below the API's root, percent-encoded as in the URL, without a query. */
    find(method: string, route: string): Found {
        const segments = route.split('/').slice(1);
        const there = this.operations.flatMap((operation) => {
            const pathValues = matched(operation.path, segments);
            return pathValues ? [{ operation, pathValues }] : [];
        });
        // A literal path goes before one with parameters: no method of the latter is known there.
        const at = there.filter(({ operation }) => operation.path === there[0]!.operation.path);
        const found = at.find(({ operation }) => operation.method === method);
        if (found) return { kind: 'operation', ...found };
        return at.length > 0 ? { kind: 'method', methods: at.map(({ operation }) => operation.method) } : { kind: 'nothing' };
    }

    private operationsAt(route: string): Operation[] {
        const at = below('', 'paths', route);
        const item = this.at(at) as Json;
        const shared = this.parametersAt(below(at, 'parameters'));
        return METHODS.filter((method) => method in item).map((method) => {
            const here = below(at, method);
            const own = this.parametersAt(below(here, 'parameters'));
            const isOwn = (p: Parameter) => own.some((o) => o.in === p.in && o.name === p.name);
            return {
                id: (this.at(here) as { operationId: string }).operationId,
                method: method.toUpperCase(),
                path: route,
                parameters: [...own, ...shared.filter((p) => !isOwn(p))],
                body: this.bodyAt(below(here, 'requestBody')),
                answers: this.answersAt(below(here, 'responses')),
            };
        });
    }

    private keysAt = (pointer: string): string[] => Object.keys((this.at(pointer) as Json | undefined) ?? {});

    private parametersAt(pointer: string): Parameter[] {
        return this.keysAt(pointer).map((i) => {
            const at = this.follow(below(pointer, i));
            const { name, in: place, required = false } = this.at(at) as Parameter;
            return { name: place === 'header' ? name.toLowerCase() : name, in: place, required, schema: below(at, 'schema') };
        });
    }

    private bodyAt(pointer: string): Operation['body'] {
        if (this.at(pointer) === undefined) return null;
        const at = this.follow(pointer);
        return { required: (this.at(at) as { required?: boolean }).required ?? false, content: this.contentAt(below(at, 'content')) };
    }

    private answersAt = (pointer: string): Map<string, DocumentedAnswer> =>
        new Map(this.keysAt(pointer).map((status) => [status, this.answerAt(below(pointer, status))]));

    private answerAt(pointer: string): DocumentedAnswer {
        const at = this.follow(pointer);
        const headers = this.keysAt(below(at, 'headers')).map((name): [string, AnswerHeader] => {
            const header = this.follow(below(at, 'headers', name));
            const { required = false } = this.at(header) as { required?: boolean };
            return [name.toLowerCase(), { required, schema: below(header, 'schema') }];
        });
        const mayBeEmpty = this.at(below(at, 'x-may-be-empty')) === true;
        return { headers: new Map(headers), content: this.contentAt(below(at, 'content')), mayBeEmpty };
    }

    private contentAt(pointer: string): Map<string, Media> {
        return new Map(
            this.keysAt(pointer).map((type) => {
                const media = this.at(below(pointer, type)) as { schema?: Schema; 'x-ndjson-line'?: boolean };
                const schema = media.schema === undefined ? null : below(pointer, type, 'schema');
                return [type, { schema, isLines: media['x-ndjson-line'] === true }];
            }),
        );
    }
}

const parametersIn = (route: string): number => route.split('{').length;

function matched(route: string, segments: string[]): Map<string, string> | null {
    const pattern = route.split('/').slice(1);
    if (pattern.length !== segments.length) return null;
    const values = new Map<string, string>();
    for (const [i, step] of pattern.entries()) {
        const segment = segments[i]!;
        const name = /^\{(.+)\}$/.exec(step)?.[1];
        if (name === undefined ? step !== segment : segment === '') return null;
        if (name !== undefined) values.set(name, decoded(segment));
    }
    return values;
}

/** As hosts decode a segment of the path: one that cannot be is left as it is. */
function decoded(segment: string): string {
    try {
        return decodeURIComponent(segment);
    } catch {
        return segment;
    }
}

let read: ApiDocument | undefined;

/** The document at the root of the repository, read once. */
export const apiDocument = (): ApiDocument => (read ??= new ApiDocument(readFileSync(apiDocumentPath, 'utf8')));

// Built, it stands below dist/.
export const repository = path.resolve(__dirname, __dirname.includes(`${path.sep}dist${path.sep}`) ? '../../../..' : '../../..');
export const apiDocumentPath = path.join(repository, 'openapi.json');
