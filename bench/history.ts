// How long histories get, by the durable engine's own API.

/** Events in the history of an instance; undefined where that API is not open. */
export async function historyOf(url: string, instance: string): Promise<number | undefined> {
    const answer = await fetch(`${url}/runtime/webhooks/durabletask/instances/${instance}?showHistory=true`);
    if (answer.status !== 200) return undefined;
    return ((await answer.json()) as { historyEvents?: unknown[] }).historyEvents?.length;
}

/** Events of the longest history among a job's orchestrations: its own and its workers'. */
export async function longestHistory(url: string, id: string): Promise<number | undefined> {
    const workers = [0, 1].map((slot) => `${id}-r1w${slot}`);
    const lengths = await Promise.all([id, ...workers].map((instance) => historyOf(url, instance)));
    const known = lengths.filter((n) => n !== undefined);
    return known.length > 0 ? Math.max(...known) : undefined;
}
