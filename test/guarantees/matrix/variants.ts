// The small jobs of the matrix: three partitions each, and retries.

/** A move, or so many calls at once at most. */
export type Ask = 'pause' | 'resume' | 'cancel' | { concurrency: number };

export interface Asks {
    /** The first is asked for when so many calls have come. */
    afterCalls: number;
    /** One after the other, each when the one before has been in force for so long that calls tell of it. When all are accepted, calls take no time. */
    inTurn: Ask[];
}

export interface Variant {
    name: string;
    items: number;
    /** How long a call takes, in ms. */
    paceMs: number;
    concurrency: number;
    /** What is uploaded as the job's source; without it the items are inline. */
    upload?: (marker: string) => string;
    /** Fields of the spec beside those that all have. */
    spec?: object;
    /** The answer to the last item waits until the job has run for so long, in ms, so that what comes by the second comes as often each time. */
    runsForMs?: number;
    /** What its user asks for while it runs. */
    asks?: Asks;
    /** Rows of the source that are no items. */
    invalid?: number;
    /** Requests of this variant that are struck; default: all. The others come in a variant before in the same way. */
    strikes?: RegExp;
    /** Ends `failed` with this code, without a fault. */
    failsAs?: string;
}

const lines = (marker: string, count: number): string[] => Array.from({ length: count }, (_, id) => JSON.stringify({ id, marker }));

export const itemsOf = (marker: string, count: number): object[] => lines(marker, count).map((line) => JSON.parse(line) as object);

export const VARIANTS: Variant[] = [
    { name: 'plain', items: 30, paceMs: 30, concurrency: 64, runsForMs: 2_300 },
    // Slow enough that a cancel which does not bite is seen by its calls.
    { name: 'cancel', items: 300, paceMs: 150, concurrency: 2, asks: { afterCalls: 16, inTurn: ['cancel'] } },
    // Long enough to be called throughout, were it not paused.
    {
        name: 'pause',
        items: 240,
        paceMs: 150,
        concurrency: 2,
        asks: { afterCalls: 10, inTurn: ['pause', 'resume'] },
        strikes: /control|HEAD progress|outcomes|ledger$|job$/,
    },
    // From two workers to one call at once, which is a place for one of them, and back.
    {
        name: 'retune',
        items: 900,
        paceMs: 400,
        concurrency: 40,
        asks: { afterCalls: 30, inTurn: [{ concurrency: 1 }, { concurrency: 40 }] },
        // One for each worker.
        spec: { partition: { items: 450 } },
        strikes: /control|HEAD progress/,
    },
    // What its first items came to is found, stored and judged.
    {
        name: 'canary',
        items: 30,
        paceMs: 30,
        concurrency: 64,
        spec: { canary: { items: 10, approval: 'automatic', maxPercent: 0 } },
        strikes: /canary|(HEAD|PUT) control$/,
    },
    {
        name: 'upload',
        items: 30,
        paceMs: 30,
        concurrency: 64,
        runsForMs: 1_300,
        upload: (marker) => [...lines(marker, 30), 'no JSON'].join('\n'),
        spec: { onInvalid: 'skip' },
        invalid: 1,
        strikes: / (uploads|invalid)$/,
    },
    {
        name: 'refused',
        items: 0,
        paceMs: 0,
        concurrency: 1,
        upload: (marker) => [...lines(marker, 30), 'no JSON'].join('\n'),
        invalid: 1,
        failsAs: 'SOURCE_INVALID',
        strikes: /GET uploads|invalid|DELETE items|summary$/,
    },
];
