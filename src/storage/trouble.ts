// What went wrong with storage, in words that name the request and the answer; and how long to go on asking.
import { setTimeout as sleep } from 'node:timers/promises';
import { RestError, type ContainerClient } from '@azure/storage-blob';
import { NewerVersion } from '../contracts/contract';
import { MAX_MESSAGE } from '../core/errors';
import { messageOf as textOf } from '../core/text';
import type { Trouble } from '../core/trouble';

/** Storage contradicts itself: a document that it says is there is not, or one that it just took has become shorter. */
export class StorageContradiction extends Error {}

/** A document that must be there is not. */
export const missing = (name: string): StorageContradiction =>
    new StorageContradiction(`storage answered 404 to GET ${name}, which must be there`);

/** Between tries at replacing one document: those who were refused together must not come back together. */
export const apart = (tries: number): Promise<void> => sleep(Math.random() * Math.min(500, 10 * tries));

const PROBE_MS = 3_000;

export const isStatus = (error: unknown, ...codes: number[]): boolean =>
    error instanceof RestError && codes.includes(error.statusCode ?? 0);

/** True for what another try may find better: no answer, or the service's own 408, 429 and 5xx. */
export const isTransient = (error: unknown): boolean =>
    error instanceof RestError && (error.statusCode === undefined || error.statusCode >= 500 || [408, 429].includes(error.statusCode));

/**
 * True where a caller is to come again: no answer, none within the time that a request had, the service's own 5xx, or too many requests (429). Any other
 * refusal is a defect or a setting.
 */
export const isUnavailable = (error: unknown): boolean =>
    error instanceof RestError ? error.statusCode === undefined || error.statusCode >= 500 || error.statusCode === 429 : isOverdue(error);

/** The time that a request had is over. What it was answered until then, if anything, was to be tried again. */
const isOverdue = (error: unknown): boolean => error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name);

/**
 * Tells an outage from a refusal: an error that another try may mend is an outage only while storage answers nothing at all. A request that fails
 * again and again beside others that work is refused, whatever the status says.
 */
export async function diagnose(error: unknown, container: ContainerClient): Promise<Trouble> {
    const trouble = troubleOf(error);
    if (trouble.code === 'STORAGE_AWAY' && (await answers(container))) trouble.code = 'STORAGE_REFUSED';
    return trouble;
}

/** The same by the error alone: whatever another try may mend is an outage. */
export function troubleOf(error: unknown): Trouble {
    if (error instanceof NewerVersion) return { code: 'NEWER_VERSION', message: error.message };
    const isStorage = error instanceof RestError || error instanceof StorageContradiction;
    const code = isTransient(error) || isOverdue(error) ? 'STORAGE_AWAY' : isStorage ? 'STORAGE_REFUSED' : 'UNEXPECTED';
    return { code, message: messageOf(error) };
}

async function answers(container: ContainerClient): Promise<boolean> {
    try {
        await container.getProperties({ abortSignal: AbortSignal.timeout(PROBE_MS) });
        return true;
    } catch (error) {
        return !isTransient(error) && !isOverdue(error);
    }
}

/** `storage answered 403 AuthorizationFailure to GET jobs/1/plan.json`: never the query, which may hold a signature. */
export function messageOf(error: unknown): string {
    if (isOverdue(error)) return 'storage did not answer with success in time';
    if (!(error instanceof RestError)) return textOf(error).slice(0, MAX_MESSAGE);
    const { request, statusCode } = error;
    const code = error.response?.headers.get('x-ms-error-code') ?? error.code;
    const what = request ? ` to ${request.method} ${documentOf(request.url)}` : '';
    const said =
        statusCode === undefined
            ? `did not answer${what}: ${error.message.split('\n')[0]}`
            : `answered ${statusCode}${code ? ` ${code}` : ''}${what}`;
    return `storage ${said}`.slice(0, MAX_MESSAGE);
}

/** The path below the container, as names are written in the docs. */
function documentOf(url: string): string {
    const { pathname } = new URL(url);
    const at = pathname.search(/\/(jobs|uploads|index|idempotency|live|inbox)\//);
    return decodeURIComponent(at < 0 ? pathname : pathname.slice(at + 1));
}

/**
 * Asks again for so many ms, with pauses of 1 s, doubling, at most 10 s, while another try may help: for steps that would have to begin anew, such as
 * reading a source of gigabytes.
 */
export async function patiently<T>(ask: () => Promise<T>, forMs: number): Promise<T> {
    const until = Date.now() + forMs;
    for (let tries = 0; ; tries++) {
        try {
            return await ask();
        } catch (error) {
            const pause = Math.min(10_000, 1000 * 2 ** tries);
            if (!isTransient(error) || Date.now() + pause > until) throw error;
            await sleep(pause);
        }
    }
}

/** For what planning and folding ask, on top of the client's own tries. */
export const STEP_PATIENCE_MS = 10_000;
