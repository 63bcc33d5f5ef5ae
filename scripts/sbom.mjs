// What is in the package, as a CycloneDX document: the npm packages of which esbuild has bundled a file, neither what else is installed nor what
// package.json names. The same package gives the same bytes, so it bears no time and no serial number.
import { Enums, Models, Serialize, Spec, SPDX } from '@cyclonedx/cyclonedx-library';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The folder of the npm package that a bundled file is of, such as `node_modules/axios/node_modules/debug`; nothing for a file of our own. */
export const folderOf = (file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];

/**
 * The document's text.
 *   root      the folder of package.json and package-lock.json
 *   metafile  what esbuild says of the bundle
 *   digest    SHA-256 of the zip, in hexadecimal
 * Throws where what is installed is not what the lock file says: the document would tell of other bytes than those in the package.
 */
export function sbomOf({ root, metafile, digest }) {
  const read = (file) => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
  const manifest = read('package.json');
  const locked = read('package-lock.json').packages;

  const main = new Models.Component(Enums.ComponentType.Application, manifest.name, {
    bomRef: purlOf(manifest.name, manifest.version),
    version: manifest.version,
    description: manifest.description,
    purl: purlOf(manifest.name, manifest.version),
    licenses: licenceOf(manifest.license),
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm['SHA-256'], digest]]),
  });
  const components = new Map();
  // A package that is installed in several places is one component, if it is the same version.
  const componentOf = (folder) => {
    if (folder === undefined) return main;
    const { name, version } = read(`${folder}/package.json`);
    const entry = locked[folder];
    if (entry?.version !== version)
      throw new Error(`${folder} is version ${version}, in the lock file ${entry?.version ?? 'it is not'}: npm ci`);
    const purl = purlOf(name, version);
    if (!components.has(purl)) components.set(purl, component(name, entry, purl));
    return components.get(purl);
  };

  // A package that esbuild has read, and of which nothing is left, is not in the zip.
  const outputs = Object.values(metafile.outputs);
  const files = outputs.flatMap(({ inputs }) => Object.keys(inputs).filter((file) => inputs[file].bytesInOutput > 0));
  const bundled = new Set(files.map(folderOf));
  for (const folder of bundled) componentOf(folder);
  // Files that only pass on what others have leave nothing either; which package needs which is seen in them too.
  for (const [file, { imports }] of Object.entries(metafile.inputs)) {
    for (const imported of imports.filter((i) => !i.external).map((i) => folderOf(i.path))) {
      const from = folderOf(file);
      if (from !== imported && bundled.has(from) && bundled.has(imported)) componentOf(from).dependencies.add(componentOf(imported).bomRef);
    }
  }
  // The identity library is a file of its own, loaded by that file's name: esbuild knows of no import that leads there.
  for (const { entryPoint } of outputs) {
    const entry = entryPoint === undefined ? main : componentOf(folderOf(entryPoint));
    if (entry !== main) main.dependencies.add(entry.bomRef);
  }

  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: main }),
    components: new Models.ComponentRepository(components.values()),
  });
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function component(name, { version, license, integrity }, purl) {
  const [, group, own] = /^(?:(@[^/]+)\/)?(.+)$/.exec(name);
  const [, sha512] = /^sha512-(\S+)$/.exec(integrity ?? '') ?? [];
  if (!sha512) throw new Error(`${name} has no SHA-512 in the lock file.`);
  return new Models.Component(Enums.ComponentType.Library, own, {
    bomRef: purl,
    ...(group && { group }),
    version,
    purl,
    licenses: licenceOf(license),
    // Of the tarball that npm has fetched and compared with it.
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm['SHA-512'], Buffer.from(sha512, 'base64').toString('hex')]]),
  });
}

const purlOf = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`;

const licenceOf = (licence) =>
  new Models.LicenseRepository([SPDX.isSupportedSpdxId(licence) ? new Models.SpdxLicense(licence) : new Models.LicenseExpression(licence)]);
