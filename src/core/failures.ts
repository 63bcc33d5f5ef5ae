// The kinds of failure of a job's items: how many there are of each, since when, and one of them as a sample.
import { cutText } from './text';

/** One failed item, as it shows what its kind is. Texts have at most SAMPLE_CHARACTERS. */
export interface FailureSample {
    /** 0-based position of the item in the source. */
    index: number;
    key: string | number | null;
    /** When it failed, ISO. Null: an earlier version has counted it, or its line is torn. */
    at: string | null;
    /** HTTP status of the last answer. */
    status?: number;
    message: string;
    /** The last call as it was made: method and URL. Absent where nothing was called, and where a processor does not tell. */
    request?: string;
    /** The beginning of the last answer. Absent where the job does not keep it. */
    answer?: string;
}

/** Failed items of one kind: the same code, the same status, and messages that differ in nothing but numbers, ids, quotes and addresses. */
export interface FailureGroup {
    /** 12 hex digits that stand for code, status and message; or OTHER. */
    fingerprint: string;
    code: string;
    status: number | null;
    /** What the messages have in common. */
    message: string;
    count: number;
    /** ISO. Null where nothing is known of it, see `FailureSample.at`. */
    firstAt: string | null;
    lastAt: string | null;
    /** The first that failed. */
    sample: FailureSample;
}

/** Kinds that a slice reports and a ledger keeps: beyond them there is one more group, of all others. */
export const KEPT_GROUPS = 40;
/** Kinds that a ledger keeps of what has failed since the last resume: of these a few are shown. */
export const RECENT_GROUPS = 10;
/** Kinds that status and summary show, beside the others. */
export const SHOWN_GROUPS = 20;
/** UTF-16 units of each text of a sample: a ledger keeps some dozens of samples in its state. */
export const SAMPLE_CHARACTERS = 300;
/** The fingerprint of what is left beside the most frequent kinds. */
export const OTHER = 'other';

const others = { fingerprint: OTHER, code: 'OTHER', status: null, message: 'failures of other kinds' };

/** A text as a sample holds it. Line separators, which no answer needs and which emulated storage cannot hold in a row of a table, are blanks. */
export const sampleText = (text: string): string => cutText(text, SAMPLE_CHARACTERS).replace(/[\u2028\u2029]/g, ' ');

/**
 * Adds two lists of groups, in an order that is always the same: the most frequent first, what is left last. At most `most` kinds stay, the rest is one
 * group, so that the sum of all counts is always the sum of those given. In whatever order lists are added, the groups are the same as long as there are
 * no more than `most` kinds; beyond that a kind's count holds those that were added while it was among the most frequent.
 */
export function mergeFailures(a: readonly FailureGroup[], b: readonly FailureGroup[], most: number): FailureGroup[] {
    const kinds = new Map<string, FailureGroup>();
    for (const group of [...a, ...b]) {
        const known = kinds.get(group.fingerprint);
        kinds.set(group.fingerprint, known ? together(known, group) : group);
    }
    return mostFrequent([...kinds.values()], most);
}

/** At most so many of these kinds, each of them once, and one group for all others. */
export function mostFrequent(kinds: readonly FailureGroup[], most: number): FailureGroup[] {
    const known = kinds.filter(({ fingerprint }) => fingerprint !== OTHER).sort(byCount);
    const left = [...kinds.filter(({ fingerprint }) => fingerprint === OTHER), ...known.slice(most)];
    const rest = left.map((group): FailureGroup => ({ ...group, ...others }));
    return [...known.slice(0, most), ...(rest.length > 0 ? [rest.reduce(together)] : [])];
}

/** Counts may be equal: then by fingerprint, so that nothing hangs on who came first. */
const byCount = (a: FailureGroup, b: FailureGroup): number => b.count - a.count || (a.fingerprint < b.fingerprint ? -1 : 1);

const together = (a: FailureGroup, b: FailureGroup): FailureGroup => ({
    ...a,
    count: a.count + b.count,
    firstAt: earlier(a.firstAt, b.firstAt),
    lastAt: later(a.lastAt, b.lastAt),
    sample: isBefore(b.sample, a.sample) ? b.sample : a.sample,
});

// ISO times in UTC sort as texts. What is not known is neither earlier nor later.
export const earlier = (a: string | null, b: string | null): string | null => (a === null || (b !== null && b < a) ? b : a);
export const later = (a: string | null, b: string | null): string | null => (a === null || (b !== null && b > a) ? b : a);

/** Whether it failed before the other: a sample whose time is known goes first, of two at one time that with the lower index. */
export function isBefore(a: Pick<FailureSample, 'at' | 'index'>, b: Pick<FailureSample, 'at' | 'index'>): boolean {
    if (a.at === b.at) return a.index < b.index;
    if (a.at === null || b.at === null) return b.at === null;
    return a.at < b.at;
}

/** A group as the status shows it. `share`: of all failed items in the groups, 0 to 1, with four digits. */
export type ShownGroup = FailureGroup & { share: number };

/** The groups that a status shows. */
export function shownFailures(groups: readonly FailureGroup[]): ShownGroup[] {
    const all = groups.reduce((sum, { count }) => sum + count, 0);
    return mostFrequent(groups, SHOWN_GROUPS).map((group) => ({ ...group, share: Math.round((group.count / all) * 10_000) / 10_000 }));
}
