// What every end-to-end test needs: a base URL, calls, a job followed to its end. Knows nothing of the host behind the URL.
import path from 'node:path';
import * as sample from '../../samples/target';
import { FanfoldClient, type Job, type JobSpec, type Outcome, type RetryOptions, type Timeline } from '../../src/client';
import { documentedFetch, holdDocument } from '../support/apiDocument/holdDocument';
import { startHost, type RunningHost } from '../support/host';
import { observedTarget, type ObservedOptions, type ObservedTarget } from '../support/observedTarget';
import { DEADLINE_MS } from '../support/until';
import { untilEnded } from '../support/untilEnded';

export { past } from '../support/until';

export type { Job, Outcome };

let host: RunningHost | undefined;
let base = process.env.FANFOLD_URL ?? '';

/** Uses the host that FANFOLD_URL names; without it, starts the local one for this file. Every request of the file is held against the API document. */
export function useHost(): void {
    jest.setTimeout(DEADLINE_MS * 3);
    holdDocument();
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

/**
 * For tests that wait for most of their time, each with jobs and targets of its own: on the host of their file they all wait at once. On one that
 * FANFOLD_URL names they come one after the other, as other files call it too. `beforeEach` and `afterEach` are not run for them.
 */
export const testAtOnce = process.env.FANFOLD_URL ? test : test.concurrent;

const targets: { stop(): Promise<void> }[] = [];

/** A service for jobs to call; stopped at the end of the file, however its tests went. */
export async function startTarget(options: sample.TargetOptions): Promise<sample.Target> {
    const started = await sample.startTarget(options);
    targets.push(started);
    return started;
}

/** The same, for tests that look at when calls come and how many are open, or that hold answers back. */
export async function observe(options?: ObservedOptions): Promise<ObservedTarget> {
    const started = await observedTarget(options);
    targets.push(started);
    return started;
}

export const baseUrl = (): string => base;

/** The platform's key, and the app's own, which has to be of the level admin. */
export const keyHeader = (): Record<string, string> => ({
    ...(process.env.FANFOLD_KEY ? { 'x-functions-key': process.env.FANFOLD_KEY } : {}),
    ...(process.env.FANFOLD_APP_KEY ? { 'x-fanfold-key': process.env.FANFOLD_APP_KEY } : {}),
});

const fetch = documentedFetch(baseUrl);

/** Asks nothing again: a connection that breaks is a finding here. */
export const client = (retry: RetryOptions = { forMs: 0 }): FanfoldClient =>
    new FanfoldClient({ url: base, key: process.env.FANFOLD_KEY, appKey: process.env.FANFOLD_APP_KEY, retry, fetch });

/** One request as it stands, for what the client would not send or would not show. */
export function api(route: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${base}${route.startsWith('/api') ? route : `/api${route}`}`, {
        ...init,
        headers: { ...keyHeader(), ...(init.headers as Record<string, string>) },
    });
}

/** A call of the engine's own API, which is no part of the document, from `/instances` on. Where keys are checked it asks for its system key; a function key is refused. */
export function durableApi(route: string, init: RequestInit = {}): Promise<Response> {
    const key = process.env.FANFOLD_DURABLE_KEY;
    return globalThis.fetch(`${base}/runtime/webhooks/durabletask${route}`, { ...init, headers: key ? { 'x-functions-key': key } : {} });
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

/** What a request was answered. */
export interface Answered {
    status: number;
    /** The JSON document; tests say what they expect of it. */
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    said: any;
}

/** Asks for a move with this body; a text goes as it is, and without a body there is no content type either. */
export async function move(id: string, name: string, asked?: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    const route = `/jobs/${id}/${name}`;
    const answer = await (asked === undefined ? api(route, { method: 'POST', headers }) : post(route, asked, headers));
    return { status: answer.status, said: await answer.json() };
}

export async function patch(
    id: string,
    asked: unknown,
    headers: Record<string, string> = { 'content-type': 'application/merge-patch+json' },
): Promise<Answered> {
    const text = typeof asked === 'string' ? asked : JSON.stringify(asked);
    const answer = await api(`/jobs/${id}`, { method: 'PATCH', headers, body: text });
    return { status: answer.status, said: await answer.json() };
}

/** What happened to a job, each event in one word: the state, the move, or its kind. */
export const story = async (id: string): Promise<string[]> =>
    (await timeline(id)).map(({ kind, state, move: made }) => String(kind === 'state' ? state : kind === 'move' ? made : kind));

export const timeline = async (id: string): Promise<Timeline['events']> => (await client().getTimeline(id)).events;

export const start = (spec: object, headers: { 'idempotency-key'?: string } = {}): Promise<Job> =>
    client().startJob(spec as JobSpec, { idempotencyKey: headers['idempotency-key'] });

export const job = (id: string): Promise<Job> => client().getJob(id);

export const ended = (id: string, deadlineMs = DEADLINE_MS): Promise<Job> => untilEnded(client(), id, { timeoutMs: deadlineMs });

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
    for (const kind of ['succeeded', 'failed', 'skipped', 'cancelled', 'expired'] as const)
        expect(j.counts[kind]).toBe(all.filter((o) => o.outcome === kind).length);
    return all;
}
