// URI templates, RFC 6570, all four levels: how they are read, and how an expression of one becomes text. What may stand where in a URL that is called is
// not said here.
import { ExactNumber } from '../json/exactNumber';
import { CallError } from './callError';

export interface Variable {
    name: string;
    /** The first so many characters of the value, of 1 to 9999. */
    prefix: number | null;
    /** `*`: the members of a list or an object each for itself. */
    explode: boolean;
}

export type Operator = '' | '+' | '#' | '.' | '/' | ';' | '?' | '&';

export interface Expression {
    operator: Operator;
    variables: Variable[];
    /** As it stands in the template. */
    text: string;
}

/** Text as it goes into the URL, or an expression. */
export type Part = string | Expression;

/** Characters of a URL that is called: more than servers and what stands before them take. */
export const MAX_URL = 65_536;

/** A text that is no template: why, and where. */
export class TemplateError extends Error {}

interface Form {
    first: string;
    separator: string;
    /** Each value stands behind its name. */
    named: boolean;
    /** What stands between the name and an empty value. */
    ifEmpty: string;
    /** Reserved characters and percent-encoded ones pass as they are. */
    reserved: boolean;
}

const forms: Record<Operator, Form> = {
    '': { first: '', separator: ',', named: false, ifEmpty: '', reserved: false },
    '+': { first: '', separator: ',', named: false, ifEmpty: '', reserved: true },
    '#': { first: '#', separator: ',', named: false, ifEmpty: '', reserved: true },
    '.': { first: '.', separator: '.', named: false, ifEmpty: '', reserved: false },
    '/': { first: '/', separator: '/', named: false, ifEmpty: '', reserved: false },
    ';': { first: ';', separator: ';', named: true, ifEmpty: '', reserved: false },
    '?': { first: '?', separator: '&', named: true, ifEmpty: '=', reserved: false },
    '&': { first: '&', separator: '&', named: true, ifEmpty: '=', reserved: false },
};

