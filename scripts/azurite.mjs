// Makes of Azurite one file for each way that it is started: read from its hundreds of modules, it takes three times the processor time to start.
import { build } from 'esbuild';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Writes azurite.cjs, and blob.cjs with the blob service alone, into dist/azurite/; nothing where this root has no Azurite. */
export async function bundleAzurite(root) {
  if (!existsSync(path.join(root, 'node_modules/azurite'))) return;
  const azurite = path.dirname(createRequire(path.join(root, 'package.json')).resolve('azurite/package.json'));
  await build({
    entryPoints: { azurite: path.join(azurite, 'dist/src/azurite.js'), blob: path.join(azurite, 'dist/src/blob/main.js') },
    outdir: path.join(root, 'dist/azurite'),
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    // Telemetry is half of what there is to read; nobody starts it here without --disableTelemetry.
    alias: { applicationinsights: path.join(import.meta.dirname, 'noTelemetry.cjs') },
    // A driver of databases that Azurite does not come with.
    external: ['pg-hstore'],
    logLevel: 'warning',
  });
}
