// The URL that is called for an item. It has the template's scheme and host, and exactly the path segments that the template says, with what the item
// names in them; else the item fails, and nothing is called.
import type { HttpProcess } from '../contracts/jobSpec';
import { target } from '../egress/outgoing';
import { CallError } from './callError';
import { variableReader } from './templateVariables';
import {
    checkLength,
    expand,
    kindOf,
    parseTemplate,
    Room,
    TemplateError,
    textOf,
    type Expression,
    type Part,
    type Variable,
} from './uriTemplate';

/** Gives a variable's value. */
type Values = (name: string) => unknown;

/** The URL of an item. @throws CallError */
export type UrlReader = (item: unknown) => string;

/** @throws TemplateError, ExpressionError or OutgoingError where the spec can name no URL */
export function urlReader(spec: Pick<HttpProcess, 'url' | 'vars'>): UrlReader {
    // Without variables there is nothing to say of an item.
    if (!spec.url.includes('{')) return () => spec.url;
    const url = new UrlTemplate(spec.url);
    const read = variableReader(spec.vars);
    return (item) => url.expand(read(item));
}

export class UrlTemplate {
    readonly origin: string;
    /** Names that stand in `{?…}` and `{&…}` of the query alone: these may be absent. */
    readonly optional: Set<string>;
    readonly variables: Set<string>;
    /** Scheme, host and port. */
    private readonly base: string;
    private readonly path: Part[] = [];
    private readonly query: Part[] = [];

