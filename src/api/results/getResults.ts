// GET /jobs/{id}/results: outcomes as a stream, while the job runs and after.
import { ReadableStream } from 'node:stream/web';
import type { HttpRequest } from '@azure/functions';
import { BeyondResults, readResults } from '../../application/readResults';
import { outcomes, type OutcomeKind } from '../../core/counts';
import { problem } from '../../core/errors';
import { OTHER } from '../../core/failures';
import { startCursor } from '../../core/resultsCursor';
import { FailureKinds, isFingerprint } from '../../items/fingerprint';
import { readFailedOutcome, readOutcome, type Outcome } from '../../items/outcomeLines';
import { outcomeHead } from '../../storage/lineReader';
import { engineOf } from '../durableEngine';
import { decodeCursor, encodeCursor } from '../http/cursor';
import { badParameter, idOf, wordParam, type Handler } from '../http/frame';
import { CSV_HEADER, csvRecord, spreadsheetRecord } from './csv';

export const resultFormats = ['ndjson', 'csv'] as const;
type ResultFormat = (typeof resultFormats)[number];

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

    const wants = wanted(outcome, fingerprintOf(request, outcome));
    const { lines, next } = await readResults(await open(), engineOf(client), id, { cursor, ordered, wants }).catch((error: unknown) => {
        throw error instanceof BeyondResults ? badParameter('cursor', error.message, 'a cursor of this job') : error;
    });
    return {
        status: 200,
        headers: {
            'content-type': format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson',
            'cache-control': 'no-store',
            'x-fanfold-cursor': encodeCursor(id, next),
        },
        body: ReadableStream.from(render(lines, format !== 'csv' ? null : spreadsheet ? spreadsheetRecord : csvRecord)),
    };
};

/** The kind of failure that is asked for. */
function fingerprintOf(request: HttpRequest, outcome: OutcomeKind | undefined): string | null {
    const fingerprint = request.query.get('fingerprint');
    if (fingerprint === null) return null;
    if (!isFingerprint(fingerprint))
        throw badParameter(
            'fingerprint',
            fingerprint === OTHER
                ? `"${OTHER}" is what is left beside the groups, and no kind of failure`
                : `"${fingerprint.slice(0, 100)}" is none`,
            `12 hex digits in lower case, as "failures" of the job's status has them; the group "${OTHER}" has no fingerprint`,
        );
    if (outcome !== undefined && outcome !== 'failed')
        throw badParameter(
            'fingerprint',
            `is of items that failed, and "outcome" asks for others`,
            'with outcome=failed, or without "outcome"',
        );
    return fingerprint;
}

/** Whether a line is asked for; null: all are. Only failed outcomes are parsed, and only for their kind. */
function wanted(outcome: OutcomeKind | undefined, fingerprint: string | null): ((line: Buffer) => boolean) | null {
    if (fingerprint !== null) {
        const kinds = new FailureKinds();
        return (line) => outcomeHead(line)?.outcome === 'failed' && kinds.ofItem(readFailedOutcome(line)).fingerprint === fingerprint;
    }
    return outcome === undefined ? null : (line) => outcomeHead(line)?.outcome === outcome;
}

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

const newline = Buffer.from('\n');

/** Lines as they are, or a record of CSV for each. */
async function* render(batches: AsyncIterable<Buffer[]>, asCsv: ((outcome: Outcome) => string) | null): AsyncGenerator<Uint8Array> {
    let waiting: Buffer[] = asCsv ? [Buffer.from(CSV_HEADER)] : [];
    let size = waiting[0]?.length ?? 0;
    for await (const lines of batches) {
        for (const line of lines) {
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
