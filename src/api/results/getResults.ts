// GET /jobs/{id}/results: outcomes as a stream, while the job runs and after.
import { ReadableStream } from 'node:stream/web';
import { problem } from '../../core/errors';
import type { LedgerState, Range } from '../../core/ledger';
import { outcomes, type OutcomeKind } from '../../core/counts';
import { readOutcome, type Outcome } from '../../items/outcomeLines';
import type { JobStore, PartOutcomes, Segment } from '../../storage/jobStore';
import { isOutcome, lineBatches, outcomeHead, readStretch, type Stretch } from '../../storage/lineReader';
import { CSV_HEADER, csvRecord, spreadsheetRecord } from './csv';
import { closedIn, decodeCursor, encodeCursor, lastPart, makeCursor, startCursor, type Cursor } from '../http/cursor';
import { badParameter, idOf, wordParam, type Handler } from '../http/frame';
import { requireJob } from '../../application/readJob';
import { engineOf } from '../durableEngine';

export const resultFormats = ['ndjson', 'csv'] as const;
type ResultFormat = (typeof resultFormats)[number];

/** Outcomes of one partition that are held at once for sorting, in bytes. */
const SORT_BYTES = 8 * 1024 * 1024;
/** Entries of an Accept header that are looked at. */
const MAX_ACCEPTED = 50;
/** Written to the reader at a time. */
const CHUNK = 64 * 1024;

export const getResults: Handler = async (request, { client, store: open }) => {
    const id = idOf(request);
    const format = chooseFormat(wordParam(request, 'format', resultFormats), request.headers.get('accept'));
    const outcome = wordParam(request, 'outcome', outcomes);
    const spreadsheet = wordParam(request, 'spreadsheet', ['true', 'false'] as const) === 'true';
    if (spreadsheet && format !== 'csv') throw badParameter('spreadsheet', 'is for CSV', 'with format=csv');
    const ordered = wordParam(request, 'order', ['input'] as const) === 'input';
    const given = request.query.get('cursor');
    const cursor = given === null ? startCursor() : decodeCursor(id, given);
    if (!cursor)
        throw badParameter('cursor', 'not a cursor of this job', 'the value of a header x-fanfold-cursor that came with its results');

    const store = await open();
    await requireJob(store, id);
    // First what is closed, then the sizes: a partition that was closed before has its last size by then.
    const closed = await closedParts(store, () => engineOf(client).readLedger(id), id);
    const parts = await store.listOutcomes(id);
    const { stretches, next } = snapshot(cursor, parts, closed);
    const lines = ordered ? inInputOrder(store, stretches) : asWritten(store, stretches);
    return {
        status: 200,
        headers: {
            'content-type': format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson',
            'cache-control': 'no-store',
            'x-fanfold-cursor': encodeCursor(id, next),
        },
        body: ReadableStream.from(render(lines, format !== 'csv' ? null : spreadsheet ? spreadsheetRecord : csvRecord, outcome)),
    };
};

export function chooseFormat(asked: ResultFormat | undefined, accept: string | null): ResultFormat {
    if (asked) return asked;
    if (!accept) return 'ndjson';
    const wanted = accept
        .split(',', MAX_ACCEPTED)
        .map((entry) => {
            const [type = '', ...params] = entry.split(';').map((p) => p.trim().toLowerCase());
            const q = Number(params.find((p) => p.startsWith('q='))?.slice(2) ?? 1);
            return { type, q: Number.isFinite(q) ? q : 0 };
        })
        .filter((w) => w.q > 0)
        .sort((a, b) => b.q - a.q);
    for (const { type } of wanted) {
        if (['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/*', '*/*'].includes(type)) return 'ndjson';
        if (['text/csv', 'text/*'].includes(type)) return 'csv';
    }
    throw problem('NOT_ACCEPTABLE', { detail: `Results are there as application/x-ndjson and text/csv, not as "${accept}".` });
}

