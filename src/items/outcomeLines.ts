// Lines of an outcomes blob. Only this file knows their form; `{"index":` first marks an outcome, so that a reader can tell without parsing.
import type { OutcomeKind } from '../core/counts';
import type { Failure } from '../core/errors';
import { parseExact, writeExact } from '../json/exactJson';
import { RawJson } from '../json/exactNumber';
import type { ItemKey } from './itemKey';

/** The final record of one item. `at` is an ISO time, `ms` the length of the last attempt. */
export interface Outcome {
    index: number;
    outcome: OutcomeKind;
    /** Null where a job was cancelled and its items could not be read any more. */
    key: ItemKey | null;
    attempts: number;
    status?: number;
    ms: number;
    at: string;
    /** As a line that was read has it: see `readOutcome`. */
    output?: unknown;
    truncated?: boolean;
    outputBytes?: number;
    /** The target echoed a secret; its value was taken out of output and message. */
    redacted?: boolean;
    /** Calls that used up no attempt since the line before (the target asked for less, or was away), and for how long the item waited for that. */
    throttled?: number;
    waitedMs?: number;
    error?: Failure;
    /** Of a failed item: method and URL of its last call, where one was made and it is known. Absent in lines of older versions. */
    request?: string;
}

/** A failed attempt of an item that will be tried again at `retryAt`. */
export interface AttemptLine {
    attempt: number;
    index: number;
    at: string;
    ms: number;
    status?: number;
    error: Failure;
    redacted?: boolean;
    throttled?: number;
    waitedMs?: number;
    retryAt: string;
}

/**
 * An item that waits, without having used up an attempt, when its slice ends: the target asked for less, or was away. `tried`: the attempt that came to
 * nothing, which will be made again at `retryAt`. The next line of the item says the same.
 */
export interface HeldLine {
    held: number;
    tried: number;
    throttled: number;
    waitedMs: number;
    /** Since when it waits. */
    since: string;
    retryAt: string;
}

/** Marks that the slice `run` of lease `epoch` has taken the partition over. A slice that meets a later fence than its own stops. */
export interface FenceLine {
    fence: number;
    run: string;
}

/**
 * Intent record, written in isolation before the calls that it announces: these items, each at its attempt, are called next and nothing else of the
 * partition is in flight. `alone`: nothing else runs in the process either.
 */
export interface IntentLine {
    trying: number[];
    /** The attempt of each item, in the same order. */
    attempts?: number[];
    epoch: number;
    alone?: boolean;
}

/** Other work began in the process while what was announced last is still in flight: a crash from here on says nothing of it. */
export interface CompanyLine {
    company: number;
}

/** The last line of a full segment: what follows stands in the segment of this number. */
export interface ContinuedLine {
    continued: number;
}

export const OUTCOME_PREFIX = '{"index":';

/** One outcome as a line. `outputJson`, when given, is JSON text without line breaks and is taken as it is. */
export function outcomeLine(o: Omit<Outcome, 'output'>, outputJson?: string): string {
    let line = `${OUTCOME_PREFIX}${o.index},"outcome":"${o.outcome}","key":${writeExact(o.key)},"attempts":${o.attempts}`;
    if (o.status !== undefined) line += `,"status":${o.status}`;
    line += `,"ms":${o.ms},"at":"${o.at}"`;
    if (o.error) line += `,"error":${JSON.stringify(o.error)}`;
    if (o.request !== undefined) line += `,"request":${JSON.stringify(o.request)}`;
    if (o.truncated) line += `,"truncated":true,"outputBytes":${o.outputBytes ?? 0}`;
    if (o.redacted) line += ',"redacted":true';
    if (o.throttled) line += `,"throttled":${o.throttled},"waitedMs":${o.waitedMs ?? 0}`;
    if (outputJson !== undefined) line += `${OUTPUT}${outputJson}`;
    return line + '}\n';
}

const OUTPUT = ',"output":';

