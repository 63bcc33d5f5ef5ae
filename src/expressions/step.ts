import type { Budget } from './budget';

/** What a part of an expression finds in a value. @throws ExpressionError when it does not fit the value, or costs too much on it */
export type Step = (value: unknown, budget: Budget) => unknown;
