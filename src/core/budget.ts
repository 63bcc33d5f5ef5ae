// How many items of a job may fail before it stops. Several workers count at the same time, so each has an allowance: a share of what is left. As long as
// every worker keeps to its own, all of them together keep to the budget, however fast they are and in whatever order they report.

export interface Budget {
    /** The job stops when so many items have failed. */
    failures?: number | undefined;
    /** The same by their share of all items that have their outcome, in percent, once `minimum` items have it. */
    percent?: number | undefined;
    minimum: number;
    /** The same for items that failed with one code. */
    codes?: Record<string, number> | undefined;
    /** What happens to the job then. */
    then: 'pause' | 'cancel';
}

/** Whether both allow the same, and do the same then. */
export const isSameBudget = (a: Budget | null | undefined, b: Budget | null | undefined): boolean => textOf(a) === textOf(b);

const textOf = (budget: Budget | null | undefined): string =>
    budget ? JSON.stringify([budget.failures, budget.percent, budget.minimum, budget.then, Object.entries(budget.codes ?? {}).sort()]) : '';

/** Items that have come to an end, and those among them that failed, by code too. */
export interface Spent {
    settled: number;
    failed: number;
    codes: Record<string, number>;
}

/** How many more items may fail. A limit is reached when nothing is left of it. */
export interface Allowance {
    /** Null: any number. */
    failures: number | null;
    /** `room`: in hundredths of an item, without what items add to it that settle from now on. `minimum`: items that settle before the share counts. */
    percent: { of: number; room: number; minimum: number } | null;
    codes: Record<string, number>;
}

/** A limit of a budget by its name in the spec, such as `failures` or `codes/TIMEOUT`. */
export type BudgetLimit = 'failures' | 'percent' | `codes/${string}`;

export const nothingSpent = (): Spent => ({ settled: 0, failed: 0, codes: {} });

export const addSpent = (a: Spent, b: Spent): Spent => combined(a, b, 1);

/** What was spent of `a` beside `b`, which is part of it. */
export const withoutSpent = (a: Spent, b: Spent): Spent => combined(a, b, -1);

function combined(a: Spent, b: Spent, sign: 1 | -1): Spent {
    const codes = { ...a.codes };
    for (const [code, n] of Object.entries(b.codes)) codes[code] = Math.max(0, (codes[code] ?? 0) + sign * n);
    return { settled: Math.max(0, a.settled + sign * b.settled), failed: Math.max(0, a.failed + sign * b.failed), codes };
}

/** What is left of a budget. */
export function leftOf({ failures, percent, minimum, codes = {} }: Budget, spent: Spent): Allowance {
    return {
        failures: failures === undefined ? null : failures - spent.failed,
        percent:
            percent === undefined
                ? null
                : {
                      of: percent,
                      room: percent * spent.settled - 100 * spent.failed,
                      minimum: Math.max(0, minimum - spent.settled),
                  },
        codes: Object.fromEntries(Object.entries(codes).map(([code, most]) => [code, most - (spent.codes[code] ?? 0)])),
    };
}

/** The first limit of which nothing is left; null when there is something left of all. */
export function usedUp({ failures, percent, codes }: Allowance, spent: Spent): BudgetLimit | null {
    if (failures !== null && spent.failed >= failures) return 'failures';
    if (percent && spent.settled >= percent.minimum && 100 * spent.failed - percent.room >= percent.of * spent.settled) return 'percent';
    const code = Object.keys(codes).find((one) => (spent.codes[one] ?? 0) >= codes[one]!);
    return code === undefined ? null : `codes/${code}`;
}

/** The limit that is reached; null: none. Before anything has come to an end none is. */
export const reachedLimit = (budget: Budget, spent: Spent): BudgetLimit | null =>
    spent.settled === 0 ? null : usedUp(leftOf(budget, spent), nothingSpent());

/**
 * The allowance of one more worker, where `among` of them are to be given one and others hold theirs; null while those have all that is left. Until the
 * minimum of a share has settled, one worker alone has an allowance: nobody else knows how many have.
 */
export function allowanceOf(left: Allowance, others: Allowance[], among: number): Allowance | null {
    const part = (all: number, held: number): number | null => {
        const free = all - held;
        return free < 1 ? null : Math.max(1, Math.floor(free / among));
    };
    const sum = (of: (allowance: Allowance) => number): number => others.reduce((n, other) => n + Math.max(0, of(other)), 0);
    const failures =
        left.failures === null
            ? null
            : part(
                  left.failures,
                  sum((o) => o.failures ?? 0),
              );
    if (left.failures !== null && failures === null) return null;
    const codes: Record<string, number> = {};
    for (const [code, most] of Object.entries(left.codes)) {
        const own = part(
            most,
            sum((o) => o.codes[code] ?? 0),
        );
        if (own === null) return null;
        codes[code] = own;
    }
    if (!left.percent) return { failures, percent: null, codes };
    const { of, room, minimum } = left.percent;
    if (minimum > 0) return others.length > 0 ? null : { failures, percent: left.percent, codes };
    const free = room - sum((o) => o.percent?.room ?? 0);
    return free <= 0 ? null : { failures, percent: { of, room: free / among, minimum }, codes };
}

/** Workers that there is an allowance for, each of one failure at least; Infinity where nothing bounds them. */
export function workersWithin({ failures, percent, codes }: Allowance): number {
    const least = Math.min(
        failures ?? Infinity,
        ...Object.values(codes),
        percent ? (percent.minimum > 0 ? 1 : percent.room / 100) : Infinity,
    );
    return Math.max(1, Math.floor(least));
}

/** How a limit was reached, in words. */
export function limitText(
    limit: BudgetLimit,
    { failures = 0, percent = 0, codes = {} }: Budget,
    { failed, settled, codes: by }: Spent,
): string {
    const items = (n: number): string => `${n.toLocaleString('en-US')} ${n === 1 ? 'item has' : 'items have'}`;
    if (limit === 'failures') return `${items(failed)} failed; budget.failures is ${failures}`;
    if (limit === 'percent') {
        const share = Math.round((failed / Math.max(1, settled)) * 1000) / 10;
        return `${failed} of ${settled} items have failed, ${share} percent; budget.percent is ${percent}`;
    }
    const code = limit.slice('codes/'.length);
    return `${items(by[code] ?? 0)} failed with ${code}; budget.codes allows ${codes[code] ?? 0}`;
}
