// A build is of the sources as they are, or it is made again: tests that start the built app rely on it (test/support/freshBuild.cjs).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const app = mkdtempSync(path.join(os.tmpdir(), 'build-'));
afterAll(() => rmSync(app, { recursive: true, force: true }));

const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(app, file)), { recursive: true });
    writeFileSync(path.join(app, file), text);
};

/** Stands for the compiler, and says so in dist/. */
const compiler = `const fs = require('node:fs'); fs.mkdirSync('dist', { recursive: true }); fs.writeFileSync('dist/built', '');`;

/** What a build makes more of than the compiler does. */
beforeAll(() => {
    write('package.json', '{"version": "1.0.0"}');
    write('openapi.json', '{}');
    for (const file of ['src/cli/main.ts', 'devhost/cli.ts', 'devhost/host.ts', 'scripts/package.mjs']) write(file, '');
});

/** Whether anything was built. */
function builds(): boolean {
    rmSync(path.join(app, 'dist/built'), { force: true });
    const { status, stderr } = spawnSync(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-stale'], { cwd: app });
    expect([status, String(stderr)]).toEqual([0, '']);
    return existsSync(path.join(app, 'dist/built'));
}

test('--if-stale builds when a source was changed, added or removed, and not otherwise', () => {
    write('node_modules/typescript/bin/tsc', compiler);
    // What stands beside the compiled sources is made of these.
    write('openapi.json', '{}');
    write('package.json', '{"version":"1.0.0"}');
    write('src/cli/main.ts', '');
    write('src/core/a.ts', 'a');
    expect([builds(), builds()]).toEqual([true, false]);
    write('src/core/a.ts', 'b');
    expect([builds(), builds()]).toEqual([true, false]);
    write('src/core/b.ts', 'b');
    expect([builds(), builds()]).toEqual([true, false]);
    rmSync(path.join(app, 'src/core/b.ts'));
    expect([builds(), builds()]).toEqual([true, false]);
    write('test/guarantees/a.test.ts', 'is no source of a build');
    expect(builds()).toBe(false);
});

test('every folder that is compiled is looked at', () => {
    const { include } = JSON.parse(readFileSync(path.join(root, 'tsconfig.build.json'), 'utf8')) as { include: string[] };
    rmSync(path.join(app, 'test'), { recursive: true, force: true });
    for (const entry of include) {
        write(entry.endsWith('.ts') ? entry : `${entry}/new.ts`, 'new');
        expect([entry, builds()]).toEqual([entry, true]);
    }
});
