// The app on the local host, built again and started again whenever a source changes. Jobs go on where they were: storage stays.
// Options are handed to the host, as in `npm run dev -- --port 7072`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { bundleAzurite } from './azurite.mjs';

rmSync('dist', { recursive: true, force: true });
await bundleAzurite(process.cwd());
const compiler = spawn(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
let host = null;
let turn = Promise.resolve();

const isAtWork = (child) => child !== null && child.exitCode === null && child.signalCode === null;

async function stop() {
  if (!isAtWork(host)) return;
  const gone = once(host, 'exit');
  host.kill('SIGTERM');
  await gone;
}

async function restart() {
  await stop();
  host = spawn(process.execPath, ['dist/devhost/cli.js', ...process.argv.slice(2)], { stdio: 'inherit' });
}

compiler.stdout.on('data', (text) => {
  process.stdout.write(text);
  // With errors the host that runs stays as it is: its modules are in memory.
  if (/Found 0 errors/.test(text)) turn = turn.then(restart);
});
compiler.on('exit', (code) => stop().then(() => process.exit(code ?? 1)));
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    compiler.kill();
    stop().then(() => process.exit(0));
  });
