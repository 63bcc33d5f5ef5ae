// Jobs against a host that tests may kill: calls that survive its absence, and the checks that every promise ends with.
import path from 'node:path';
import type { RunningHost } from '../support/host';
import { until } from '../support/until';

export const promisesApp = path.resolve(__dirname, '../fixtures/promises-app');

export interface Job {
    id: string;
    state: string;
    outcome?: string;
    ended: boolean;
    counts: { total: number | null; succeeded: number; failed: number; skipped: number; cancelled: number; retries: number };
    workers: { active: number; deaths?: number };
    error?: { code: string; message: string };
}

export interface Outcome {
    index: number;
    outcome: string;
    key: string | number;
    attempts: number;
    error?: { code: string; message: string };
}

/** An answer, or null while nothing answers: the host may be down on purpose. */
export async function ask(host: RunningHost, route: string, init?: RequestInit): Promise<Response | null> {
    try {
        const response = await fetch(`${host.url}/api${route}`, init);
        return response.status >= 500 ? null : response;
    } catch {
        return null; // told to the caller
    }
}

export async function startJob(host: RunningHost, items: object[], spec: object): Promise<string> {
    const body = items.map((i) => JSON.stringify(i)).join('\n');
    const upload = await (await fetch(`${host.url}/api/uploads?name=items.ndjson`, { method: 'POST', body })).json();
    const response = await fetch(`${host.url}/api/jobs`, {
        method: 'POST',
        body: JSON.stringify({ source: { upload: (upload as { id: string }).id }, ...spec }),
    });
    if (response.status !== 202) throw new Error(`POST /jobs answered ${response.status}: ${await response.text()}`);
    return ((await response.json()) as { id: string }).id;
}

export async function job(host: RunningHost, id: string): Promise<Job | null> {
    const response = await ask(host, `/jobs/${id}`);
    return response && ((await response.json()) as Job);
}

export async function ended(host: RunningHost, id: string, deadlineMs: number): Promise<Job> {
    let last: Job | null = null;
    return until(
        async () => {
            last = (await job(host, id)) ?? last;
            return last?.ended ? last : null;
        },
        () => `job ${id} has not ended: ${JSON.stringify(last)}\n${host.output()}`,
        deadlineMs,
    );
}

export async function results(host: RunningHost, id: string): Promise<Outcome[]> {
    const text = await (await fetch(`${host.url}/api/jobs/${id}/results`)).text();
    return text
        .split('\n')
        .filter(Boolean)
        .map((l) => JSON.parse(l) as Outcome);
}

/** What is wrong with the outcomes of a job of so many items; empty when each stands there exactly once. */
export function breaches(outcomes: Outcome[], total: number): string[] {
    const seen = new Map<number, number>();
    for (const o of outcomes) seen.set(o.index, (seen.get(o.index) ?? 0) + 1);
    const repeated = [...seen].filter(([, n]) => n > 1).map(([i, n]) => `${i} stands ${n} times`);
    const missing = Array.from({ length: total }, (_, i) => i).filter((i) => !seen.has(i));
    return [...repeated.slice(0, 5), ...missing.slice(0, 5).map((i) => `${i} is missing`)];
}

/** mulberry32, so that a run can be repeated. */
export function dice(seed: number): () => number {
    let a = seed >>> 0;
    return () => {
        a = (a + 0x6d2b79f5) >>> 0;
        let t = Math.imul(a ^ (a >>> 15), 1 | a);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}
