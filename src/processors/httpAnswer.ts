// What an answer of the target means for the item: an outcome, or a failed attempt and whether to try again.
import type { ItemCode } from '../core/codes';
import { Budget, codeOf, evaluate, ExpressionError, isTruthy, type Expression } from '../expressions/jmespath';
import { isRetryable } from '../core/retryable';
import { cutText } from '../core/text';
import { textOf } from '../egress/decode';
import { MAX_ANSWER_BYTES, OutgoingError, type OutgoingAnswer } from '../egress/outgoing';
import { rateHint, type RateHint } from '../egress/rateLimitHeaders';
import { retryAfter } from '../egress/retryAfter';
import { looksLike, MAX_ANSWER_DEPTH, onOneLine, valueOf, type LooksLike } from './answerJson';
import type { Redactor } from './redact';
import { failed, type Kept, type ProcessorResult } from './processor';

/** UTF-16 units of a body that an error's message shows. */
const SHOWN = 200;
/** Bytes of one character of a secret as JSON escapes it: `\u0041`. */
const ESCAPED = 6;

/** What a job wants of an answer. */
export interface Judgement {
    success: Expression | null;
    maxOutputBytes: number;
    /** Null when the job has no secrets. */
    redact: Redactor | null;
}

/** Bytes of a body that have to be kept as it comes: for a success expression all that is ever read, else the output, and room for a secret at its end. */
export const bytesToKeep = ({ success, maxOutputBytes, redact }: Judgement): number =>
    success ? MAX_ANSWER_BYTES : maxOutputBytes + (redact ? redact.longest * ESCAPED : 0);

export function unanswered(error: unknown): ProcessorResult {
    if (!(error instanceof OutgoingError)) throw error;
    return failed(error.code, error.message);
}

export async function judge(answer: OutgoingAnswer, wanted: Judgement): Promise<ProcessorResult> {
    const { status } = answer;
    const { success, redact } = wanted;
    const body = await readBody(answer, redact);
    const now = Date.now();
    const asked = retryAfter(answer.headers['retry-after'], answer.headers.date, now);
    const hint = rateHint(answer.headers, now);
    // One place for all unsuccessful answers, so that none of them loses what the target asked for.
    const unsuccessful = (code: ItemCode, message: string): ProcessorResult => {
        const told = redact ? redact(message) : message;
        return {
            ...failed(
                code,
                asked?.cut ? `${told} (Retry-After asks for more than seven days; it is asked again after seven)` : told,
                isRetryable(code, status),
            ),
            status,
            ...kept(body, answer, wanted.maxOutputBytes),
            ...(asked ? { retryAfterMs: asked.ms } : {}),
            ...(hint ? { rateHint: hint } : {}),
            ...(body.redacted || told !== message ? { redacted: true } : {}),
        };
    };
    if (success) {
        if (answer.undecodable !== undefined)
            return unsuccessful(
                'BAD_ENCODING',
                `HTTP ${status}: the body that the success expression reads cannot be decoded: ${answer.undecodable}`,
            );
        let holds: boolean;
        try {
            const budget = new Budget();
            // JMESPath's own idea of truth: false, null and empty values are false.
            holds = isTruthy(evaluate(success, { status, headers: answer.headers, body: await valueIn(body) }, budget), budget);
        } catch (error) {
            // An error page in place of the expected document is the usual reason: the status says whether to try again.
            return unsuccessful(
                codeOf(error, 'SUCCESS_EXPRESSION'),
                `HTTP ${status}: the success expression does not fit the answer: ${(error as Error).message}`,
            );
        }
        if (holds) return succeeded(answer, body, wanted.maxOutputBytes, hint);
    } else if (status >= 200 && status < 300) return succeeded(answer, body, wanted.maxOutputBytes, hint);
    const shown = answer.undecodable === undefined ? cutText(body.text, SHOWN) : `the body cannot be decoded: ${answer.undecodable}`;
    const said = shown === '' ? '' : `: ${shown}`;
    const unheld = success !== null && status >= 200 && status < 300;
    return unheld
        ? unsuccessful('UNSUCCESSFUL', `the success expression does not hold${said}`)
        : unsuccessful('HTTP_STATUS', `HTTP ${status}${said}`);
}

