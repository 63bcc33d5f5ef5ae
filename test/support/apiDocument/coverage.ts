// What of the API document no test has used.
import type { Uses } from './uses';

/** What cannot be used end to end, and which test shows it instead. */
export interface Exception {
    /** Fits the words of each use that is excepted. */
    uses: RegExp;
    why: string;
    /** Path of that test below the root of the repository. */
    shownBy: string;
}

export const isExcepted = (use: string, exceptions: readonly Exception[]): boolean => exceptions.some(({ uses }) => uses.test(use));

/** Documented, never used, and not excepted. */
export const unusedOf = (documented: Uses, used: Uses, exceptions: readonly Exception[]): string[] =>
    [...documented].filter((use) => !used.has(use) && !isExcepted(use, exceptions)).sort();

/** Exceptions that fit nothing that is documented. */
export const idleExceptions = (documented: Uses, exceptions: readonly Exception[]): string[] =>
    exceptions.filter(({ uses }) => ![...documented].some((use) => uses.test(use))).map(({ uses }) => String(uses));
