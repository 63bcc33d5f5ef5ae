// What package-lock.json says is installed.
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface LockedPackage {
    /** Where it is installed, such as `node_modules/axios/node_modules/debug`. */
    folder: string;
    version: string;
    /** `sha512-` and the hash of the package's tarball, in base64. */
    integrity?: string;
    /** Where it is fetched from, if that is not the registry. */
    resolved?: string;
    license?: string;
    /** It is there for development only. */
    dev?: boolean;
    optional?: boolean;
}

export function lockedPackages(): LockedPackage[] {
    const { packages } = JSON.parse(readFileSync(path.resolve(__dirname, '../../package-lock.json'), 'utf8')) as {
        packages: Record<string, Omit<LockedPackage, 'folder'>>;
    };
    return Object.entries(packages).flatMap(([folder, entry]) => (folder === '' ? [] : [{ folder, ...entry }]));
}

/** What `npm ci --omit=dev` would install. The optional ones, Azure's tools for one's own machine, are among them. */
export const deployedPackages = () => lockedPackages().filter(({ dev }) => dev !== true);
