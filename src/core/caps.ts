// What one deployment takes at most, by setting: a job, its files and a request must not cost more than the instances that share them have.
import { parseDuration } from './duration';

export interface Caps {
    /** Items of one job. */
    items: number;
    /** Jobs that have not ended, running or waiting: all of them share what there is. */
    jobs: number;
    /** Bytes of one upload. */
    uploadBytes: number;
    /** Uploads in parts that are open at one time. */
    uploads: number;
    /** Ms after which an upload that nobody adds to, or uses, is gone. */
    uploadAgeMs: number;
    /** Bytes of the body of `POST /jobs`. */
    bodyBytes: number;
}

/** The setting of each cap, with its bounds. */
export const capSettings = {
    items: { name: 'FANFOLD_MAX_ITEMS', fallback: 10_000_000, least: 1, most: 1_000_000_000 },
    jobs: { name: 'FANFOLD_MAX_JOBS', fallback: 1_000, least: 1, most: 100_000 },
    // What an append blob of blocks of 4 MiB can hold.
    uploadBytes: { name: 'FANFOLD_MAX_UPLOAD_BYTES', fallback: 209_715_200_000, least: 1, most: 209_715_200_000 },
    uploads: { name: 'FANFOLD_MAX_UPLOADS', fallback: 1_000, least: 1, most: 100_000 },
    // Beyond this, one text of all the bytes would hold the event loop for too long.
    bodyBytes: { name: 'FANFOLD_MAX_BODY_BYTES', fallback: 16 * 1024 * 1024, least: 1_024, most: 64 * 1024 * 1024 },
} as const;

export const uploadAgeSetting = { name: 'FANFOLD_UPLOAD_MAX_AGE', fallback: 'P7D', leastMs: 60_000, mostMs: 400 * 86_400_000 } as const;

export interface KnownCaps {
    caps: Caps;
    /** What is wrong with each setting that is no cap, and what holds in its place. Its text is not repeated here: it may be something else that was put there. */
    unread: string[];
}

/** What each setting says; undefined or empty: nothing. */
export type CapTexts = Record<keyof typeof capSettings | 'uploadAge', string | undefined>;

/**
 * The caps that the settings give. One that cannot be read leaves its default, which is a cap as well: an error here would refuse every request, those
 * that have nothing to do with it too, and stop jobs that are at work.
 */
export function capsIn(texts: CapTexts): KnownCaps {
    const unread: string[] = [];
    const given = (
        text: string | undefined,
        name: string,
        fallback: string | number,
        allowed: string,
        read: (text: string) => number | null,
    ): number => {
        const value = read(text?.trim() || String(fallback));
        if (value !== null) return value;
        unread.push(`${name} is not ${allowed}; ${fallback} holds`);
        return read(String(fallback))!;
    };
    const number = (of: keyof typeof capSettings): number => {
        const { name, fallback, least, most } = capSettings[of];
        return given(texts[of], name, fallback, `a whole number from ${least} to ${most}`, (text) =>
            within(/^\d{1,15}$/.test(text) ? Number(text) : null, least, most),
        );
    };
    const age = (): number => {
        const { name, fallback, leastMs, mostMs } = uploadAgeSetting;
        return given(texts.uploadAge, name, fallback, 'an ISO 8601 duration from PT1M to P400D', (text) =>
            within(parseDuration(text), leastMs, mostMs),
        );
    };
    const caps: Caps = {
        items: number('items'),
        jobs: number('jobs'),
        uploadBytes: number('uploadBytes'),
        uploads: number('uploads'),
        uploadAgeMs: age(),
        bodyBytes: number('bodyBytes'),
    };
    return { caps, unread };
}

const within = (value: number | null, least: number, most: number): number | null =>
    value !== null && value >= least && value <= most ? value : null;
