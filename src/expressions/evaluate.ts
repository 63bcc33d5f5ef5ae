// Makes one function of an expression's tree. Each step counts itself; what costs nothing by itself, a literal or `@`, is counted by what holds it.
import type { Comparator, Node } from './ast';
import type { Budget } from './budget';
import { callFunction } from './functions';
import type { Step } from './step';
import { areEqual, asNumber, fieldReader, isObject, isTruthy, setField, typeOf, valuesOf } from './values';

export function stepOf(node: Node): Step {
    switch (node.type) {
        case 'current':
            return (value) => value;
        case 'literal':
            return () => node.value;
        case 'field': {
            const read = fieldReader(node.name);
            return (value, budget) => {
                budget.spend(1);
                return read(value);
            };
        }
        case 'index':
            return (value, budget) => {
                budget.spend(1);
                return Array.isArray(value) ? ((value as unknown[]).at(node.index) ?? null) : null;
            };
        case 'slice':
            return (value, budget) => (Array.isArray(value) ? slice(value, node, budget) : null);
        case 'sub': {
            const [left, right] = [stepOf(node.left), stepOf(node.right)];
            return (value, budget) => {
                budget.spend(1);
                const found = left(value, budget);
                return found === null ? null : right(found, budget);
            };
        }
        case 'pipe': {
            const [left, right] = [stepOf(node.left), stepOf(node.right)];
            return (value, budget) => {
                budget.spend(1);
                return right(left(value, budget), budget);
            };
        }
        case 'or': {
            const [left, right] = [stepOf(node.left), stepOf(node.right)];
            return (value, budget) => {
                budget.spend(1);
                const found = left(value, budget);
                return isTruthy(found, budget) ? found : right(value, budget);
            };
        }
        case 'and': {
            const [left, right] = [stepOf(node.left), stepOf(node.right)];
            return (value, budget) => {
                budget.spend(1);
                const found = left(value, budget);
                return isTruthy(found, budget) ? right(value, budget) : found;
            };
        }
        case 'not': {
            const child = stepOf(node.child);
            return (value, budget) => {
                budget.spend(1);
                return !isTruthy(child(value, budget), budget);
            };
        }
        case 'compare': {
            const [left, right] = [stepOf(node.left), stepOf(node.right)];
            return (value, budget) => compare(node.operator, left(value, budget), right(value, budget), budget);
        }
        case 'flatten': {
            const child = stepOf(node.child);
            return (value, budget) => {
                const found = child(value, budget);
                return Array.isArray(found) ? flattened(found, budget) : null;
            };
        }
        case 'project': {
            const [left, right] = [stepOf(node.left), stepOf(node.right)];
            return (value, budget) => {
                const found = left(value, budget);
                return Array.isArray(found) ? projected(found, right, budget) : null;
            };
        }
        case 'projectValues': {
            const [left, right] = [stepOf(node.left), stepOf(node.right)];
            return (value, budget) => {
                const found = left(value, budget);
                if (!isObject(found)) return null;
                const values = valuesOf(found);
                budget.spendOnFields(values.length);
                return projected(values, right, budget);
            };
        }
        case 'filter': {
            const [left, condition, right] = [stepOf(node.left), stepOf(node.condition), stepOf(node.right)];
            return (value, budget) => {
                const found = left(value, budget);
                if (!Array.isArray(found)) return null;
                budget.spend(found.length);
                const kept = found.filter((element) => isTruthy(condition(element, budget), budget));
                return projected(kept, right, budget);
            };
        }
        case 'list': {
            const children = node.children.map(stepOf);
            return (value, budget) => {
                budget.spend(1 + children.length);
                return value === null ? null : children.map((child) => child(value, budget));
            };
        }
        case 'hash': {
            const entries = node.entries.map(({ name, value }) => ({ name, step: stepOf(value) }));
            return (value, budget) => {
                budget.spend(1 + entries.length);
                if (value === null) return null;
                const made: Record<string, unknown> = {};
                for (const { name, step } of entries) setField(made, name, step(value, budget));
                return made;
            };
        }
        case 'call': {
            // An argument behind & is handed over as it is, for the function to apply.
            const args = node.args.map((arg) => (arg.type === 'reference' ? { reference: stepOf(arg.child) } : { step: stepOf(arg) }));
            return (value, budget) => {
                budget.spend(1 + args.length);
                return callFunction(
                    node.name,
                    args.map((arg) => arg.reference ?? arg.step(value, budget)),
                    budget,
                );
            };
        }
        case 'reference':
            throw new Error('a reference stands only in calls');
    }
}

/** What is null is left out of a projection. */
function projected(elements: unknown[], right: Step, budget: Budget): unknown[] {
    budget.spend(elements.length);
    const found: unknown[] = [];
    for (const element of elements) {
        const one = right(element, budget);
        if (one !== null) found.push(one);
    }
    return found;
}

function flattened(elements: unknown[], budget: Budget): unknown[] {
    budget.spend(elements.length);
    for (const element of elements) if (Array.isArray(element)) budget.spend(2 * element.length);
    // Not by `flat`, which takes some ten times as long.
    const found: unknown[] = [];
    for (const element of elements)
        if (Array.isArray(element)) for (const inner of element as unknown[]) found.push(inner);
        else found.push(element);
    return found;
}

interface Bounds {
    start: number | null;
    stop: number | null;
    step: number | null;
}

/** As Python slices: negative places count from the end, a negative step goes backwards. */
function slice(elements: unknown[], bounds: Bounds, budget: Budget): unknown[] {
    const step = bounds.step ?? 1;
    const length = elements.length;
    const [lowest, highest] = step < 0 ? [-1, length - 1] : [0, length];
    const place = (at: number | null, otherwise: number) =>
        at === null ? otherwise : Math.max(lowest, Math.min(highest, at < 0 ? at + length : at));
    const from = place(bounds.start, step < 0 ? highest : lowest);
    const to = place(bounds.stop, step < 0 ? lowest : highest);
    budget.spend(1 + Math.max(0, Math.ceil((to - from) / step)));
    const found: unknown[] = [];
    for (let i = from; step > 0 ? i < to : i > to; i += step) found.push(elements[i]);
    return found;
}

function compare(operator: Comparator, left: unknown, right: unknown, budget: Budget): boolean | null {
    if (operator === 'EQ') return areEqual(left, right, budget);
    if (operator === 'NE') return !areEqual(left, right, budget);
    budget.spend(1);
    // Only numbers have an order.
    if (typeOf(left) !== 'number' || typeOf(right) !== 'number') return null;
    const [a, b] = [asNumber(left)!, asNumber(right)!];
    if (operator === 'LT') return a < b;
    if (operator === 'LTE') return a <= b;
    return operator === 'GT' ? a > b : a >= b;
}
