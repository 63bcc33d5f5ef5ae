// Values as JMESPath sees them. Whatever walks through one counts its steps: a value may hold the same array many times over, and be far larger than it looks.
import { ExactNumber } from '../json/exactNumber';
import type { Budget } from './budget';
import { ExpressionError, MAX_DEPTH } from './budget';

export type TypeName = 'number' | 'string' | 'boolean' | 'array' | 'object' | 'null';

export function typeOf(value: unknown): TypeName {
    if (value === null || value === undefined) return 'null';
    if (Array.isArray(value)) return 'array';
    const type = value instanceof ExactNumber ? 'number' : typeof value;
    if (type === 'number' || type === 'string' || type === 'boolean' || type === 'object') return type;
    throw new ExpressionError(`a value of the type ${type} is no JSON`);
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);

/** The number to compare and compute with; undefined for what is none. @throws InexactNumber when no double is that number */
export const asNumber = (value: unknown): number | undefined =>
    typeof value === 'number' ? value : value instanceof ExactNumber ? value.valueOf() : undefined;

/** False for null, false and what is empty; everything else is true, 0 included. To tell of an object whether it has a field takes as long as to go through all. */
export function isTruthy(value: unknown, budget: Budget): boolean {
    if (value === null || value === undefined || value === false || value === '') return false;
    if (Array.isArray(value)) return value.length > 0;
    if (typeof value !== 'object' || value instanceof ExactNumber) return true;
    const { length } = Object.keys(value);
    budget.spendOnFields(length);
    return length > 0;
}

/** A field of an object; null where there is none, and for what every object inherits. */
export const fieldOf = (value: unknown, name: string): unknown =>
    isObject(value) && Object.hasOwn(value, name) ? (value[name] ?? null) : null;

/** `fieldOf` for a name that is known beforehand. */
export function fieldReader(name: string): (value: unknown) => unknown {
    // Of what no object inherits it need not be asked whether it is the object's own.
    if (name in Object.prototype) return (value) => fieldOf(value, name);
    return (value) => (isObject(value) ? (value[name] ?? null) : null);
}

export const valuesOf = (object: Record<string, unknown>): unknown[] => Object.keys(object).map((name) => fieldOf(object, name));

/** Sets a field, whatever its name. */
export function setField(object: Record<string, unknown>, name: string, value: unknown): void {
    // Assigned, this one would set the prototype.
    if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    else object[name] = value;
}

export function areEqual(a: unknown, b: unknown, budget: Budget, depth = 0): boolean {
    budget.spend(1);
    if (a === b) {
        if (typeof a === 'string') budget.spendOnText(a.length);
        return true;
    }
    if (typeof a !== 'object' && typeof b !== 'object') return false;
    if (a instanceof ExactNumber || b instanceof ExactNumber) {
        // Nothing but a number is equal to a number: what is no number is not compared with.
        return typeOf(a) === 'number' && typeOf(b) === 'number' && asNumber(a) === asNumber(b);
    }
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
    if (depth > MAX_DEPTH) throw tooDeep();
    if (Array.isArray(a) || Array.isArray(b)) {
        if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
        for (let i = 0; i < a.length; i++) if (!areEqual(a[i], b[i], budget, depth + 1)) return false;
        return true;
    }
    const names = Object.keys(a);
    budget.spendOnFields(names.length);
    if (names.length !== Object.keys(b).length) return false;
    for (const name of names) if (!Object.hasOwn(b, name) || !areEqual(fieldOf(a, name), fieldOf(b, name), budget, depth + 1)) return false;
    return true;
}

/** Counts what it takes to write the value down. @throws ExpressionError when that is too much */
export function measure(value: unknown, budget: Budget, depth = 0): void {
    if (typeof value === 'string') return budget.spendOnText(value.length);
    if (value instanceof ExactNumber) return budget.spendOnText(value.text.length);
    budget.spend(1);
    if (typeof value !== 'object' || value === null) return;
    if (depth > MAX_DEPTH) throw tooDeep();
    if (Array.isArray(value)) for (const element of value) measure(element, budget, depth + 1);
    else {
        const names = Object.keys(value);
        budget.spendOnFields(names.length);
        for (const name of names) {
            budget.spendOnText(name.length);
            measure((value as Record<string, unknown>)[name], budget, depth + 1);
        }
    }
}

const tooDeep = () => new ExpressionError(`it gives or compares a value with more than ${MAX_DEPTH} levels of nesting`);

/** The order of texts by code points, as the standard wants it: UTF-16, compared as it stands, puts some signs behind what comes after them. */
export function compareTexts(a: string, b: string, budget: Budget): number {
    const length = Math.min(a.length, b.length);
    let at = 0;
    while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
    budget.spendOnText(at);
    if (at === length) return a.length - b.length;
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    const isHalf = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    // Of two units that differ, one that belongs to a pair stands for a code point beyond all that need none.
    if (isHalf(left) !== isHalf(right)) return isHalf(left) ? 1 : -1;
    return left - right;
}
