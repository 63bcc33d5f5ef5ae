// fanfold limiters …: what targets may be asked.
import { Option, type Command } from 'commander';
import type { Limiter, LimiterSettings } from '../../client';
import { CliError } from '../errors';
import { collect, whole } from '../options';
import { writeOne, writeRows } from '../output/forms';
import { limiterColumns, limiterFields } from '../output/limiterFields';
import type { Session } from '../session';
import { example, type Call } from '../use';

interface SetOptions {
    rate?: string[];
    inFlight?: number;
    clear?: boolean;
}

export function addLimiters(program: Command, call: Call): void {
    const limiters = program.command('limiters').description('what targets may be asked, by all jobs together');
    limiters
        .command('list')
        .description('every limiter that has limited something, or was set')
        .addHelpText('after', example('fanfold limiters list'))
        .action(call.does(async (session: Session) => writeRows(session.printer, limiterColumns, allOf(session))));
    limiters
        .command('get')
        .argument('<name>', 'of the limiter: the host that is called, or what a job names')
        .description('one limiter: rates, gate, breaker, and who calls')
        .addHelpText('after', example('fanfold limiters get api.example.com'))
        .action(
            call.does(async (session: Session, name: string) =>
                writeOne(session.printer, limiterFields, await session.client().limiter(name, { signal: session.shell.signal })),
            ),
        );
    limiters
        .command('set')
        .argument('<name>', 'of the limiter: the host that is called, or what a job names')
        .description(
            'set what a target may be asked, in place of all that was set before; what was learned of it is forgotten, and its gate opens',
        )
        .option(
            '--rate <rate>',
            'calls in time at most, such as 50/s or 10000/day. As often as needed, at most 5 (default: not limited)',
            collect,
        )
        .option('--in-flight <n>', 'calls at once, 1 to 100000 (default: not limited)', whole(1, 100_000))
        .addOption(new Option('--clear', 'take back all that was set').conflicts(['rate', 'inFlight']))
        .addHelpText('after', example('fanfold limiters set api.example.com --rate 50/s --rate 10000/day --in-flight 64'))
        .action(call.does(async (session: Session, name: string, options: SetOptions) => set(session, name, options)));
}

const allOf = (session: Session): AsyncIterable<Limiter> => session.client().limiters({ limit: 100, signal: session.shell.signal });

async function set(session: Session, name: string, { rate, inFlight, clear }: SetOptions): Promise<void> {
    if (!clear && rate === undefined && inFlight === undefined)
        throw new CliError('Nothing is to be set: give --rate, --in-flight or both; --clear takes back all that was set.');
    const settings: LimiterSettings = { ...(rate ? { rate } : {}), ...(inFlight === undefined ? {} : { inFlight }) };
    await writeOne(session.printer, limiterFields, await session.client().setLimiter(name, settings, { signal: session.shell.signal }));
}
