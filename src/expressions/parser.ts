// The parser of expressions, by precedence: JMESPath's standard grammar and no extension of it.
import { ExactNumber } from '../json/exactNumber';
import type { Comparator, Node } from './ast';
import { ExpressionError } from './budget';
import { wrongCall } from './functions';
import { quoteNames, tokensOf, wrongAt, type Token } from './tokens';

/** Operators and brackets in each other. */
const MAX_NESTING = 200;

/** How tightly what follows an expression binds to it; what is not listed does not. */
const binding: Partial<Record<Token['kind'], number>> = {
    '|': 1,
    '||': 2,
    '&&': 3,
    '==': 5,
    '!=': 5,
    '<': 5,
    '<=': 5,
    '>': 5,
    '>=': 5,
    '[]': 9,
    '[?': 21,
    '.': 40,
    '[': 55,
};
/** What binds less than this ends the part that a projection applies to each element. */
const ENDS_PROJECTION = 10;
const PROJECTION = 20;
const NOT = 45;

const comparators: Partial<Record<Token['kind'], Comparator>> = { '==': 'EQ', '!=': 'NE', '<': 'LT', '<=': 'LTE', '>': 'GT', '>=': 'GTE' };

const current: Node = { type: 'current' };

/** Parses an expression. @throws ExpressionError when it is not standard JMESPath, or calls a function that there is not or that takes other arguments */
export function parse(expression: string): Node {
    const parser = new Parser(tokensOf(expression));
    const node = parser.whole();
    checkNesting(node, 0);
    return node;
}

class Parser {
    private position = 0;
    private depth = 0;

    constructor(private readonly tokens: Token[]) {}

    whole(): Node {
        const node = this.expression(0);
        if (this.token.kind !== 'end') throw this.unexpected();
        return node;
    }

    /** The longest expression from here whose operators bind more tightly than `least`. */
    private expression(least: number): Node {
        if (++this.depth > MAX_NESTING) throw tooNested();
        let left = this.first();
        while (least < (binding[this.token.kind] ?? 0)) left = this.further(left);
        this.depth--;
        return left;
    }

    private get token(): Token {
        return this.tokens[this.position]!;
    }

    private take(): Token {
        return this.tokens[this.position++]!;
    }

    private expect(kind: Token['kind']): void {
        if (this.token.kind !== kind) throw this.unexpected(`"${kind}" is missing before it`);
        this.position++;
    }

    private unexpected(hint?: string): ExpressionError {
        const { kind, at, text } = this.token;
        if (kind === 'number') hint ??= `there is no arithmetic, and a number is written \`1\`; ${quoteNames}`;
        return wrongAt(at, `${kind === 'end' ? text : `"${text}"`} is not expected here${hint ? `: ${hint}` : ''}`);
    }

    /** What an expression may begin with. */
    private first(): Node {
        const token = this.token;
        if (token.kind === 'name') {
            this.position++;
            return this.token.kind === '(' ? this.call(token) : { type: 'field', name: token.name };
        }
        if (token.kind === 'literal') {
            this.position++;
            return { type: 'literal', value: token.value };
        }
        const sign: string = token.kind;
        switch (sign) {
            case '@':
                this.position++;
                return current;
            case '*':
                this.position++;
                return { type: 'projectValues', left: current, right: this.projected(PROJECTION) };
            case '!':
                this.position++;
                return { type: 'not', child: this.expression(NOT) };
            case '(': {
                this.position++;
                const inner = this.expression(0);
                this.expect(')');
                return inner;
            }
            case '{':
                return this.hash();
            case '[]':
            case '[?':
                return this.further(current);
            case '[':
                return this.isList() ? this.list() : this.further(current);
            default:
                throw this.unexpected(sign === '&' ? '& stands only before an argument of a function' : undefined);
        }
    }

    /** What may follow an expression. */
    private further(left: Node): Node {
        const { kind } = this.take();
        const tightness = binding[kind]!;
        const comparator = comparators[kind];
        if (comparator) return comparison(comparator, left, this.expression(tightness));
        const sign: string = kind;
        switch (sign) {
            case '|':
                return { type: 'pipe', left, right: this.expression(tightness) };
            case '||':
                return { type: 'or', left, right: this.expression(tightness) };
            case '&&':
                return { type: 'and', left, right: this.expression(tightness) };
            case '.':
                if (this.token.kind !== '*') return { type: 'sub', left, right: this.behindDot(tightness) };
                this.position++;
                return { type: 'projectValues', left, right: this.projected(PROJECTION) };
            case '[]':
                return { type: 'project', left: { type: 'flatten', child: left }, right: this.projected(tightness) };
            case '[?': {
                const condition = this.expression(0);
                this.expect(']');
                return { type: 'filter', left, condition, right: this.projected(tightness) };
            }
            default:
                return this.bracket(left);
        }
    }

