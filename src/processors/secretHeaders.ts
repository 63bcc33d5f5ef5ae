// The headers of a call: those that the spec writes out, and those that it takes from secrets.
import { goesTo, wrongInSecret, type NoSecret, type Secret, type SecretHost } from '../core/secrets';
import type { HttpProcess } from '../contracts/jobSpec';
import { failed } from './processor';
import type { Failed } from './processor';

export interface CallHeaders {
    headers: Record<string, string>;
    /** The values of the secrets among them. */
    secrets: string[];
    /** Why nothing is to be sent to this URL, if so: a secret is not there, or is bound to other hosts. */
    refuses: (url: string) => Failed | null;
}

/** Looks every secret of a spec up, once per job and process. */
export function headersOf(spec: HttpProcess, findSecret: (name: string) => Secret): CallHeaders {
    const headers: Record<string, string> = {};
    const secrets: string[] = [];
    const missing: NoSecret[] = [];
    const unfit: string[] = [];
    const bound: { name: string; hosts: readonly SecretHost[] }[] = [];
    for (const [header, value] of Object.entries(spec.headers)) {
        if (typeof value === 'string') {
            headers[header] = value;
            continue;
        }
        const secret = findSecret(value.secret);
        const wrong = 'missing' in secret ? null : wrongInSecret(secret.value);
        if ('missing' in secret) missing.push(secret);
        else if (wrong) unfit.push(`the value of the secret "${value.secret}" ${wrong}`);
        else {
            headers[header] = secret.value;
            secrets.push(secret.value);
            if (secret.hosts.length > 0) bound.push({ name: value.secret, hosts: secret.hosts });
        }
    }
    if (missing.length > 0) {
        const [why, later] = [missing.map((m) => m.missing).join('; '), missing.every((m) => m.later)];
        return { headers, secrets, refuses: () => failed('SECRET_MISSING', why, later) };
    }
    // The setting has changed since the job was posted.
    if (unfit.length > 0) return { headers, secrets, refuses: () => failed('SECRET_INVALID', unfit.join('; ')) };
    let fine = '';
    return {
        headers,
        secrets,
        refuses: (url) => {
            // Most jobs name no secret that is bound, and of those that do most call one URL.
            if (bound.length === 0 || url === fine) return null;
            const held = bound.find(({ hosts }) => !goesTo(hosts, url));
            if (held) return failed('SECRET_HOST', `the secret ${held.name} may not be sent to the host of this URL`);
            fine = url;
            return null;
        },
    };
}
