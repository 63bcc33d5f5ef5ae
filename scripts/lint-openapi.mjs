// Lints openapi.json by redocly.yaml. The linter tells nobody that it ran, and asks no registry for a newer version of itself.
import { spawnSync } from 'node:child_process';

const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
const cli = 'node_modules/@redocly/cli/bin/cli.js';
const { status } = spawnSync(process.execPath, [cli, 'lint', 'openapi.json'], { env, stdio: 'inherit' });
process.exit(status ?? 1);