/** Reads an outcome line. Its output is a text, null, or JSON text as it stands (RawJson): no digit is lost in it, and nobody pays for parsing it. */
export function readOutcome(line: string): Outcome {
    // Within a text its quotes would have backslashes before them: where this stands first, the output begins.
    const at = line.indexOf(OUTPUT);
    if (at < 0) return parseExact(line) as Outcome;
    const head = parseExact(`${line.slice(0, at)}}`) as Outcome;
    const output = line.slice(at + OUTPUT.length, line.lastIndexOf('}')).trim();
    return { ...head, output: output.startsWith('"') || output === 'null' ? JSON.parse(output) : new RawJson(output) };
}

/** A failed outcome without its output, which is read as JSON text when it is asked for. `at` is null where the line is torn. */
export type FailedOutcome = Pick<Outcome, 'index' | 'key' | 'status' | 'error' | 'request'> & {
    at: string | null;
    output: () => string | undefined;
};

/** Reads the line of a failed outcome; of one that storage left torn, what can be known of it. */
export function readFailedOutcome(line: Buffer): FailedOutcome {
    const at = line.indexOf(OUTPUT);
    const output = () =>
        at < 0
            ? undefined
            : line
                  .toString('utf8', at + OUTPUT.length)
                  .trim()
                  .replace(/\}$/, '');
    try {
        const head = at < 0 ? line.toString('utf8') : `${line.toString('utf8', 0, at)}}`;
        return { ...(parseExact(head) as Outcome), output };
    } catch {
        const known = readOutcomeHead((bytes) => line.toString('latin1', 0, bytes));
        return { index: known?.index ?? 0, key: null, at: null, output: () => undefined };
    }
}

export const attemptLine = (a: AttemptLine): string => JSON.stringify(a) + '\n';
export const heldLine = (h: HeldLine): string => JSON.stringify(h) + '\n';
export const fenceLine = (f: FenceLine): string => JSON.stringify({ fence: f.fence, run: f.run }) + '\n';
export const intentLine = (i: IntentLine): string => JSON.stringify(i) + '\n';
export const companyLine = (c: CompanyLine): string => JSON.stringify(c) + '\n';
export const continuedLine = (c: ContinuedLine): string => JSON.stringify(c) + '\n';

const outcomeHead = /^\{"index":(\d+),"outcome":"(succeeded|failed|skipped|cancelled|expired)"/;
/** With what follows the number: where a line is cut within it, it is not a smaller one. */
const attemptsHead = /"attempts":(\d+)[,}]/;

/** Index, outcome and attempts stand within so many bytes: before them is the key alone, at most 1,024 characters, each escaped to twelve bytes at most. */
export const HEAD_BYTES = 16 * 1024;
/** Most keys are short, and then so many are enough. */
const SHORT_HEAD_BYTES = 512;

/** Index, outcome and attempts of an outcome line, without parsing its output; null for any other line. `start` gives so many bytes of the line as text. */
export function readOutcomeHead(start: (bytes: number) => string): { index: number; outcome: OutcomeKind; attempts: number } | null {
    const short = start(SHORT_HEAD_BYTES);
    const m = outcomeHead.exec(short);
    if (!m) return null;
    const attempts = attemptsHead.exec(short) ?? attemptsHead.exec(start(HEAD_BYTES));
    return { index: Number(m[1]), outcome: m[2] as OutcomeKind, attempts: Number(attempts?.[1] ?? 1) };
}

const codeInHead = /"error":\{"code":"([A-Z0-9_]+)"/;

/** The code of a failed outcome, without parsing its line: what stands before it is no text that could look like it, for its quotes would be escaped. */
export const errorCodeOf = (start: (bytes: number) => string): string =>
    (codeInHead.exec(start(SHORT_HEAD_BYTES)) ?? codeInHead.exec(start(HEAD_BYTES)))?.[1] ?? 'UNKNOWN';

export type ControlLine = AttemptLine | HeldLine | FenceLine | IntentLine | CompanyLine | ContinuedLine;
export const isAttempt = (l: ControlLine): l is AttemptLine => 'attempt' in l;
export const isHeld = (l: ControlLine): l is HeldLine => 'held' in l;
export const isFence = (l: ControlLine): l is FenceLine => 'fence' in l;
export const isIntent = (l: ControlLine): l is IntentLine => 'trying' in l;
export const isCompany = (l: ControlLine): l is CompanyLine => 'company' in l;
export const isContinued = (l: ControlLine): l is ContinuedLine => 'continued' in l;
