// A bash that runs one command after the other, as somebody types them: variables and functions stay. Its curl is the real one, and writes down what it was answered.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface Ran {
    /** Exit status. */
    status: number;
    stdout: string;
    stderr: string;
    /** The status of each answer that curl got; 0 where there was none. */
    answers: number[];
}

export interface ShellSession {
    /** Where its commands run; empty at first. */
    folder: string;
    run(command: string): Promise<Ran>;
    stop(): Promise<void>;
}

/** `stubs`: scripts that stand in for commands, by their names. */
export function shellSession(stubs: Record<string, string> = {}): ShellSession {
    const base = mkdtempSync(path.join(os.tmpdir(), 'fanfold-shell-'));
    const [folder, bin, step, log] = ['work', 'bin', 'step', 'answers'].map((name) => path.join(base, name)) as [
        string,
        string,
        string,
        string,
    ];
    const found = spawnSync('bash', ['-c', 'command -v curl && command -v jq'], { encoding: 'utf8' });
    if (found.status !== 0) throw new Error('The commands of the pages need curl and jq.');
    for (const made of [folder, bin]) mkdirSync(made);
    const script = (name: string, text: string): void => writeFileSync(path.join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    // The last status: one of 100 may come before it.
    script(
        'curl',
        `head=$(mktemp '${base}/head.XXXXXX')
${found.stdout.split('\n')[0]} "$@" --dump-header "$head"; ended=$?
status=$(sed -n 's|^HTTP/[0-9.]* \\([0-9]*\\).*|\\1|p' "$head" | tail -1)
echo "\${status:-0}" >> '${log}'
exit $ended`,
    );
    for (const [name, text] of Object.entries(stubs)) script(name, text);

    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
    const bash = spawn('bash', ['--noprofile', '--norc', '-u'], { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] });
    const gone = once(bash, 'exit');
    const lines = createInterface(bash.stdout)[Symbol.asyncIterator]();
    return {
        folder,
        run: async (command) => {
            writeFileSync(step, command);
            writeFileSync(log, '');
            bash.stdin.write(`source '${step}' >'${step}.out' 2>'${step}.err' </dev/null; echo $?\n`);
            const { done, value } = await lines.next();
            const stderr = readFileSync(`${step}.err`, 'utf8');
            // bash ends at a name that was never set.
            if (done) throw new Error(`The shell has ended at "${command}": ${stderr}`);
            const answers = readFileSync(log, 'utf8').split('\n').filter(Boolean).map(Number);
            return { status: Number(value), stdout: readFileSync(`${step}.out`, 'utf8'), stderr, answers };
        },
        stop: async () => {
            bash.stdin.end();
            await gone;
            rmSync(base, { recursive: true, force: true });
        },
    };
}
