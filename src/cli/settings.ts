// Which host is called, and with what key: flags before environment before the profile file before the default.
// A key belongs to the URL that it was given with, and goes to no other origin.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CliError, type Where } from './errors';
import { readConfig, type Profile } from './profiles';
import type { Shell } from './shell';

export const DEFAULT_URL = 'http://localhost:7071';

/** Options that every command has. */
export interface GlobalOptions {
    url?: string;
    profile?: string;
    keyFile?: string;
    output?: string;
    color?: boolean;
    verbose?: boolean;
}

export interface Settings extends Where {
    key: string | null;
    token: string | null;
    appKey: string | null;
    /** What the user should know, such as that a key was not sent. */
    notes: string[];
}

interface Place {
    value: string;
    from: string;
}

/** A secret, and the origin that it was given for; null: for whichever URL is called. */
interface Secret extends Place {
    origin: string | null;
    what: What;
}

/** What the platform asks for, a function key or a token; and what the app itself does. */
type What = 'key' | 'token' | 'appKey';

/** What to call each, the variable that it may come from, and where the one of another host can come from. */
const kinds = {
    key: { name: 'key', variable: 'FANFOLD_KEY', instead: ' Give the one of that host with --key-file FILE.' },
    token: { name: 'token', variable: 'FANFOLD_TOKEN', instead: '' },
    appKey: { name: 'key of the app', variable: 'FANFOLD_APP_KEY', instead: ' Name a profile that has the one of that host.' },
} as const satisfies Record<What, object>;

/** @throws CliError for a profile that is not there, a file that cannot be read, a URL that is none */
export function settingsOf(shell: Pick<Shell, 'env' | 'platform' | 'home' | 'cwd'>, options: GlobalOptions): Settings {
    const { env } = shell;
    const config = readConfig(shell, options.profile ?? set(env.FANFOLD_PROFILE));
    const { profile } = config;
    const isFlagged = options.profile !== undefined;
    const places: (Place | null)[] = [
        options.url === undefined ? null : { value: options.url, from: 'the flag --url' },
        isFlagged ? urlOf(profile) : null,
        place(env.FANFOLD_URL, 'FANFOLD_URL'),
        urlOf(profile),
        { value: DEFAULT_URL, from: 'the default' },
    ];
    const { value, from } = places.find((given) => given !== null)!;
    const url = checkedUrl(value, from);
    const { origin } = new URL(url);

    const secrets = (what: What): Secret[] => {
        const ofProfile = profile ? secretOf(profile, what, shell) : null;
        const { variable } = kinds[what];
        const ofEnv = place(env[variable], variable);
        const envUrl = set(env.FANFOLD_URL);
        const fromEnv: Secret | null = ofEnv && { ...ofEnv, what, origin: envUrl === undefined ? null : originOf(envUrl) };
        const flag =
            what === 'key' && options.keyFile !== undefined ? readKeyFile(path.resolve(shell.cwd, options.keyFile), '--key-file') : null;
        const flagged: Secret | null = flag && { ...flag, what, origin: null };
        return (isFlagged ? [flagged, ofProfile, fromEnv] : [flagged, fromEnv, ofProfile]).filter((secret) => secret !== null);
    };
    const chosen = (what: What): { secret: Secret | null; notes: string[] } => {
        const notes: string[] = [];
        const { name, instead } = kinds[what];
        for (const secret of secrets(what)) {
            if (secret.origin === null || secret.origin === origin) return { secret, notes: [] };
            notes.push(`The ${name} of ${secret.from} belongs to ${secret.origin} and is not sent to ${origin}.${instead}`);
        }
        return { secret: null, notes };
    };
    const [key, token, appKey] = [chosen('key'), chosen('token'), chosen('appKey')];
    // One that fits makes up for one that does not.
    const isKept = key.secret !== null || token.secret !== null;
    return {
        url,
        urlFrom: from,
        key: checkedSecret(key.secret),
        token: checkedSecret(token.secret),
        appKey: checkedSecret(appKey.secret),
        keyFrom: (key.secret ?? token.secret)?.from ?? null,
        appKeyFrom: appKey.secret?.from ?? null,
        notes: [...(isKept ? [] : [...key.notes, ...token.notes]), ...appKey.notes],
    };
}

const set = (value: string | undefined): string | undefined => (value === undefined || value === '' ? undefined : value);
const place = (value: string | undefined, from: string): Place | null => (set(value) === undefined ? null : { value: value!, from });

const urlOf = (profile: Profile | null): Place | null => (profile?.url === undefined ? null : { value: profile.url, from: profile.from });

function secretOf(profile: Profile, what: What, shell: Pick<Shell, 'home'>): Secret | null {
    const origin = originOf(profile.url ?? DEFAULT_URL);
    const value = profile[what];
    if (value !== undefined) return { value, from: profile.from, what, origin };
    if (what === 'token') return null;
    const field = `${what}File` as const;
    const named = profile[field];
    if (named === undefined) return null;
    const file = path.resolve(path.dirname(profile.file), named.replace(/^~(?=[\\/])/, shell.home));
    return { ...readKeyFile(file, `the ${field} of ${profile.from}`), what, origin };
}

function readKeyFile(file: string, from: string): Place {
    try {
        return { value: readFileSync(file, 'utf8').trim(), from: `${from} ${file}` };
    } catch (error) {
        throw new CliError(`The key cannot be read from ${file}: ${(error as Error).message}`, { remedy: `It was named by ${from}.` });
    }
}

/** A header can carry it, and it is something. */
function checkedSecret(secret: Secret | null): string | null {
    if (secret === null) return null;
    const { value, from, what } = secret;
    if (/^[\x21-\x7e]+$/.test(value)) return value;
    throw new CliError(`The ${kinds[what].name} of ${from} is ${value === '' ? 'empty' : 'no line of visible characters'}.`);
}

/** Without slashes at the end. */
function checkedUrl(text: string, from: string): string {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash)
        throw new CliError(`"${text}" is no URL of a host; write for example ${DEFAULT_URL} or https://fanfold.example.com/api.`, {
            remedy: `It comes from ${from}.`,
        });
    if (url.username || url.password)
        throw new CliError(`The URL from ${from} holds a name or a password, which are not sent.`, { remedy: 'Use a key or a token.' });
    return text.replace(/\/+$/, '');
}

const originOf = (url: string): string | null => (URL.canParse(url) ? new URL(url).origin : null);
