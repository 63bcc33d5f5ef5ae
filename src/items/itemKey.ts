// What names an item: a text of 1 to 1024 characters, or a number with its digits as they stand in the source.
import { isNumberText } from '../json/decimal';
import { ExactNumber } from '../json/exactNumber';

export type ItemKey = string | number | ExactNumber;

export const MAX_KEY_LENGTH = 1_024;

export const isItemKey = (value: unknown): value is ItemKey => {
    if (typeof value === 'string') return value !== '' && value.length <= MAX_KEY_LENGTH;
    return typeof value === 'number' || (value instanceof ExactNumber && value.text.length <= MAX_KEY_LENGTH);
};

/**
 * How a job writes its keys. It is stored with the job, which keeps it for life: the same item must not be called under two keys.
 * Without it (jobs posted by older versions) numbers are rounded, the number 1 and the text "1" are one key, and the whole `{jobId}:{key}` is
 * percent-encoded when one character of it must be.
 */
export const KEY_FORM = 2;
export type KeyForm = typeof KEY_FORM | undefined;

/** The key as text, so that no two keys have one: a number bare, a text as it is, or as JSON where it reads as a number or begins with a quote. */
export function keyText(key: ItemKey): string {
    if (typeof key !== 'string') return String(key);
    return key.startsWith('"') || isNumberText(key) ? JSON.stringify(key) : key;
}

/** The key as a job of this form has it: the older form knows no numbers but doubles. */
export const keyAs = (form: KeyForm, key: ItemKey): ItemKey => (form === undefined && key instanceof ExactNumber ? Number(key.text) : key);

/**
 * The `Idempotency-Key` of an item: `{jobId}:{key}`, where what a header cannot carry of the key, and `%`, is percent-encoded as UTF-8. Null when the key
 * holds half a surrogate pair, which UTF-8 does not know.
 */
export function idempotencyKey(jobId: string, key: ItemKey, form: KeyForm): string | null {
    try {
        if (form === undefined) {
            const whole = `${jobId}:${String(key)}`;
            return /^[\x21-\x7e]*$/.test(whole) ? whole : encodeURIComponent(whole);
        }
        return `${jobId}:${keyText(key).replace(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent)}`;
    } catch (error) {
        if (error instanceof URIError) return null;
        throw error;
    }
}

/** For where only plain values fit: a number that is no plain one as its digits. */
export function plainKey(key: ItemKey): string | number;
export function plainKey(key: ItemKey | null): string | number | null;
export function plainKey(key: ItemKey | null): string | number | null {
    return key instanceof ExactNumber ? key.text : key;
}
