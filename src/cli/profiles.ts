// The profile file: hosts by names, so that nobody types URLs and no key stands on a command line.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CliError } from './errors';
import type { Shell } from './shell';

export interface Profile {
    /** Where it stands, in words. */
    from: string;
    file: string;
    url?: string;
    key?: string;
    /** A file that holds the key; relative to the folder of the profile file. */
    keyFile?: string;
    token?: string;
    /** A key of the app, beside what the platform asks for. */
    appKey?: string;
    /** A file that holds it, found as `keyFile` is. */
    appKeyFile?: string;
}

export interface Config {
    /** The one that holds; null: none is named. */
    profile: Profile | null;
}

type Places = Pick<Shell, 'env' | 'platform' | 'home'>;

/** The folder of what a user has set. */
export const configFile = (shell: Places): string =>
    path.join(folder(shell, 'XDG_CONFIG_HOME', 'APPDATA', '.config'), 'fanfold', 'config.json');

/** The folder of what the program remembers by itself. */
export const stateFolder = (shell: Places): string =>
    path.join(folder(shell, 'XDG_STATE_HOME', 'LOCALAPPDATA', path.join('.local', 'state')), 'fanfold');

function folder({ env, platform, home }: Places, xdg: string, windows: string, below: string): string {
    const given = env[xdg];
    // The specification of these variables has relative ones ignored.
    if (given && path.isAbsolute(given)) return given;
    return (platform === 'win32' ? env[windows] : undefined) ?? path.join(home, below);
}

const fields = ['url', 'key', 'keyFile', 'token', 'appKey', 'appKeyFile'] as const;

/** @throws CliError for a file that is not what it should be, and for a name that is not in it */
export function readConfig(shell: Places, asked: string | undefined): Config {
    const file = configFile(shell);
    const text = readIfThere(file);
    if (text === null) {
        if (asked === undefined) return { profile: null };
        throw new CliError(`There is no profile "${asked}": there is no file ${file}.`, { remedy: HOW });
    }
    const document = parsed(text, file);
    const profiles = document.profiles ?? {};
    if (!isObject(profiles)) throw wrong(file, '/profiles is no object');
    if (document.profile !== undefined && typeof document.profile !== 'string') throw wrong(file, '/profile is no text');
    const name = asked ?? document.profile;
    if (name === undefined) return { profile: null };
    const found = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
    if (found === undefined) {
        const known = Object.keys(profiles);
        const remedy = known.length > 0 ? `There are: ${known.join(', ')}.` : HOW;
        throw new CliError(`There is no profile "${name}" in ${file}.`, { remedy });
    }
    if (!isObject(found)) throw wrong(file, `/profiles/${name} is no object`);
    const profile: Profile = { from: `the profile "${name}" in ${file}`, file };
    for (const [field, value] of Object.entries(found)) {
        const known = fields.find((one) => one === field);
        if (!known) throw wrong(file, `/profiles/${name}/${field} is not known; allowed: ${fields.join(', ')}`);
        if (typeof value !== 'string') throw wrong(file, `/profiles/${name}/${field} is no text`);
        profile[known] = value;
    }
    return { profile };
}

const HOW = 'A profile file is {"profile": "dev", "profiles": {"dev": {"url": "http://localhost:7071", "keyFile": "dev.key"}}}.';

function readIfThere(file: string): string | null {
    try {
        return readFileSync(file, 'utf8');
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw new CliError(`The profile file cannot be read: ${(error as Error).message}`);
    }
}

function parsed(text: string, file: string): { profile?: unknown; profiles?: unknown } {
    let document: unknown;
    try {
        document = JSON.parse(text);
    } catch (error) {
        // What a parser quotes of the text may be a key.
        const at = /position \d+|line \d+ column \d+/.exec((error as Error).message)?.[0];
        throw wrong(file, `it is no JSON${at ? ` (${at})` : ''}`);
    }
    if (!isObject(document)) throw wrong(file, 'it is no object');
    return document;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const wrong = (file: string, what: string): CliError => new CliError(`The profile file ${file} is not valid: ${what}.`, { remedy: HOW });
