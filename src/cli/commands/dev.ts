// fanfold dev: the local host, as a program of its own.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { CliError } from '../errors';
import type { ExitCode } from '../exitCodes';
import type { Session } from '../session';
import { example, type Call } from '../use';

/** It is a path of the bundle, dist/cli/fanfold.js: beside it lie the local host and the app. */
const dist = path.resolve(__dirname, '..');

export function addDev(program: Command, call: Call): void {
    program
        .command('dev')
        .description('run the app on the local host, on http://localhost:7071, until Ctrl-C. What follows is passed on to it')
        .allowUnknownOption()
        .argument('[options...]', 'of the local host: --port N, --host ADDRESS, --auth, --data DIR, --app DIR and others')
        .addHelpText('after', example('fanfold dev --port 7072 --data /tmp/fanfold'))
        .action(call.does(async (session: Session, options: string[]) => runHost(session, options)));
}

async function runHost({ shell }: Session, options: string[]): Promise<ExitCode> {
    const host = path.join(dist, 'devhost/cli.js');
    if (!existsSync(host)) throw new CliError(`The local host is not there: ${host}.`, { remedy: 'In a clone, `npm run build` makes it.' });
    return (await shell.runProgram(host, options)) as ExitCode;
}
