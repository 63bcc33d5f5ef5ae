/** One deadline for every wait; a slower machine or host sets another. */
export const DEADLINE_MS = Number(process.env.FANFOLD_E2E_DEADLINE_MS ?? 60_000);

/** Asks again and again until the answer is neither false nor null nor undefined; says what it was waiting for when it gives up. */
export async function until<T>(
    ask: () => Promise<T> | T,
    what: () => string = () => 'what was waited for did not come',
    deadlineMs = DEADLINE_MS,
): Promise<NonNullable<T>> {
    for (const end = Date.now() + deadlineMs; ;) {
        const answer = await ask();
        if (answer) return answer;
        if (Date.now() > end) throw new Error(`after ${deadlineMs} ms: ${what()}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
    }
}
