// The small jobs of the matrix: three partitions each, and retries.

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
    /** The job is cancelled when so many calls have come. */
    cancelAfter?: number;
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
    { name: 'cancel', items: 300, paceMs: 150, concurrency: 2, cancelAfter: 16 },
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
