// Compiles src, devhost, samples, bench and openapi into dist/, bundles the command line and the local host there, Azurite into two files, and
// packages the app (scripts/package.mjs). Incremental state is not kept: a build is always of what is there.
//   --if-missing FILE  leave a dist/ that holds this file as it is: it may be in use
//   --if-stale         leave a dist/ as it is that was made of the sources as they are
//   --no-check         for who checks the types beside it: what does not fit is compiled all the same
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { digestOfSources, isFresh, stampOf } from './sources.mjs';

const root = process.cwd();
const wanted = process.argv.indexOf('--if-missing') + 1;
// A dist/ of an older version, before there was such a file, is none.
if (wanted > 0 && existsSync(process.argv[wanted])) process.exit(0);
if (process.argv.includes('--if-stale') && isFresh(root)) process.exit(0);
rmSync('dist', { recursive: true, force: true });
// Taken before: what changes while the compiler runs makes the build stale.
const digest = digestOfSources(root);
const options = ['-p', 'tsconfig.build.json', ...(process.argv.includes('--no-check') ? ['--noCheck'] : [])];
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...options], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
// The app serves it: it stands beside the handler, as in the package.
cpSync('openapi.json', 'dist/src/api/openapi.json');
// Loaded late: what finds a fresh build need not wait for a bundler.
const [{ bundleCli }, { bundleDevhost }, { bundleAzurite }] = await Promise.all([
  import('./bundle-cli.mjs'),
  import('./bundle-devhost.mjs'),
  import('./azurite.mjs'),
]);
await bundleCli(root, 'dist/cli/fanfold.js');
await bundleDevhost(root);
await bundleAzurite(root);
// The app that the packed local host runs is the one that is deployed.
const packaged = spawnSync(process.execPath, ['scripts/package.mjs'], { stdio: ['ignore', 'ignore', 'inherit'] });
if (packaged.status !== 0) process.exit(packaged.status ?? 1);
writeFileSync(stampOf(root), digest);
