// What a canary came to: its outcomes are read once, when all of its items have theirs, and a few of them are kept for whoever is to decide.
import type { Plan } from '../contracts/documents';
import { blobs } from '../contracts/names';
import type { CallStats } from '../core/callStats';
import type { CanaryFindings } from '../core/canary';
import { sumOf } from '../core/counts';
import { mostFrequent, SHOWN_GROUPS } from '../core/failures';
import { FailureKinds } from '../items/fingerprint';
import { readOutcome, type Outcome } from '../items/outcomeLines';
import { outcomeSample } from '../items/outcomeSample';
import type { JobStore } from '../storage/jobStore';
import type { OutcomeHead } from '../storage/outcomesTally';
import { missing } from '../storage/trouble';
import { readParts } from './foldJob';

export type { CanaryFindings };

/** Outcomes that are kept to be looked at. */
export const SAMPLES = 5;
/** Of them so many are failed ones, where there are others to show beside them. */
const FAILED = 3;
/** Kinds of failure of one partition that are told apart. */
const KINDS = 20;

export interface CanaryAsked {
    jobId: string;
    /** How many partitions are the canary's, from the first on. */
    partitions: number;
    /** All calls of the job until now. */
    calls: CallStats;
    /** From its first call until it had settled, without pauses, in ms. */
    ranForMs: number;
}

/**
 * Finds what a canary came to, all of whose partitions are closed, and stores that; what an earlier run has found stands. Reads at most the outcomes of those
 * partitions, as a stream.
 */
export async function findCanary({ jobId, partitions, calls, ranForMs }: CanaryAsked, store: JobStore): Promise<CanaryFindings> {
    const earlier = await store.readCanary(jobId);
    if (earlier) return earlier;
    const plan = await store.readPlan(jobId);
    if (!plan) throw missing(blobs.plan(jobId));
    const own: Plan = { ...plan, partitions: plan.partitions.slice(0, partitions) };
    const kinds = new FailureKinds();
    const choices = own.partitions.map(() => new Choice(kinds));
    const found = await readParts(
        store,
        own,
        false,
        () => undefined,
        (part, head, line) => choices[part]!.look(head, line),
    );
    return store.createCanary(jobId, {
        items: own.partitions.reduce((sum, { items }) => sum + items, 0),
        counts: sumOf(found.parts),
        failures: mostFrequent(found.failures, SHOWN_GROUPS),
        calls,
        samples: chosenOf(choices),
        seconds: Math.max(0, ranForMs) / 1000,
        settledAt: new Date().toISOString(),
    });
}

interface Candidate {
    index: number;
    text: string;
}

/** Outcomes of one kind: how many there are, and those with the lowest indexes. */
interface Kind {
    count: number;
    first: Candidate[];
}

/** Candidates among the outcomes of one partition, in bounded memory. */
class Choice {
    readonly succeeded: Kind = { count: 0, first: [] };
    readonly skipped: Kind = { count: 0, first: [] };
    readonly failed = new Map<string, Kind>();

    constructor(private readonly kinds: FailureKinds) {}

    look({ index, outcome }: OutcomeHead, line: Buffer): void {
        if (outcome === 'succeeded' || outcome === 'skipped') this.take(this[outcome], index, () => outcomeOf(line));
        if (outcome !== 'failed') return;
        const read = outcomeOf(line);
        if (!read) return;
        const name = this.kinds.ofItem(read).fingerprint;
        if (!this.failed.has(name) && this.failed.size < KINDS) this.failed.set(name, { count: 0, first: [] });
        const kind = this.failed.get(name);
        if (kind) this.take(kind, index, () => read);
    }

    /** A line is parsed only where it is among the first: an output may be a megabyte. */
    private take(kind: Kind, index: number, read: () => Outcome | null): void {
        kind.count++;
        const last = kind.first[SAMPLES - 1];
        if (last && index > last.index) return;
        const outcome = read();
        if (outcome) kind.first = firstOf([...kind.first, { index, text: outcomeSample(outcome) }]);
    }
}

const firstOf = (candidates: Candidate[]): Candidate[] => candidates.sort((a, b) => a.index - b.index).slice(0, SAMPLES);

const together = (kinds: Kind[]): Kind => ({
    count: kinds.reduce((sum, { count }) => sum + count, 0),
    first: firstOf(kinds.flatMap(({ first }) => first)),
});

/** The outcome of a line; null of one that storage left torn. */
function outcomeOf(line: Buffer): Outcome | null {
    try {
        return readOutcome(line.toString('utf8'));
    } catch {
        return null;
    }
}

/**
 * Failed outcomes first, each of another kind as far as there are so many, the most frequent kinds before the others; then succeeded ones, and skipped ones
 * where there is room left. Where there are few of the one, there are more of the other.
 */
function chosenOf(choices: Choice[]): string[] {
    const failed = failedOf(choices);
    const well = [...together(choices.map((c) => c.succeeded)).first, ...together(choices.map((c) => c.skipped)).first];
    const shown = failed.slice(0, Math.max(FAILED, SAMPLES - well.length));
    return [...shown, ...well].slice(0, SAMPLES).map(({ text }) => text);
}

/** Of each kind the first, then of each the second, and so on. */
function failedOf(choices: Choice[]): Candidate[] {
    const names = new Set(choices.flatMap(({ failed }) => [...failed.keys()]));
    const kinds = [...names].map((name) => together(choices.flatMap(({ failed }) => failed.get(name) ?? [])));
    kinds.sort((a, b) => b.count - a.count || a.first[0]!.index - b.first[0]!.index);
    return Array.from({ length: SAMPLES }, (_, i) => kinds.flatMap(({ first }) => first[i] ?? [])).flat();
}
