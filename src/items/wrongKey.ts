import type { RowCode } from '../core/codes';
import { ExactNumber } from '../json/exactNumber';
import { isItemKey, MAX_KEY_LENGTH } from './itemKey';
import { Budget, evaluate, ExpressionError, KEY_STEPS, type Expression } from '../expressions/jmespath';

export interface WrongKey {
    code: Extract<RowCode, 'KEY_MISSING' | 'NUMBER_INEXACT'>;
    message: string;
}

/** What keeps an item from having a key: a text of 1 to 1024 characters, or a number, at the expression. Null when nothing does. */
export function wrongKey(expression: Expression, item: unknown, budget = new Budget(KEY_STEPS)): WrongKey | null {
    let why = '';
    try {
        const key = evaluate(expression, item, budget);
        if (isItemKey(key)) return null;
        if ((typeof key === 'string' && key !== '') || key instanceof ExactNumber) why = `: it is longer than ${MAX_KEY_LENGTH} characters`;
    } catch (error) {
        // A function of the expression does not take this item's types, or reading the key costs too much.
        if (!(error instanceof ExpressionError)) throw error;
        why = `: ${error.message}`;
        if (error.code === 'NUMBER_INEXACT') return { code: error.code, message: `the key at "${expression.text}" cannot be read${why}` };
    }
    return { code: 'KEY_MISSING', message: `no string or number at "${expression.text}"${why}` };
}
