// The workflows are held to the schema of GitHub Actions, and to what they are for.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

interface Step {
    uses?: string;
    run?: string;
    with?: Record<string, string>;
}
interface Workflow {
    on: Record<string, Record<string, string[]> | null>;
    permissions: Record<string, string>;
    jobs: Record<string, { needs?: string; steps: Step[]; strategy?: { matrix: Record<string, string[]> }; 'timeout-minutes'?: number }>;
}

const root = path.resolve(__dirname, '../..');
const folder = path.join(root, '.github/workflows');
const names = readdirSync(folder);
const workflow = (name: string) => parse(readFileSync(path.join(folder, name), 'utf8')) as Workflow;
const steps = (w: Workflow) => Object.values(w.jobs).flatMap((job) => job.steps);

// In a process of its own: the validator is an ES module with WebAssembly, which Jest's module system does not load.
function problems(text: string): unknown[] {
    const script = `import { validateWorkflow } from '@action-validator/core';
        import { readFileSync } from 'node:fs';
        console.log(JSON.stringify(validateWorkflow(readFileSync(0, 'utf8')).errors));`;
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, input: text, encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(ran.stderr);
    return JSON.parse(ran.stdout) as unknown[];
}

test.each(names)('%s is a workflow as GitHub knows it', (name) => {
    expect(problems(readFileSync(path.join(folder, name), 'utf8'))).toEqual([]);
});

test('a workflow with a mistake in it would be noticed', () => {
    const text = readFileSync(path.join(folder, 'ci.yml'), 'utf8');
    expect(problems(text.replace('runs-on:', 'runs-at:'))).not.toEqual([]);
});

test.each(names)('%s names actions by version, its jobs end, and it runs scripts that there are', (name) => {
    const w = workflow(name);
    for (const { uses } of steps(w)) if (uses) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
    for (const job of Object.values(w.jobs)) expect(job['timeout-minutes']).toBeLessThanOrEqual(30);
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    for (const { run = '' } of steps(w)) {
        for (const [, script] of run.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([script!]);
        for (const [, file] of run.matchAll(/node (scripts\/\S+)/g)) expect(existsSync(path.join(root, file!))).toBe(true);
    }
});

test('every change is tested on Node 22 and 24, on the real host, compiled and packaged', () => {
    const ci = workflow('ci.yml');
    expect(ci.jobs.test!.strategy!.matrix.node).toEqual(['22', '24']);
    const runs = steps(ci).map((s) => s.run ?? '');
    for (const command of ['npm test', 'func start', 'npm run test:e2e', 'node scripts/check-bicep.mjs --require', 'npm run package'])
        expect(runs.some((r) => r.includes(command))).toBe(true);
});

test('a tag deploys what was tested, by a token and not by a stored secret of Azure', () => {
    const deploy = workflow('deploy.yml');
    expect(Object.keys(deploy.on)).toEqual(['push']);
    expect(deploy.on.push).toEqual({ tags: ['v*'] });
    expect(deploy.permissions['id-token']).toBe('write');
    expect(deploy.jobs.deploy!.needs).toBe('package');
    const login = steps(deploy).find((s) => s.uses?.startsWith('azure/login'))!;
    expect(Object.keys(login.with!).sort()).toEqual(['client-id', 'subscription-id', 'tenant-id']);
});
