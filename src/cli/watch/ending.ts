// What a job's state comes to for whoever waits for it: an exit code, and in words what to do.
import type { Job } from '../../client';
import { exitCodes, type ExitCode } from '../exitCodes';
import { items, number, printable } from '../output/text';
import type { Session } from '../session';

/** The exit code of a job that has ended or stands still; null of one that goes on. */
export function codeOf({ state, outcome, ended, endedBy }: Job): ExitCode | null {
    if (state === 'paused') return exitCodes.stopped;
    if (!ended) return null;
    if (endedBy === 'budget' || endedBy === 'reject') return exitCodes.stopped;
    if (state === 'cancelled') return exitCodes.cancelled;
    if (state === 'completed') return outcome === 'partial' ? exitCodes.partial : exitCodes.good;
    return exitCodes.error;
}

/** What is to be said of it, line by line. */
export function endingOf(job: Job, session: Session): string[] {
    const { id, state, counts, endedBy, error, waiting, failures } = job;
    const ofTotal = counts.total === null ? '' : ` of ${number(counts.total)}`;
    const failed = failures
        .slice(0, 5)
        .map(({ count, code, message, fingerprint }) => `  ${number(count)} × ${printable(`${code} ${message} (${fingerprint})`)}`);
    const seeFailed = counts.failed > 0 ? [`See what failed: ${session.command(`jobs results ${id} --outcome failed`)}`] : [];
    switch (state) {
        case 'paused':
            return [
                `The job is paused: it waits for ${printable(waiting?.for ?? 'somebody to resume it')}.`,
                ...failed,
                `Go on: ${session.command(`jobs resume ${id}`)}, then ${session.command(`jobs watch ${id}`)}`,
                `Or end it: ${session.command(`jobs cancel ${id}`)}`,
            ];
        case 'completed':
            return counts.failed > 0
                ? [`Completed; ${number(counts.failed)}${ofTotal} items failed:`, ...failed, ...seeFailed]
                : [`Completed: ${counts.succeeded === counts.total ? 'all of ' : ''}${items(counts.succeeded)} succeeded.`];
        case 'failed':
            return [
                `The job has failed: ${error ? sentence(printable(`${error.code}: ${error.message}`)) : 'nobody says why.'}`,
                ...seeFailed,
            ];
        case 'expired':
            return [
                `The job has expired: its deadline came first. ${number(counts.expired)}${ofTotal} items have no outcome of their own.`,
                ...seeFailed,
            ];
        case 'cancelled':
            return [
                `${why(endedBy)} ${number(counts.cancelled + counts.skipped)}${ofTotal} items were not called to an end.`,
                ...failed,
                ...seeFailed,
                ...next(job),
            ];
        case 'planning':
        case 'scheduled':
        case 'canary':
        case 'awaitingApproval':
        case 'running':
        case 'cancelling':
        case 'folding':
            return [];
    }
}

/** With one full stop, whether it had one or not. */
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

function why(endedBy: Job['endedBy']): string {
    if (endedBy === 'budget') return 'The job has ended by its budget.';
    if (endedBy === 'reject') return 'The job has ended: its canary was rejected.';
    return 'The job was cancelled.';
}

const next = ({ endedBy }: Job): string[] =>
    endedBy === 'budget' || endedBy === 'reject' ? ['To go on: mend what failed, and run it again as a new job.'] : [];
