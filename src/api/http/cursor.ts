// Where a reader of results stands. A job has thousands of partitions and few of them are open at a time, so the cursor names the closed ones by
// range and only the open ones by offset: it has to fit in a header and in a URL.
import { createHash } from 'node:crypto';

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

const n = (value: number) => value.toString(36);

/** Binds a word to its purpose and owner and tells words that were cut or made up. No secret: what it says about a job's own blobs harms nobody. */
export const seal = (owner: string, text: string): string =>
    createHash('sha256').update(`${owner}\n${text}`).digest('base64url').slice(0, 10);

/** `2.seal.upto.first-last,….part-offset,…`, numbers in base 36, then base64url so that it is one opaque word. */
export function encodeCursor(jobId: string, cursor: Cursor): string {
    const done = cursor.done.map(([first, last]) => `${n(first)}-${n(last)}`).join(',');
    const at = [...cursor.at].sort((a, b) => a[0] - b[0]).map(([part, offset]) => `${n(part)}-${n(offset)}`);
    const text = `${n(cursor.upto)}.${done}.${at.join(',')}`;
    return Buffer.from(`2.${seal(jobId, text)}.${text}`).toString('base64url');
}

/** Null when the word was not made by `encodeCursor` for this job. Costs what the word is long, whatever numbers it holds. */
export function decodeCursor(jobId: string, word: string): Cursor | null {
    const m = /^2\.([\w-]{10})\.(([0-9a-z]+)\.([0-9a-z,-]*)\.([0-9a-z,-]*))$/.exec(Buffer.from(word, 'base64url').toString('latin1'));
    if (!m || m[1] !== seal(jobId, m[2]!)) return null;
    const pairs = (list: string) =>
        list
            .split(',')
            .filter(Boolean)
            .map((pair) => pair.split('-').map((x) => parseInt(x, 36)) as [number, number]);
    const cursor: Cursor = { upto: parseInt(m[3]!, 36), done: pairs(m[4]!), at: new Map(pairs(m[5]!)) };
    return isOrdered(cursor) && encodeCursor(jobId, cursor) === word ? cursor : null;
}

/** Ranges that ascend and do not touch: so they can be gone through partition by partition. */
function isOrdered({ upto, done, at }: Cursor): boolean {
    let last = upto - 1;
    for (const [first, to] of done) {
        if (first <= last + 1 || to < first) return false;
        last = to;
    }
    return [upto, ...done.flat(), ...[...at].flat()].every(Number.isSafeInteger);
}
