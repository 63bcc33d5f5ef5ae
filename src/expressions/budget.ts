// What an evaluation may cost. An expression is a few hundred characters and can ask for more work than a process has time for: cross products,
// results that double with every step. So every step is counted, and an evaluation that counts too many is broken off.

/** An expression that cannot be compiled, or not be evaluated on a value. The message says why and holds nothing of the value. */
export class ExpressionError extends Error {
    constructor(
        message: string,
        /** `NUMBER_INEXACT`: it compares or computes with a number that a double does not give back. */
        readonly code: 'EXPRESSION' | 'NUMBER_INEXACT' = 'EXPRESSION',
    ) {
        super(message);
    }
}

/**
 * Steps of one evaluation: nodes visited, elements passed, texts by their length. Room for some hundred thousand elements, as in an answer of 10 MiB,
 * and no more than a fraction of a second.
 */
export const MAX_STEPS = 1_000_000;
/** Steps of reading an item's key: planning reads those of all items, one after the other. */
export const KEY_STEPS = 10_000;
/** Arrays and objects in each other, in a value that an expression gives or compares. */
export const MAX_DEPTH = 1_000;
/** Characters that count as one step. */
const CHARACTERS = 16;

/** Fields of one object up to which the engine goes through them as fast as through a list. */
const MANY_FIELDS = 1_000;
/** What each field of a larger one costs beside its own step. */
const FIELD_OF_MANY = 9;

export class Budget {
    private left: number;

    constructor(private readonly steps: number = MAX_STEPS) {
        this.left = steps;
    }

    /** Counts steps. @throws ExpressionError when there have been too many */
    spend(steps: number): void {
        if ((this.left -= steps) < 0) throw new ExpressionError(`it takes more than ${this.steps} steps on this value`);
    }

    /** Counts the work of going once through a text of so many characters. */
    spendOnText(characters: number): void {
        this.spend(1 + Math.floor(characters / CHARACTERS));
    }

    /** Counts going once through an object of so many fields, or making one. */
    spendOnFields(fields: number): void {
        this.spend(fields > MANY_FIELDS ? fields * (1 + FIELD_OF_MANY) : fields);
    }

    get spent(): number {
        return this.steps - this.left;
    }
}
