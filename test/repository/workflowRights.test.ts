// What the workflows run, and what they may do: no more than they need, with nothing of others that can change unseen.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

interface Step {
    uses?: string;
    run?: string;
    with?: Record<string, unknown>;
}
interface Workflow {
    on: Record<string, unknown>;
    permissions?: Record<string, string>;
    jobs: Record<string, { permissions?: Record<string, string>; uses?: string; steps: Step[] }>;
}

const folder = path.resolve(__dirname, '../../.github/workflows');
const texts = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));

/** What each job may do: everything else is refused to its token. */
const rights: Record<string, Record<string, string>> = {
    'audit.yml deployed': { contents: 'read' },
    'ci.yml test': { contents: 'read' },
    'ci.yml functions-host': { contents: 'read' },
    'ci.yml bicep': { contents: 'read' },
    'ci.yml completion': { contents: 'read' },
    'ci.yml fuzz': { contents: 'read' },
    'ci.yml package': { contents: 'read' },
    'deploy.yml package': { contents: 'read' },
    // The token that Azure takes for its own.
    'deploy.yml deploy': { 'id-token': 'write' },
};

/**
 * Workflows that begin when others say so. The two run with the rights and secrets of this repository on what a stranger has proposed, or
 * on what came of it.
 */
const began = ['pull_request_target', 'workflow_run', 'issue_comment'];

/** What is wrong with workflows, given by name, as their texts. */
function faults(workflows: Record<string, string>): string[] {
    const found: string[] = [];
    const commits = new Map<string, string>();
    for (const [name, text] of Object.entries(workflows)) {
        const { on, permissions, jobs } = parse(text) as Workflow;
        for (const event of began) if (event in on) found.push(`${name} begins with ${event}`);
        if (permissions === undefined) found.push(`${name} does not say what its jobs may do`);

        for (const [id, job] of Object.entries(jobs)) {
            const where = `${name} ${id}`;
            const may = JSON.stringify(job.permissions ?? permissions);
            if (may !== JSON.stringify(rights[where])) found.push(`${where} may ${may}, which the table does not say`);
            for (const { uses = '', run = '', with: given } of job.steps) {
                if (uses.startsWith('actions/checkout@') && given?.['persist-credentials'] !== false)
                    found.push(`${where} leaves its token in the checkout, to whatever runs there`);
                // What is put into a script's text may be anything; in a variable of the environment it stays a value.
                if (run.includes('${{')) found.push(`${where} puts an expression into a script`);
            }
        }

        // By line, since a comment is no part of what a parser gives.
        for (const [, uses, version] of text.matchAll(/^[ -]*uses: *(\S+)(?: # (.*))?$/gm)) {
            const [, action, commit] = /^([\w-]+\/[\w-]+)@([0-9a-f]{40})$/.exec(uses!) ?? [];
            if (commit === undefined) found.push(`${name}: ${uses} is no commit, and can become another`);
            else if (!/^v\d+\.\d+\.\d+$/.test(version ?? '')) found.push(`${name}: ${action} does not say of which version its commit is`);
            else {
                const pin = `${commit} # ${version}`;
                if ((commits.get(action!) ?? pin) !== pin) found.push(`${name}: ${action} is another elsewhere`);
                commits.set(action!, pin);
            }
        }
    }
    return found;
}

test('actions are named by commit, rights are those of the table, and nothing begins a workflow on behalf of a stranger', () => {
    expect(faults(texts)).toEqual([]);
    const uses = Object.values(texts).flatMap((text) => [...text.matchAll(/\buses:/g)]);
    const read = Object.values(texts).flatMap((text) => [...text.matchAll(/^[ -]*uses: *\S+ # v/gm)]);
    // None is written in a way that the search by line passes over.
    expect([read.length, read.length > 15]).toEqual([uses.length, true]);
});

test('the table names no job that is not there', () => {
    const jobs = Object.entries(texts).flatMap(([name, text]) => Object.keys((parse(text) as Workflow).jobs).map((id) => `${name} ${id}`));
    expect(Object.keys(rights).sort()).toEqual(jobs.sort());
});

const checkout = /actions\/checkout@\S+ # v\S+/g;
test.each<[string, (text: string) => string, string]>([
    ['an action by its tag', (t) => t.replace(checkout, 'actions/checkout@v6'), 'is no commit'],
    ['an action by a short commit', (t) => t.replace(checkout, 'actions/checkout@d23441a # v6.1.0'), 'is no commit'],
    ['a commit without its version', (t) => t.replace(/(actions\/checkout@\S+) # v\S+/, '$1'), 'does not say of which version'],
    ['another commit of one action', (t) => t.replace(/(actions\/checkout@)\w{40}/, `$1${'0'.repeat(40)}`), 'is another elsewhere'],
    ['the token left in a checkout', (t) => t.replace('persist-credentials: false', 'fetch-depth: 0'), 'leaves its token'],
    ['rights that are not told', (t) => t.replace(/^permissions:\n {2}contents: read\n/m, ''), 'does not say what its jobs may do'],
    ['rights to write', (t) => t.replace('contents: read', 'contents: write'), 'which the table does not say'],
    [
        'rights of everything',
        (t) => t.replace(/^permissions:\n {2}contents: read\n/m, 'permissions: write-all\n'),
        'which the table does not say',
    ],
    ['a start by a stranger', (t) => t.replace('  pull_request:\n', '  pull_request_target:\n'), 'begins with pull_request_target'],
    ['an expression in a script', (t) => t.replace('run: npm test', 'run: npm test ${{ github.head_ref }}'), 'puts an expression'],
])('%s would be noticed', (_, change, said) => {
    const changed = { ...texts, 'ci.yml': change(texts['ci.yml']!) };
    expect(changed['ci.yml']).not.toBe(texts['ci.yml']);
    expect(faults(changed)).toContainEqual(expect.stringContaining(said));
});

test('a tag publishes the package, its digest and what is in it, is refused where something grave is known, and deploys what it has compared with the digest', () => {
    const { jobs } = parse(texts['deploy.yml']!) as Workflow;
    const runs = jobs.package!.steps.map(({ run }) => run);
    expect(runs.indexOf('node scripts/audit.mjs')).toBeGreaterThan(0);
    expect(runs.indexOf('node scripts/audit.mjs')).toBeLessThan(runs.indexOf('npm run package'));
    for (const { steps } of [jobs.package!, (parse(texts['ci.yml']!) as Workflow).jobs.package!]) {
        const upload = steps.find(({ uses }) => uses?.startsWith('actions/upload-artifact@'))!;
        expect((upload.with!.path as string).trim().split('\n')).toEqual([
            'dist/fanfold.zip',
            'dist/fanfold.zip.sha256',
            'dist/fanfold.cdx.json',
        ]);
    }
    const script = jobs.deploy!.steps.map(({ run = '' }) => run).find((run) => run.includes('config-zip'))!;
    expect(script.indexOf('sha256sum --check fanfold.zip.sha256')).toBeGreaterThan(0);
    expect(script.indexOf('sha256sum --check')).toBeLessThan(script.indexOf('config-zip'));
});

test('every change, and every day, asks for known weaknesses of what is deployed', () => {
    const { on, jobs } = parse(texts['audit.yml']!) as Workflow;
    expect(Object.keys(on).sort()).toEqual(['pull_request', 'push', 'schedule']);
    expect(Object.values(jobs).flatMap(({ steps }) => steps.map(({ run }) => run))).toContain('node scripts/audit.mjs');
});
