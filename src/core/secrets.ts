// Which app settings a job spec may name as secrets, and where each may be sent.

/** A host that may see a secret; without a port, on any. `hostname` as `URL` writes it: lower case, IPv6 in brackets. */
export interface SecretHost {
    hostname: string;
    port: number | null;
}

/** The hosts of each listed name; none: it may be sent to any. */
export type SecretList = ReadonlyMap<string, readonly SecretHost[]>;

/**
 * Reads a list such as `GEOCODER_KEY, MAIL_TOKEN@api.example.com, MAIL_TOKEN@mail.example.com:8443`. A name that stands there with hosts may be
 * sent to these only, even if it stands there without one too. An entry that cannot be read lists nothing.
 */
export function secretsIn(list: string): SecretList {
    const found = new Map<string, SecretHost[]>();
    const held = new Set<string>();
    for (const entry of list.split(',')) {
        const [name = '', ...where] = entry.trim().split('@');
        if (!isSecretName(name)) continue;
        const host = where[0] === undefined ? undefined : hostIn(where.join('@'));
        if (host === null) {
            held.add(name);
            continue;
        }
        const hosts = found.get(name) ?? [];
        if (host) hosts.push(host);
        found.set(name, hosts);
    }
    // Meant for one host that cannot be read: not for any.
    for (const name of held) if (found.get(name)?.length === 0) found.delete(name);
    return found;
}

/** Names of app settings that every platform takes, and that nobody mistakes for a value. */
export const isSecretName = (name: string): boolean => /^[A-Z][A-Z0-9_]{0,99}$/.test(name);

function hostIn(text: string): SecretHost | null {
    const parts = /^(\[[0-9a-f:.]+\]|[^\s/\\?#@:[\]]+)(?::(\d{1,5}))?$/i.exec(text);
    if (!parts) return null;
    try {
        return { hostname: new URL(`http://${parts[1]}/`).hostname, port: parts[2] === undefined ? null : Number(parts[2]) };
    } catch {
        return null; // no name that a host can have
    }
}

/** True when a call of this URL goes to one of the hosts; with no hosts, always. */
export function goesTo(hosts: readonly SecretHost[], url: string): boolean {
    if (hosts.length === 0) return true;
    let parsed: URL;
    try {
        parsed = new URL(url);
    } catch {
        return false; // called by nobody
    }
    const port = Number(parsed.port || (parsed.protocol === 'https:' ? 443 : 80));
    return hosts.some((host) => host.hostname === parsed.hostname && (host.port === null || host.port === port));
}

/** Hosts as the list writes them, for people. */
export const hostNames = (hosts: readonly SecretHost[]): string =>
    hosts.map(({ hostname, port }) => (port === null ? hostname : `${hostname}:${port}`)).join(', ');

/** A shorter one would be found in everything that a target answers, and could be guessed. */
export const MIN_SECRET_LENGTH = 8;

/** Why a value cannot be sent as a secret in a header, in words that say nothing of it; null when it can. */
export function wrongInSecret(value: string): string | null {
    if (value.length < MIN_SECRET_LENGTH) return `has fewer than ${MIN_SECRET_LENGTH} characters`;
    if (/[\r\n]$/.test(value)) return 'ends in a line break';
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return 'holds characters that a header cannot carry';
    // The target would see it without them, and echo it without them: it would not be recognized.
    return /^[\t ]|[\t ]$/.test(value) ? 'begins or ends with a blank, which is taken off on the way' : null;
}

/** What a name in a job spec stands for: a value, or why there is none. */
export type Secret = { value: string; hosts: readonly SecretHost[] } | NoSecret;
export interface NoSecret {
    /** Why, naming the setting; never its value. */
    missing: string;
    /** It may be there after a restart of the app. */
    later: boolean;
}

/**
 * Looks a secret up among settings. A reference to a vault that the platform has not resolved stands there as it was written: it is no value, and
 * would tell the target where the secret is kept.
 */
export function secretAmong(list: SecretList, name: string, valueOf: (name: string) => string | undefined): Secret {
    const hosts = list.get(name);
    if (!hosts) return { missing: `the setting FANFOLD_SECRETS does not list "${name}"`, later: false };
    const value = valueOf(name);
    if (!value) return { missing: `FANFOLD_SECRETS lists "${name}", but there is no setting of that name`, later: false };
    if (/^\s*@Microsoft\.(?:KeyVault|AppConfiguration)\(/i.test(value))
        return { missing: `the setting "${name}" is a reference to a vault that is not resolved`, later: true };
    return { value, hosts };
}
