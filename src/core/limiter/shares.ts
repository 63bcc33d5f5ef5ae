// Who gets how much of what there is not enough of.

/**
 * Max–min fairness (Bertsekas and Gallager, Data Networks, 1992, section 6.5.2): nobody gets more than he needs, and who needs more than is left gets
 * as much as any other such. Infinity is a need like any other. What nobody needs is not given.
 */
export function maxMin(total: number, needs: readonly number[]): number[] {
    const shares = new Array<number>(needs.length).fill(0);
    const order = needs.map((_, i) => i).sort((a, b) => needs[a]! - needs[b]!);
    let left = total;
    order.forEach((i, done) => {
        const fair = left / (order.length - done);
        // Infinity of Infinity is Infinity, and what is left of it, too.
        shares[i] = Math.min(needs[i]!, fair);
        left = left === Infinity ? Infinity : left - shares[i];
    });
    return shares;
}

/** What a holder needs, job by job. */
export type Needs = Record<string, number>;

/** Of `total`, what each holder gets: shared by need over the jobs first, then over the holders of each job. */
export function shareOut(total: number, holders: Readonly<Record<string, Needs>>): Record<string, number> {
    const names = Object.keys(holders);
    const jobs = [...new Set(names.flatMap((name) => Object.keys(holders[name]!)))].sort();
    const needOf = (job: string): number[] => names.map((name) => holders[name]![job] ?? 0);
    const perJob = maxMin(
        total,
        jobs.map((job) => needOf(job).reduce((a, b) => a + b, 0)),
    );
    const shares = Object.fromEntries(names.map((name) => [name, 0]));
    jobs.forEach((job, i) => maxMin(perJob[i]!, needOf(job)).forEach((share, k) => (shares[names[k]!]! += share)));
    return shares;
}
