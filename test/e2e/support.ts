// What every end-to-end test needs: a base URL, calls, a job followed to its end. Knows nothing of the host behind the URL.
import path from 'node:path';
import * as sample from '../../samples/target';
import { FanfoldClient, isEnded, type Job, type JobSpec, type Outcome } from '../../src/client';
import { startHost, type RunningHost } from '../support/host';
import { DEADLINE_MS } from '../support/until';

export type { Job, Outcome };

let host: RunningHost | undefined;
let base = process.env.FANFOLD_URL ?? '';

/** Uses the host that FANFOLD_URL names; without it, starts the local one for this file. */
export function useHost(): void {
    jest.setTimeout(DEADLINE_MS * 3);
    beforeAll(async () => {
        if (process.env.FANFOLD_URL) return;
        host = await startHost({ app: path.resolve(__dirname, '../..') });
        base = host.url;
    });
    afterAll(async () => {
        await Promise.all(targets.map((t) => t.stop()));
        await host?.stop();
    });
}

const targets: sample.Target[] = [];

/** A service for jobs to call; stopped at the end of the file, however its tests went. */
export async function startTarget(options: sample.TargetOptions): Promise<sample.Target> {
    const started = await sample.startTarget(options);
    targets.push(started);
    return started;
}

export const baseUrl = (): string => base;

export const keyHeader = (): Record<string, string> => (process.env.FANFOLD_KEY ? { 'x-functions-key': process.env.FANFOLD_KEY } : {});

/** Asks nothing again: a connection that breaks is a finding here. */
const client = (): FanfoldClient => new FanfoldClient({ url: base, key: process.env.FANFOLD_KEY, retry: { forMs: 0 } });

/** One request as it stands, for what the client would not send or would not show. */
export function api(route: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${base}${route.startsWith('/api') ? route : `/api${route}`}`, {
        ...init,
        headers: { ...keyHeader(), ...(init.headers as Record<string, string>) },
    });
}

/** A call of the engine's own API, from `/instances` on. Where keys are checked it asks for its system key; a function key is refused. */
export function durableApi(route: string, init: RequestInit = {}): Promise<Response> {
    const key = process.env.FANFOLD_DURABLE_KEY;
    return fetch(`${base}/runtime/webhooks/durabletask${route}`, { ...init, headers: key ? { 'x-functions-key': key } : {} });
}

/** A JSON answer; tests say what they expect of it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const body = async (response: Response | Promise<Response>): Promise<any> => (await response).json();

export const post = (route: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    api(route, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
    });

export const start = (spec: object, headers: { 'idempotency-key'?: string } = {}): Promise<Job> =>
    client().startJob(spec as JobSpec, { idempotencyKey: headers['idempotency-key'] });

export const job = (id: string): Promise<Job> => client().getJob(id);

export const ended = (id: string, deadlineMs = DEADLINE_MS): Promise<Job> =>
    client().waitUntil(id, isEnded, { everyMs: 50, timeoutMs: deadlineMs });

export const run = async (spec: object): Promise<Job> => ended((await start(spec)).id);

export const upload = async (content: string | Buffer, name: string): Promise<string> => (await client().upload(content, { name })).id;

/** `query` as it stands in a URL, such as `?order=input`. */
export const results = async (id: string, query = ''): Promise<Outcome[]> =>
    (await client().resultsPage(id, Object.fromEntries(new URLSearchParams(query)))).outcomes;

/** Every item once, and the counts say the same. */
export async function expectConserved(j: Job): Promise<Outcome[]> {
    const all = await results(j.id);
    const total = j.counts.total!;
    expect(all.map((o) => o.index).sort((a, b) => a - b)).toEqual([...Array(total).keys()]);
    for (const kind of ['succeeded', 'failed', 'skipped', 'cancelled'] as const)
        expect(j.counts[kind]).toBe(all.filter((o) => o.outcome === kind).length);
    return all;
}
