// The key, and the inline items as far as a request looks at them. Planning looks at all of them, as it does with a file.
import type { FieldError } from '../core/errors';
import { parseExact } from '../json/exactJson';
import { pointer, type JobSpec } from '../contracts/jobSpec';
import { wrongKey } from '../items/wrongKey';
import { Budget, compileExpression, KEY_STEPS, type Expression } from '../expressions/jmespath';
import { eachItem, type InlineItems } from './specText';

/** Items whose key is looked up while the caller waits, and steps that this may take; the others are looked at when the job is planned. */
const LOOKED_AT = 10_000;
const STEPS = 1_000_000;
/** Problems of items that an answer lists: a wrong key would otherwise repeat itself for every item. */
const LISTED = 20;

export function checkItems({ key, onInvalid }: Pick<JobSpec, 'key' | 'onInvalid'>, items: InlineItems | null): FieldError[] {
    let expression: Expression | null = null;
    if (key !== undefined) {
        try {
            expression = compileExpression(key);
        } catch (error) {
            return [{ pointer: '/key', message: `not a JMESPath expression: ${(error as Error).message}` }];
        }
    }
    // Bad items that are to be skipped are found and listed when the job is planned.
    if (!items || onInvalid === 'skip') return [];
    return expression ? [...items.bad, ...keyless(items, expression)].slice(0, LISTED) : items.bad;
}

function keyless(items: InlineItems, expression: Expression): FieldError[] {
    const errors: FieldError[] = [];
    let index = 0;
    let spent = 0;
    eachItem(items, (json) => {
        const budget = new Budget(KEY_STEPS);
        const wrong = json === null ? null : wrongKey(expression, parseExact(json), budget);
        if (wrong !== null)
            errors.push({
                pointer: pointer(['source', 'items', index]),
                message: `the key is missing in this item: ${wrong.message}`,
                allowed: `a string or a number at "${expression.text}"`,
            });
        spent += budget.spent;
        return ++index < LOOKED_AT && spent < STEPS && errors.length < LISTED;
    });
    return errors;
}
