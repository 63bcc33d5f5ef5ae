/** One deadline for every wait; a slower machine or host sets another. */
export const DEADLINE_MS = Number(process.env.FANFOLD_E2E_DEADLINE_MS ?? 60_000);

/** Between two looks, in ms. */
export const PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 250;

/**
 * A look that asks a host comes after a twentieth of what has been waited: each costs the host some hundredths of a second, which would be missing from
 * the work that is waited for. What this process knows by itself is looked at all the time.
 */
const pauseAfter = (waitedMs: number): number => Math.min(LONGEST_PAUSE_MS, Math.max(PAUSE_MS, waitedMs / 20));

/**
 * Asks again and again until the answer is neither false nor null nor undefined; says what it was waiting for when it gives up. Who must see all that
 * happens meanwhile gives a pause of its own.
 */
export async function until<T>(
    ask: () => Promise<T> | T,
    what: () => string = () => 'what was waited for did not come',
    deadlineMs = DEADLINE_MS,
    everyMs?: number,
): Promise<NonNullable<T>> {
    const began = Date.now();
    for (const end = began + deadlineMs; ;) {
        const asked = ask();
        const answer = await asked;
        if (answer) return answer;
        const now = Date.now();
        if (now > end) throw new Error(`after ${deadlineMs} ms: ${what()}`);
        const pause = everyMs ?? (asked instanceof Promise ? pauseAfter(now - began) : PAUSE_MS);
        // The last look is made when the time is over, not later.
        await new Promise((resolve) => setTimeout(resolve, Math.min(pause, end + 1 - now)));
    }
}

/** Waits until the clock shows this time, in ms: what is promised within a time, or for one, is seen no sooner. */
export const past = (time: number): Promise<unknown> => until(() => Date.now() >= time);
