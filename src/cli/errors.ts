// What ends a command other than its work: told in words, with what to do, and with an exit code.
import { ApiError, NetworkError } from '../client';
import { exitCodes, type ExitCode } from './exitCodes';
import { printable } from './output/text';

/** Something that the command line itself refuses or cannot do. */
export class CliError extends Error {
    override readonly name = 'CliError';
    readonly code: ExitCode;
    /** What to do about it. */
    readonly remedy: string | undefined;
    constructor(message: string, { code = exitCodes.error, remedy }: { code?: ExitCode; remedy?: string } = {}) {
        super(message);
        this.code = code;
        this.remedy = remedy;
    }
}

/** A spec that the command line refuses before the API sees it. */
export const badSpec = (message: string, remedy?: string): CliError =>
    new CliError(message, { code: exitCodes.badSpec, ...(remedy === undefined ? {} : { remedy }) });

/** The process was asked to end. */
export class Interrupted extends Error {
    override readonly name = 'Interrupted';
    constructor(readonly by: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
        super(`interrupted by ${by}`);
    }
    get code(): ExitCode {
        return this.by === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
    }
}

/** Whoever read standard output has gone, as `head` does when it has enough: nothing is wrong. */
export class BrokenPipe extends Error {
    override readonly name = 'BrokenPipe';
}

/** Where requests go and by whose word, for an error that is about that. */
export interface Where {
    url: string;
    urlFrom: string;
    /** Where the key or token came from; null: none is sent. */
    keyFrom: string | null;
    /** The same of the key of the app. */
    appKeyFrom: string | null;
}

export interface Told {
    lines: string[];
    code: ExitCode;
}

/** Codes of documents that are not what they should be. */
const BAD_DOCUMENT = new Set<string>(['BAD_SPEC', 'BAD_JSON', 'BAD_BODY']);

export function tell(error: unknown, where: Where | null): Told {
    if (error instanceof CliError)
        return { lines: [error.message, ...(error.remedy ? [error.remedy] : [])].map(printable), code: error.code };
    if (error instanceof Interrupted) return { lines: [], code: error.code };
    if (error instanceof ApiError) return tellAnswer(error, where);
    if (error instanceof NetworkError) return tellSilence(error, where);
    return { lines: [printable(error instanceof Error ? error.message : String(error))], code: exitCodes.error };
}

function tellAnswer(error: ApiError, where: Where | null): Told {
    const fields = error.errors.map(
        ({ pointer, message, allowed }) =>
            `  ${pointer || 'the document'}: ${message}${allowed === undefined ? '' : `; allowed: ${allowed}`}`,
    );
    // The detail of an answer that lists fields repeats the first of them.
    const first = error.problem
        ? fields.length > 0
            ? `${error.title}:`
            : `${error.title}: ${error.detail}`
        : `${error.method} ${error.path} answered ${error.status}: ${error.detail}`;
    if (error.status === 401 || error.status === 403) {
        const remedy = error.code === 'FOREIGN_ORIGIN' ? error.remedy : remedyOf(error, where);
        return { lines: [first, ...(remedy ? [remedy] : [])].map(printable), code: exitCodes.notAllowed };
    }
    const remedies: string[] = [];
    if (error.remedy) remedies.push(error.remedy);
    if (!error.problem && error.status < 500 && where)
        remedies.push(`This is no answer of Fanfold. The URL is ${where.url}, from ${where.urlFrom}: is it that of a Fanfold app?`);
    const code = error.code !== null && BAD_DOCUMENT.has(error.code) ? exitCodes.badSpec : exitCodes.error;
    return { lines: [first, ...fields, ...remedies].map(printable), code };
}

/** What to do where the platform, or the app, lets nobody in who comes so: each asks for a key of its own. */
function remedyOf({ code }: ApiError, where: Where | null): string {
    const url = where?.url;
    if (code === 'LEVEL_TOO_LOW') return 'Set FANFOLD_APP_KEY to a key of that level, or name a profile that has one (appKey, appKeyFile).';
    if (code === 'KEY_REQUIRED')
        return where?.appKeyFrom
            ? `The key of the app of ${where.appKeyFrom} was sent to ${url}: check that it is one of this host.`
            : 'No key of the app was sent, beside a function key or a token: set FANFOLD_APP_KEY, or name a profile that has one (appKey, appKeyFile).';
    return where?.keyFrom
        ? `The key or token of ${where.keyFrom} was sent to ${url}: check that it is the one of this host.`
        : 'No key was sent: set FANFOLD_KEY (or FANFOLD_TOKEN), give --key-file FILE, or name a profile that has one.';
}

function tellSilence(error: NetworkError, where: Where | null): Told {
    if (!where) return { lines: [printable(error.message)], code: exitCodes.error };
    const remedy = isLocal(where.url)
        ? 'Is the host started? The local one is, with `fanfold dev`, or `npm start` in a clone. Another is named by --url, FANFOLD_URL or a profile.'
        : 'Check the URL and the network; another host is named by --url, FANFOLD_URL or a profile.';
    const lines = [error.message, `The URL is ${where.url}, from ${where.urlFrom}.`, remedy];
    return { lines: lines.map(printable), code: exitCodes.error };
}

function isLocal(url: string): boolean {
    return /^(localhost|127\.|\[::1\])/.test(new URL(url).host);
}

/** Whether nobody listens there, or nobody knows the name: that is no passing trouble at the beginning. */
export function isNobodyThere(error: unknown): boolean {
    for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
        const { code, errors, cause } = at as { code?: unknown; errors?: unknown[]; cause?: unknown };
        if (code === 'ECONNREFUSED' || code === 'ENOTFOUND') return true;
        if (errors?.some((one) => isNobodyThere(one))) return true;
        at = cause;
    }
    return false;
}
