// fanfold jobs get
import type { Command } from 'commander';
import { writeOne, writeRows } from '../../output/forms';
import { groupColumns, jobFields } from '../../output/jobFields';
import type { Session } from '../../session';
import { example, type Call } from '../../use';

export function addGet(jobs: Command, call: Call): void {
    jobs.command('get')
        .argument('<id>', 'of the job')
        .description('one job: its state, its counts, what it waits for, what fails')
        .addHelpText('after', example('fanfold jobs get 3a49477e-0a97-4c96-a201-3a66a57e9b74 -o json'))
        .action(
            call.does(async (session: Session, id: string) => {
                const { printer, shell } = session;
                const job = await session.client().getJob(id, { signal: shell.signal });
                await writeOne(printer, jobFields, job);
                if (printer.form !== 'table' || job.failures.length === 0) return;
                await printer.stdout.write('\n');
                await writeRows(printer, groupColumns, job.failures);
            }),
        );
}