    /** `[1]`, `[1:2]` or `[*]`, behind its first sign. */
    private bracket(left: Node): Node {
        if (this.token.kind === '*') {
            this.position++;
            this.expect(']');
            return { type: 'project', left, right: this.projected(PROJECTION) };
        }
        const places: (number | null)[] = [null];
        for (;;) {
            const { token } = this;
            if (token.kind === 'number' && places.at(-1) === null) places[places.length - 1] = token.value;
            else if (token.kind === ':') places.push(null);
            else break;
            this.position++;
        }
        if (places.length > 3) throw this.unexpected('a slice has a start, a stop and a step');
        this.expect(']');
        const [start = null, stop = null, step = null] = places;
        if (places.length === 1) {
            if (start === null) throw this.unexpected('an index is a whole number');
            return { type: 'pipe', left, right: { type: 'index', index: start } };
        }
        if (step === 0) throw new ExpressionError('the step of a slice cannot be 0');
        return {
            type: 'project',
            left: { type: 'pipe', left, right: { type: 'slice', start, stop, step } },
            right: this.projected(PROJECTION),
        };
    }

    /** Says of a bracket that begins an expression whether it is a list of expressions. */
    private isList(): boolean {
        const [next, after] = [this.tokens[this.position + 1]!.kind, this.tokens[this.position + 2]?.kind];
        return !(next === 'number' || next === ':' || (next === '*' && after === ']'));
    }

    /** What is applied to each element of a projection. */
    private projected(least: number): Node {
        const { kind } = this.token;
        if ((binding[kind] ?? 0) < ENDS_PROJECTION) return current;
        if (kind !== '.') return this.expression(least);
        this.position++;
        return this.behindDot(least);
    }

    private behindDot(least: number): Node {
        const { kind } = this.token;
        if (kind === 'name' || kind === '*') return this.expression(least);
        if (kind === '[') return this.list();
        if (kind === '{') return this.hash();
        throw this.unexpected('behind a dot stands a name, *, a list or an object');
    }

    private list(): Node {
        this.position++;
        return { type: 'list', children: this.separated(']', () => this.expression(0)) };
    }

    private hash(): Node {
        this.position++;
        const entries = this.separated('}', () => {
            const token = this.take();
            if (token.kind !== 'name') {
                this.position--;
                throw this.unexpected('a field begins with its name');
            }
            this.expect(':');
            return { name: token.name, value: this.expression(0) };
        });
        return { type: 'hash', entries };
    }

    private call({ at, name, quoted }: Extract<Token, { kind: 'name' }>): Node {
        if (quoted) throw wrongAt(at, 'the name of a function stands without quotes');
        this.position++;
        const args = this.token.kind === ')' ? [] : this.separated(')', () => this.argument());
        if (args.length === 0) this.position++;
        const wrong = wrongCall(name, args);
        if (wrong) throw wrongAt(at, wrong);
        return { type: 'call', name, args };
    }

    private argument(): Node {
        if (this.token.kind !== '&') return this.expression(0);
        this.position++;
        return { type: 'reference', child: this.expression(0) };
    }

    /** One or more, with commas between them, and what ends them. */
    private separated<T>(end: ')' | ']' | '}', one: () => T): T[] {
        const all = [one()];
        while (this.token.kind === ',') {
            this.position++;
            all.push(one());
        }
        this.expect(end);
        return all;
    }
}

function comparison(operator: Comparator, left: Node, right: Node): Node {
    for (const side of [left, right])
        // Thrown here, and not for each item: no double is this number.
        if (side.type === 'literal' && side.value instanceof ExactNumber) side.value.valueOf();
    return { type: 'compare', operator, left, right };
}

function checkNesting(node: Node, depth: number): void {
    if (depth > MAX_NESTING) throw tooNested();
    for (const child of childrenOf(node)) checkNesting(child, depth + 1);
}

function childrenOf(node: Node): Node[] {
    if ('left' in node) return [node.left, ...('condition' in node ? [node.condition] : []), node.right];
    if ('child' in node) return [node.child];
    if ('children' in node) return node.children;
    if ('entries' in node) return node.entries.map(({ value }) => value);
    return 'args' in node ? node.args : [];
}

const tooNested = () => new ExpressionError(`it is nested more than ${MAX_NESTING} levels deep`);
