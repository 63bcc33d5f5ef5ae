// What a build is made of, as one digest: a dist/ that was made of something else is stale. By content, for a checkout or a copy may carry any time.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const folders = ['src', 'devhost', 'samples', 'bench', 'openapi', 'test/fuzz', 'test/guarantees', 'test/histories', 'test/support'];
const files = [
  'package.json',
  'openapi.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.mjs',
  'scripts/bundle-cli.mjs',
  'scripts/bundle-devhost.mjs',
  'scripts/package.mjs',
  'scripts/sbom.mjs',
  'host.json',
  'scripts/azurite.mjs',
];

/** Where a build keeps the digest of what it was made of. */
export const stampOf = (root) => path.join(root, 'dist/.sources');

export function digestOfSources(root) {
  const found = folders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) => readdirSync(path.join(root, folder), { recursive: true }).map((file) => path.join(folder, file)))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  const hash = createHash('sha256');
  for (const file of [...found, ...files.filter((file) => existsSync(path.join(root, file)))].sort())
    hash
      .update(`${file}\0`)
      .update(readFileSync(path.join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

export const isFresh = (root) => existsSync(stampOf(root)) && readFileSync(stampOf(root), 'utf8') === digestOfSources(root);
