// fanfold jobs verify
import type { Command } from 'commander';
import type { Verdict } from '../../../client';
import { exitCodes } from '../../exitCodes';
import { writeOne, writeRows } from '../../output/forms';
import type { Column } from '../../output/printer';
import type { Session } from '../../session';
import { example, type Call } from '../../use';

const fields: Column<Verdict>[] = [
    { name: 'ok', of: ({ ok }) => ok },
    { name: 'total', of: ({ total }) => total },
    { name: 'succeeded', of: ({ counts }) => counts.succeeded },
    { name: 'failed', of: ({ counts }) => counts.failed },
    { name: 'skipped', of: ({ counts }) => counts.skipped },
    { name: 'cancelled', of: ({ counts }) => counts.cancelled },
    { name: 'expired', of: ({ counts }) => counts.expired },
    { name: 'unrecorded', of: ({ unrecorded }) => unrecorded },
    { name: 'files', of: ({ parts }) => parts },
    { name: 'problems', of: ({ problemCount }) => problemCount },
];

const problems: Column<Verdict['problems'][number]>[] = [
    { name: 'code', of: ({ code }) => code },
    { name: 'file', of: ({ part }) => part, right: true },
    { name: 'item', of: ({ index }) => index, right: true },
    { name: 'problem', of: ({ message }) => message },
];

/** A job of ten million items is read in minutes. */
const READ_MS = 30 * 60_000;

export function addVerify(jobs: Command, call: Call): void {
    jobs.command('verify')
        .argument('<id>', 'of the job')
        .description('have every outcome read again: each item has exactly one. Ends with 1 where that is not so')
        .addHelpText('after', example('fanfold jobs verify 3a49477e-0a97-4c96-a201-3a66a57e9b74'))
        .action(
            call.does(async (session: Session, id: string) => {
                const { printer, shell } = session;
                const verdict = await session.client({ timeoutMs: READ_MS }).verifyJob(id, { signal: shell.signal });
                await writeOne(printer, fields, verdict);
                if (printer.form === 'table' && verdict.problems.length > 0) {
                    await printer.stdout.write('\n');
                    await writeRows(printer, problems, verdict.problems);
                }
                return verdict.ok ? exitCodes.good : exitCodes.error;
            }),
        );
}
