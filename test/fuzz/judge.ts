// What is wrong with an answer, whatever was asked: a sentence each.
import { reaches, type Level, type RouteLevel } from '../../src/core/access';
import type { Operation } from '../support/apiDocument/document';
import type { Known } from './known';
import type { FuzzRequest, Sender } from './requests';
import type { Answer } from './send';

export interface JudgeOptions {
    levelOf: (operation: Operation) => RouteLevel;
    known: Known;
}

/** What the platform's own servers answer to what is no request of the app's. */
const BY_SERVERS = new Set([400, 404, 411, 413, 414, 417, 431]);

export function wrongWith(
    { operation, sender, method }: FuzzRequest,
    sent: string,
    answer: Answer,
    { levelOf, known }: JudgeOptions,
): string[] {
    const { status, headers, text } = answer;
    const wrong: string[] = [];
    if (status >= 500) wrong.push(`answered ${status}: ${text.slice(0, 300)}`);
    const isOfApp = headers.has('x-ms-invocation-id') || headers.get('content-type')?.startsWith('application/problem+json') === true;
    if (!isOfApp && !BY_SERVERS.has(status) && status !== 401 && !(status < 300 && headers.has('x-content-type-options')))
        wrong.push(`answered ${status} by nobody known`);
    if (isOfApp && headers.get('x-content-type-options') !== 'nosniff') wrong.push('lets a browser guess its type');
    if (isOfApp && !headers.get('content-security-policy')?.includes("frame-ancestors 'none'")) wrong.push('may be framed');
    if (headers.has('x-injected') || headers.has('access-control-allow-origin'))
        wrong.push(`has headers of the caller's: ${JSON.stringify([...headers])}`);
    if (isOfApp && status >= 400 && method !== 'HEAD' && !text.startsWith('{"type":"urn:fanfold:problem:'))
        wrong.push(`a refusal without a problem: ${text.slice(0, 200)}`);
    // Where the route was another one than was meant, its level is, too.
    const isRouted = method === operation.method && status < 400;
    if (isRouted && !reaches(levels[sender], levelOf(operation))) wrong.push(`let in ${sender}`);
    if (operation.id === 'getResults' && status === 200) wrong.push(...ofOthers(sent, text, known));
    return wrong;
}

const levels: Record<Sender, Level | null> = { admin: 'admin', operate: 'operate', read: 'read', nobody: null, wrong: null };

/** Outcomes of another job than the one that was asked for. */
function ofOthers(sent: string, text: string, known: Known): string[] {
    const id = /^\/api\/jobs\/([^/?]+)\/results/.exec(sent)?.[1];
    const tag = id === undefined ? undefined : known.tags.get(id);
    if (!tag) return [];
    const others = [...known.tags.values()].filter((other) => other !== tag && text.includes(`"${other}-`));
    return others.length > 0 ? [`gives outcomes of another job: those of ${others.join()}`] : [];
}
