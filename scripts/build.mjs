// Compiles src, devhost, samples and bench into dist/, and Azurite into two files beside them. Incremental state is not kept: a build is always of what is there.
//   --if-missing FILE  leave a dist/ that holds this file as it is: it may be in use
//   --if-stale         leave a dist/ as it is that was made of the sources as they are
//   --no-check         for who checks the types beside it: what does not fit is compiled all the same
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { bundleAzurite } from './azurite.mjs';
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
await bundleAzurite(root);
writeFileSync(stampOf(root), digest);
