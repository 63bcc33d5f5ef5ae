// One answer to "which Node.js": what package.json says is what its dependencies want, what CI runs, and what the README and Azure name.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import semver from 'semver';
import { parse } from 'yaml';

const root = path.resolve(__dirname, '../..');
const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');
interface Locked {
    engines?: Record<string, string>;
    hasInstallScript?: boolean;
}
const manifest = JSON.parse(textOf('package.json')) as {
    engines: { node: string };
    scripts: Record<string, string>;
    allowScripts: Record<string, boolean>;
};
const locked = Object.entries((JSON.parse(textOf('package-lock.json')) as { packages: Record<string, Locked> }).packages);
const wanted = manifest.engines.node;

test('every dependency runs on each version that package.json names', () => {
    const named = locked.filter(([name, { engines }]) => name !== '' && engines?.node !== undefined);
    expect(named.length).toBeGreaterThan(500);
    const wantMore = named
        .filter(([, { engines }]) => !semver.subset(wanted, engines!.node!))
        .map(([name, { engines }]) => [name, engines]);
    expect(wantMore).toEqual([]);
    // Azurite, for one, wants more than the Node.js before it.
    expect(named.some(([, { engines }]) => !semver.subset('>=20.19', engines!.node!))).toBe(true);
});

const isWanted = (major: string) => semver.subset(`^${major}.13.0`, wanted);

test('CI runs those versions, Azure is given them, and the README names them', () => {
    expect(['20', '22', '23', '24'].filter(isWanted)).toEqual(['22', '24']);
    const ci = parse(textOf('.github/workflows/ci.yml')) as { jobs: { test: { strategy: { matrix: { node: string[] } } } } };
    expect(ci.jobs.test.strategy.matrix.node).toEqual(['22', '24']);
    const single = [...(textOf('.github/workflows/ci.yml') + textOf('.github/workflows/deploy.yml')).matchAll(/node-version: '(\d+)'/g)];
    expect(single.length).toBeGreaterThan(3);
    for (const [, version] of single) expect(isWanted(version!)).toBe(true);
    expect([...textOf('.ci/run').matchAll(/-p node@(\d+)/g)].map((m) => m[1])).toEqual(['22', '24']);
    const arm = JSON.parse(textOf('test/fixtures/main.arm.json')) as { parameters: { nodeVersion: { allowedValues: string[] } } };
    expect(arm.parameters.nodeVersion.allowedValues).toEqual(['22', '24']);
    expect(textOf('README.md')).toContain('Node.js 22 (22.13 or later) or 24');
});

test('each package with an install script is allowed or denied by name, so that npm asks nobody to decide', () => {
    const scripted = locked.filter(([, p]) => p.hasInstallScript).map(([name]) => name.replace(/^.*node_modules\//, ''));
    const decided = Object.keys(manifest.allowScripts);
    expect(scripted.filter((name) => !decided.includes(name))).toEqual([]);
    expect(decided.filter((name) => !scripted.includes(name))).toEqual([]);
});

test('no npm runs an install script: the one before npm 11, which comes with Node.js 22, knows nothing of that list', () => {
    expect(Object.values(manifest.allowScripts)).not.toContain(true);
    expect(textOf('.npmrc').split('\n')).toContain('ignore-scripts=true');
    // They would be passed over too.
    const names = Object.keys(manifest.scripts);
    expect(names.filter((name) => /^(pre|post)/.test(name) && names.includes(name.replace(/^(pre|post)/, '')))).toEqual([]);
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) expect(names).not.toContain(name);
});
