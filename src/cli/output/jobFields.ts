// A job as tables and CSV show it.
import type { Job, JobBrief } from '../../client';
import type { Column } from './printer';

export const briefColumns: Column<JobBrief>[] = [
    { name: 'id', of: ({ id }) => id },
    { name: 'name', of: ({ name }) => name },
    { name: 'state', of: ({ state, outcome }) => (outcome ? `${state} (${outcome})` : state) },
    { name: 'created', of: ({ createdAt }) => createdAt },
    { name: 'ended', of: ({ endedAt }) => endedAt },
    { name: 'total', of: ({ counts }) => counts.total, right: true },
    { name: 'succeeded', of: ({ counts }) => counts.succeeded, right: true },
    { name: 'failed', of: ({ counts }) => counts.failed, right: true },
    { name: 'pending', of: ({ counts }) => counts.pending, right: true },
];

/** Fields of which most jobs have nothing to say are empty then. */
const some = (n: number | undefined): number | null => n || null;

export const jobFields: Column<Job>[] = [
    { name: 'id', of: ({ id }) => id },
    { name: 'name', of: ({ name }) => name },
    { name: 'state', of: ({ state }) => state },
    { name: 'outcome', of: ({ outcome }) => outcome },
    { name: 'ended by', of: ({ endedBy }) => endedBy },
    { name: 'error', of: ({ error }) => error && `${error.code}: ${error.message}` },
    {
        name: 'waits for',
        of: ({ waiting }) => waiting && `${waiting.for} (${waiting.code})${waiting.until ? `, until ${waiting.until}` : ''}`,
    },
    { name: 'created', of: ({ createdAt }) => createdAt },
    { name: 'starts', of: ({ startAt }) => startAt },
    { name: 'started', of: ({ startedAt }) => startedAt },
    { name: 'ended', of: ({ endedAt }) => endedAt },
    { name: 'total', of: ({ counts }) => counts.total },
    { name: 'succeeded', of: ({ counts }) => counts.succeeded },
    { name: 'failed', of: ({ counts }) => counts.failed },
    { name: 'skipped', of: ({ counts }) => some(counts.skipped) },
    { name: 'cancelled', of: ({ counts }) => some(counts.cancelled) },
    { name: 'expired', of: ({ counts }) => some(counts.expired) },
    { name: 'unrecorded', of: ({ counts }) => some(counts.unrecorded) },
    { name: 'pending', of: ({ counts, ended }) => (ended ? some(counts.pending ?? 0) : counts.pending) },
    { name: 'retries', of: ({ counts }) => some(counts.retries) },
    { name: 'invalid rows', of: ({ counts }) => some(counts.invalid) },
    { name: 'items a second', of: ({ rate }) => rate },
    { name: 'eta', of: ({ eta }) => eta && `${eta.earliest} to ${eta.latest} (${eta.reason})` },
    { name: 'limiter', of: ({ limiter }) => limiter?.name },
    { name: 'deadline', of: ({ limits }) => limits?.deadlineAt },
    {
        name: 'tags',
        of: ({ tags }) =>
            Object.entries(tags)
                .map(([name, value]) => `${name}=${value}`)
                .join(' '),
    },
    { name: 'moves', of: ({ allowed }) => allowed?.join(', ') },
];

export const groupColumns: Column<Job['failures'][number]>[] = [
    { name: 'failures', of: ({ count }) => count, right: true },
    { name: 'share', of: ({ share }) => `${Math.round(share * 1000) / 10} %`, right: true },
    { name: 'fingerprint', of: ({ fingerprint }) => fingerprint },
    { name: 'code', of: ({ code }) => code },
    { name: 'message', of: ({ message }) => message },
];
