// fanfold dev: the local host, as a program of its own.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { CliError } from '../errors';
import type { ExitCode } from '../exitCodes';
import type { Session } from '../session';
import { example, type Call } from '../use';

/** Of the bundle, dist/cli/fanfold.js. */
const cli = __dirname;
const dist = path.dirname(cli);

/** Where a local host can be, with the app that it runs: in a clone that is built, or in a package. */
const hosts = [
    { script: path.join(dist, 'devhost/cli.js'), app: path.dirname(dist), data: null },
    // A package may lie where nobody may write: data are kept in the folder that the command runs in.
    { script: path.join(cli, 'devhost/cli.js'), app: path.join(dist, 'app'), data: '.fanfold' },
];

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
    const host = hosts.find(({ script, app }) => existsSync(script) && existsSync(app));
    if (!host)
        throw new CliError(`The local host is not here: there is no ${hosts.map(({ script }) => script).join(' and no ')}.`, {
            remedy: 'In a clone of the project, `npm run build` makes it, and `npm run tarball` a package that has it.',
        });
    const says = (option: string): boolean => options.some((word) => word === option || word.startsWith(`${option}=`));
    const app = says('--app') ? [] : ['--app', host.app];
    const data = says('--data') || host.data === null ? [] : ['--data', path.resolve(shell.cwd, host.data)];
    return (await shell.runProgram(host.script, [...options, ...app, ...data])) as ExitCode;
}
