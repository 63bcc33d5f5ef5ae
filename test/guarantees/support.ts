// Jobs against a host that tests may kill: calls that survive its absence, and the checks that every promise ends with.
import path from 'node:path';
import { FanfoldClient, isUnavailable, WaitTimeout, type CallError, type Job, type JobSpec, type Outcome } from '../../src/client';
import type { RunningHost } from '../support/host';
import { DEADLINE_MS } from '../support/until';
import { untilEnded } from '../support/untilEnded';

export type { Job, Outcome };

export const guaranteesApp = path.resolve(__dirname, '../fixtures/guarantees-app');

/** Reads wait for a host that is down on purpose. */
export const clientOf = (host: RunningHost): FanfoldClient =>
    new FanfoldClient({ url: host.url, retry: { forMs: DEADLINE_MS, on: isUnavailable } });

/** Gives the job's id. */
export async function startJob(host: RunningHost, items: object[], spec: Omit<JobSpec, 'source'>): Promise<string> {
    const client = clientOf(host);
    const { id } = await client.upload(linesOf(items), { name: 'items.ndjson' });
    return (await client.startJob({ source: { upload: id }, ...spec })).id;
}

export const linesOf = (items: object[]): string => items.map((i) => JSON.stringify(i)).join('\n');

export const job = (host: RunningHost, id: string): Promise<Job> => clientOf(host).getJob(id);

/** Only the deadline ends this wait: between a fault and its end the API may answer anything, and nothing. */
export async function ended(host: RunningHost, id: string, deadlineMs: number): Promise<Job> {
    let last: CallError | null = null;
    const on = (error: CallError) => {
        last = error;
        return true;
    };
    try {
        return await untilEnded(clientOf(host), id, { timeoutMs: deadlineMs, retry: { forMs: Infinity, on } });
    } catch (error) {
        if (!(error instanceof WaitTimeout)) throw error;
        throw new Error(`${error.message}\nlast error: ${String(last)}\n${host.output()}`, { cause: error });
    }
}

export const results = async (host: RunningHost, id: string): Promise<Outcome[]> => (await clientOf(host).resultsPage(id)).outcomes;

/** What is wrong with the outcomes of a job of so many items; empty when each stands there exactly once. */
export function breaches(outcomes: Outcome[], total: number): string[] {
    const seen = new Map<number, number>();
    for (const o of outcomes) seen.set(o.index, (seen.get(o.index) ?? 0) + 1);
    const repeated = [...seen].filter(([, n]) => n > 1).map(([i, n]) => `${i} stands ${n} times`);
    const missing = Array.from({ length: total }, (_, i) => i).filter((i) => !seen.has(i));
    return [...repeated.slice(0, 5), ...missing.slice(0, 5).map((i) => `${i} is missing`)];
}
