// Packs what a build has made, dist/fanfold-VERSION.tgz: the command line with the app, the local host and its storage, so that `fanfold dev` works where
// no clone is, with nothing to install. `npm pack` after a build gives the same.
import { spawnSync } from 'node:child_process';

const run = (command, ...args) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
};

run(process.execPath, 'scripts/build.mjs', '--if-stale');
run('npm', 'pack', '--pack-destination', 'dist');
