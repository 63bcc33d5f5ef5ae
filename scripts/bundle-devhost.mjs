// Bundles the local host into one file for each of its two processes, beside the command line: `fanfold dev` runs it where no clone is.
import { build } from 'esbuild';
import path from 'node:path';

export async function bundleDevhost(root) {
  await build({
    absWorkingDir: root,
    entryPoints: ['devhost/cli.ts', 'devhost/host.ts'],
    outdir: path.join(root, 'dist/cli/devhost'),
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
}
