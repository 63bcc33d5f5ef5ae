// How a job ends, by what was found of it; and whether it is to go back to work because storage has lost what it had.
import { noCounts, finished, sumOf, type Counts } from './counts';
import { failure, type Failure } from './errors';
import type { Range } from './ledger';
import type { EndState } from './states';

/** Storage that loses what it acknowledged may do so now and then; a job that never gets whole ends. */
const MAX_REPAIRS = 5;
/** An orchestration carries the ranges; beyond so many, neighbours are joined, and what is whole between them is only read again. */
const MAX_RANGES = 500;
/** Defects that a message tells of. */
const TOLD = 5;

/** What was found of one partition. */
export interface FoundPart {
    part: number;
    counts: Counts;
    /** Items that have no outcome, and items that have several: some of them, by index. */
    missing: number[];
    repeated: number[];
}

export interface Found {
    /** Partitions that could be read. */
    parts: FoundPart[];
    /** Items of the job. */
    total: number;
}

/** What a job was brought to its end as, and why if it is not whole; `repairs`: how often it went back to work. */
export interface BroughtTo {
    as: EndState;
    error?: Failure | null | undefined;
    repairs?: number | undefined;
}

export type Verdict =
    | { kind: 'repair'; ranges: Range[]; counts: Counts; closed: number }
    | {
          kind: 'end';
          state: EndState;
          outcome?: 'succeeded' | 'partial';
          counts: Counts & { unrecorded?: number };
          error?: Failure;
      };

/** Decides. A job that storage refuses something (`error`) ends with what could be read; a cancelled or expired one with what could be recorded. */
export function verdictOn({ as, error, repairs = 0 }: BroughtTo, { parts, total }: Found): Verdict {
    const lacking = parts.filter(({ missing }) => missing.length > 0).map(({ part }) => part);
    const isRepeated = parts.some(({ repeated }) => repeated.length > 0);
    const counts = sumOf(parts);
    if (as !== 'failed' && !error && lacking.length > 0 && !isRepeated && repairs < MAX_REPAIRS) {
        const ranges = joined(rangesOf(lacking), MAX_RANGES);
        const whole = parts.filter(({ part }) => !ranges.some(({ from, to }) => part >= from && part < to));
        return { kind: 'repair', ranges, counts: sumOf(whole), closed: whole.length };
    }
    const told = error ? { error } : {};
    if (as !== 'completed') return { kind: 'end', state: as, counts: { ...counts, ...unrecorded(total - finished(counts)) }, ...told };
    const defects = parts.flatMap(defectsOf);
    if (defects.length > 0) {
        const message = `Not every item has exactly one outcome: ${defects.slice(0, TOLD).join('; ')}`;
        return {
            kind: 'end',
            state: 'failed',
            counts: { ...counts, ...unrecorded(total - finished(counts)) },
            error: failure('NOT_CONSERVED', message),
        };
    }
    return { kind: 'end', state: 'completed', outcome: counts.succeeded + counts.skipped === total ? 'succeeded' : 'partial', counts };
}

/** The end of a job of which not even the plan can be read. */
export const endWithoutPlan = (as: EndState, total: number | null): { state: EndState; counts: Counts & { unrecorded?: number } } => ({
    state: as === 'completed' ? 'failed' : as,
    counts: { ...noCounts(), ...unrecorded(total ?? 0) },
});

/** Items of which storage let nobody record anything. */
const unrecorded = (items: number): { unrecorded?: number } => (items > 0 ? { unrecorded: items } : {});

/** What is wrong with a part, in words; empty when every item stands in it exactly once. */
export const defectsOf = ({ part, missing, repeated }: FoundPart): string[] => [
    ...(missing.length > 0 ? [`part ${part} lacks items ${missing.join(', ')}`] : []),
    ...(repeated.length > 0 ? [`part ${part} repeats items ${repeated.join(', ')}`] : []),
];

/** Ascending numbers as ranges. */
function rangesOf(parts: number[]): Range[] {
    const ranges: Range[] = [];
    for (const part of parts) {
        const last = ranges.at(-1);
        if (last?.to === part) last.to++;
        else ranges.push({ from: part, to: part + 1 });
    }
    return ranges;
}

/** At most so many ranges: those with the smallest gaps between them become one. */
export function joined(ranges: Range[], most: number): Range[] {
    if (ranges.length <= most) return ranges;
    const gaps = ranges.slice(1).map(({ from }, i) => from - ranges[i]!.to);
    const bearable = [...gaps].sort((a, b) => a - b)[ranges.length - most - 1]!;
    const result: Range[] = [];
    for (const { from, to } of ranges) {
        const last = result.at(-1);
        if (last && from - last.to <= bearable) last.to = to;
        else result.push({ from, to });
    }
    return result;
}
