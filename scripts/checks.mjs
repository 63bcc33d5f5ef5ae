// What needs no test runner: lint, format, types, the build and infra/, all at the same time. One that fails fails all of it; what each says is shown in one piece.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

// The types of what is built are among those that are checked.
const CHECKS = [
  'npm run -s lint:code',
  'npm run -s lint:format',
  'npm run -s lint:openapi',
  'npm run -s types',
  'node scripts/build.mjs --no-check',
  'node scripts/check-bicep.mjs',
];

/** Says whether it holds. */
async function check(command) {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  process.stdout.write(out);
  process.stderr.write(errors);
  if (code !== 0) console.error(`Failed: ${command}`);
  return code === 0;
}

const all = await Promise.all(CHECKS.map(check));
// Ends by itself, so that what is said is written to its end.
process.exitCode = all.every(Boolean) ? 0 : 1;
