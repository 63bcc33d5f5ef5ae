import type { Counts } from './counts';
import { finished } from './counts';
export const failureShare = (counts: Counts): number => Math.round((counts.failed / Math.max(1, finished(counts))) * 1000) / 10;
export const isWithin = (counts: Counts, maxPercent: number): boolean => 100 * counts.failed <= maxPercent * finished(counts);
export const partitionsOf = (entries: { firstIndex: number }[], items: number): number =>
    entries.filter(({ firstIndex }) => firstIndex < items).length;
