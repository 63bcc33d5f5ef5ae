// The words of an expression: names, literals, numbers and signs, as JMESPath's grammar has them.
import { parseExact } from '../json/exactJson';
import { ExpressionError } from './budget';

export type Sign =
    | '.' | '*' | '@' | ',' | ':' | '(' | ')' | '{' | '}' | '[' | ']' | '[]' | '[?'
    | '|' | '||' | '&' | '&&' | '!' | '==' | '!=' | '<' | '<=' | '>' | '>='; // prettier-ignore

export type Token = { at: number; text: string } & (
    | { kind: Sign | 'end' }
    /** `quoted`: in double quotes; such a name calls no function. */
    | { kind: 'name'; name: string; quoted: boolean }
    | { kind: 'number'; value: number }
    | { kind: 'literal'; value: unknown }
);

/** The longest first, so that none hides another. */
const signs: Sign[] = [
    '[]', '[?', '||', '&&', '==', '!=', '<=', '>=', '.', '*', '@', ',', ':', '(', ')', '{', '}', '[', ']', '|', '&', '!', '<', '>',
]; // prettier-ignore

const blanks = /[ \t\r\n]*/y;
const plainName = /[A-Za-z_][A-Za-z0-9_]*/y;
const wholeNumber = /-?\d+/y;
const arithmetic = /[-+/%×÷−]/;

/** Cuts an expression into tokens, the last of the kind `end`. @throws ExpressionError with the place of what is none */
export function tokensOf(expression: string): Token[] {
    const tokens: Token[] = [];
    let at = 0;
    for (;;) {
        at += matchAt(blanks, expression, at)!.length;
        if (at === expression.length) return [...tokens, { kind: 'end', at, text: 'the end' }];
        const token = tokenAt(expression, at);
        tokens.push(token);
        at += token.text.length;
    }
}

function tokenAt(expression: string, at: number): Token {
    const first = expression[at]!;
    const name = matchAt(plainName, expression, at);
    if (name !== null) return { kind: 'name', at, text: name, name, quoted: false };
    const number = matchAt(wholeNumber, expression, at);
    if (number !== null) return { kind: 'number', at, text: number, value: Number(number) };
    if (first === '"') return quotedName(expression, at);
    if (first === "'") return rawText(expression, at);
    if (first === '`') return literal(expression, at);
    const sign = signs.find((s) => expression.startsWith(s, at));
    if (sign) return { kind: sign, at, text: sign };
    throw wrongAt(at, strange(expression, at));
}

function matchAt(pattern: RegExp, text: string, at: number): string | null {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
}

/** What stands between the sign at `at` and the next of its kind that no backslash stands before, both included. */
function enclosed(expression: string, at: number, what: string): string {
    for (let end = at + 1; end < expression.length; end++) {
        if (expression[end] === '\\') end++;
        else if (expression[end] === expression[at]) return expression.slice(at, end + 1);
    }
    throw wrongAt(at, `${what} does not end`);
}

function quotedName(expression: string, at: number): Token {
    const text = enclosed(expression, at, 'the name in quotes');
    try {
        return { kind: 'name', at, text, name: JSON.parse(text) as string, quoted: true };
    } catch {
        throw wrongAt(at, `the name ${text} is no JSON text`);
    }
}

/** A text in single quotes: only a single quote needs a backslash before it, and any other backslash is one. */
function rawText(expression: string, at: number): Token {
    const text = enclosed(expression, at, 'the text in single quotes');
    return { kind: 'literal', at, text, value: text.slice(1, -1).replaceAll("\\'", "'") };
}

function literal(expression: string, at: number): Token {
    const text = enclosed(expression, at, 'the literal in backticks');
    try {
        return { kind: 'literal', at, text, value: parseExact(text.slice(1, -1).replaceAll('\\`', '`')) };
    } catch {
        throw wrongAt(at, `the literal ${text} is no JSON; a text is written '…' or \`"…"\``);
    }
}

function strange(expression: string, at: number): string {
    const sign = String.fromCodePoint(expression.codePointAt(at)!);
    if (arithmetic.test(sign)) return `"${sign}" is no part of JMESPath, which has no arithmetic; ${quoteNames}`;
    if (sign === '=') return '"=" is no part of JMESPath; values are compared with ==';
    if (sign === '$') return '"$" is an extension that the JMESPath standard does not know: neither variables nor a root';
    if (sign === '?') return '"?" stands only in a filter, as in [?price > `1`]; a choice with ? and : is an extension';
    return `"${sign}" is no part of JMESPath; ${quoteNames}`;
}

export const quoteNames = 'a name that holds more than letters A to Z, digits and _ is quoted, as in "customer-id"';

export const wrongAt = (at: number, what: string): ExpressionError => new ExpressionError(`${what} (at character ${at + 1})`);
