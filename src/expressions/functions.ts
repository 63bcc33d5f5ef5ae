// The functions of JMESPath's standard. Each counts its steps before it does its work.
import { isNumberText } from '../json/decimal';
import { parseExact, writeExact } from '../json/exactJson';
import type { ExactNumber } from '../json/exactNumber';
import { InexactNumber } from '../json/exactNumber';
import type { Node } from './ast';
import { Budget, ExpressionError } from './budget';
import type { Step } from './step';
import { areEqual, asNumber, compareTexts, fieldOf, isObject, measure, setField, typeOf, valuesOf, type TypeName } from './values';

/** What an argument may be. `numbers`, `strings`: arrays of nothing else. What is allowed as number alone is handed over as doubles. */
type Allowed = TypeName | 'numbers' | 'strings' | 'any' | 'reference';

interface Definition {
    /** One entry an argument. */
    takes: Allowed[][];
    /** The last entry stands for one argument or more. */
    variadic: boolean;
    run: (args: unknown[], budget: Budget) => unknown;
}

/** A function whose arguments have been checked against `takes` before it runs: so they are what `Args` says. */
const define = <Args extends unknown[]>(takes: Allowed[][], run: (args: Args, budget: Budget) => unknown): Definition => ({
    takes,
    variadic: false,
    run: (args, budget) => run(args as Args, budget),
});
const variadic = (definition: Definition): Definition => ({ ...definition, variadic: true });

type Keyed = { element: unknown; key: string | number };
type By = [list: unknown[], by: Step];
type Ordered = [list: (string | number | ExactNumber)[]];

const number: Allowed[] = ['number'];
const string: Allowed[] = ['string'];
const array: Allowed[] = ['array'];
const object: Allowed[] = ['object'];
const any: Allowed[] = ['any'];
const reference: Allowed[] = ['reference'];
const numbers: Allowed[] = ['numbers'];
const ordered: Allowed[] = ['numbers', 'strings'];

const definitions: Record<string, Definition> = {
    abs: define<[number]>([number], ([n]) => Math.abs(n)),
    avg: define<[number[]]>([numbers], ([ns]) => (ns.length === 0 ? null : bounded(total(ns) / ns.length))),
    ceil: define<[number]>([number], ([n]) => Math.ceil(n)),
    contains: define([['array', 'string'], any], contains),
    ends_with: define<[string, string]>([string, string], ([text, end]) => text.endsWith(end)),
    floor: define<[number]>([number], ([n]) => Math.floor(n)),
    join: define([string, ['strings']], join),
    keys: define<[object]>([object], ([o]) => Object.keys(o)),
    length: define([['string', 'array', 'object']], lengthOf),
    map: define<[Step, unknown[]]>([reference, array], ([f, list], budget) => list.map((element) => f(element, budget))),
    max: define<Ordered>([ordered], ([list], budget) => extreme(list.map(itself), 1, budget)),
    max_by: define<By>([array, reference], ([list, by], budget) => extreme(keyed(list, by, budget), 1, budget)),
    merge: variadic(define([object], merge)),
    min: define<Ordered>([ordered], ([list], budget) => extreme(list.map(itself), -1, budget)),
    min_by: define<By>([array, reference], ([list, by], budget) => extreme(keyed(list, by, budget), -1, budget)),
    not_null: variadic(define([any], (values) => values.find((value) => typeOf(value) !== 'null') ?? null)),
    reverse: define([['string', 'array']], reversed),
    sort: define<Ordered>([ordered], ([list], budget) => sorted(list.map(itself), budget)),
    sort_by: define<By>([array, reference], ([list, by], budget) => sorted(keyed(list, by, budget), budget)),
    starts_with: define<[string, string]>([string, string], ([text, start]) => text.startsWith(start)),
    sum: define<[number[]]>([numbers], ([ns]) => total(ns)),
    to_array: define([any], ([value]): unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value])),
    to_number: define([any], toNumber),
    to_string: define([any], toText),
    type: define([any], ([value]) => typeOf(value)),
    values: define<[Record<string, unknown>]>([object], ([o]) => valuesOf(o)),
};

export const functionNames = Object.keys(definitions);

