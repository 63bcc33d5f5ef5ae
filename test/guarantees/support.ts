// Jobs against a host that tests may kill: calls that survive its absence, and the checks that every promise ends with.
import path from 'node:path';
import type { RunningHost } from '../support/host';
import { until } from '../support/until';

export const guaranteesApp = path.resolve(__dirname, '../fixtures/guarantees-app');

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

export const startJob = async (host: RunningHost, items: object[], spec: object): Promise<string> =>
    postJob(host, { source: { upload: await uploadItems(host, items) }, ...spec });

/** Gives the upload's id. */
export async function uploadItems(host: RunningHost, items: object[]): Promise<string> {
    const body = items.map((i) => JSON.stringify(i)).join('\n');
    const response = await fetch(`${host.url}/api/uploads?name=items.ndjson`, { method: 'POST', body });
    if (response.status !== 201) throw new Error(`POST /uploads answered ${response.status}: ${await response.text()}`);
    return ((await response.json()) as { id: string }).id;
}

/** Gives the job's id. */
export async function postJob(host: RunningHost, spec: object, headers: Record<string, string> = {}): Promise<string> {
    const response = await fetch(`${host.url}/api/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(spec),
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
    const response = await fetch(`${host.url}/api/jobs/${id}/results`);
    if (!response.ok) throw new Error(`GET /results answered ${response.status}: ${await response.text()}`);
    return (await response.text())
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
