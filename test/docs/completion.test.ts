// What `fanfold completion bash` makes a real bash offer. CI asks zsh and fish too, which not every machine has: `node scripts/check-completion.mjs --require`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const check = (...args: string[]) =>
    spawnSync(process.execPath, ['scripts/check-completion.mjs', 'bash', '--require', ...args], { cwd: root, encoding: 'utf8' });

test('bash completes commands, options, values and files', () => {
    const { status, stdout, stderr } = check();
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^bash: \d+ lines are completed as they should be\.$/m);
});

test('a completion that knows too little is found', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-completion-'));
    try {
        const program = path.join(folder, 'program.js');
        writeFileSync(program, `console.log("_f() { COMPREPLY=(run); }; complete -F _f fanfold")`);
        const { status, stderr } = check('--program', program);
        expect(status).toBe(1);
        expect(stderr).toContain('bash: "fanfold " offers ["run"]; wrong: jobs, limiters, uploads, dev, completion');
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
});
