// docs/cli.md, made from the program's own help: a page that says something else would be found by its test.
import type { Command } from 'commander';
import { environment, exitCodeList, programOf } from './program';
import type { Shell } from './shell';
import { Call } from './use';

/** Of a line of help on the page. */
const WIDTH = 110;

/** The page as it is to be. */
export async function cliPage(): Promise<string> {
    const printed: string[] = [];
    const program = programOf(new Call(shellThatPrints(printed)), '');
    const pages: string[] = [];
    for (const command of commandsOf(program)) {
        printed.length = 0;
        command.configureHelp({ helpWidth: WIDTH, showGlobalOptions: false });
        command.outputHelp();
        // What help prints goes out in a promise of its own.
        await new Promise((resolve) => setImmediate(resolve));
        pages.push(section(command, printed.join('')));
    }
    return [intro, ...pages, ''].join('\n');
}

function commandsOf(command: Command): Command[] {
    return [command, ...command.commands.flatMap(commandsOf)];
}

const pathOf = (command: Command): string => (command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name());

/** Of the program itself, exit codes and environment have tables of their own. */
function section(command: Command, help: string): string {
    const text = command.parent ? help : help.slice(0, help.indexOf('\nExit codes:'));
    return `## ${pathOf(command)}\n\n\`\`\`text\n${text.trim()}\n\`\`\`\n`;
}

function shellThatPrints(printed: string[]): Shell {
    const output = { isTTY: false, columns: WIDTH };
    return {
        stdout: { ...output, write: async (text: string) => void printed.push(text) },
        stderr: { ...output, write: () => undefined },
    } as Partial<Shell> as Shell;
}

const table = (head: [string, string], rows: [string, string][]): string =>
    [head, ['---', '---'], ...rows].map(([name, meaning]) => `| ${name} | ${meaning} |`).join('\n');

const coded = (rows: [string, string][]): [string, string][] => rows.map(([name, meaning]) => [`\`${name}\``, meaning]);

const intro = `# The command line

Made from the program's own help by \`npm run docs:cli\`; a test holds the two equal.

\`\`\`sh
fanfold run rows.csv --post https://api/x/{id} --rate 50/s --canary 20 --wait
\`\`\`

uploads the file, starts the job, calls twenty rows and asks whether to go on, shows one line until the job has ended, and ends with a code that says how.
\`npm run build\` makes the program, one file that needs nothing but Node: \`dist/cli/fanfold.js\`. \`npm run tarball\`, or \`npm pack\` after a build, packs it together with the app and the local host: \`fanfold dev\` needs nothing else.

- **Data on standard output, everything else on the other.** \`-o table|json|ndjson|csv|none\` says in which form. JSON has every digit that the API has.
- **What is piped is plain**: no colours, no cells that are cut, no line that is drawn anew. \`NO_COLOR\` and \`--no-color\` take colours from a terminal too.
- **Questions are asked on a terminal alone.** Elsewhere \`cancel\`, \`reject\` and \`delete\` want \`--yes\`, and a canary is waited for.
- **Uploads go on by themselves.** Broken connections are ridden out for ten minutes without progress. After Ctrl-C, a kill or a crash the same command goes on where it stood, as long as the file has the same size and time.
  What comes from standard input goes through a temporary file, and begins anew.
- **The spec is checked before a file is sent**: the API is asked with an upload that does not exist, and what else is wrong is told at once.
- **Watching survives the host.** No answer, or one of 500 and above, is asked again for as long as it takes; 401, 403 and 404 end the watch. Ctrl-C ends the watch, never the job.
- **A key stands in no process list**: it comes from the environment, a file or a profile. It belongs to the URL that it was given with, and goes to no other origin: that of a profile not to another \`--url\`, and \`FANFOLD_KEY\`, \`FANFOLD_TOKEN\` and
  \`FANFOLD_APP_KEY\` not to another origin than that of \`FANFOLD_URL\`, where that is set. Redirects are not followed.

## Exit codes

${table(['code', 'meaning'], coded(exitCodeList()))}

\`watch\` and \`run --wait\` end with 6 as soon as the job is paused, by its budget or by somebody: it says how to go on.

## Environment

Flags go before it, and it goes before the profile file.

${table(['variable', 'meaning'], coded(Object.entries(environment)))}

## The profile file

\`$XDG_CONFIG_HOME/fanfold/config.json\`; \`profile\` is the one that holds where none is named. \`keyFile\` and \`appKeyFile\` are relative to the file's folder. What the app
itself asks for where it has keys (\`appKey\`; [who may do what](security.md#who-may-do-what)) is sent beside what the platform asks for (\`key\` or \`token\`).

\`\`\`json
{
  "profile": "dev",
  "profiles": {
    "dev": { "url": "http://localhost:7071" },
    "prod": { "url": "https://fanfold.example.com", "keyFile": "prod.key", "appKeyFile": "prod.app.key" },
    "intranet": { "url": "https://fanfold.intranet", "token": "eyJ…" }
  }
}
\`\`\`

\`--profile\` goes before \`FANFOLD_URL\` and \`FANFOLD_KEY\`; \`FANFOLD_PROFILE\` and \`profile\` come after them.

## A whole spec

\`--spec FILE\` takes a [job spec](job-spec.md); options win over it. A FILE takes the place of its source, and is read as that says (\`format\`, \`csv\`). Without options it is sent as it is, with them every number keeps its digits.
\`--header 'authorization: secret:API_TOKEN'\` sends the app's setting \`API_TOKEN\`, as \`{"secret": "API_TOKEN"}\` does.
`;