/** What is wrong with a call whatever the values: an unknown function, or the wrong number or kind of arguments; null when nothing is. */
export function wrongCall(name: string, args: Node[]): string | null {
    const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
    if (!definition) return `there is no function ${name}(); there are ${functionNames.join(', ')}`;
    const { takes, variadic } = definition;
    const count = args.length;
    if (variadic ? count < takes.length : count !== takes.length)
        return `${name}() takes ${variadic ? 'at least ' : ''}${takes.length} argument${takes.length === 1 ? '' : 's'}, not ${count}`;
    for (const [i, arg] of args.entries()) {
        const allowed = allowedAt(definition, i);
        const wanted = allowed === reference;
        if (wanted !== (arg.type === 'reference'))
            return `argument ${i + 1} of ${name}() ${wanted ? 'is an expression behind &, as in &name' : 'is no expression behind &'}`;
        // A literal that the function does not take it will not take of any item either.
        if (arg.type === 'literal') handedOver(name, i, allowed, arg.value, new Budget());
    }
    return null;
}

const allowedAt = ({ takes }: Definition, i: number): Allowed[] => takes[Math.min(i, takes.length - 1)]!;

/** Calls a function that `wrongCall` has nothing against. @throws ExpressionError when a value is not of a type that it takes */
export function callFunction(name: string, args: unknown[], budget: Budget): unknown {
    const definition = definitions[name]!;
    for (let i = 0; i < args.length; i++) {
        const allowed = allowedAt(definition, i);
        if (allowed !== reference) args[i] = handedOver(name, i, allowed, args[i], budget);
    }
    return definition.run(args, budget);
}

/** An argument as the function takes it. @throws ExpressionError when it does not, InexactNumber when it would compute with a number that is no double */
function handedOver(name: string, i: number, allowed: Allowed[], arg: unknown, budget: Budget): unknown {
    if (!allowed.some((type) => isA(type, arg, budget)))
        throw new ExpressionError(`${name}() takes ${allowed.map(inWords).join(' or ')} as argument ${i + 1}, not ${inWords(typeOf(arg))}`);
    if (allowed === number) return asNumber(arg);
    return allowed === numbers ? (arg as unknown[]).map(asNumber) : arg;
}

/** Says whether a value is of the type, and counts the steps of going through it once. */
function isA(type: Allowed, value: unknown, budget: Budget): boolean {
    if (type === 'any') return true;
    if (type === 'numbers' || type === 'strings') {
        if (!Array.isArray(value)) return false;
        budget.spend(value.length);
        const of = type === 'numbers' ? 'number' : 'string';
        return value.every((element) => typeOf(element) === of);
    }
    if (typeOf(value) !== type) return false;
    if (typeof value === 'string') budget.spendOnText(value.length);
    else if (Array.isArray(value)) budget.spend(value.length);
    else if (isObject(value)) budget.spendOnFields(Object.keys(value).length);
    return true;
}

const inWords = (type: Allowed): string =>
    type === 'numbers' || type === 'strings'
        ? `an array of ${type}`
        : type === 'null'
          ? 'null'
          : /^[aeiou]/.test(type)
            ? `an ${type}`
            : `a ${type}`;

function total(numbers: number[]): number {
    const sum = bounded(numbers.reduce((sum, n) => sum + n, 0));
    if (!Number.isSafeInteger(sum) && numbers.every(Number.isInteger))
        throw new InexactNumber(`the sum of ${numbers.length} whole numbers is beyond what can be computed without rounding`);
    return sum;
}

function bounded(result: number): number {
    if (!Number.isFinite(result)) throw new InexactNumber('the result is beyond what can be computed');
    return result;
}

const itself = (element: string | number | ExactNumber): Keyed => ({
    element,
    key: typeof element === 'string' ? element : asNumber(element)!,
});

function contains([searched, wanted]: [string | unknown[], unknown], budget: Budget): boolean {
    if (typeof searched === 'string') return typeof wanted === 'string' && holds(searched, wanted, budget);
    return searched.some((element) => areEqual(element, wanted, budget));
}

/** How many times as dear it is to go through a text unit by unit. */
const UNIT_BY_UNIT = 3;

/** A text of so many units is looked for by the engine: at each place it compares no more than these. */
const SHORT = 16;

/**
 * Whether a text holds another, in a time that grows with their lengths together (Knuth, Morris and Pratt, 1977). The engine's own search takes their
 * product, where one is much like the other: minutes, for two texts of an item.
 */
