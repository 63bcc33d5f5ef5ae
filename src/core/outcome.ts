// Lines of an outcomes blob. Only this file knows their form; `{"index":` first marks an outcome, so that a reader can tell without parsing.
import type { Failure } from './errors';

export const outcomes = ['succeeded', 'failed', 'skipped', 'cancelled'] as const;
export type OutcomeKind = (typeof outcomes)[number];

/** How many items ended how. `retries` counts the attempts beyond each item's first. */
export interface Counts {
    succeeded: number;
    failed: number;
    skipped: number;
    cancelled: number;
    retries: number;
}

export const noCounts = (): Counts => ({ succeeded: 0, failed: 0, skipped: 0, cancelled: 0, retries: 0 });

export const addCounts = (a: Counts, b: Counts): Counts => ({
    succeeded: a.succeeded + b.succeeded,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    cancelled: a.cancelled + b.cancelled,
    retries: a.retries + b.retries,
});

export const settled = (c: Counts): number => c.succeeded + c.failed + c.skipped + c.cancelled;

/** The final record of one item. `at` is an ISO time, `ms` the length of the last attempt. */
export interface Outcome {
    index: number;
    outcome: OutcomeKind;
    key: string | number;
    attempts: number;
    status?: number;
    ms: number;
    at: string;
    output?: unknown;
    truncated?: boolean;
    outputBytes?: number;
    error?: Failure;
}

/** A failed attempt of an item that will be tried again at `retryAt`. */
export interface AttemptLine {
    attempt: number;
    index: number;
    at: string;
    ms: number;
    status?: number;
    error: Failure;
    retryAt: string;
}

/** Marks that the slice `run` of lease `epoch` has taken the partition over. A slice that meets a later fence than its own stops. */
export interface FenceLine {
    fence: number;
    run: string;
}

/** Careful mode: these items are about to be called, and nothing else is in flight. */
export interface TryingLine {
    trying: number[];
    epoch: number;
}

export const OUTCOME_PREFIX = '{"index":';

/** One outcome as a line. `outputJson`, when given, is JSON text without line breaks and is taken as it is. */
export function outcomeLine(o: Omit<Outcome, 'output'>, outputJson?: string): string {
    let line = `${OUTCOME_PREFIX}${o.index},"outcome":"${o.outcome}","key":${JSON.stringify(o.key)},"attempts":${o.attempts}`;
    if (o.status !== undefined) line += `,"status":${o.status}`;
    line += `,"ms":${o.ms},"at":"${o.at}"`;
    if (o.error) line += `,"error":${JSON.stringify(o.error)}`;
    if (o.truncated) line += `,"truncated":true,"outputBytes":${o.outputBytes ?? 0}`;
    if (outputJson !== undefined) line += `,"output":${outputJson}`;
    return line + '}\n';
}

export const attemptLine = (a: AttemptLine): string => JSON.stringify(a) + '\n';
export const fenceLine = (f: FenceLine): string => JSON.stringify({ fence: f.fence, run: f.run }) + '\n';
export const tryingLine = (t: TryingLine): string => JSON.stringify({ trying: t.trying, epoch: t.epoch }) + '\n';

const outcomeHead = /^\{"index":(\d+),"outcome":"(succeeded|failed|skipped|cancelled)"/;
const attemptsHead = /"attempts":(\d+)/;

/** Index, outcome and attempts of an outcome line, without parsing its output; null for any other line. */
export function readOutcomeHead(line: string): { index: number; outcome: OutcomeKind; attempts: number } | null {
    const m = outcomeHead.exec(line);
    if (!m) return null;
    return { index: Number(m[1]), outcome: m[2] as OutcomeKind, attempts: Number(attemptsHead.exec(line.slice(m[0].length))?.[1] ?? 1) };
}

export type ControlLine = AttemptLine | FenceLine | TryingLine;
export const isAttempt = (l: ControlLine): l is AttemptLine => 'attempt' in l;
export const isFence = (l: ControlLine): l is FenceLine => 'fence' in l;
export const isTrying = (l: ControlLine): l is TryingLine => 'trying' in l;
