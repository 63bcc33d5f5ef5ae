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
interface Job {
    needs?: string;
    environment?: string;
    permissions?: Record<string, string>;
    steps: Step[];
    strategy?: { matrix: Record<string, string[]> };
    'timeout-minutes'?: number;
}
interface Workflow {
    on: Record<string, Record<string, string[]> | null>;
    permissions?: Record<string, string>;
    jobs: Record<string, Job>;
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
    expect(problems(text.replace('pull_request:', 'pull_requests:'))).not.toEqual([]);
    expect(problems(text.replace('contents: read', 'contents: reed'))).not.toEqual([]);
});

/** What bash says of a script's syntax; nothing is run. */
const syntax = (script: string) => spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' }).stderr;

test.each(names)('%s has scripts that bash can read', (name) => {
    for (const { run } of steps(workflow(name))) if (run) expect(syntax(run)).toBe('');
    expect(syntax('for x in 1; do')).not.toBe('');
});

test.each(names)('%s has jobs that end, and runs scripts that there are', (name) => {
    const w = workflow(name);
    for (const job of Object.values(w.jobs)) expect(job['timeout-minutes']).toBeLessThanOrEqual(30);
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    for (const { run = '' } of steps(w)) {
        for (const [, script] of run.matchAll(/npm run (?:-s )?([\w:]+)/g)) expect(scripts).toHaveProperty([script!]);
        for (const [, file] of run.matchAll(/node (scripts\/\S+)/g)) expect(existsSync(path.join(root, file!))).toBe(true);
    }
});

test('every change is tested on Node 22 and 24, on the real host, compiled and packaged', () => {
    const ci = workflow('ci.yml');
    expect(ci.jobs.test!.strategy!.matrix.node).toEqual(['22', '24']);
    const runs = steps(ci).map((s) => s.run ?? '');
    for (const command of [
        'npm test',
        'npm run -s start:func',
        'npm run test:e2e',
        'node scripts/check-bicep.mjs --require',
        'npm run package',
    ])
        expect(runs.some((r) => r.includes(command))).toBe(true);
    const { optionalDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
        optionalDependencies: Record<string, string>;
    };
    // The version of Core Tools is that of the lock file: no step installs another, and "--no" keeps npx from fetching one.
    expect(runs).toContain('npx --no func --version');
    expect(optionalDependencies).toHaveProperty('azure-functions-core-tools');
    expect(runs.join('\n')).not.toMatch(/npm install|npx (?!--no )/);
});

test('a tag deploys what was tested, by a token and not by a stored secret of Azure', () => {
    const deploy = workflow('deploy.yml');
    expect(Object.keys(deploy.on)).toEqual(['push']);
    expect(deploy.on.push).toEqual({ tags: ['v*'] });
    expect(deploy.jobs.deploy!).toMatchObject({ needs: 'package', environment: 'production' });
    // The job that runs the repository's code, and that of its dependencies, gets no token; the one with the token runs none of it.
    expect(deploy.jobs.package!.permissions).toEqual({ contents: 'read' });
    const inDeploy = deploy.jobs.deploy!.steps;
    expect(inDeploy.filter((s) => s.uses?.startsWith('actions/checkout') || /\b(npm|npx|node)\b/.test(s.run ?? ''))).toEqual([]);
    const login = steps(deploy).find((s) => s.uses?.startsWith('azure/login'))!;
    expect(Object.keys(login.with!).sort()).toEqual(['client-id', 'subscription-id', 'tenant-id']);
    // Nor is a key of the app stored: what it asks after the deployment, anybody may ask.
    expect(JSON.stringify(deploy)).not.toMatch(/\bsecrets\b|function-?_?key/i);
    expect(inDeploy.at(-1)!.run).toContain('"$APP_URL/api/health"');
});

test('the .NET SDK that is set up, for the Bicep compiler, is that of the project which fetches it', () => {
    const [, wanted] = /<TargetFramework>net([\d.]+)</.exec(readFileSync(path.join(root, 'scripts/check-bicep.mjs'), 'utf8'))!;
    const set = names.flatMap((name) => steps(workflow(name))).filter(({ uses }) => uses?.startsWith('actions/setup-dotnet@'));
    expect(set.map((step) => step.with!['dotnet-version'])).toEqual([`${wanted}.x`, `${wanted}.x`]);
});
