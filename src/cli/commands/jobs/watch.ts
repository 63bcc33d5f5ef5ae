// fanfold jobs watch
import type { Command } from 'commander';
import { durationOption, DURATION_FORM } from '../../duration';
import { writeOne } from '../../output/forms';
import { jobFields } from '../../output/jobFields';
import type { Session } from '../../session';
import { example, type Call } from '../../use';
import { watchJob } from '../../watch/watchJob';

interface WatchOptions {
    timeout?: number;
    yes?: boolean;
    reason?: string;
}

export function addWatch(jobs: Command, call: Call): void {
    jobs.command('watch')
        .argument('<id>', 'of the job')
        .description('watch a job until it has ended or stands still, and end with its exit code')
        .option(
            '--timeout <duration>',
            `${DURATION_FORM}; then the exit code is 124, and the job goes on (default: none)`,
            durationOption('--timeout'),
        )
        .option('--yes', 'approve its canary without a question')
        .option('--reason <text>', 'with an approval: why, 1 to 500 characters, kept in the timeline')
        .addHelpText('after', example('fanfold jobs watch 3a49477e-0a97-4c96-a201-3a66a57e9b74 --timeout 2h'))
        .action(
            call.does(async (session: Session, id: string, { timeout: timeoutMs, ...options }: WatchOptions) => {
                const { job, code } = await watchJob(session, id, { timeoutMs, ...options });
                if (job) await writeOne(session.printer, jobFields, job);
                return code;
            }),
        );
}
