// What is answered where the document knows no operation: no such path, or no such method there.
import { headerMisfits } from './checkAnswer';
import type { Found } from './document';
import { mediaType, type AnswerHead, type SentRequest } from './exchange';
import type { Validators } from './validators';

export function checkUnrouted(
    validators: Validators,
    found: Exclude<Found, { kind: 'operation' }>,
    { method, route }: SentRequest,
    { status, headers }: AnswerHead,
    text: string,
): string[] {
    const [expected, code] = found.kind === 'nothing' ? ([404, 'ROUTE_NOT_FOUND'] as const) : ([405, 'METHOD_NOT_ALLOWED'] as const);
    if (status !== expected) return [`the document knows no ${method} ${route}: ${expected} ${code} is expected`];
    const answer = validators.document.otherPaths.get(String(status));
    if (!answer) return [`x-other-paths has no ${status}`];
    const misfits = headerMisfits(validators, answer, headers);
    const type = mediaType(headers);
    const media = answer.content.get(type ?? '');
    if (!media) misfits.push(`content type ${type} is not documented`);
    if (found.kind === 'method') {
        const allowed = (headers.get('allow') ?? '').split(', ').sort().join(', ');
        const documented = [...found.methods].sort().join(', ');
        if (allowed !== documented) misfits.push(`header allow says ${allowed}; documented are ${documented}`);
    }
    if (method === 'HEAD' || misfits.length > 0) return misfits;
    const errors = validators.errors(media!.schema!, JSON.parse(text));
    return errors.length > 0 ? [`body: ${errors.join('; ')}`] : [];
}
