import { isEnded, WaitTimeout, type FanfoldClient, type Job, type WaitOptions } from '../../src/client';

/** Most jobs of tests are over by then, in ms. */
const SOON_MS = 3_000;

/** The end of a job, looked for often at first and then less often: a look costs its host some hundredths of a second (`until.ts`). */
export async function untilEnded(
    client: FanfoldClient,
    id: string,
    { timeoutMs, ...more }: WaitOptions & { timeoutMs: number },
): Promise<Job> {
    const soon = Math.min(SOON_MS, timeoutMs);
    try {
        return await client.waitUntil(id, isEnded, { ...more, everyMs: 50, timeoutMs: soon });
    } catch (error) {
        if (!(error instanceof WaitTimeout) || soon === timeoutMs) throw error;
        return client.waitUntil(id, isEnded, { ...more, everyMs: 250, timeoutMs: timeoutMs - soon });
    }
}