/** Says of a partition whether its outcomes blob will not grow any more. */
async function closedParts(store: JobStore, ledger: () => Promise<LedgerState | null>, jobId: string): Promise<(part: number) => boolean> {
    if (await store.readSummary(jobId)) return () => true;
    const state = await ledger();
    return state ? closedBy(state) : () => false;
}

/** Read from a ledger that may lag: a partition that was closed then is closed now. */
export function closedBy(ledger: LedgerState): (part: number) => boolean {
    if (ledger.state !== 'running' && ledger.state !== 'cancelling') return () => ledger.state !== 'planning';
    const open = new Set(ledger.delayed.map(({ part }) => part));
    const ranges: Range[] = [...ledger.returned];
    for (const lease of Object.values(ledger.leases)) {
        for (const part of lease.resume) open.add(part);
        ranges.push({ from: lease.from, to: lease.to });
    }
    return (part) => part < ledger.next && !open.has(part) && !ranges.some(({ from, to }) => part >= from && part < to);
}

/** What to read now, and the cursor behind it. */
export function snapshot(
    cursor: Cursor,
    parts: PartOutcomes[],
    isClosed: (part: number) => boolean,
): { stretches: Stretch[]; next: Cursor } {
    const stretches: Stretch[] = [];
    const at = new Map<number, number>();
    // Before its numbers are counted through.
    if (lastPart(cursor) > (parts.at(-1)?.part ?? -1))
        throw badParameter('cursor', 'names more than this job has written', 'a cursor of this job');
    const done = new Set(closedIn(cursor));
    for (const { part, segments, bytes } of parts) {
        if (done.has(part)) continue;
        const from = cursor.at.get(part) ?? 0;
        if (from > bytes) throw badParameter('cursor', 'reads beyond what this job has written', 'a cursor of this job');
        if (from < bytes) stretches.push({ segments, from, to: bytes });
        if (isClosed(part)) done.add(part);
        else if (bytes > 0) at.set(part, bytes);
    }
    return { stretches, next: makeCursor(done, at) };
}

async function* asWritten(store: JobStore, stretches: Stretch[]): AsyncGenerator<Buffer[]> {
    for (const stretch of stretches) for await (const { lines } of lineBatches(store, stretch)) yield lines.filter(isOutcome);
}

/**
 * Each partition sorted by index. The first pass notes where each outcome stands, the second reads them in windows of at most 8 MB:
 * outputs of 64 KB would make a partition of 5,000 items 320 MB. Items end nearly in order, so a window is a short stretch of the blob.
 */
async function* inInputOrder(store: JobStore, stretches: Stretch[]): AsyncGenerator<Buffer[]> {
    for (const stretch of stretches) {
        const places: { index: number; from: number; to: number }[] = [];
        for await (const { offset, lines } of lineBatches(store, stretch)) {
            let from = offset;
            for (const line of lines) {
                if (isOutcome(line)) places.push({ index: outcomeHead(line)?.index ?? 0, from, to: from + line.length });
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

const newline = Buffer.from('\n');

/** Lines as they are, or a record of CSV for each. */
async function* render(
    batches: AsyncIterable<Buffer[]>,
    asCsv: ((outcome: Outcome) => string) | null,
    only: OutcomeKind | undefined,
): AsyncGenerator<Uint8Array> {
    let waiting: Buffer[] = asCsv ? [Buffer.from(CSV_HEADER)] : [];
    let size = waiting[0]?.length ?? 0;
    for await (const lines of batches) {
        for (const line of lines) {
            if (only && outcomeHead(line)?.outcome !== only) continue;
            const piece = asCsv ? [Buffer.from(asCsv(readOutcome(line.toString('utf8'))))] : [line, newline];
            for (const p of piece) size += p.length;
            waiting.push(...piece);
            if (size >= CHUNK) {
                yield Buffer.concat(waiting);
                [waiting, size] = [[], 0];
            }
        }
    }
    if (size > 0) yield Buffer.concat(waiting);
}
