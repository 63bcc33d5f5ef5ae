// What a slice tells the ledger of a partition: that it is finished, or when it can go on.
import { finished, type Counts } from './counts';

/** Items of one partition that may wait for a retry before the slice takes no new ones from it. */
export const MAX_WAITING = 500;

/** How far a partition has come. */
export interface PartitionProgress {
    items: number;
    counts: Counts;
    /** When the retries are due of the items that wait for one, in ms. */
    dues: number[];
    /** Every item has been tried, or looked at, once. */
    isTriedThrough: boolean;
}

/** Whether every item of the partition has its outcome. */
export const isClosed = ({ items, counts }: Pick<PartitionProgress, 'items' | 'counts'>): boolean => finished(counts) === items;

/** When a begun partition can go on, in ms: 0, which is now by any clock, or when its first retry is due if it can do nothing before. */
export function wakesAt({ items, counts, dues, isTriedThrough }: PartitionProgress): number {
    const onlyWaits = finished(counts) + dues.length === items || isTriedThrough || dues.length >= MAX_WAITING;
    return onlyWaits && dues.length > 0 ? dues.reduce((a, b) => Math.min(a, b)) : 0;
}
