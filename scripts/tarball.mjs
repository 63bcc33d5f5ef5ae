// Packs the command line together with the app and the local host, so that `fanfold dev` works where no clone is: dist/fanfold-VERSION.tgz.
// Azurite stays out of it: whoever wants the local host installs that (npm install azurite@…).
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

const run = (command, ...args) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
};

run(process.execPath, 'scripts/build.mjs', '--if-stale');
run(process.execPath, 'scripts/package.mjs');
await build({
  entryPoints: ['devhost/cli.ts', 'devhost/host.ts'],
  outdir: 'dist/cli/devhost',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Storage is a program of its own too, which begins where it is the main module: in a bundle every module is that.
  define: { 'require.main': 'undefined', 'import.meta.url': 'importMetaUrl' },
  // What an ES module asks of import.meta, in a CommonJS file.
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
});
run('npm', 'pack', '--pack-destination', 'dist');
