// The one door to JMESPath: everything in a job spec that is an expression is compiled and evaluated here. By code of our own, because no library keeps
// to the standard, bounds what an evaluation costs, and leaves numbers their digits.
import { InexactNumber } from '../json/exactNumber';
import { Budget, ExpressionError, KEY_STEPS } from './budget';
import { stepOf } from './evaluate';
import { parse } from './parser';
import type { Step } from './step';
import { measure } from './values';

export { Budget, ExpressionError, KEY_STEPS };
export { isTruthy } from './values';

/** A compiled expression; only `evaluate` looks inside. */
export interface Expression {
    readonly text: string;
    readonly find: Step;
}

/** Characters of an expression, wherever it stands. */
export const MAX_EXPRESSION = 8192;

/** Compiles an expression. @throws ExpressionError when it is not standard JMESPath, or calls a function that there is not or that takes other arguments */
export function compileExpression(text: string): Expression {
    if (text.length > MAX_EXPRESSION) throw new ExpressionError(`it has ${text.length} characters; at most ${MAX_EXPRESSION} are allowed`);
    return told(() => ({ text, find: stepOf(parse(text)) }));
}

/**
 * What the expression finds in a JSON value. What it gives can be written down in as many steps as it took at most; a number that it only passes on
 * keeps its digits (ExactNumber).
 * @throws ExpressionError when it does not fit the value, say for a function that does not take what stands there; when it compares or computes with a
 * number that no double gives back (NUMBER_INEXACT); when it costs too much
 */
export function evaluate(expression: Expression, value: unknown, budget: Budget = new Budget()): unknown {
    return told(() => {
        const found = expression.find(value ?? null, budget);
        measure(found, budget);
        return found;
    });
}

/** The code of a failure: the expression's own, where it has one. */
export const codeOf = <Code extends string>(error: unknown, otherwise: Code): Code | 'NUMBER_INEXACT' =>
    error instanceof ExpressionError && error.code !== 'EXPRESSION' ? error.code : otherwise;

function told<T>(work: () => T): T {
    try {
        return work();
    } catch (error) {
        if (error instanceof InexactNumber) throw new ExpressionError(error.message, 'NUMBER_INEXACT');
        throw error;
    }
}
