// The tree of commands. Everything else that knows them (help, completion, docs/cli.md) is made from it.
import { Command, CommanderError, Option } from 'commander';
import { addCompletion } from './commands/completion';
import { addDev } from './commands/dev';
import { addJobs } from './commands/jobs';
import { addLimiters } from './commands/limiters';
import { addRun } from './commands/run';
import { addUploads } from './commands/uploads';
import { exitCodes, exitMeanings } from './exitCodes';
import { forms } from './output/printer';
import { DEFAULT_URL } from './settings';
import type { Call } from './use';

/** What the environment may hold. */
export const environment: Record<string, string> = {
    FANFOLD_URL: 'where the host is, with or without /api',
    FANFOLD_KEY: 'function key, sent as x-functions-key; of FANFOLD_URL where that is set',
    FANFOLD_TOKEN: 'sent as authorization: Bearer; of FANFOLD_URL where that is set',
    FANFOLD_APP_KEY: 'key of the app, sent as x-fanfold-key, where the host has such keys; of FANFOLD_URL where that is set',
    FANFOLD_PROFILE: 'a profile of the profile file',
    FANFOLD_DEBUG: 'as --verbose',
    NO_COLOR: 'as --no-color',
    XDG_CONFIG_HOME: 'folder of fanfold/config.json, the profile file; default ~/.config (Windows: %APPDATA%)',
    XDG_STATE_HOME:
        'folder of fanfold/uploads.json, which knows uploads that were broken off; default ~/.local/state (Windows: %LOCALAPPDATA%)',
};

/** Of commander's commands, those that have commands beneath them: without one of these they show what there is, and nothing is wrong. */
class Tree extends Command {
    override createCommand(name?: string): Command {
        return new Tree(name);
    }

    override help(): never {
        this.outputHelp();
        throw new CommanderError(0, 'commander.help', '(help)');
    }
}

const listed = (entries: [string, string][]): string => {
    const width = Math.max(...entries.map(([name]) => name.length));
    return entries.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`).join('\n');
};

export const exitCodeList = (): [string, string][] =>
    Object.entries(exitCodes).map(([name, code]) => [String(code), exitMeanings[name as keyof typeof exitCodes]]);

export function programOf(call: Call, version: string): Command {
    const { stdout, stderr } = call.shell;
    const program: Command = new Tree('fanfold')
        .description('Durable batch jobs on Azure Functions: rows in, every row called, every outcome recorded exactly once.')
        .version(version, '-V, --version', 'print the version')
        .option('--url <url>', `where the host is, with or without /api (default: FANFOLD_URL, the profile's, or ${DEFAULT_URL})`)
        .option('--profile <name>', 'a profile of the profile file (default: FANFOLD_PROFILE, or the one that the file names)')
        .option(
            '--key-file <file>',
            "a file that holds the function key (default: FANFOLD_KEY, or the profile's). No option takes a key itself: others would see it",
        )
        .addOption(new Option('-o, --output <form>', 'form of the data on standard output').choices(forms).default('table'))
        .option('--no-color', 'no colours, also on a terminal (default: colours on a terminal, unless NO_COLOR is set)')
        .option('--verbose', 'with an error, where it comes from (default: as FANFOLD_DEBUG says)')
        .helpCommand(false)
        .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
        .configureOutput({
            writeOut: (text) => call.print(text),
            writeErr: (text) => stderr.write(text),
            getOutHelpWidth: () => (stdout.isTTY ? stdout.columns : 100),
            getErrHelpWidth: () => (stderr.isTTY ? stderr.columns : 100),
            getOutHasColors: () => false,
            getErrHasColors: () => false,
        })
        .exitOverride()
        .showHelpAfterError('(--help says what there is)')
        .addHelpText(
            'after',
            `
Example:
  $ fanfold run rows.csv --post https://api/x/{id} --rate 50/s --canary 20 --wait

Exit codes:
${listed(exitCodeList())}

Environment (flags go before it, and it goes before the profile file):
${listed(Object.entries(environment))}
`,
        );
    addRun(program, call);
    addJobs(program, call);
    addLimiters(program, call);
    addUploads(program, call);
    addDev(program, call);
    addCompletion(program, call);
    return program;
}
