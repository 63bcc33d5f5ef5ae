// Asks bash, zsh and fish themselves what `fanfold completion` makes them offer: each loads its script and completes lines that somebody has begun.
//   SHELL…          only these shells
//   --require       fail when one of them cannot be had (CI, where root installs it); without it that one is left out, and the check says so
//   --program FILE  the program in place of dist/cli/fanfold.js
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { require: { type: 'boolean', default: false }, program: { type: 'string', default: path.join(root, 'dist/cli/fanfold.js') } },
});
/** Far above what a shell takes, in ms. */
const SHELL_MS = 60_000;
const run = (command, args, more = {}) => spawnSync(command, args, { encoding: 'utf8', timeout: SHELL_MS, ...more });

/** A line that is begun, what must be offered for its last word, and what must not. Files are those of `files`. */
const questions = [
  { line: 'fanfold ', has: ['run', 'jobs', 'limiters', 'uploads', 'dev', 'completion'], not: ['list', 'rows.csv'] },
  { line: 'fanfold j', has: ['jobs'], not: ['run'] },
  {
    line: 'fanfold jobs ',
    has: ['list', 'get', 'watch', 'results', 'items', 'pause', 'resume', 'cancel', 'approve', 'reject', 'verify', 'timeline'],
    not: ['jobs', 'set', 'rows.csv'],
  },
  { line: 'fanfold jobs re', has: ['results', 'resume', 'reject'], not: ['list'] },
  { line: 'fanfold limiters ', has: ['list', 'get', 'set'], not: ['pause'] },
  { line: 'fanfold --url http://x -o json jobs ', has: ['list', 'timeline'], not: ['run'] },
  { line: 'fanfold run --', has: ['--post', '--rate', '--canary', '--wait', '--spec', '--output', '--help'], not: ['--state'] },
  { line: 'fanfold run rows.csv --can', has: ['--canary'], not: ['--rate'] },
  { line: 'fanfold jobs list --s', has: ['--state'], not: ['--post'] },
  { line: 'fanfold -o ', has: ['table', 'json', 'ndjson', 'csv', 'none'], not: ['run'] },
  { line: 'fanfold jobs list --output n', has: ['ndjson', 'none'], not: ['table'] },
  { line: 'fanfold jobs list --output=n', has: ['ndjson', 'none'], not: ['table', 'list'] },
  { line: 'fanfold --profile=run --output=', has: ['table', 'json'], not: ['run'] },
  { line: 'fanfold --profile=jobs j', has: ['jobs'], not: ['list'] },
  { line: 'fanfold jobs list --state awaiting', has: ['awaitingApproval'], not: ['running'] },
  { line: 'fanfold completion ', has: ['bash', 'zsh', 'fish'], not: ['run'] },
  { line: 'fanfold run ', has: ['rows.csv', 'two words.csv'], not: ['run'] },
  { line: 'fanfold run --spec j', has: ['job.json'], not: ['jobs', 'rows.csv'] },
  { line: 'fanfold --key-file ', has: ['rows.csv'], not: ['run'] },
];
const files = ['rows.csv', 'two words.csv', 'job.json'];

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** For each shell: what it offers for a line. `script` is a file, `folder` is where it runs, and its home. */
const offers = {
  bash(line, script, folder) {
    // As readline cuts a line: none of these has quotes, and a "=" is a word of its own.
    const words = line
      .replaceAll(/=(?=\S)/g, ' = ')
      .replaceAll(/(?<=\w)=$/g, ' =')
      .split(' ');
    const ask = `source ${quoted(script)}
COMP_WORDS=(${words.map(quoted).join(' ')}) COMP_CWORD=${words.length - 1} COMP_LINE=${quoted(line)} COMP_POINT=${line.length}
made=$(complete -p fanfold) && made=\${made#*-F } && "\${made%% *}" fanfold "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`;
    return said(run('bash', ['--noprofile', '--norc', '-c', ask], { cwd: folder }));
  },

  fish(line, script, folder) {
    const ask = `source ${quoted(script)}; complete -C ${quoted(line)}`;
    const answer = run('fish', ['--no-config', '-c', ask], { cwd: folder, env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder } });
    // The option stands before its value here, and a tab and the description may follow.
    return said(answer).map((one) =>
      one
        .split('\t')[0]
        .replace(/^--[\w-]+=/, '')
        .replaceAll('\\ ', ' '),
    );
  },

  zsh(line, script, folder) {
    // Completion is there only while a line is edited: a second zsh does that on a terminal of zpty's. Its compadd writes down which words fit.
    const answer = path.join(folder, '.offered');
    const inner = path.join(folder, '.inner.zsh');
    writeFileSync(answer, '');
    writeFileSync(
      inner,
      `autoload -Uz compinit && compinit -u -d ${quoted(path.join(folder, '.zcompdump'))}
source ${quoted(script)}
compadd() {
  local -a fitting
  if [[ " $* " != *' -'[OAD]' '* ]]; then
    builtin compadd -O fitting "$@"
    print -rl -- $fitting >> ${quoted(answer)}
  fi
  builtin compadd "$@"
}
answer-and-go() { zle complete-word; print -r -- END >> ${quoted(answer)} }
zle -N answer-and-go
bindkey '^T' answer-and-go
PROMPT=ready
`,
    );
    const outer = `zmodload zsh/zpty zsh/zselect
zpty inner 'TERM=dumb zsh -f -i'
zpty -w inner ${quoted(`source ${quoted(inner)}; cd ${quoted(folder)}`)}
zpty -r inner seen '*ready*' || exit 1
zpty -n -w inner ${quoted(line)}$'\\x14'
for ((i = 0; i < 600; i++)); do
  grep -qx END ${quoted(answer)} && break
  zpty -r -t inner seen
  zselect -t 5
done
zpty -d inner
grep -qx END ${quoted(answer)}`;
    const { status, stderr } = run('zsh', ['-f', '-c', outer], { cwd: folder, env: { ...process.env, HOME: folder } });
    if (status !== 0) throw new Error(`zsh has not answered. ${stderr}`);
    return readFileSync(answer, 'utf8').replaceAll('\\ ', ' ').split('\n').slice(0, -2);
  },
};

