// What is sent for an item: URL, headers and body from the spec, and what is wrong with a spec that cannot say.
import { writeExact } from '../json/exactJson';
import type { FieldError } from '../core/errors';
import { pointer, type HttpProcess } from '../contracts/jobSpec';
import { compileExpression, evaluate } from '../expressions/jmespath';
import { ownHeaders } from '../egress/outgoing';
import { UrlTemplate } from './callUrl';

const withoutBody = new Set(['GET', 'HEAD', 'DELETE']);

/** Whether a call needs the item as a value; otherwise its JSON text is sent as it stands, and nobody need parse it. */
export const httpReadsItem = (spec: HttpProcess): boolean => spec.body !== undefined || spec.url.includes('{');

export function bodyReader(spec: HttpProcess): ((item: unknown, rawItem: string) => string) | null {
    if (spec.body !== undefined) {
        const body = compileExpression(spec.body);
        return (item) => writeExact(evaluate(body, item));
    }
    return withoutBody.has(spec.method) ? null : (_item, rawItem) => rawItem;
}

/** What is wrong with the `http` part of a spec beyond its shape: templates, expressions and headers that cannot be. */
export function checkHttp(spec: HttpProcess): FieldError[] {
    const problems = [...checkUrl(spec), ...checkHeaders(spec)];
    for (const field of ['body', 'success'] as const) problems.push(...checkExpression([field], spec[field]));
    for (const [name, expression] of Object.entries(spec.vars ?? {})) problems.push(...checkExpression(['vars', name], expression));
    if (spec.body !== undefined && (spec.method === 'GET' || spec.method === 'HEAD'))
        problems.push({ pointer: at('body'), message: `${spec.method} takes no body` });
    return problems;
}

const at = (...path: string[]) => pointer(['process', 'http', ...path]);

function checkExpression(path: string[], expression: string | undefined): FieldError[] {
    if (expression === undefined) return [];
    try {
        compileExpression(expression);
        return [];
    } catch (error) {
        return [
            {
                pointer: at(...path),
                message: `not a JMESPath expression: ${(error as Error).message}`,
                allowed: 'see https://jmespath.org',
            },
        ];
    }
}

function checkUrl({ url, vars, optional }: HttpProcess): FieldError[] {
    let template: UrlTemplate;
    try {
        template = new UrlTemplate(url);
        // Of two expansions both have the origin, or a variable reaches it.
        for (const value of ['1', 'a.b']) template.expand(() => value);
    } catch (error) {
        return [
            {
                pointer: at('url'),
                message: (error as Error).message,
                allowed: 'an absolute http or https URL, or an RFC 6570 template of one, such as https://example.com/things/{id}{?page}',
            },
        ];
    }
    const variables = [...template.variables].join(', ') || 'none';
    return [
        ...Object.keys(vars ?? {}).flatMap((name) =>
            template.variables.has(name)
                ? []
                : [
                      {
                          pointer: at('vars', name),
                          message: `the URL has no variable "${name}"`,
                          allowed: `variables of the URL: ${variables}`,
                      },
                  ],
        ),
        ...(optional ?? []).flatMap((name, i) =>
            template.optional.has(name)
                ? []
                : [
                      {
                          pointer: at('optional', String(i)),
                          message: `"${name}" is no variable that stands in {?…} or {&…} of the query alone`,
                          allowed: [...template.optional].join(', ') || 'none: the URL has no such variable',
                      },
                  ],
        ),
    ];
}

function checkHeaders({ headers }: HttpProcess): FieldError[] {
    const seen = new Map<string, string>();
    return Object.entries(headers).flatMap(([name, value]): FieldError[] => {
        const lower = name.toLowerCase();
        const twin = seen.get(lower);
        seen.set(lower, name);
        if (twin !== undefined)
            return [{ pointer: at('headers', name), message: `is the header "${twin}" once more`, allowed: 'each header once' }];
        if (ownHeaders.has(lower))
            return [
                { pointer: at('headers', name), message: `"${name}" is set by the app or by the connection`, allowed: 'any other header' },
            ];
        if (typeof value === 'string' && !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
            return [{ pointer: at('headers', name), message: 'holds characters that a header cannot carry' }];
        return [];
    });
}