const succeeded = (answer: OutgoingAnswer, body: Body, maxOutputBytes: number, hint: RateHint | undefined): ProcessorResult => ({
    ok: true,
    status: answer.status,
    ...kept(body, answer, maxOutputBytes),
    ...(hint ? { rateHint: hint } : {}),
    ...(body.redacted ? { redacted: true } : {}),
});

/** An answer's body without secrets. */
interface Body {
    text: string;
    /** What it is as a whole; one that is cut is a text. */
    looks: LooksLike;
    redacted: boolean;
}

/** What expressions see. */
async function valueIn({ text, looks }: Body): Promise<unknown> {
    if (looks === 'tooDeep') throw new ExpressionError(`the body has more than ${MAX_ANSWER_DEPTH} levels of nesting`);
    return looks === 'json' ? valueOf(text) : text;
}

/** The answer's body as output: JSON where it is whole and JSON, else text; what is cut ends with a whole character. */
function kept({ text, looks }: Body, { bodyBytes, undecodable }: OutgoingAnswer, maxOutputBytes: number): Kept {
    if (bodyBytes === 0) return {};
    if (undecodable !== undefined) return { output: '', truncated: true, outputBytes: bodyBytes };
    const json = looks === 'json' && bodyBytes <= maxOutputBytes ? onOneLine(text) : null;
    const bytes = Buffer.byteLength(json ?? text);
    if (bodyBytes > maxOutputBytes || bytes > maxOutputBytes)
        return { output: cutBytes(text, maxOutputBytes), truncated: true, outputBytes: Math.max(bodyBytes, bytes) };
    return json === null ? { output: text } : { outputJson: json };
}

/** The beginning of a text that has at most so many bytes in UTF-8. */
export function cutBytes(text: string, bytes: number): string {
    const buffer = Buffer.from(cutText(text, bytes));
    let end = Math.min(bytes, buffer.length);
    // Not within a character: its further bytes begin with the bits 10.
    while (end > 0 && end < buffer.length && (buffer[end]! & 0xc0) === 0x80) end--;
    return buffer.toString('utf8', 0, end);
}

async function readBody(answer: OutgoingAnswer, redact: Redactor | null): Promise<Body> {
    const decoded = textOf(answer.body, answer.headers['content-type']);
    // A body that is cut may end within a character.
    const original = answer.truncated ? decoded.replace(/\ufffd$/, '') : decoded;
    const clean = redact ? redact(withoutEscapes(original, redact) ?? original) : original;
    const redacted = clean !== original;
    const text = redact && answer.truncated ? withoutRoom(clean, redact) : clean;
    return { text, looks: answer.truncated ? 'text' : await looksLike(text), redacted };
}

/** Without the room that was kept for a secret at the end: what was taken out before it has moved it forward, and it may hold the beginning of one. */
const withoutRoom = (text: string, { longest }: Redactor): string =>
    cutBytes(text, Math.max(0, Buffer.byteLength(text) - longest * ESCAPED));

/** JSON may write any character of a secret as `\u0041`: the text without that, if there is a secret in it. All else in it, each digit too, stays. */
function withoutEscapes(text: string, redact: Redactor): string | null {
    if (!text.includes('\\u00')) return null;
    const plain = text.replace(/\\(?:u00([2-7a-fA-F][0-9a-fA-F])|[^])/g, (escape, hex?: string) =>
        // A quote and a backslash keep one before them.
        hex === undefined ? escape : JSON.stringify(String.fromCharCode(parseInt(hex, 16))).slice(1, -1),
    );
    return redact(plain) === plain ? null : plain;
}
