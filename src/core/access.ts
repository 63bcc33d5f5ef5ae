// Who may do what: the levels, the keys that have one, and the app roles of a sign-in that stand for one.

/** Each may do what those before it may. */
export const levels = ['read', 'operate', 'admin'] as const;
export type Level = (typeof levels)[number];

/** What a route asks of its callers. Anonymous: nothing, of the platform's keys neither. */
export type RouteLevel = 'anonymous' | Level;

/** Whether who has this level (null: none) may do what asks for that one. */
export const reaches = (level: Level | null, needed: RouteLevel): boolean => rank(level) >= rank(needed);

const rank = (level: RouteLevel | null): number => levels.indexOf(level as Level);

/** The header that a key of the app comes in. */
export const KEY_HEADER = 'x-fanfold-key';

export interface NamedKey {
    name: string;
    level: Level;
    /** Of the key: 64 hex digits in lower case. */
    sha256: string;
}

export interface KeyRing {
    keys: NamedKey[];
    /** What is wrong with each entry that grants nothing. An entry is not repeated here: it may be a key that was put in place of its digest. */
    unread: string[];
}

/** What `printf %s "$key" | sha256sum` says where the variable is not set: whoever sends an empty header would have this key. */
const OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * The keys of `name:level:sha256,…`; null where the text is empty, and so no keys are asked for. A text of which nothing can be read asks for keys that
 * nobody has: a slip in the setting closes the app, and does not open it.
 */
export function keysIn(text: string): KeyRing | null {
    if (text.trim() === '') return null;
    const ring: KeyRing = { keys: [], unread: [] };
    for (const [i, entry] of text.split(',').entries()) {
        const read = keyIn(entry.trim(), ring.keys);
        if (typeof read === 'string') ring.unread.push(`entry ${i + 1} ${read}`);
        else ring.keys.push(read);
    }
    return ring;
}

/** A key, or what is wrong with the entry. */
function keyIn(entry: string, before: NamedKey[]): NamedKey | string {
    const [name = '', level = '', digest = '', ...more] = entry.split(':');
    if (more.length > 0 || digest === '') return 'is not name:level:sha256';
    if (!/^[\w.-]{1,64}$/.test(name)) return 'has a name of other characters than letters, digits and -_., or of more than 64';
    if (!isLevel(level)) return `has a level that is none of ${levels.join(', ')}`;
    const sha256 = digest.toLowerCase();
    if (!/^[0-9a-f]{64}$/.test(sha256)) return 'has a digest that is not 64 hex digits';
    if (sha256 === OF_NOTHING) return 'has the digest of an empty key';
    if (before.some((key) => key.sha256 === sha256)) return 'has the key of an earlier entry';
    return { name, level, sha256 };
}

export const isLevel = (word: string): word is Level => (levels as readonly string[]).includes(word);

/** App roles of the Entra application, in the order of their levels. */
export const appRoles = ['Fanfold.Read', 'Fanfold.Operate', 'Fanfold.Admin'] as const;

/** The highest level of the roles; null where none is a role of this app. */
export function levelOfRoles(roles: readonly string[]): Level | null {
    return levels.filter((_, i) => roles.includes(appRoles[i]!)).at(-1) ?? null;
}

/** Who is signed in, as the platform says. */
export interface Principal {
    name: string | null;
    roles: string[];
}

export interface Caller {
    /** Null: none. */
    level: Level | null;
    /** As it stands in timelines: `key:NAME`, the name of who is signed in, or `api` where nothing is known. */
    by: string;
}

/**
 * The caller that a request's key (null: it has none that is known) and sign-in (null: nobody's) make. The higher of the two levels holds, that of a person before
 * that of a key. `isChecked`: a key or a role is asked for; otherwise whoever comes without one is let through to everything, as the platform did.
 */
export function callerOf(key: NamedKey | null, principal: Principal | null, isChecked: boolean): Caller {
    const unknown = isChecked ? null : 'admin';
    const person: Caller = { level: (principal && levelOfRoles(principal.roles)) ?? unknown, by: principal?.name ?? 'api' };
    return key && !reaches(person.level, key.level) ? { level: key.level, by: `key:${key.name}` } : person;
}
