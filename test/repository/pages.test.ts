// The pages that are followed from top to bottom: their commands are scripts, run here with az, azd, gh and the like as scripts that write down
// how they were called; their tables are those of the template; their links lead somewhere.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { all, main, root, settings, textOf } from '../support/template';

const pages = { deploy: textOf('docs/deploy.md'), operate: textOf('docs/operate.md') };
const both = pages.deploy + pages.operate;
const scriptsOf = (page: string) => [...page.matchAll(/^ *```sh\n([^]*?)^ *```$/gm)].map((m) => m[1]!);
const containing = (text: string) => scriptsOf(both).find((script) => script.includes(text))!;
const documents = [
    'README.md',
    'devhost/README.md',
    'samples/README.md',
    'test/e2e/README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((f) => `docs/${f}`),
].filter((file) => file.endsWith('.md'));

/** What a command answers, as the inside of a shell's `case` over its arguments; "answer" when nothing fits. */
type Answers = Record<string, string>;

/** Runs a script in a folder of its own. The commands of `answers` are scripts that write down their arguments; these come back. */
function run(script: string, answers: Answers, input = ''): { said: string; calls: string[][] } {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-pages-'));
    const log = path.join(folder, 'calls');
    try {
        writeFileSync(log, '');
        for (const [command, cases] of Object.entries(answers))
            writeFileSync(
                path.join(folder, command),
                `#!/bin/sh\n{ printf ${command}; for a; do printf '\\037%s' "$a"; done; printf '\\036'; } >> '${log}'\ncase "$*" in\n${cases}\n*) echo answer ;;\nesac\n`,
                { mode: 0o755 },
            );
        const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
        const ran = spawnSync('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, env, input, encoding: 'utf8' });
        if (ran.status !== 0) throw new Error(`${ran.stderr}\n${ran.stdout}`);
        const calls = readFileSync(log, 'utf8').split('\u001e').slice(0, -1);
        return { said: ran.stdout.trim(), calls: calls.map((call) => call.split('\u001f')) };
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

const prefix = 'repo:OWNER@12/REPO@34';
const stubs = (): Answers => ({
    az: `*properties.outputs*) echo '${JSON.stringify(Object.fromEntries(Object.keys(main.outputs!).map((name) => [`x${name}`.replace(/^x(.)/, (_, c: string) => c.toLowerCase()), { type: 'String', value: `the ${name}` }])))}' ;;`,
    azd: 'env\\ get-value*) echo "the $3" ;;',
    gh: `*oidc*) echo '${prefix}' ;;`,
    curl: `*) echo '{"id":"the job"}' ;;`,
    npm: '',
    npx: '',
    git: '',
    func: '',
});

test('every script of every page is one that bash can read', () => {
    const scripts = documents.flatMap((file) => scriptsOf(textOf(file)).map((script) => [file, script] as const));
    expect(scripts.length).toBeGreaterThan(25);
    for (const [file, script] of scripts)
        expect([file, spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' }).stderr]).toEqual([file, '']);
    expect(spawnSync('bash', ['-n'], { input: 'for x in 1; do', encoding: 'utf8' }).stderr).not.toBe('');
});

test('what is pasted into zsh, the shell of macOS, has no comments, which it would take for arguments, or the page says how it takes them', () => {
    // A "#" in quotes is no comment; none of these pages has one that could be mistaken for it.
    const commented = (file: string) => scriptsOf(textOf(file)).some((script) => /(?:^|\s)#/m.test(script));
    expect(commented('docs/deploy.md')).toBe(true);
    for (const file of documents.filter(commented))
        expect([file, textOf(file)]).toEqual([file, expect.stringContaining('setopt interactive_comments')]);
    expect(commented('README.md')).toBe(false);
});

describe('followed from top to bottom', () => {
    const deploy = (without: string) =>
        scriptsOf(pages.deploy)
            .filter((script) => !script.includes(without))
            .join('\n');
    // No call has lost an argument on the way: a name that was never set, or came out empty.
    const expectWhole = (calls: string[][]) => expect(calls.filter((call) => call.includes(''))).toEqual([]);

    test.each([
        ['azd', 'az deployment sub create'],
        ['az', 'azd up'],
    ])('the page on deploying is a script, by way of %s', (_, other) => {
        const { calls } = run(deploy(other), stubs(), 'a secret\n');
        expect(calls.length).toBeGreaterThan(60);
        expectWhole(calls);
        const zip = calls.find((call) => call.includes('config-zip'))!;
        expect(zip).toEqual(expect.arrayContaining(['the AZURE_RESOURCE_GROUP', 'the FUNCTION_APP_NAME']));
        const secret = calls.find((call) => call.includes('GEOCODER-KEY'))!;
        expect(secret).toEqual(expect.arrayContaining(['the KEY_VAULT_NAME', '--file']));
    });

    test('the page on operating is a script, after the names of the one on deploying', () => {
        const names = 'group=g app=a url=http://u key=k vault=v host_storage=h data_storage=d logs=l';
        const { calls } = run([names, ...scriptsOf(pages.operate)].join('\n'), stubs());
        expect(calls.length).toBeGreaterThan(10);
        expectWhole(calls);
        expect(calls.filter(([command]) => command === 'curl').map((call) => call.at(-1))).toContain(
            'http://u/runtime/webhooks/durabletask/entities/ledger/JOB',
        );
    });

    test('an empty argument would be noticed', () => {
        expect(run('az a "${NOT_SET:-}"', stubs()).calls).toEqual([['az', 'a', '']]);
    });
});

test('providers are waited for', () => {
    const { calls } = run(containing('az provider register'), stubs());
    expect(calls.length).toBeGreaterThan(7);
    for (const call of calls) expect(call).toContain('--wait');
});

describe('GitHub is trusted by the subject that its tokens have', () => {
    const subject = (gh: string) => {
        const { calls } = run(`group=g app=a\n${containing('federated-credential')}`, { ...stubs(), gh });
        const made = calls.find((call) => call.includes('federated-credential'))!;
        return (JSON.parse(made[made.indexOf('--parameters') + 1]!) as { subject: string }).subject;
    };

    test('with the ids of owner and repository where GitHub says so', () => {
        expect(subject(stubs().gh!)).toBe('repo:OWNER@12/REPO@34:environment:production');
    });

    test('with their names where it says nothing, or does not know', () => {
        expect(subject("*oidc*) echo '' ;;")).toBe('repo:OWNER/REPO:environment:production');
        // gh prints the answer's body before it fails.
        expect(subject(`*oidc*) echo '{"message":"Not Found"}'; exit 1 ;;`)).toBe('repo:OWNER/REPO:environment:production');
    });

    test('and the page on operating says that either may be there', () => {
        for (const form of ['`repo:OWNER/REPO:environment:production`', '`repo:OWNER@1234/REPO@5678:environment:production`'])
            expect(pages.operate).toContain(form);
    });
});

test('func is called with what it knows', () => {
    // Of Core Tools 4.15; --script-root and --verbose go with each.
    const known: Record<string, string[]> = {
        start: ['--port', '--enableAuth', '--cors'],
        'azure functionapp publish': ['--list-included-files'],
        'durable get-instances': ['--top', '--runtime-status', '--created-after', '--created-before', '--continuation-token'],
        'durable get-runtime-status': ['--id', '--show-input', '--show-output'],
        'durable get-history': ['--id'],
    };
    const text = documents.map(textOf).join('\n');
    const used = [...text.matchAll(/(?:^|`|&& )func ((?:[a-z][a-z-]*(?: |(?=`|$)))+)([^`\n]*)/gm)].map(
        (m) => [m[1]!.trim(), m[2]!] as const,
    );
    // The package of that name is none of Microsoft's, and npx would fetch it where Core Tools are not installed.
    expect(text).not.toContain('npx func');
    expect(new Set(used.map(([command]) => command))).toEqual(new Set([...Object.keys(known), 'durable']));
    for (const [command, rest] of used)
        for (const [option] of rest.matchAll(/(?<=^|\s)--?[\w-]+/g))
            expect([command, known[command]]).toEqual([command, expect.arrayContaining([option])]);
});

describe('the tables are those of the template', () => {
    test('list every app setting that is read or set', () => {
        const listed = [...pages.deploy.matchAll(/^\| `(\w+)(\*?)` \|/gm)].map(([, name, more]) => ({ name: name!, more: more === '*' }));
        const isListed = (name: string) => listed.some((l) => (l.more ? name.startsWith(l.name) : name === l.name));
        const inSource = [...textOf('src/settings.ts').matchAll(/\benv\.(\w+)/g)].map((m) => m[1]!);
        const names = [...Object.keys(settings()), ...inSource.filter((name) => name !== 'AzureWebJobsStorage')];
        expect(names.filter((name) => !isListed(name))).toEqual([]);
    });

    test('every parameter that an azd environment sets is told, with its variable and its default', () => {
        const file = (JSON.parse(textOf('infra/main.parameters.json')) as { parameters: Record<string, { value: string }> }).parameters;
        const given = Object.entries(file).map(([name, { value }]) => {
            const [, variable, fallback] = /^\$\{(\w+)(?:=(.*))?\}$/.exec(value)!;
            return { name, variable: variable!, fallback };
        });
        const told = [...pages.deploy.matchAll(/^\| `(\w+)` \| `(\w+)`[^|]*\| (?:`(.*?)`|none[^|]*) \|$/gm)].map((m) => ({
            variable: m[1]!,
            name: m[2]!,
            fallback: m[3],
        }));
        // Those are azd's own.
        const ours = given.filter(({ variable }) => !variable.startsWith('AZURE_'));
        expect(told.map((t) => [t.variable, t.name]).sort()).toEqual(ours.map((g) => [g.variable, g.name]).sort());
        for (const { name, fallback } of told) {
            const given = ours.find((g) => g.name === name)!.fallback;
            expect([name, fallback ?? '']).toEqual([name, given ?? JSON.stringify(main.parameters![name]!.defaultValue)]);
        }
    });

    test('every output is named, and no other', () => {
        const used = [...both.matchAll(/\bout ([A-Z_]+)/g)].map((m) => m[1]!);
        // For azd and its users; the pages have other names for the same.
        const forAzd = ['AZURE_FUNCTION_NAME', 'AZURE_LOCATION', 'AZURE_TENANT_ID', 'SERVICE_API_NAME'];
        for (const name of forAzd) expect(pages.deploy).toContain(name);
        expect([...new Set([...used, ...forAzd])].sort()).toEqual(Object.keys(main.outputs!).sort());
    });

    test('find an output under the name that Azure gives it', () => {
        const [, lookUp] = /^(outputs=[^]*?^}$)/m.exec(containing('outputs='))!;
        const given = JSON.stringify({
            functioN_APP_NAME: { type: 'String', value: 'func-1' },
            keY_VAULT_NAME: { type: 'String', value: 'kv-1' },
        });
        expect(run(`${lookUp}\nout FUNCTION_APP_NAME; out KEY_VAULT_NAME`, { az: `*) echo '${given}' ;;` }).said).toBe('func-1\nkv-1');
    });

    test('register an application for sign-in with documents that are JSON', () => {
        const script = containing('expose()');
        const sent = run(script, {
            az: '*--body*) for last; do :; done; echo "$last" | tr "\\n" " "; echo ;; "ad app create"*) echo client ;; *) ;;',
        }).said;
        const [first, second] = sent.split('\n').map((line) => (JSON.parse(line) as { api: Record<string, { id: string }[]> }).api);
        expect(first!.preAuthorizedApplications).toEqual([]);
        expect(second!.oauth2PermissionScopes).toEqual(first!.oauth2PermissionScopes);
        expect(second!.preAuthorizedApplications![0]).toMatchObject({ delegatedPermissionIds: [first!.oauth2PermissionScopes![0]!.id] });
    });

    test('say of every alert what it means', () => {
        const { queries } = all.get('alerts')!.variables as { queries: { name: string; title: string }[] };
        for (const { name, title } of queries) {
            expect(pages.operate).toContain(`### ${title}\n`);
            expect(pages.operate).toContain(`fanfold-…-${name}`);
        }
        for (const account of ['host', 'data']) expect(pages.operate).toContain(`fanfold-…-storage-throttled-${account}`);
    });

    test('give the scaling settings the values that they have', () => {
        const host = JSON.stringify(JSON.parse(textOf('host.json')));
        const rows = [...pages.deploy.matchAll(/^\| ((?:`\w+`(?:, )?)+), (\w[\w ]*) \| (`host\.json`|Bicep) \|/gm)];
        expect(rows.length).toBeGreaterThan(6);
        for (const [, names, shown, where] of rows)
            for (const [, name] of names!.matchAll(/`(\w+)`/g)) {
                const value =
                    where === 'Bicep'
                        ? JSON.stringify(main.parameters![name!]!.defaultValue)
                        : new RegExp(`"${name}":("[^"]*"|\\w+)`).exec(host)?.[1];
                const minutes = /^"00:(\d\d):00"$/.exec(value ?? '');
                expect([name, minutes ? `${Number(minutes[1])} minute${minutes[1] === '01' ? '' : 's'}` : value]).toEqual([name, shown]);
            }
    });
});

describe('the README', () => {
    const readme = textOf('README.md');

    test('begins with a local run, on either host, and the way to Azure, before its examples', () => {
        const top = readme.slice(0, readme.indexOf('## One example'));
        for (const command of ['npm start', 'npm run start:func', 'npm run storage', 'func start', 'azd init --template', 'azd up'])
            expect(top).toContain(command);
        const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
        for (const file of documents)
            for (const [, script] of textOf(file).matchAll(/npm run (?:-s )?([\w:]+)/g)) expect(scripts).toHaveProperty([script!]);
    });

    test('says what an idle deployment costs, as the page on deploying adds it up', () => {
        const idle = /## What an idle deployment costs\n([^]*?)\n#/.exec(pages.deploy)![1]!;
        const [, dollars] = /\*\*(\d+) dollars a month\*\*/.exec(idle)!;
        const rows = [...idle.matchAll(/^\|[^|]*\|\D*(\d+\.\d\d) \|$/gm)].map((m) => Number(m[1]));
        expect(rows).toHaveLength(2);
        expect(Math.ceil(rows[0]! + rows[1]!)).toBe(Number(dollars));
        expect(readme.replaceAll('\n', ' ')).toContain(`costs about ${dollars} dollars a month`);
        // Two alerts on logs, every five minutes, at the price of the list.
        const price = Number(/\| alert on a log query, every 5 minutes \| (\S+) a month \|/.exec(pages.deploy)![1]);
        expect(rows[0]).toBe((all.get('alerts')!.variables as { queries: unknown[] }).queries.length * price);
    });
});

test('what only Azure can show stands in one checklist, which the pages name', () => {
    const items = textOf('docs/first-deployment.md')
        .split('\n')
        .filter((line) => line.startsWith('- '));
    expect(items.length).toBeGreaterThan(25);
    for (const item of items) expect(item).toMatch(/^- \[ \] \S/);
    for (const file of ['README.md', 'docs/deploy.md']) expect(textOf(file)).toContain('first-deployment.md');
});

test('links lead to files, and to headings, that there are', () => {
    // As GitHub makes a heading's anchor.
    const anchors = (text: string) =>
        [...text.replace(/^```[^]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
            heading!
                .toLowerCase()
                .replace(/[^\p{L}\p{N} _-]/gu, '')
                .replaceAll(' ', '-'),
        );
    const broken = documents.flatMap((file) =>
        [...textOf(file).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].flatMap(([link, target, anchor]) => {
            const to = target ? path.join(path.dirname(file), target) : file;
            if (!existsSync(path.join(root, to))) return [`${file}: ${link}`];
            return anchor && !anchors(textOf(to)).includes(anchor) ? [`${file}: ${link}`] : [];
        }),
    );
    expect(broken).toEqual([]);
});
