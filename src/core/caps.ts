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

/** The number that a setting gives. @throws Error where it is none within the bounds: a cap that is not understood must not be passed over */
export function capOf(of: keyof typeof capSettings, text: string | undefined): number {
    const { name, fallback, least, most } = capSettings[of];
    if (text === undefined || text.trim() === '') return fallback;
    const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new Error(`The app setting ${name} is "${text}"; allowed is a whole number from ${least} to ${most}.`);
}

/** The age in ms that the setting gives. @throws Error where it is no duration within the bounds */
export function uploadAgeOf(text: string | undefined): number {
    const { name, fallback, leastMs, mostMs } = uploadAgeSetting;
    const ms = parseDuration(text?.trim() || fallback);
    if (ms !== null && ms >= leastMs && ms <= mostMs) return ms;
    throw new Error(`The app setting ${name} is "${text}"; allowed is an ISO 8601 duration from PT1M to P400D.`);
}
