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

export const isDone = (cursor: Cursor, part: number): boolean =>
    part < cursor.upto || cursor.done.some(([first, last]) => part >= first && part <= last);

const n = (value: number) => value.toString(36);

/** `1.upto.first-last,….part-offset,…` in base 36, then base64url so that it is one opaque word. */
export function encodeCursor(cursor: Cursor): string {
    const done = cursor.done.map(([first, last]) => `${n(first)}-${n(last)}`).join(',');
    const at = [...cursor.at].sort((a, b) => a[0] - b[0]).map(([part, offset]) => `${n(part)}-${n(offset)}`);
    return Buffer.from(`1.${n(cursor.upto)}.${done}.${at.join(',')}`).toString('base64url');
}

/** Null when the text is not a cursor. */
export function decodeCursor(text: string): Cursor | null {
    const m = /^1\.([0-9a-z]{1,8})\.((?:[0-9a-z]{1,8}-[0-9a-z]{1,8},?)*)\.((?:[0-9a-z]{1,8}-[0-9a-z]{1,10},?)*)$/.exec(
        Buffer.from(text, 'base64url').toString('latin1'),
    );
    if (!m) return null;
    const pairs = (list: string) =>
        list
            .split(',')
            .filter(Boolean)
            .map((pair) => pair.split('-').map((x) => parseInt(x, 36)) as [number, number]);
    return { upto: parseInt(m[1]!, 36), done: pairs(m[2]!), at: new Map(pairs(m[3]!)) };
}
