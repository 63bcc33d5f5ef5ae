// The key, and the inline items as far as a request looks at them. Planning looks at all of them, as it does with a file.
import type { FieldError } from '../core/errors';
import { parseExact } from '../json/exactJson';
import { pointer, type JobSpec } from '../contracts/jobSpec';
import { wrongKey } from '../items/wrongKey';
import { Budget, compileExpression, KEY_STEPS, type Expression } from '../expressions/jmespath';
import { inTurns } from '../turns';
import { eachItem, type InlineItems } from './inlineItems';

/** Items whose key is looked up while the caller waits, and steps that this may take; the others are looked at when the job is planned. */
const LOOKED_AT = 10_000;
const STEPS = 1_000_000;
/** Characters of an item that is looked at so: to parse a larger one can take long, and it cannot be cut. */
const LARGEST = 65_536;
/** Problems of items that an answer lists: a wrong key would otherwise repeat itself for every item. */
const LISTED = 20;

export async function checkItems({ key, onInvalid }: Pick<JobSpec, 'key' | 'onInvalid'>, items: InlineItems | null): Promise<FieldError[]> {
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
    return expression ? [...items.bad, ...(await keyless(items, expression))].slice(0, LISTED) : items.bad;
}

async function keyless(items: InlineItems, expression: Expression): Promise<FieldError[]> {
    const errors: FieldError[] = [];
    let index = 0;
    let spent = 0;
    const look = eachItem(items, (json) => {
        const budget = new Budget(KEY_STEPS);
        const wrong = json === null || json.length > LARGEST ? null : wrongKey(expression, parseExact(json), budget);
        if (wrong !== null)
            errors.push({
                pointer: pointer(['source', 'items', index]),
                message: `the key is missing in this item: ${wrong.message}`,
                allowed: `a string or a number at "${expression.text}"`,
            });
        spent += budget.spent;
        return ++index < LOOKED_AT && spent < STEPS && errors.length < LISTED;
    });
    await inTurns(look);
    return errors;
}
