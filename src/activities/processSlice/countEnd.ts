import type { Spent } from '../../core/budget';

/** Counts an item that has come to its end, in place; `code`: it failed with that. */
export function countEnd(spent: Spent, code: string | null): void {
    spent.settled++;
    if (code === null) return;
    spent.failed++;
    spent.codes[code] = (spent.codes[code] ?? 0) + 1;
}
