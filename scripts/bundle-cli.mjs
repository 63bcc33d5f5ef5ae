// Bundles the command line into one file that needs nothing beside it but Node.
import { build } from 'esbuild';
import { chmodSync, readFileSync } from 'node:fs';
import path from 'node:path';

// What commander would start programs of other commands with, which there are none of: not loaded at each start.
const noChildProcess = {
  name: 'noChildProcess',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path: 'child_process', namespace: 'none' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'module.exports = {};' }));
  },
};

export async function bundleCli(root, outfile) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    banner: { js: '#!/usr/bin/env node' },
    define: { FANFOLD_VERSION: JSON.stringify(version) },
    // Parsing is a good part of the start. Names stay, for --verbose shows where an error comes from.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [noChildProcess],
    legalComments: 'inline',
    logLevel: 'warning',
  });
  chmodSync(path.resolve(root, outfile), 0o755);
}
