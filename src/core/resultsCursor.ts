// Where a reader of results stands. A job has thousands of partitions and few of them are open at a time, so the cursor names the closed ones by
// range and only the open ones by offset: it has to fit in a header and in a URL.

export interface Cursor {
    /** Every partition below this one is closed and read to its end. */
    upto: number;
    /** Further closed and read partitions, as ranges `[first, last]`, ascending, not touching each other or `upto`. */
    done: [first: number, last: number][];
    /** Bytes read of partitions that may still grow. */
    at: Map<number, number>;
}

export const startCursor = (): Cursor => ({ upto: 0, done: [], at: new Map() });

/** A cursor from single facts: the closed and read partitions, and the offsets of open ones. */
export function makeCursor(closed: Iterable<number>, at: Map<number, number>): Cursor {
    const done: [number, number][] = [];
    for (const part of [...new Set(closed)].sort((a, b) => a - b)) {
        const last = done.at(-1);
        if (last && last[1] === part - 1) last[1] = part;
        else done.push([part, part]);
    }
    const upto = done[0]?.[0] === 0 ? done.shift()![1] + 1 : 0;
    return { upto, done, at };
}

/** The closed and read partitions, one by one. Only for a cursor that names no partition which the job does not have: see `lastPart`. */
export function* closedIn({ upto, done }: Cursor): Generator<number> {
    for (let part = 0; part < upto; part++) yield part;
    for (const [first, last] of done) for (let part = first; part <= last; part++) yield part;
}

/** The highest partition that the cursor names; -1 when it names none. */
export const lastPart = ({ upto, done, at }: Cursor): number => Math.max(upto - 1, done.at(-1)?.[1] ?? -1, [...at.keys()].at(-1) ?? -1);
