// What `func azure functionapp publish` from the root would send: the package, and the files that lead the host to it. That they run a job
// is shown in test/integration/package.test.ts.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import ignore from 'ignore';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const rules = readFileSync(path.join(root, '.funcignore'), 'utf8');

/** As Git reads the file. */
const byGit = (files: string[]) => ignore().add(rules).filter(files);

/**
 * As Core Tools 4 read it: a pattern counts from the top of the path to the end of a word, which is of ASCII, has "*" and "**" and nothing
 * else that is special, and one with "!" wins wherever it stands.
 */
function byCoreTools(files: string[], text = rules): string[] {
    const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
    const regex = (pattern: string) =>
        new RegExp(`^${pattern.replace(/^\//, '').replace(/\*\*|\W/g, (c) => ({ '**': '.+', '*': '[^/]+' })[c] ?? `\\${c}`)}\\b`);
    const kept = lines.filter((line) => line.startsWith('!')).map((line) => regex(line.slice(1)));
    const left = lines.filter((line) => !line.startsWith('!')).map(regex);
    return files.filter((file) => kept.some((r) => r.test(file)) || !left.some((r) => r.test(file)));
}

// What Git knows, and what a build, an install and a run leave behind.
const known = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).stdout;
const made = [
    ...['main.js', 'identity.js', 'main.js.LEGAL.txt', 'host.json', 'openapi.json', 'package.json', 'LICENSE'].map((file) => `dist/app/${file}`),
    ...['src/functions/index.js', 'src/settings.js.map', 'devhost/cli.js', 'samples/target.js', 'fanfold.zip', 'main.js'].map(
        (f) => `dist/${f}`,
    ),
    ...['node_modules/zod/index.js', 'node_modules/x/dist/app/main.js', 'node_modules/.bin/func', 'node_modules/x/host.json'],
    ...[
        '.azurite/__blobstorage__/1',
        '.azurite/__azurite_db_blob__.json',
        '.fanfold/results.ndjson',
        '.azure/dev/.env',
        'coverage/index.html',
    ],
    ...['local.settings.json', 'src/dist/app/x.js', 'test/dist/app/x.js', 'customers.csv', 'a folder/ä.txt', 'package-lock.json', '.env'],
    // What a user may have beside it: names without a letter of ASCII, copies of the package.
    ...['клиенты/2026/список.csv', '顧客/.env', 'dist/app.old/main.js', 'dist/app-1.0/host.json'],
];

describe.each([
    ['Git', byGit],
    ['Core Tools', (files: string[]) => byCoreTools(files)],
])('as %s read .funcignore', (_, read) => {
    test('the package is sent, what leads to it, and nothing else', () => {
        const files = [...new Set([...known.split('\n').filter(Boolean), ...made])];
        expect(files.length).toBeGreaterThan(150);
        expect(read(files).sort()).toEqual([
            'dist/app/LICENSE',
            'dist/app/host.json',
            'dist/app/identity.js',
            'dist/app/main.js',
            'dist/app/main.js.LEGAL.txt',
            'dist/app/package.json',
            'host.json',
            'main.js',
            'package.json',
        ]);
    });
});

test('"!/dist/", which Git would want, would send all of dist by Core Tools: hence the brackets', () => {
    const all = ['dist/app/main.js', 'dist/devhost/cli.js'];
    expect(byCoreTools(all)).toEqual(['dist/app/main.js']);
    expect(byCoreTools(all, rules.replace('!/[d]ist/', '!/dist/'))).toEqual(all);
});

test('VS Code deploys the package alone, made first', () => {
    const read = (file: string) => JSON.parse(readFileSync(path.join(root, '.vscode', file), 'utf8')) as Record<string, unknown>;
    const settings = read('settings.json');
    expect(settings['azureFunctions.deploySubpath']).toBe('dist/app');
    expect(read('tasks.json').tasks).toContainEqual(
        expect.objectContaining({ label: settings['azureFunctions.preDeployTask'], command: 'npm run package' }),
    );
});
