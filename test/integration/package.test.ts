import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import os from 'node:os';
import path from 'node:path';
import { startTarget } from '../../samples/target';
import { startHost } from '../support/host';
import { until } from '../support/until';

const root = path.resolve(__dirname, '../..');
const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function makePackage(name: string, env: NodeJS.ProcessEnv = {}): Buffer {
    const out = path.join(folder, name);
    const made = spawnSync(process.execPath, ['scripts/package.mjs', '--out', out], {
        cwd: root,
        env: { ...process.env, ...env },
        encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(made.stderr);
    return readFileSync(path.join(out, 'fanfold.zip'));
}

let zip: Buffer;
let app: string;
beforeAll(() => {
    zip = makePackage('first');
    app = path.join(folder, 'unzipped');
    mkdirSync(app);
    for (const [name, content] of Object.entries(unzipSync(zip))) writeFileSync(path.join(app, name), content);
});

describe('the package', () => {
    test('is under 5 MB and holds what runs, nothing else', () => {
        expect(zip.length).toBeLessThan(5e6);
        expect(Object.keys(unzipSync(zip))).toEqual([
            'LICENSE',
            'host.json',
            'identity.js',
            'identity.js.LEGAL.txt',
            'main.js',
            'main.js.LEGAL.txt',
            'package.json',
        ]);
        const main = readFileSync(path.join(app, 'main.js'), 'utf8');
        for (const word of ['devhost/', 'samples/', 'azurite', root]) expect(main).not.toContain(word);
    });

    test('has the same bytes when made again, later and in another time zone', () => {
        expect(makePackage('second', { TZ: 'Pacific/Auckland' }).equals(zip)).toBe(true);
    });

    test('reaches storage by identity: the library is there, in a file that is read when needed', () => {
        const script = `import(${JSON.stringify(path.join(app, 'identity.js'))}).then((m) => new m.DefaultAzureCredential({ managedIdentityClientId: 'x' }).getToken.name).then(console.log)`;
        const ran = spawnSync(process.execPath, ['-e', script], { cwd: app, encoding: 'utf8' });
        expect(ran.stdout.trim()).toBe('getToken');
        expect(readFileSync(path.join(app, 'main.js'), 'utf8')).toContain('import("./identity.js")');
    });

    test('runs a job where nothing is installed', async () => {
        expect(existsSync(path.join(app, 'node_modules'))).toBe(false);
        const target = await startTarget({ latencyMs: 1 });
        const host = await startHost({ app });
        try {
            const items = Array.from({ length: 20 }, (_, i) => ({ id: `i${i}` }));
            const answer = await fetch(`${host.url}/api/jobs`, {
                method: 'POST',
                headers: { 'content-type': 'application/json' },
                body: JSON.stringify({ source: { items }, process: { http: { url: `${target.url}/x/{id}` } } }),
            });
            expect(answer.status).toBe(202);
            const { id } = (await answer.json()) as { id: string };
            const job = await until(
                async () => {
                    const now = (await (await fetch(`${host.url}/api/jobs/${id}`)).json()) as { ended: boolean };
                    return now.ended ? now : null;
                },
                () => `job ${id} has not ended: ${host.output()}`,
            );
            expect(job).toMatchObject({ state: 'completed', counts: { total: 20, succeeded: 20 } });
        } finally {
            await host.stop();
            await target.stop();
        }
    });
});