    /** @throws TemplateError for what is no template of a URL with a fixed host; OutgoingError for a base that cannot be called */
    constructor(template: string) {
        const parts = parseTemplate(template);
        const first = parts[0];
        const base = typeof first === 'string' ? /^https?:\/\/[^/?#]+/i.exec(first)?.[0] : undefined;
        if (base === undefined)
            throw new TemplateError('scheme and host must not come from the item: the URL begins with http:// or https:// and a host');
        this.base = base;
        this.origin = target(base).origin;
        let place = this.path;
        for (const part of [(first as string).slice(base.length), ...parts.slice(1)]) {
            if (typeof part === 'string' ? part.includes('#') : part.operator === '#')
                throw new TemplateError('what follows # is never sent, so it can name nothing; leave it out');
            if (typeof part !== 'string') {
                if (part.operator === '?') place = this.query;
                place.push(part);
                continue;
            }
            const mark = place === this.path ? part.indexOf('?') : -1;
            place.push(mark < 0 ? part : part.slice(0, mark));
            if (mark < 0) continue;
            place = this.query;
            place.push(part.slice(mark));
        }
        const behind = this.path.find((part) => part !== '');
        if (behind !== undefined && (typeof behind === 'string' ? !behind.startsWith('/') : behind.operator !== '/'))
            throw new TemplateError('the host must not come from the item: it ends, with / or ?, before the first variable');
        const inPath = this.path.flatMap(namesIn);
        const inQuery = this.query.flatMap((part) => (typeof part !== 'string' && !isOptional(part) ? namesIn(part) : []));
        this.variables = new Set([...inPath, ...this.query.flatMap(namesIn)]);
        this.optional = new Set([...this.variables].filter((name) => !inPath.includes(name) && !inQuery.includes(name)));
    }

    /** The URL with these values. @throws CallError */
    expand(values: Values): string {
        const last = this.path.length - 1;
        const room = new Room();
        const path = this.path
            .map((part, i) => (typeof part === 'string' ? part : inPath(part, values, room, i === last && this.query.length === 0)))
            .join('');
        const query = this.query.map((part) => (typeof part === 'string' ? part : inQuery(part, values, room))).join('');
        const url = this.base + path + query;
        // What the values take is bounded by the room; the template's own text is added here.
        checkLength(url.length);
        // Text behind a {?…} that has come to nothing would belong to the path.
        if (query !== '' && !query.startsWith('?'))
            throw new CallError('URL_SEGMENT', 'with nothing in its query, what stands behind that would be part of the path');
        const [named] = path.split('?', 1) as [string];
        checkSegments(named);
        this.checkCalled(url, named);
        return url;
    }

    /** What is called is looked at once more as the client will read it. */
    private checkCalled(url: string, named: string): void {
        let called: { origin: string; path: string };
        try {
            called = target(url);
        } catch (error) {
            throw new CallError('URL_ORIGIN', `with the values of this item it is no URL: ${(error as Error).message}`);
        }
        if (called.origin !== this.origin)
            throw new CallError('URL_ORIGIN', `the URL would be one of ${called.origin}; the job calls ${this.origin} alone`);
        const mark = called.path.indexOf('?');
        if ((mark < 0 ? called.path : called.path.slice(0, mark)) !== (named || '/'))
            throw new CallError('URL_SEGMENT', 'the path that would be called is another than the template and the item say');
    }
}

const namesIn = (part: Part): string[] => (typeof part === 'string' ? [] : part.variables.map(({ name }) => name));
const isOptional = ({ operator }: Expression): boolean => operator === '?' || operator === '&';

/** A segment of one or two dots, however they are written, also with parameters behind it, is a step to another resource. */
function checkSegments(path: string): void {
    if (/(?:^|\/)(?:\.|%2e){1,2}(?:;[^/]*)?(?:\/|$)/i.test(path))
        throw new CallError('URL_SEGMENT', 'a segment of the path would be "." or "..", which names another resource');
}

function inPath(part: Expression, values: Values, room: Room, mayBeginQuery: boolean): string {
    const text = expand(part, (variable) => inSegment(variable, values(variable.name)), room);
    if (part.operator !== '+') return text;
    checkReserved(part, text, !mayBeginQuery);
    // Slashes, or a query alone: what stands before the variable would be called, or what servers that merge slashes take it for.
    if (/^(?:\/|;[^/?;]*)*(?:\?|$)/.test(text))
        throw new CallError('URL_VARIABLE', `${part.text} would add no segment to the path: it would name another resource`);
    return text;
}

/** In a path every variable has a value that is not empty: what the template says is one segment must be one. */
function inSegment({ name, explode }: Variable, value: unknown): unknown {
    if (explode && Array.isArray(value) && value.length > 0) {
        for (const member of value as unknown[]) {
            const text = textOf(member);
            if (!text) throw wrong(name, `holds a member that is ${kindOf(member)}`);
            if (text === '.' || text === '..')
                throw new CallError('URL_SEGMENT', `"${name}" holds "${text}", which names another resource`);
        }
        return value;
    }
    if (!textOf(value)) throw wrong(name, `is ${Array.isArray(value) && value.length === 0 ? 'an empty array' : kindOf(value)}`);
    return value;
}

const wrong = (name: string, what: string) =>
    new CallError('URL_VARIABLE', `the variable "${name}" of the path ${what}: it would name another resource`);

function inQuery(part: Expression, values: Values, room: Room): string {
    const valueOf = ({ name }: Variable): unknown => {
        const value = values(name);
        if (!isOptional(part) && isNothing(value))
            throw new CallError(
                'URL_VARIABLE',
                `the variable "${name}" of the query is ${kindOf(value)}; where it may be absent, write {?${name}} or {&${name}}`,
            );
        return value;
    };
    const text = expand(part, valueOf, room);
    if (part.operator === '+') checkReserved(part, text, false);
    return text;
}

const isNothing = (value: unknown): boolean =>
    value === null || value === undefined || (textOf(value) === null && Object.keys(value).length === 0);

/** What is taken as it is must not end the part of the URL that it stands in. */
function checkReserved(part: Expression, text: string, inPath: boolean): void {
    const sign = text.includes('#') ? '#' : inPath && text.includes('?') ? '?' : null;
    if (sign)
        throw new CallError('URL_VARIABLE', `${part.text} would hold "${sign}", behind which the rest of the URL means something else`);
}
