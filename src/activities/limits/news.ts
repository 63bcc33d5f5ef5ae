// What a process has seen of its target and not told the register yet.
import type { Rate } from '../../core/limiter/rate';
import type { Renewal } from '../../core/limiter/register';

/** Times by the clock of the process, in ms. */
export interface News {
    accepted: number;
    /** Calls that have ended. */
    spent: number;
    refused: number;
    refusedAt: number;
    /** Until when the target has asked to be left alone; null: it has not. */
    closedUntil: number | null;
    hint: { remaining: number; until: number } | null;
    scouted: Renewal['scouted'];
    probed: Renewal['probed'];
    /** Nothing succeeds any more. */
    isAway: boolean;
}

export const nothingNew = (): News => ({
    accepted: 0,
    spent: 0,
    refused: 0,
    refusedAt: -Infinity,
    closedUntil: null,
    hint: null,
    scouted: null,
    probed: null,
    isAway: false,
});

/** What is left to tell when this was told. */
export const untold = (news: News, told: News): News => ({
    accepted: news.accepted - told.accepted,
    spent: news.spent - told.spent,
    refused: news.refused - told.refused,
    refusedAt: news.refusedAt,
    closedUntil: news.refusedAt > told.refusedAt ? news.closedUntil : null,
    hint: news.hint === told.hint ? null : news.hint,
    scouted: news.scouted === told.scouted ? null : news.scouted,
    probed: news.probed === told.probed ? null : news.probed,
    isAway: news.isAway && !told.isAway,
});

/** What was told: the news, and what the jobs asked for then. */
export type Told = News & { rates: Rate[] };
