// The outcomes of a job, while it runs and after, from where a reader stands.
import { isEnded } from '../core/states';
import type { LedgerState, Range } from '../core/ledger';
import { closedIn, lastPart, makeCursor, type Cursor } from '../core/resultsCursor';
import type { JobStore, PartOutcomes, Segment } from '../storage/jobStore';
import { isOutcome, lineBatches, outcomeHead, readStretch, type Stretch } from '../storage/lineReader';
import type { JobEngine } from './jobEngine';
import { requireJob } from './readJob';

/** Outcomes of one partition that are held at once for sorting, in bytes. */
const SORT_BYTES = 8 * 1024 * 1024;

/** The cursor is of another job: it stands where this one has not come. */
export class BeyondResults extends Error {}

export interface ResultsAsked {
    cursor: Cursor;
    /** Each partition in the order of the source; otherwise as it was written. */
    ordered: boolean;
    /** Whether the line of an outcome is wanted; null: every one is. */
    wants: ((line: Buffer) => boolean) | null;
}

export interface Results {
    /** Lines of outcomes without their line ends, read as they are asked for. */
    lines: AsyncGenerator<Buffer[]>;
    /** Where the reader stands behind them. */
    next: Cursor;
}

/** @throws Problem JOB_NOT_FOUND; BeyondResults */
export async function readResults(
    store: JobStore,
    engine: Pick<JobEngine, 'readLedger'>,
    jobId: string,
    { cursor, ordered, wants }: ResultsAsked,
): Promise<Results> {
    await requireJob(store, jobId);
    // First what is closed, then the sizes: a partition that was closed before has its last size by then.
    const closed = await closedParts(store, engine, jobId);
    const parts = await store.listOutcomes(jobId);
    const { stretches, next } = snapshot(cursor, parts, closed);
    const isWanted = wants ? (line: Buffer) => isOutcome(line) && wants(line) : isOutcome;
    return { lines: ordered ? inInputOrder(store, stretches, isWanted) : asWritten(store, stretches, isWanted), next };
}

/** Says of a partition whether its outcomes blob will not grow any more. */
async function closedParts(store: JobStore, engine: Pick<JobEngine, 'readLedger'>, jobId: string): Promise<(part: number) => boolean> {
    if (await store.readSummary(jobId)) return () => true;
    const state = await engine.readLedger(jobId);
    return state ? closedBy(state) : () => false;
}

/** Read from a ledger that may lag: a partition that was closed then is closed now. */
export function closedBy(ledger: LedgerState): (part: number) => boolean {
    const { state } = ledger;
    if (state === 'scheduled' || state === 'planning') return () => false;
    if (state === 'folding' || isEnded(state)) return () => true;
    const open = new Set(ledger.delayed.map(({ part }) => part));
    const ranges: Range[] = [...ledger.returned];
    for (const lease of [...Object.values(ledger.leases), ...Object.values(ledger.orphans)]) {
        for (const part of lease.resume) open.add(part);
        ranges.push({ from: lease.from, to: lease.to });
    }
    return (part) => part < ledger.next && !open.has(part) && !ranges.some(({ from, to }) => part >= from && part < to);
}

/** What to read now, and the cursor behind it. @throws BeyondResults */
export function snapshot(
    cursor: Cursor,
    parts: PartOutcomes[],
    isClosed: (part: number) => boolean,
): { stretches: Stretch[]; next: Cursor } {
    const stretches: Stretch[] = [];
    const at = new Map<number, number>();
    // Before its numbers are counted through.
    if (lastPart(cursor) > (parts.at(-1)?.part ?? -1)) throw new BeyondResults('names more than this job has written');
    const done = new Set(closedIn(cursor));
    for (const { part, segments, bytes } of parts) {
        if (done.has(part)) continue;
        const from = cursor.at.get(part) ?? 0;
        if (from > bytes) throw new BeyondResults('reads beyond what this job has written');
        if (from < bytes) stretches.push({ segments, from, to: bytes });
        if (isClosed(part)) done.add(part);
        else if (bytes > 0) at.set(part, bytes);
    }
    return { stretches, next: makeCursor(done, at) };
}

type IsWanted = (line: Buffer) => boolean;

async function* asWritten(store: JobStore, stretches: Stretch[], isWanted: IsWanted): AsyncGenerator<Buffer[]> {
    for (const stretch of stretches) for await (const { lines } of lineBatches(store, stretch)) yield lines.filter(isWanted);
}

/**
 * Each partition sorted by index. The first pass notes where each outcome stands, the second reads them in windows of at most 8 MB:
 * outputs of 64 KB would make a partition of 5,000 items 320 MB. Items end nearly in order, so a window is a short stretch of the blob.
 */
async function* inInputOrder(store: JobStore, stretches: Stretch[], isWanted: IsWanted): AsyncGenerator<Buffer[]> {
    for (const stretch of stretches) {
        const places: { index: number; from: number; to: number }[] = [];
        for await (const { offset, lines } of lineBatches(store, stretch)) {
            let from = offset;
            for (const line of lines) {
                if (isWanted(line)) places.push({ index: outcomeHead(line)?.index ?? 0, from, to: from + line.length });
                from += line.length + 1;
            }
        }
        places.sort((a, b) => a.index - b.index);
        for (let start = 0; start < places.length;) {
            let end = start;
            for (let bytes = 0; end < places.length && (end === start || bytes + width(places[end]!) <= SORT_BYTES); end++)
                bytes += width(places[end]!);
            yield await readPlaces(store, stretch.segments, places.slice(start, end));
            start = end;
        }
    }
}

const width = (place: { from: number; to: number }) => place.to - place.from;

/** Lines at given places, in the order given. Neighbours are read together; a gap of more than 1 MB is not read. */
async function readPlaces(store: JobStore, segments: Segment[], places: { from: number; to: number }[]): Promise<Buffer[]> {
    const lines = new Map<number, Buffer>();
    const byPosition = [...places].sort((a, b) => a.from - b.from);
    for (let i = 0; i < byPosition.length;) {
        const group = [byPosition[i]!];
        while (
            ++i < byPosition.length &&
            byPosition[i]!.from - group.at(-1)!.to < 1_048_576 &&
            byPosition[i]!.to - group[0]!.from < SORT_BYTES
        )
            group.push(byPosition[i]!);
        const base = group[0]!.from;
        const data = await readStretch(store, { segments, from: base, to: group.at(-1)!.to });
        // A copy when the group has wide gaps, so that the lines do not keep them in memory.
        for (const { from, to } of group) lines.set(from, Buffer.from(data.subarray(from - base, to - base)));
    }
    return places.map((place) => lines.get(place.from)!);
}