const variableName = String.raw`(?:\w|%[0-9A-Fa-f]{2})+(?:\.(?:\w|%[0-9A-Fa-f]{2})+)*`;
const expression = new RegExp(String.raw`^([+#./;?&]?)(${variableName}(?::[1-9]\d{0,3}|\*)?(?:,${variableName}(?::[1-9]\d{0,3}|\*)?)*)$`);
/** What a template cannot hold outside of its expressions. */
const forbidden = /[\p{Cc} "<>\\^`|}]|%(?![0-9A-Fa-f]{2})|\p{Surrogate}/u;

/** Reads a template. @throws TemplateError */
export function parseTemplate(template: string): Part[] {
    const parts: Part[] = [];
    for (let at = 0; at < template.length;) {
        if (template[at] !== '{') {
            const next = template.indexOf('{', at);
            const end = next < 0 ? template.length : next;
            parts.push(literal(template.slice(at, end), at));
            at = end;
            continue;
        }
        const end = template.indexOf('}', at);
        if (end < 0) throw new TemplateError(`the expression at character ${at + 1} does not end`);
        parts.push(expressionOf(template.slice(at, end + 1)));
        at = end + 1;
    }
    return parts;
}

function literal(text: string, at: number): string {
    const wrong = forbidden.exec(text);
    if (wrong) {
        const sign = /\p{Cc}/u.test(wrong[0]) ? 'a control character' : wrong[0] === ' ' ? 'a blank' : `"${wrong[0]}"`;
        throw new TemplateError(`${sign} cannot stand in a URL (at character ${at + wrong.index + 1}); percent-encode it`);
    }
    return encodeAll(text, true);
}

function expressionOf(text: string): Expression {
    const found = expression.exec(text.slice(1, -1));
    if (!found) throw new TemplateError(`${text} is no expression of a URI template${hintFor(text.slice(1, -1))}`);
    const variables = found[2]!.split(',').map((variable): Variable => {
        const [name, prefix] = variable.replace(/\*$/, '').split(':');
        return { name: name!, prefix: prefix === undefined ? null : Number(prefix), explode: variable.endsWith('*') };
    });
    return { operator: found[1] as Operator, variables, text };
}

function hintFor(inside: string): string {
    if (/:(?:0|\D|$|\d{5})/.test(inside)) return ': a prefix is a number from 1 to 9999';
    if (/^[=,!@|$]/.test(inside)) return ': this operator is reserved and means nothing yet';
    return ': a name holds letters, digits, _ and dots between them; other columns are named by JMESPath in "vars"';
}

/**
 * What the values of one URL have taken of it, each member of a list or an object counted as one more: a template can name a value of a megabyte a
 * thousand times.
 */
export class Room {
    private taken = 0;

    /** @throws CallError URL_TOO_LONG */
    take(characters: number): void {
        checkLength((this.taken += characters));
    }
}

/** The text of an expression. `valueOf` gives JSON values; null and undefined are no value. @throws CallError for a value that it cannot take */
export function expand({ operator, variables }: Expression, valueOf: (variable: Variable) => unknown, room = new Room()): string {
    const form = forms[operator];
    const pieces: string[] = [];
    for (const variable of variables) for (const piece of expandVariable(form, variable, valueOf(variable), room)) pieces.push(piece);
    return pieces.length === 0 ? '' : form.first + pieces.join(form.separator);
}

/** @throws CallError URL_TOO_LONG */
export function checkLength(characters: number): void {
    if (characters > MAX_URL) throw new CallError('URL_TOO_LONG', `the URL would have more than ${MAX_URL} characters`);
}

function expandVariable(form: Form, variable: Variable, value: unknown, room: Room): string[] {
    const name = form.named ? encodeAll(variable.name, true) : '';
    const named = (encoded: string, of = name): string => (form.named ? of + (encoded === '' ? form.ifEmpty : `=${encoded}`) : encoded);
    const encode = (text: string) => {
        // At least so long, encoded.
        room.take(text.length);
        const result = encoded(text, form.reserved, variable);
        room.take(result.length - text.length);
        return result;
    };
    const text = textOf(value);
    if (text !== null) return [named(encode(variable.prefix === null ? text : firstOf(text, variable.prefix, form.reserved)))];
    if (typeof value !== 'object' || value === null) return [];
    if (variable.prefix !== null)
        throw new CallError('URL_VARIABLE', `"${variable.name}" is ${kindOf(value)}, of which there is no prefix`);
    room.take(Array.isArray(value) ? value.length : Object.keys(value).length);
    if (Array.isArray(value)) {
        const members = present(value, variable).map(([, member]) => encode(member));
        if (members.length === 0) return [];
        if (!variable.explode) return [named(members.join(','))];
        room.take(name.length * members.length);
        return members.map((member) => named(member));
    }
    const fields = present(value, variable).map(([field, member]) => [encode(field), encode(member)] as const);
    if (fields.length === 0) return [];
    if (!variable.explode) return [named(fields.flat().join(','))];
    return fields.map(([field, member]) => (form.named ? named(member, field) : `${field}=${member}`));
}

/** The members of a list or an object that have a value, as texts. */
function present(value: object, { name }: Variable): [string, string][] {
    return Object.entries(value).flatMap(([field, member]: [string, unknown]): [string, string][] => {
        if (member === null || member === undefined) return [];
        const text = textOf(member);
        if (text === null) throw new CallError('URL_VARIABLE', `"${name}" holds ${kindOf(member)}, which no URL can take`);
        return [[field, text]];
    });
}

/** A text, a number with its digits, or true or false; null for what is no single value. */
export function textOf(value: unknown): string | null {
    if (typeof value === 'string') return value;
    return typeof value === 'number' || typeof value === 'boolean' || value instanceof ExactNumber ? String(value) : null;
}

export const kindOf = (value: unknown): string =>
    value === undefined ? 'missing' : value === null ? 'null' : Array.isArray(value) ? 'an array' : value === '' ? 'empty' : 'an object';

/** The first so many characters: code points, so that none is cut in half, and neither is what is percent-encoded already and to stay so. */
function firstOf(text: string, count: number, reserved: boolean): string {
    let end = 0;
    for (let i = 0; i < count && end < text.length; i++) end += text.codePointAt(end)! > 0xffff ? 2 : 1;
    if (reserved) for (const back of [1, 2]) if (/^%[0-9A-Fa-f]{2}/.test(text.slice(Math.max(0, end - back), end + 2))) end -= back;
    return text.slice(0, end);
}

function encoded(text: string, reserved: boolean, { name }: Variable): string {
    try {
        return encodeAll(text, reserved);
    } catch (error) {
        if (!(error instanceof URIError)) throw error;
        throw new CallError('LONE_SURROGATE', `"${name}" holds half a surrogate pair: it is no Unicode text, and no URL can take it`);
    }
}

/** Percent-encodes, as UTF-8, all but unreserved characters; with `reserved` also reserved ones and what is encoded already stay as they are. */
function encodeAll(text: string, reserved: boolean): string {
    if (/^[\w.~-]*$/.test(text)) return text;
    if (!reserved) return encodeURIComponent(text).replace(/[!'()*]/g, hex);
    return text
        .split(/(%[0-9A-Fa-f]{2})/)
        .map((piece, i) => (i % 2 === 1 ? piece : piece.replace(/[^\w.~:/?#[\]@!$&'()*+,;=-]+/g, encodeURIComponent)))
        .join('');
}

const hex = (sign: string): string => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
