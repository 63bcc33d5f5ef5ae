// What is deployed is under licences that let whoever takes Fanfold do so; and it comes from the registry, as it was when it was locked.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { deployedPackages, lockedPackages, type LockedPackage } from '../support/lockFile';

const root = path.resolve(__dirname, '../..');

/** Licences that ask for no more than their text and the names of the authors beside copies. */
const allowed: Record<string, string> = {
    MIT: 'most of what there is',
    ISC: 'as MIT, in fewer words',
    'BSD-2-Clause': 'as MIT',
    'BSD-3-Clause': 'as MIT; the name of the authors is not to be used to advertise',
    'Apache-2.0': 'as MIT, with a grant of patents; a file NOTICE, where there is one, goes along',
    '0BSD': 'asks for nothing',
    'BlueOak-1.0.0': 'as MIT, with a grant of patents',
};

/**
 * The licence that a package says it has, by its own package.json. What is optional need not be installed: then it is what the registry
 * said when it was locked.
 */
function licenceOf({ folder, optional, license }: LockedPackage): unknown {
    const manifest = path.join(root, folder, 'package.json');
    if (!existsSync(manifest)) return optional === true ? license : 'not installed';
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { license?: unknown }).license;
}

const refused = (packages: LockedPackage[]) =>
    packages
        .map((p) => [p.folder, licenceOf(p)] as const)
        .filter(([, licence]) => typeof licence !== 'string' || !Object.hasOwn(allowed, licence));

test('every package of what is deployed has a licence of the list', () => {
    expect(deployedPackages().length).toBeGreaterThan(50);
    expect(refused(deployedPackages())).toEqual([]);
});

test('the list holds no licence that nothing has', () => {
    const used = new Set(deployedPackages().map(licenceOf));
    expect(Object.keys(allowed).filter((licence) => !used.has(licence))).toEqual([]);
});

test('another licence, none, or a package that is not there would be noticed', () => {
    // Tools of development have some that are not for what is deployed.
    const licences = refused(lockedPackages()).map(([, licence]) => licence);
    expect(licences).toContain('GPL-3.0-only');
    const absent = { folder: 'node_modules/not-there', version: '1.0.0', license: 'MIT' };
    expect(refused([absent])).toEqual([[absent.folder, 'not installed']]);
    expect(refused([{ ...absent, optional: true }])).toEqual([]);
    expect(refused([{ ...absent, optional: true, license: 'GPL-3.0-only' }])).toHaveLength(1);
    expect(refused([{ folder: absent.folder, version: '1.0.0', optional: true }])).toHaveLength(1);
});

test('every package in the lock file is fetched from the registry and held to its SHA-512', () => {
    const strange = (packages: LockedPackage[]) =>
        packages.filter(
            ({ resolved, integrity }) =>
                !(resolved ?? 'https://registry.npmjs.org/').startsWith('https://registry.npmjs.org/') ||
                !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''),
        );
    expect(strange(lockedPackages())).toEqual([]);
    const sample = lockedPackages()[0]!;
    const unhashed = { folder: sample.folder, version: sample.version };
    expect(strange([sample])).toEqual([]);
    expect(
        strange([{ ...sample, resolved: 'git+ssh://git@github.com/a/b.git' }, { ...sample, integrity: 'sha1-x' }, unhashed]),
    ).toHaveLength(3);
});
