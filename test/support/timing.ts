// Time as a ratio within one run: how long work takes on a machine, and beside what, is no business of a test.

/** Ms that the work takes. */
function ms(work: () => unknown): number {
    const began = performance.now();
    work();
    return performance.now() - began;
}

/**
 * How many times as long the work takes as the measure, which is done before and after it: the slower of the two counts. What interrupts a run is not
 * the work's: so the least of up to three tries, the first that is at most `enough`.
 */
export function timesAsLong(work: () => unknown, measure: () => unknown, enough: number): number {
    let least = Infinity;
    for (let tries = 0; tries < 3 && least > enough; tries++) {
        const before = ms(measure);
        const taken = ms(work);
        least = Math.min(least, taken / Math.max(before, ms(measure)));
    }
    return least;
}
