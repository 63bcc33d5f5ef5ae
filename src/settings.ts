// Every app setting that the app reads, in one place. docs/deploy.md lists the same names.
import { keysIn, type KeyRing, type Level } from './core/access';
import { prefixesIn } from './core/blobName';
import { capsIn, type Caps } from './core/caps';
import { secretAmong, secretsIn, type Secret, type SecretList } from './core/secrets';

export interface Settings {
    /** Connection string of the account that holds job data; by default the host's own. */
    dataConnection: string | undefined;
    /** Blob service URL of that account, reached with the app's identity; wins over the connection string. */
    dataAccountUrl: string | undefined;
    /** Client id of the user-assigned identity to be; without it the default credential tries one after another. */
    clientId: string | undefined;
    container: string;
    /** When the sweeper looks at the jobs that have not ended: NCRONTAB, six fields, in UTC. */
    sweepSchedule: string;
    /** What the names of blobs that a job may read begin with, each with its closing slash. */
    sourcePrefixes: string[];
    /** Origins, beside the app's own, whose pages may change things here, as a browser writes them. */
    allowedOrigins: string[];
    /** The platform has callers sign in (App Service authentication): it says so itself, and sets the header that names the caller. */
    signsIn: boolean;
    /** The keys that callers are asked for; null: for none. */
    keys: KeyRing | null;
    /** Who is signed in needs an app role, also where no keys are asked for. */
    rolesRequired: boolean;
    /** The level that a job spec, or a patch, needs to name a limiter or a rate. */
    limitersBy: Level;
    caps: Caps;
    /** What is wrong with each setting of a cap that is none. */
    unreadCaps: string[];
}

export const readSettings = (env: NodeJS.ProcessEnv = process.env): Settings => ({
    dataConnection: env.FANFOLD_DATA_CONNECTION ?? env.AzureWebJobsStorage,
    dataAccountUrl: env.FANFOLD_DATA_ACCOUNT_URL,
    clientId: env.AZURE_CLIENT_ID,
    signsIn: env.WEBSITE_AUTH_ENABLED?.toLowerCase() === 'true',
    keys: keyRing(env.FANFOLD_KEYS ?? ''),
    // A word that is not known here is taken for the stricter one.
    rolesRequired: (env.FANFOLD_ROLES ?? '').trim() !== '',
    limitersBy: ['', 'operate'].includes((env.FANFOLD_LIMITERS_BY ?? '').trim()) ? 'operate' : 'admin',
    container: env.FANFOLD_CONTAINER ?? 'fanfold',
    sweepSchedule: env.FANFOLD_SWEEP_SCHEDULE ?? '0 */5 * * * *',
    sourcePrefixes: prefixesIn(env.FANFOLD_SOURCE_PREFIXES ?? 'inbox/'),
    allowedOrigins: (env.FANFOLD_ALLOWED_ORIGINS ?? '')
        .split(',')
        .map((origin) => origin.trim().toLowerCase().replace(/\/$/, ''))
        .filter(Boolean),
    ...capSettingsIn(env),
});

function capSettingsIn(env: NodeJS.ProcessEnv): Pick<Settings, 'caps' | 'unreadCaps'> {
    const { caps, unread } = capsIn({
        items: env.FANFOLD_MAX_ITEMS,
        jobs: env.FANFOLD_MAX_JOBS,
        uploadBytes: env.FANFOLD_MAX_UPLOAD_BYTES,
        uploads: env.FANFOLD_MAX_UPLOADS,
        uploadAge: env.FANFOLD_UPLOAD_MAX_AGE,
        bodyBytes: env.FANFOLD_MAX_BODY_BYTES,
    });
    return { caps, unreadCaps: unread };
}

let heeded: { text: string; keys: KeyRing | null } = { text: '', keys: null };

/** Read once for each text: every request asks. */
function keyRing(text: string): KeyRing | null {
    if (text !== heeded.text) heeded = { text, keys: keysIn(text) };
    return heeded.keys;
}

let known: { text: string; list: SecretList } = { text: '', list: new Map() };

/** The secret that a job spec names: the value of the app setting of that name, if FANFOLD_SECRETS lists it. */
export function findSecret(name: string, env: NodeJS.ProcessEnv = process.env): Secret {
    const text = env.FANFOLD_SECRETS ?? '';
    if (text !== known.text) known = { text, list: secretsIn(text) };
    return secretAmong(known.list, name, (setting) => env[setting]);
}

/** What the fence of targets goes by. The app's own hosts are those that the platform names. */
export function fenceSettings(env: NodeJS.ProcessEnv = process.env): { allowed: string; denied: string; own: string[] } {
    const site = env.WEBSITE_HOSTNAME;
    // On a developer's machine every address of loopback leads to the app, and to the host's own API beside it.
    const port = /^localhost:(\d+)$/i.exec(site ?? '')?.[1];
    const here = port === undefined ? [] : [`127.0.0.0/8:${port}`, `[::1]:${port}`];
    const own = [site, site?.replace('.', '.scm.'), ...here, hostOf(env.IDENTITY_ENDPOINT)];
    return {
        allowed: env.FANFOLD_ALLOWED_TARGETS ?? '',
        denied: env.FANFOLD_DENIED_TARGETS ?? '',
        own: own.filter((host) => host !== undefined),
    };
}

function hostOf(url: string | undefined): string | undefined {
    try {
        return url ? new URL(url).host : undefined;
    } catch {
        return undefined; // of no platform that is known
    }
}
