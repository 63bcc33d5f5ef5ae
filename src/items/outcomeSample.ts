// One outcome to look at, beside others: as the results have it, but for what is long in it.
import type { Failure } from '../core/errors';
import { cutText } from '../core/text';
import { writeExact } from '../json/exactJson';
import { RawJson } from '../json/exactNumber';
import { outcomeLine, type Outcome } from './outcomeLines';

/** What a sample has of an output and of a message, in UTF-16 units (of an output, of its JSON text); less where the sample would be too large. */
const SHARES = [
    { output: 2_000, message: 1_000 },
    { output: 1_000, message: 1_000 },
    { output: 500, message: 500 },
    { output: 200, message: 200 },
    { output: 0, message: 50 },
];
/** Bytes of a sample beside its key, which is at most 1,024 characters. */
export const SAMPLE_BYTES = 3_200;

/**
 * The outcome as JSON text, of at most `SAMPLE_BYTES` beside its key. An output that is longer than its share becomes a text, the first of its JSON or of
 * itself where it is a text, with `truncated` and the bytes of the whole in `outputBytes`.
 */
export function outcomeSample(outcome: Outcome): string {
    const keyBytes = Buffer.byteLength(writeExact(outcome.key));
    for (const share of SHARES) {
        const text = outcomeText(cut(outcome, share));
        if (Buffer.byteLength(text) - keyBytes <= SAMPLE_BYTES) return text;
    }
    return outcomeText(bare(outcome));
}

const bare = ({ index, outcome, key, attempts, ms, at }: Outcome): Outcome => ({ index, outcome, key, attempts, ms, at });

const outcomeText = ({ output, ...outcome }: Outcome): string =>
    outcomeLine(outcome, output === undefined ? undefined : jsonOf(output)).trimEnd();

/** Of an output as `readOutcome` gives it. */
const jsonOf = (output: unknown): string => (output instanceof RawJson ? output.text : JSON.stringify(output));

function cut(outcome: Outcome, { output: units, message }: (typeof SHARES)[number]): Outcome {
    const { output, error, request } = outcome;
    const short: Outcome = {
        ...outcome,
        ...(error ? { error: cutError(error, message) } : {}),
        ...(request === undefined ? {} : { request: cutText(request, message) }),
    };
    const json = output === undefined ? '' : jsonOf(output);
    if (json.length <= units) return short;
    const text = typeof output === 'string' ? output : json;
    const bytes = outcome.truncated ? outcome.outputBytes : Buffer.byteLength(text);
    return { ...short, output: fitting(text, units), truncated: true, outputBytes: bytes ?? 0 };
}

const cutError = (error: Failure, units: number): Failure => ({ ...error, message: cutText(error.message, units) });

/** The first of a text, as much of it as has a JSON text of so many units; a little less where it is not the same throughout. */
function fitting(text: string, units: number): string {
    const room = units - QUOTES;
    let kept = cutText(text, Math.max(0, room));
    // What has to be escaped takes two units, or six.
    for (let taken = escaped(kept); taken > room && kept !== ''; taken = escaped(kept))
        kept = cutText(kept, Math.min(kept.length - 1, Math.floor((kept.length * room) / taken)));
    return kept;
}

const QUOTES = 2;
const escaped = (text: string): number => JSON.stringify(text).length - QUOTES;