function said({ status, stdout, stderr }) {
  if (status !== 0 || stderr !== '') throw new Error(`ended with ${status}: ${stderr}`);
  return stdout.split('\n').filter((word) => word !== '');
}

/** Debian's package has the shell's name. */
function isThere(shell) {
  const runs = () => run(shell, ['--version']).status === 0;
  if (runs()) return true;
  if (!options.require || process.getuid?.() !== 0) return false;
  const install = () => run('apt-get', ['install', '--yes', '--no-install-recommends', shell], { timeout: 10 * SHELL_MS });
  if (install().status !== 0) {
    run('apt-get', ['update'], { timeout: 10 * SHELL_MS });
    install();
  }
  return runs();
}

function problemsOf(shell) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-completion-'));
  try {
    const made = run(process.execPath, [options.program, 'completion', shell]);
    if (made.status !== 0) return [`fanfold completion ${shell}: ${made.stderr}`];
    const script = path.join(folder, '.script');
    writeFileSync(script, made.stdout);
    const work = path.join(folder, 'work');
    mkdirSync(work);
    for (const file of files) writeFileSync(path.join(work, file), '');
    return questions.flatMap(({ line, has, not }) => {
      const offered = offers[shell](line, script, work);
      const wrong = [...has.filter((word) => !offered.includes(word)), ...not.filter((word) => offered.includes(word))];
      return wrong.length > 0 ? [`${shell}: "${line}" offers ${JSON.stringify(offered)}; wrong: ${wrong.join(', ')}`] : [];
    });
  } catch (error) {
    return [`${shell}: ${error.message}`];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const built = run(process.execPath, ['scripts/build.mjs', '--if-missing', options.program], { cwd: root, timeout: 10 * SHELL_MS });
if (built.status !== 0) throw new Error(`The program cannot be built. ${built.stderr}`);
const problems = [];
for (const shell of positionals.length > 0 ? positionals : Object.keys(offers)) {
  if (isThere(shell)) {
    const found = problemsOf(shell);
    problems.push(...found);
    if (found.length === 0) console.log(`${shell}: ${questions.length} lines are completed as they should be.`);
  } else if (options.require) problems.push(`${shell} is not here, and could not be installed.`);
  else console.log(`${shell}: left out, because it is not installed.`);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
