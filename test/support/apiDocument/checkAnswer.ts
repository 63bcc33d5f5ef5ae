// Does an answer fit what the document says of its operation?
import { PROBLEM, problemsAt, use, useValue, type Uses } from './uses';
import type { AnswerHeader, DocumentedAnswer, Media, Operation } from './document';
import { entryFor, mediaType, type AnswerHead } from './exchange';
import { possibleValues } from './parameterValue';
import type { Validators } from './validators';

/** What hosts, and what stands before them, add to every answer. */
const OF_HOSTS = new Set([
    ...['connection', 'content-encoding', 'content-length', 'content-type', 'date', 'keep-alive', 'server', 'transfer-encoding', 'vary'],
    ...['request-context', 'strict-transport-security', 'x-ms-invocation-id', 'x-powered-by'],
]);

/** How a body is documented. */
export interface BodyForm {
    type: string;
    media: Media;
}

export interface CheckedHead {
    /** What does not fit, a sentence each. */
    misfits: string[];
    /** Null where there is to be none, or nothing is known of it. */
    body: BodyForm | null;
}

/** Looks at status, headers and content type; the body is checked by `checkBody` and `LineChecks`. */
export function checkHead(validators: Validators, operation: Operation, { status, headers }: AnswerHead, uses: Uses): CheckedHead {
    const answer = operation.answers.get(String(status));
    if (!answer) return { misfits: ['this status is not documented'], body: null };
    uses.add(use.operation(operation)).add(use.answer(operation, String(status)));
    const misfits = headerMisfits(validators, answer, headers, (name) => uses.add(use.header(operation, String(status), name)));
    // To HEAD the body does not come that the content type is of.
    if (operation.method === 'HEAD') return { misfits, body: null };
    const type = mediaType(headers);
    const body = type === null ? null : bodyForm(answer, type);
    if (type === null && answer.content.size > 0 && !answer.mayBeEmpty)
        misfits.push(`there is no content type, but documented is ${namesOf(answer.content)}`);
    if (type !== null && !body) misfits.push(`content type ${type} is not documented`);
    if (body) uses.add(use.content(operation, String(status), body.type));
    return { misfits, body };
}

const namesOf = (content: Map<string, Media>): string => [...content.keys()].join(', ');

function bodyForm({ content }: DocumentedAnswer, type: string): BodyForm | null {
    const found = entryFor(content, type);
    return found && { type: found.type, media: found.entry };
}

/** What of an answer's headers does not fit, a sentence each. `fits` is told of each that is documented and as it is said to be. */
export function headerMisfits(
    validators: Validators,
    answer: DocumentedAnswer,
    headers: Headers,
    fits: (name: string) => void = () => undefined,
): string[] {
    const misfits: string[] = [];
    for (const [name, value] of headers) {
        const documented = answer.headers.get(name);
        if (!documented && OF_HOSTS.has(name)) continue;
        const wrong = documented ? wrongValue(validators, documented, value) : 'is not documented';
        if (wrong) misfits.push(`header ${name} ${wrong}: ${value}`);
        else fits(name);
    }
    for (const [name, { required }] of answer.headers) if (required && !headers.has(name)) misfits.push(`header ${name} is missing`);
    return misfits;
}

function wrongValue(validators: Validators, { schema }: AnswerHeader, text: string): string | null {
    const { document } = validators;
    const values = possibleValues([text], document.schemaAt(document.follow(schema)));
    return values.some((value) => validators.fits(schema, value)) ? null : validators.errors(schema, values.at(-1)).join('; ');
}

/** A body that comes whole: what does not fit, a sentence each. */
export function checkBody(
    validators: Validators,
    operation: Operation,
    status: number,
    body: BodyForm | null,
    text: string,
    uses: Uses,
): string[] {
    if (!body) return text === '' ? [] : ['no body is documented'];
    const { schema } = body.media;
    if (schema === null) return [];
    let value: unknown;
    try {
        value = JSON.parse(text);
    } catch {
        return ['the body is no JSON'];
    }
    return body.type === PROBLEM
        ? checkProblem(validators, operation, status, schema, value, uses)
        : checkValue(validators, schema, value, uses);
}

function checkValue(validators: Validators, schema: string, value: unknown, uses: Uses): string[] {
    const errors = validators.errors(schema, value);
    if (errors.length > 0) return [`body: ${errors.join('; ')}`];
    useValue(validators, 'answer', schema, value, uses);
    return [];
}

/** A problem is held against the one that its code names. */
function checkProblem(
    validators: Validators,
    operation: Operation,
    status: number,
    schema: string,
    problem: unknown,
    uses: Uses,
): string[] {
    const { code } = problem as { code?: string };
    const known = problemsAt(validators.document, schema).find((p) => p.code === code);
    if (!known) return [`code ${code} is not documented`];
    uses.add(use.code(operation, String(status), known.code));
    return checkValue(validators, known.pointer, problem, uses);
}
