// Which kind a failure is of.
import { createHash } from 'node:crypto';
import { cutText } from '../core/text';
import { LOOKED_AT, messagePattern } from './messagePattern';

export interface Failing {
    code: string;
    /** HTTP status of the answer, null without one. */
    status: number | null;
    message: string;
}

/** What failures of one kind have in common. */
export interface FailureKind extends Failing {
    /** The first 12 hex digits of the SHA-256 of code, status and message. */
    fingerprint: string;
}

export const FINGERPRINT = /^[0-9a-f]{12}$/;

/** Whether it can be a fingerprint: that of the group of others is none. */
export const isFingerprint = (text: string): boolean => FINGERPRINT.test(text);

/** Why an item has failed of which nobody has recorded it. */
export const UNKNOWN = { code: 'UNKNOWN', message: '' };

/** Messages that are remembered with their kinds, and as many kinds by what they have in common. */
const REMEMBERED = 1_000;

/**
 * Finds kinds. A target may refuse ten thousand items a second, most of them in the same words: what was found of the last messages is remembered, 1,000 of
 * at most 500 characters.
 */
export class FailureKinds {
    private readonly byMessage = new Map<string, FailureKind>();
    private readonly byPattern = new Map<string, FailureKind>();

    /** The kind of an item that failed, as its outcome has it. */
    ofItem({
        status = null,
        error = UNKNOWN,
    }: {
        status?: number | null | undefined;
        error?: Pick<Failing, 'code' | 'message'> | undefined;
    }): FailureKind {
        return this.of({ code: error.code, status, message: error.message });
    }

    of({ code, status, message: whole }: Failing): FailureKind {
        const message = cutText(whole, LOOKED_AT);
        return remembered(this.byMessage, `${code} ${status} ${message}`, () => {
            // Its number is part of the kind, and says more than a sign for it would.
            const head = `HTTP ${status}`;
            const pattern =
                status !== null && message.startsWith(head) ? head + behind(message.slice(head.length)) : messagePattern(message);
            const named = JSON.stringify([code, status, pattern]);
            return remembered(this.byPattern, named, () => {
                const fingerprint = createHash('sha256').update(named).digest('hex').slice(0, 12);
                return { fingerprint, code, status, message: pattern };
            });
        });
    }
}

/** What a pattern loses at its beginning is a blank. */
const behind = (rest: string): string => (/^\s/.test(rest) ? ' ' : '') + messagePattern(rest);

function remembered<Value>(map: Map<string, Value>, key: string, find: () => Value): Value {
    const known = map.get(key);
    if (known !== undefined) return known;
    // All at once: which are the oldest is not worth knowing.
    if (map.size >= REMEMBERED) map.clear();
    const found = find();
    map.set(key, found);
    return found;
}
