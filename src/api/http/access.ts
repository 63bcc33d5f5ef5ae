// Who sends a request, and whether that is enough for what it asks.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { callerOf, KEY_HEADER, reaches, type Caller, type Level, type NamedKey, type Principal, type RouteLevel } from '../../core/access';
import { problem, type Problem } from '../../core/errors';
import type { Settings } from '../../settings';

type Headers = Pick<HttpRequest['headers'], 'get'>;
type AccessSettings = Pick<Settings, 'keys' | 'rolesRequired' | 'signsIn'>;

/** Characters of a name that are kept. */
const MAX_NAME = 200;

/** Whoever sends it, by what the platform and the request's own key say. */
export function readCaller(headers: Headers, { keys, rolesRequired, signsIn }: AccessSettings): Caller {
    const principal = signsIn ? principalIn(headers) : null;
    return callerOf(keyOf(headers.get(KEY_HEADER), keys?.keys ?? []), principal, keys !== null || rolesRequired);
}

/** The key that was sent. All are compared, each in the same time: how long it takes says neither which it is nor how much of it is right. */
function keyOf(sent: string | null, keys: readonly NamedKey[]): NamedKey | null {
    const digest = createHash('sha256')
        .update(sent ?? '')
        .digest();
    let found: NamedKey | null = null;
    for (const key of keys) if (timingSafeEqual(Buffer.from(key.sha256, 'hex'), digest)) found = key;
    return found;
}

/** Types of the claims that hold app roles, as tokens of version 2 and of version 1 name them. */
const ROLE_CLAIMS = ['roles', 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role'];

/**
 * Who is signed in. The platform sets these headers itself, and takes away those that a caller has sent: only where it has callers sign in may they be
 * believed.
 */
function principalIn(headers: Headers): Principal | null {
    const said = headers.get('x-ms-client-principal');
    const name = headers.get('x-ms-client-principal-name') || headers.get('x-ms-client-principal-id');
    if (said === null && name === null) return null;
    return { name: name?.slice(0, MAX_NAME) || null, roles: said === null ? [] : rolesIn(said) };
}

/** The app roles in `{"claims":[{"typ","val"},…]}`, as Base64; none where it cannot be read. */
function rolesIn(said: string): string[] {
    try {
        const { claims } = JSON.parse(Buffer.from(said, 'base64').toString('utf8')) as { claims: { typ: string; val: string }[] };
        return claims.filter(({ typ }) => ROLE_CLAIMS.includes(typ)).map(({ val }) => val);
    } catch {
        return []; // not of this form: whoever it is has no role here
    }
}

/** Why the caller may not do what asks for this level; null where he may. Of a key that is not known no more is said than of one that is missing. */
export function refuseCaller(caller: Caller, needed: RouteLevel): Problem | null {
    if (reaches(caller.level, needed)) return null;
    if (caller.level === null)
        return problem('KEY_REQUIRED', {
            detail: `The request comes with no ${KEY_HEADER} that is known here, and with no sign-in that has a role here.`,
            headers: { 'www-authenticate': `ApiKey realm="fanfold", header="${KEY_HEADER}"` },
        });
    return problem('LEVEL_TOO_LOW', {
        detail: `This needs the level ${needed}; ${caller.by} has ${caller.level}.`,
        ...{ needed, level: caller.level, caller: caller.by },
    });
}

/** Fields of a job spec, and of a patch, by which a job takes part in a limit of others. */
const SHARED = ['limiter', 'rate'] as const;

/** A low rate at a shared limiter slows down everybody: an operator may let only admins name them. @throws Problem LEVEL_TOO_LOW */
export function checkLimitersNamed(document: unknown, caller: Caller, limitersBy: Level): void {
    if (typeof document !== 'object' || document === null) return;
    const named = SHARED.filter((field) => Object.hasOwn(document, field));
    if (named.length === 0 || reaches(caller.level, limitersBy)) return;
    throw problem('LEVEL_TOO_LOW', {
        detail: `This deployment lets only ${limitersBy} name ${named.map((field) => `"${field}"`).join(' and ')} (FANFOLD_LIMITERS_BY); ${caller.by} has ${caller.level}.`,
        ...{ needed: limitersBy, level: caller.level, caller: caller.by },
    });
}
