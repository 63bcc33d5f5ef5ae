// Compiles src, devhost, samples and bench into dist/. Incremental state is not kept: a build is always of what is there.
//   --if-missing FILE  leave a dist/ that holds this file as it is: it may be in use
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';

const wanted = process.argv.indexOf('--if-missing') + 1;
// A dist/ of an older version, before there was such a file, is none.
if (wanted > 0 && existsSync(process.argv[wanted])) process.exit(0);
rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
process.exit(status ?? 1);
