// Which limiter a job's calls are counted by: the one that it names, else that of the host which it calls.

/** What a job says of it. `url`: the template of what is called, of a job that calls a URL. */
export interface LimiterOwner {
    limiter?: string | undefined;
    url?: string | undefined;
}

export const LIMITER_FORM = '1 to 200 letters, digits and . _ : - [ ], and neither "." nor "..", such as "api.example.com:8443"';
// A name is a segment of a path, where one or two dots name something else.
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._:[\]-]{1,200}$/;

export const isLimiterName = (text: string): boolean => NAME.test(text);

/**
 * The name of a job's limiter: as it is given, else the host that every call goes to, as `host[:port]` in lower case, the port where it is not the
 * scheme's own. Null where the item chooses the host, and of a processor that names none.
 */
export function limiterOf({ limiter, url = '' }: LimiterOwner): string | null {
    if (limiter !== undefined) return limiter;
    // Of what an expression begins with, only `/` and `?` end a host.
    const base = /^https?:\/\/[^/?#\\{]+(?=[/?#\\]|\{[/?]|$)/i.exec(url)?.[0];
    if (base === undefined) return null;
    try {
        const { host } = new URL(base);
        return isLimiterName(host) ? host : null;
    } catch {
        return null; // called by nobody
    }
}
