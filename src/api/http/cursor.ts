// The cursor of results as one opaque word, for a header and a URL.
import { createHash } from 'node:crypto';
import type { Cursor } from '../../core/resultsCursor';

const n = (value: number) => value.toString(36);

/** Binds a word to its purpose and owner and tells words that were cut or made up. No secret: what it says about a job's own blobs harms nobody. */
export const seal = (owner: string, text: string): string =>
    createHash('sha256').update(`${owner}\n${text}`).digest('base64url').slice(0, 10);

/** A text as one opaque word for a URL, bound to its purpose. */
export const sealed = (purpose: string, text: string): string => Buffer.from(`${seal(purpose, text)}.${text}`).toString('base64url');

/** Null when the word was not made by `sealed` for this purpose. */
export function unsealed(purpose: string, word: string): string | null {
    const found = /^([\w-]{10})\.([^]*)$/.exec(Buffer.from(word, 'base64url').toString('utf8'));
    return found && found[1] === seal(purpose, found[2]!) ? found[2]! : null;
}

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
