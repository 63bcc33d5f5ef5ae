// What every end-to-end test needs: a base URL, calls, a job followed to its end. Knows nothing of the host behind the URL.
import path from 'node:path';
import * as sample from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import { DEADLINE_MS, until } from '../support/until';

export interface Job {
    id: string;
    state: string;
    outcome?: string;
    ended: boolean;
    counts: Record<string, number | null> & {
        total: number | null;
        succeeded: number;
        failed: number;
        cancelled: number;
        retries: number;
        invalid: number;
    };
    error?: { code: string; message: string };
    failures: { code: string; count: number }[];
    links: Record<string, string>;
}

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

export async function start(spec: object, headers: Record<string, string> = {}): Promise<Job> {
    const response = await post('/jobs', spec, headers);
    const text = await response.text();
    if (response.status !== 202) throw new Error(`POST /jobs answered ${response.status}: ${text}`);
    return JSON.parse(text) as Job;
}

export const job = async (id: string): Promise<Job> => (await (await api(`/jobs/${id}`)).json()) as Job;

export async function ended(id: string, deadlineMs = DEADLINE_MS): Promise<Job> {
    let last: Job | undefined;
    return until(
        async () => ((last = await job(id)).ended ? last : null),
        () => `job ${id} has not ended: ${JSON.stringify(last)}`,
        deadlineMs,
    );
}

export const run = async (spec: object): Promise<Job> => ended((await start(spec)).id);

export async function upload(content: string | Buffer, name: string): Promise<string> {
    const response = await api(`/uploads?name=${encodeURIComponent(name)}`, { method: 'POST', body: content });
    expect(response.status).toBe(201);
    return ((await response.json()) as { id: string }).id;
}

export interface Outcome {
    index: number;
    outcome: string;
    key: string | number;
    attempts: number;
    status?: number;
    output?: unknown;
    error?: { code: string; message: string };
}

export async function results(id: string, query = ''): Promise<Outcome[]> {
    const text = await (await api(`/jobs/${id}/results${query}`)).text();
    return text
        .split('\n')
        .filter(Boolean)
        .map((l) => JSON.parse(l) as Outcome);
}

/** Every item once, and the counts say the same. */
export async function expectConserved(j: Job): Promise<Outcome[]> {
    const all = await results(j.id);
    const total = j.counts.total!;
    expect(all.map((o) => o.index).sort((a, b) => a - b)).toEqual([...Array(total).keys()]);
    for (const kind of ['succeeded', 'failed', 'skipped', 'cancelled'])
        expect(j.counts[kind]).toBe(all.filter((o) => o.outcome === kind).length);
    return all;
}
