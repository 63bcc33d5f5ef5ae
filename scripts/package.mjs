// Makes what is deployed: one bundled file with its dependencies, host.json, the API document and a package.json, in dist/app/
// and zipped as dist/fanfold.zip. The same sources give the same bytes, so a zip's digest says what is running. Beside it: the digest, in fanfold.zip.sha256
// as sha256sum writes it; what is in it, in fanfold.cdx.json (CycloneDX); and what esbuild says of every file, in fanfold.meta.json.
//   --out DIR  write all of them there instead
import { build } from 'esbuild';
import { zipSync } from 'fflate';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sbomOf } from './sbom.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const given = process.argv.indexOf('--out');
if (given > 0 && !process.argv[given + 1]) throw new Error('--out names no folder: npm run package -- --out DIR');
const out = given > 0 ? path.resolve(process.argv[given + 1]) : path.join(root, 'dist');

const read = (file) => readFileSync(path.join(root, file));
const manifest = JSON.parse(read('package.json'));

// Parsing is half of the start-up time, so what a start does not need stays out of the file that it reads.
const lean = {
  name: 'lean',
  setup({ onResolve, onLoad }) {
    // The identity library is loaded at the first call to storage: a file of its own.
    onResolve({ filter: /^@azure\/identity$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './identity.js', external: true } : undefined,
    );
    // What colours lines on a terminal: `debug` tries to load it and goes on without. It is no dependency of the app, only there when some
    // tool of development brings it, and what is packaged is to follow from what is deployed alone.
    onResolve({ filter: /^supports-color$/ }, () => ({ external: true }));
    // zod's messages in fifty languages, of which English is used.
    onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: "export { default as en } from './en.js';" }));
  },
};

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: { main: 'src/functions/index.ts', identity: '@azure/identity' },
  outdir: 'app',
  plugins: [lean],
  write: false,
  metafile: true,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // ES modules first: some dependencies' CommonJS entries load a file for each function.
  mainFields: ['module', 'main'],
  // The worker provides it at run time; a second copy would register functions with nobody.
  external: ['@azure/functions-core'],
  // What an ES module asks of import.meta, in a CommonJS file.
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  // Names stay, so that a stack trace from Azure can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'external',
  logLevel: 'warning',
});

const files = {
  'host.json': read('host.json'),
  'openapi.json': read('openapi.json'),
  LICENSE: read('LICENSE'),
  'package.json': Buffer.from(
    `${JSON.stringify({ name: manifest.name, version: manifest.version, license: manifest.license, private: true, main: 'main.js', engines: manifest.engines }, null, 2)}\n`,
  ),
  ...Object.fromEntries(outputFiles.map((file) => [path.basename(file.path), file.contents])),
};

const app = path.join(out, 'app');
rmSync(app, { recursive: true, force: true });
mkdirSync(app, { recursive: true });
for (const [name, content] of Object.entries(files)) writeFileSync(path.join(app, name), content);

// A zip keeps local time: this is the same moment's digits in every time zone. 1980 is as early as a zip can say.
const mtime = new Date(1980, 0, 1);
const sorted = Object.keys(files).sort();
const zip = zipSync(Object.fromEntries(sorted.map((name) => [name, new Uint8Array(files[name])])), { level: 9, mtime, os: 3 });
const digest = createHash('sha256').update(zip).digest('hex');
const beside = {
  'fanfold.zip': zip,
  'fanfold.zip.sha256': `${digest}  fanfold.zip\n`,
  'fanfold.cdx.json': sbomOf({ root, metafile, digest }),
  'fanfold.meta.json': JSON.stringify(metafile),
};
for (const [name, content] of Object.entries(beside)) writeFileSync(path.join(out, name), content);
console.log(`${path.relative(process.cwd(), path.join(out, 'fanfold.zip'))}: ${(zip.length / 1e6).toFixed(2)} MB, sha256 ${digest}`);
