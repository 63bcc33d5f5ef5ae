import * as samples from '../../samples/ports';

/** Of neighbouring ports each worker of Jest takes its own: two that ask at once would be given the same, before either listens there. */
const SHARES = 8;

/** So many ports that are free now, and that no other worker of this run takes. */
export async function freePorts(count: number): Promise<number[]> {
    const worker = process.env.JEST_WORKER_ID;
    if (!worker) return samples.freePorts(count);
    const found = new Set<number>();
    // Halved: Linux gives out odd ports alone, while there are any.
    const isOurs = (port: number) => (port >> 1) % SHARES === Number(worker) % SHARES;
    while (found.size < count) for (const port of (await samples.freePorts(2 * SHARES)).filter(isOurs)) found.add(port);
    return [...found].slice(0, count);
}