function holds(text: string, wanted: string, budget: Budget): boolean {
    if (wanted.length <= SHORT) return text.includes(wanted);
    if (wanted.length > text.length) return false;
    // Unit by unit, where other functions have the engine go through a text.
    budget.spendOnText((text.length + wanted.length) * UNIT_BY_UNIT);
    // For each beginning of what is wanted: how long an end of it is a beginning too. There the comparison goes on.
    const goesOnAt = new Int32Array(wanted.length);
    for (let at = 1, same = 0; at < wanted.length; goesOnAt[at++] = same) {
        while (same > 0 && wanted.charCodeAt(at) !== wanted.charCodeAt(same)) same = goesOnAt[same - 1]!;
        if (wanted.charCodeAt(at) === wanted.charCodeAt(same)) same++;
    }
    for (let at = 0, same = 0; at < text.length; at++) {
        while (same > 0 && text.charCodeAt(at) !== wanted.charCodeAt(same)) same = goesOnAt[same - 1]!;
        if (text.charCodeAt(at) === wanted.charCodeAt(same)) same++;
        if (same === wanted.length) return true;
    }
    return false;
}

function join([glue, texts]: [string, string[]], budget: Budget): string {
    for (const text of texts) budget.spendOnText(text.length + glue.length);
    return texts.join(glue);
}

/** Of a text: its code points, not the units that a computer keeps it in. */
function lengthOf([value]: [string | unknown[] | object]): number {
    if (Array.isArray(value)) return value.length;
    if (typeof value !== 'string') return Object.keys(value).length;
    let count = value.length;
    for (let at = 1; at < value.length; at++) if (isPair(value, at - 1)) count--;
    return count;
}

function merge(objects: Record<string, unknown>[], budget: Budget): Record<string, unknown> {
    budget.spendOnFields(objects.reduce((fields, object) => fields + Object.keys(object).length, 0));
    const merged: Record<string, unknown> = {};
    for (const object of objects) for (const name of Object.keys(object)) setField(merged, name, fieldOf(object, name));
    return merged;
}

/** The elements with what the reference gives for each: all numbers, or all texts. */
function keyed(list: unknown[], by: Step, budget: Budget): Keyed[] {
    const keys = list.map((element) => by(element, budget));
    const type = keys.length === 0 ? 'number' : typeOf(keys[0]);
    if ((type !== 'number' && type !== 'string') || keys.some((key) => typeOf(key) !== type))
        throw new ExpressionError('what is sorted or compared by must be a number for every element, or a string for every element');
    return list.map((element, i) => ({ element, key: type === 'number' ? asNumber(keys[i])! : (keys[i] as string) }));
}

const compare = (a: Keyed, b: Keyed, budget: Budget): number => {
    budget.spend(1);
    return typeof a.key === 'string' ? compareTexts(a.key, b.key as string, budget) : a.key - (b.key as number);
};

const sorted = (list: Keyed[], budget: Budget): unknown[] => list.sort((a, b) => compare(a, b, budget)).map(({ element }) => element);

/** The largest (`direction` 1) or smallest (-1); the first of those that are equal; null of none. */
function extreme(list: Keyed[], direction: 1 | -1, budget: Budget): unknown {
    let best: Keyed | undefined;
    for (const one of list) if (!best || compare(one, best, budget) * direction > 0) best = one;
    return best ? best.element : null;
}

/** A text that is a JSON number becomes that number, digit for digit. */
function toNumber([value]: unknown[], budget: Budget): unknown {
    if (typeOf(value) === 'number') return value;
    if (typeof value === 'string') budget.spendOnText(value.length);
    return typeof value === 'string' && isNumberText(value) ? parseExact(value) : null;
}

function reversed([value]: [string | unknown[]], budget: Budget): string | unknown[] {
    if (typeof value !== 'string') return value.slice().reverse();
    budget.spend(value.length);
    const units = Buffer.allocUnsafe(value.length * 2);
    for (let at = value.length, to = 0; at > 0; to += 2) {
        at--;
        if (at > 0 && isPair(value, at - 1)) {
            at--;
            units.writeUInt16LE(value.charCodeAt(at), to);
            units.writeUInt16LE(value.charCodeAt(at + 1), (to += 2));
        } else units.writeUInt16LE(value.charCodeAt(at), to);
    }
    return units.toString('utf16le');
}

/** Whether the two units from `at` on stand for one code point. */
const isPair = (text: string, at: number): boolean => (text.codePointAt(at) ?? 0) > 0xffff;

function toText([value]: unknown[], budget: Budget): string {
    if (typeof value === 'string') return value;
    measure(value, budget);
    return writeExact(value ?? null);
}
