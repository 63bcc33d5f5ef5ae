// What a process has seen of its target and not told the register yet.
import type { Rate } from '../../core/limiter/rate';
import type { Renewal } from '../../core/limiter/register';

/** Times by the clock of the process, in ms. */
export interface News {
    accepted: number;
    /** Calls out of counted windows that have ended, in all and by the second. */
    spent: number;
    spentIn: Record<number, number>;
    refused: number;
    refusedAt: number;
    /** Until when the target has asked to be left alone; null: it has not. */
    closedUntil: number | null;
    hint: { remaining: number; until: number } | null;
    scouted: Renewal['scouted'];
    probed: Renewal['probed'];
    /** Nothing succeeds any more. */
    isAway: boolean;
    /** Calls in flight that the target bears well, as slices here have learned; null: nothing that others do not know. */
    bears: number | null;
}

export const nothingNew = (): News => ({
    accepted: 0,
    spent: 0,
    spentIn: {},
    refused: 0,
    refusedAt: -Infinity,
    closedUntil: null,
    hint: null,
    scouted: null,
    probed: null,
    isAway: false,
    bears: null,
});

/** What is left to tell when this was told. */
export const untold = (news: News, told: News): News => ({
    accepted: news.accepted - told.accepted,
    spent: news.spent - told.spent,
    spentIn: Object.fromEntries(
        Object.entries(news.spentIn)
            .map(([second, calls]) => [second, calls - (told.spentIn[Number(second)] ?? 0)] as const)
            .filter(([, calls]) => calls > 0),
    ),
    refused: news.refused - told.refused,
    refusedAt: news.refusedAt,
    closedUntil: news.refusedAt > told.refusedAt ? news.closedUntil : null,
    hint: news.hint === told.hint ? null : news.hint,
    scouted: news.scouted === told.scouted ? null : news.scouted,
    probed: news.probed === told.probed ? null : news.probed,
    isAway: news.isAway && !told.isAway,
    bears: news.bears === told.bears ? null : news.bears,
});

/** With another call that has ended. */
export function spend(news: News, now: number): void {
    const second = Math.floor(now / 1_000);
    news.spent++;
    news.spentIn[second] = (news.spentIn[second] ?? 0) + 1;
}

/** Older ones count as if they had been then. */
const OLDEST_S = 15;

/** By whole seconds ago. */
export function spentAgo({ spentIn }: News, now: number): number[] {
    const ago: number[] = [];
    for (const [second, calls] of Object.entries(spentIn)) {
        const i = Math.min(OLDEST_S, Math.max(0, Math.floor((now - (Number(second) + 1) * 1_000) / 1_000)));
        while (ago.length <= i) ago.push(0);
        ago[i]! += calls;
    }
    return ago;
}

/** What was told: the news, and what the jobs asked for then. */
export type Told = News & { rates: Rate[] };
