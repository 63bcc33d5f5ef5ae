// fanfold jobs pause, resume, cancel, approve, reject
import type { Command } from 'commander';
import type { FanfoldClient, Job, MoveOptions, UserMove } from '../../../client';
import { confirm } from '../../confirm';
import { writeOne } from '../../output/forms';
import { briefColumns } from '../../output/jobFields';
import { items, printable } from '../../output/text';
import type { Session } from '../../session';
import { example, type Call } from '../../use';

interface Move {
    name: UserMove;
    description: string;
    ask: (client: FanfoldClient, id: string, options: MoveOptions) => Promise<Job>;
    /** What cannot be taken back is asked about; what it touches. */
    touches?: (job: Job) => string;
    /** Of the example. */
    reason: string;
}

/** Items without an outcome; before the source is read nobody knows how many. */
const left = ({ counts }: Job): string => (counts.pending === null ? 'All its items' : items(counts.pending));

const moves: Move[] = [
    {
        name: 'pause',
        description: 'call nothing new; what is in flight is recorded',
        ask: (client, id, options) => client.pauseJob(id, options),
        reason: 'new version of the target',
    },
    {
        name: 'resume',
        description: 'go on with a job that is paused',
        ask: (client, id, options) => client.resumeJob(id, options),
        reason: 'the target is mended',
    },
    {
        name: 'cancel',
        description: 'end a job; items without an outcome are recorded as cancelled. It asks first',
        ask: (client, id, options) => client.cancelJob(id, options),
        touches: (job) => `${left(job)} without an outcome will not be called any more; that cannot be taken back.`,
        reason: 'the wrong file',
    },
    {
        name: 'approve',
        description: 'let everything behind the canary be called',
        ask: (client, id, options) => client.approveJob(id, options),
        reason: '49 of 50; the other is known',
    },
    {
        name: 'reject',
        description: 'end a job whose canary is not good: nothing behind it is called. It asks first',
        ask: (client, id, options) => client.rejectJob(id, options),
        touches: (job) => `${left(job)} behind the canary will be skipped; that cannot be taken back.`,
        reason: 'the columns are lat and lon',
    },
];

interface Options {
    reason?: string;
    yes?: boolean;
}

export function addMoves(jobs: Command, call: Call): void {
    for (const move of moves) {
        const command = jobs
            .command(move.name)
            .argument('<id>', 'of the job')
            .description(move.description)
            .option('--reason <text>', "why, 1 to 500 characters, kept in the job's timeline");
        if (move.touches) command.option('-y, --yes', 'do it without a question; needed where there is no terminal');
        command
            .addHelpText(
                'after',
                example(
                    `fanfold jobs ${move.name} 3a49477e-0a97-4c96-a201-3a66a57e9b74 --reason '${move.reason}'${move.touches ? ' --yes' : ''}`,
                ),
            )
            .action(call.does(async (session: Session, id: string, options: Options) => make(session, move, id, options)));
    }
}

async function make(session: Session, move: Move, id: string, { reason, yes }: Options): Promise<void> {
    const client = session.client();
    const { signal } = session.shell;
    if (move.touches && !yes) {
        const job = await client.getJob(id, { signal });
        // What the job's state does not allow is for the API to refuse: it says why.
        if (job.allowed.includes(move.name))
            await confirm(session, `Job ${id} (${printable(job.name)}) is ${job.state}. ${move.touches(job)}`, move.name);
    }
    const job = await move.ask(client, id, { reason, signal });
    await writeOne(session.printer, briefColumns, job);
}
