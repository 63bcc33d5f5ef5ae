// What stands beside the package: its digest, and the document of what is in it, held to the files that esbuild has bundled.
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { deployedPackages, lockedPackages } from '../support/lockFile';

const root = path.resolve(__dirname, '../..');
const out = mkdtempSync(path.join(os.tmpdir(), 'fanfold-sbom-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

interface Component {
    group?: string;
    name: string;
    version: string;
    purl: string;
    'bom-ref': string;
    hashes: { alg: string; content: string }[];
    licenses: { license: { id: string } }[];
}
interface Sbom {
    serialNumber?: string;
    metadata: { timestamp?: string; component: Component };
    components: Component[];
    dependencies: { ref: string; dependsOn?: string[] }[];
}
interface Metafile {
    outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
}

const textOf = (file: string) => readFileSync(path.join(out, file), 'utf8');
let sbom: Sbom;
/** The folders of the packages of which something is in the bundle. */
let folders: string[];
beforeAll(() => {
    const made = spawnSync(process.execPath, ['scripts/package.mjs', '--out', out], { cwd: root, encoding: 'utf8' });
    expect([made.status, made.stderr]).toEqual([0, '']);
    sbom = JSON.parse(textOf('fanfold.cdx.json')) as Sbom;
    const { outputs } = JSON.parse(textOf('fanfold.meta.json')) as Metafile;
    const files = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs).filter((file) => inputs[file]!.bytesInOutput > 0));
    folders = [...new Set(files.map(packageFolder))].filter((folder) => folder !== '.');
    wanted = expected();
});

/** The nearest folder above a file whose package.json has a name and a version; `.` is the project. */
function packageFolder(file: string): string {
    const folder = path.dirname(file);
    if (folder === '.') return folder;
    const manifest = path.join(root, folder, 'package.json');
    // Packages have such files inside too, which say only how modules are written.
    const { name, version } = (existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {}) as Record<string, unknown>;
    return name !== undefined && version !== undefined ? folder : packageFolder(folder);
}

type Told = Omit<Component, 'bom-ref' | 'group'>;
/** What a component of each of these folders must be, by name and version. */
let wanted: Map<string, Told>;
function expected(): Map<string, Told> {
    const locked = new Map(lockedPackages().map((p) => [p.folder, p]));
    const all = folders.map((folder) => {
        const { name, version, license } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as Record<
            'name' | 'version' | 'license',
            string
        >;
        const content = Buffer.from(locked.get(folder)!.integrity!.replace(/^sha512-/, ''), 'base64').toString('hex');
        const hashes = [{ alg: 'SHA-512', content }];
        const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
        return [`${name}@${version}`, { name, version, purl, hashes, licenses: [{ license: { id: license } }] }] as [string, Told];
    });
    return new Map(all);
}

/** Where a document and the bundle differ: packages that are missing, that are too many, and that are told wrongly. */
function differences({ components }: Sbom): string[] {
    const told = components.map(({ group, name, version, purl, hashes, licenses }) => {
        const full = group === undefined ? name : `${group}/${name}`;
        return { name: full, version, purl, hashes, licenses };
    });
    const keys = told.map(({ name, version }) => `${name}@${version}`);
    return [
        ...[...wanted.keys()].filter((key) => !keys.includes(key)).map((key) => `missing: ${key}`),
        ...keys.filter((key, i) => !wanted.has(key) || keys.indexOf(key) !== i).map((key) => `too many: ${key}`),
        ...told
            .filter((t, i) => wanted.has(keys[i]!) && JSON.stringify(wanted.get(keys[i]!)) !== JSON.stringify(t))
            .map((t) => `wrong: ${t.name}`),
    ];
}

describe('the document of what is in the package', () => {
    test('lists the packages of which something is bundled, each with version, licence and hash, and no other', () => {
        expect(sbom.components.length).toBeGreaterThan(50);
        expect(differences(sbom)).toEqual([]);
    });

    test('would be found out if one were missing, too many, or told wrongly', () => {
        const [first, ...rest] = sbom.components;
        expect(differences({ ...sbom, components: rest })).toHaveLength(1);
        expect(differences({ ...sbom, components: [...sbom.components, first!] })).toHaveLength(1);
        const other = { ...first!, name: 'left-pad', group: '@some' };
        expect(differences({ ...sbom, components: [...sbom.components, other] })).toEqual([`too many: @some/left-pad@${first!.version}`]);
        for (const change of [{ purl: 'pkg:npm/x@1' }, { hashes: [] }, { licenses: [{ license: { id: 'ISC-0' } }] }])
            expect(differences({ ...sbom, components: [{ ...first!, ...change }, ...rest] })).toHaveLength(1);
    });

    test('is CycloneDX 1.6, by the schema', () => {
        const schema = (name: string) =>
            JSON.parse(
                readFileSync(path.join(root, `node_modules/@cyclonedx/cyclonedx-library/res/schema/${name}.SNAPSHOT.schema.json`), 'utf8'),
            ) as object;
        const ajv = new Ajv({ strict: false });
        // By the names under which the one refers to them.
        for (const name of ['spdx', 'jsf-0.82']) ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
        addFormats(ajv);
        // Formats that ajv-formats does not know, of fields that the document does not have.
        ajv.addFormat('iri-reference', true).addFormat('idn-email', true);
        const isValid = ajv.compile(schema('bom-1.6'));
        expect([isValid(sbom), isValid.errors]).toEqual([true, null]);
        expect(isValid({ ...sbom, components: [{ ...sbom.components[0]!, type: 'package' }] })).toBe(false);
    });

    test('says which package needs which, each of them reached from the app', () => {
        const needs = new Map(sbom.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
        const reached = new Set([sbom.metadata.component['bom-ref']]);
        for (const ref of reached) for (const next of needs.get(ref)!) reached.add(next);
        expect([...reached].sort()).toEqual([sbom.metadata.component['bom-ref'], ...sbom.components.map((c) => c['bom-ref'])].sort());
    });

    test('names the zip by its digest, which stands in a file as sha256sum writes it, and bears no time and no number of its own', () => {
        const digest = createHash('sha256')
            .update(readFileSync(path.join(out, 'fanfold.zip')))
            .digest('hex');
        expect(textOf('fanfold.zip.sha256')).toBe(`${digest}  fanfold.zip\n`);
        expect(sbom.metadata.component.hashes).toEqual([{ alg: 'SHA-256', content: digest }]);
        expect([sbom.metadata.timestamp, sbom.serialNumber]).toEqual([undefined, undefined]);
    });
});

test('nothing is bundled but what is deployed by the lock file: what the audit asks about and whose licences are read', () => {
    const deployed = deployedPackages().filter(({ optional }) => !optional);
    const strange = (of: string[]) => of.filter((folder) => !deployed.some((p) => p.folder === folder));
    expect(strange(folders)).toEqual([]);
    // A tool of development, and the optional tools of Azure, would be noticed.
    for (const folder of ['node_modules/esbuild', 'node_modules/azure-functions-core-tools']) expect(strange([folder])).toEqual([folder]);
});
