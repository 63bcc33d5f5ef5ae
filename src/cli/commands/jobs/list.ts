// fanfold jobs list
import { Option, type Command } from 'commander';
import type { JobBrief, JobState } from '../../../client';
import { parseDuration } from '../../duration';
import { pairs, whole } from '../../options';
import { writeRows } from '../../output/forms';
import { briefColumns } from '../../output/jobFields';
import type { Session } from '../../session';
import { example, type Call } from '../../use';

/** They are the API's; a list of its own, for nothing of the app is imported here. A unit test holds the two equal. */
export const jobStates = [
    ...(['planning', 'scheduled', 'canary', 'awaitingApproval', 'running', 'paused', 'cancelling', 'folding'] as const),
    ...(['completed', 'failed', 'cancelled', 'expired'] as const),
] satisfies JobState[];

interface ListOptions {
    state?: JobState;
    name?: string;
    tag?: Record<string, string>;
    createdAfter?: string;
    createdBefore?: string;
    limit: number;
    all?: boolean;
}

/** Jobs in one page of the API, at most. */
const PAGE = 100;

export function addList(jobs: Command, call: Call): void {
    jobs.command('list')
        .description('jobs, newest first')
        .addOption(new Option('--state <state>', 'only jobs in this state').choices(jobStates))
        .option('--name <name>', 'only jobs of this whole name')
        .option('--tag <name=value>', 'only jobs with this tag; of several all must fit', pairs)
        .option('--created-after, --since <time>', 'only jobs posted since then: ISO 8601, or so long ago (2h, 7d)')
        .option('--created-before <time>', 'only jobs posted before then: ISO 8601, or so long ago (2h, 7d)')
        .option('--limit <n>', 'so many jobs at most, at least 1', whole(1), 20)
        .option('--all', 'all jobs, however many')
        .addHelpText(
            'after',
            example('fanfold jobs list --state running --tag team=maps', 'fanfold jobs list --since 1d --all -o csv > jobs.csv'),
        )
        .action(call.does(async (session: Session, options: ListOptions & { since?: string }) => list(session, options)));
}

async function list(
    session: Session,
    { all, limit, tag: tags, since, createdAfter = since, createdBefore, ...filter }: ListOptions & { since?: string },
): Promise<void> {
    const most = all ? Infinity : limit;
    const now = session.shell.clock.now();
    const found = session.client().listJobs({
        ...filter,
        tags,
        createdAfter: timeOf(createdAfter, now),
        createdBefore: timeOf(createdBefore, now),
        limit: Math.min(most, PAGE),
        signal: session.shell.signal,
    });
    await writeRows(session.printer, briefColumns, atMost(found, most));
}

async function* atMost(jobs: AsyncIterable<JobBrief>, most: number): AsyncGenerator<JobBrief, void> {
    let n = 0;
    for await (const job of jobs) {
        yield job;
        if (++n >= most) return;
    }
}

/** What is no duration is for the API to read. */
function timeOf(text: string | undefined, now: number): string | undefined {
    const ago = text === undefined ? null : parseDuration(text);
    return ago === null ? text : new Date(now - ago).toISOString();
}
