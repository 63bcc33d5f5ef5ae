// What became of the items of a job.
import { CSV_HEADER } from '../../results/csv';
import { invalidRow } from '../answers/invalidRow';
import { itemView } from '../answers/item';
import { manifest, verdict } from '../answers/manifest';
import { outcome } from '../answers/outcome';
import { json, lines, readingCodes, type Operation } from '../operation';

export const getResults: Operation = {
    tag: 'Results',
    summary: 'Read outcomes',
    description: 'One outcome for each item that has ended, as a stream, while the job runs and after.',
    parameters: ['jobId', 'resultFormat', 'outcome', 'fingerprint', 'spreadsheet', 'order', 'cursor'],
    answers: {
        200: {
            description: 'The outcomes. As NDJSON each line is one outcome; there may be none.',
            headers: ['X-Fanfold-Cursor', 'Cache-Control'],
            content: {
                ...lines(outcome),
                'text/csv': { schema: { type: 'string', description: `RFC 4180, in UTF-8, with the columns ${CSV_HEADER.trim()}.` } },
            },
        },
    },
    codes: [...readingCodes, 'BAD_PARAMETER', 'JOB_NOT_FOUND', 'NOT_ACCEPTABLE'],
};

export const getItem: Operation = {
    tag: 'Results',
    summary: 'See an item',
    description: 'One item, its outcome and every attempt at it.',
    parameters: ['jobId', 'index'],
    answers: { 200: { description: 'The item.', headers: ['Cache-Control'], content: json(itemView) } },
    codes: [...readingCodes, 'JOB_NOT_FOUND', 'ITEM_NOT_FOUND', 'NOT_READY'],
};

export const getInvalid: Operation = {
    tag: 'Results',
    summary: 'List bad rows',
    description: 'Rows of the source that are no items: the first 10,000, or 1,000 where they fail the job.',
    parameters: ['jobId'],
    answers: {
        200: { description: 'The rows, each on a line; there may be none.', headers: ['Cache-Control'], content: lines(invalidRow) },
    },
    codes: [...readingCodes, 'JOB_NOT_FOUND'],
};

export const getManifest: Operation = {
    tag: 'Results',
    summary: 'List the files of the outcomes',
    description: 'The files of the outcomes with size, SHA-256 and counts, once the job has been folded.',
    parameters: ['jobId'],
    answers: { 200: { description: 'The manifest.', headers: ['Cache-Control'], content: json(manifest) } },
    codes: [...readingCodes, 'JOB_NOT_FOUND', 'NOT_READY'],
};

export const verifyJob: Operation = {
    tag: 'Results',
    summary: 'Verify outcomes',
    description: 'Reads all outcomes again and checks them against the manifest. It changes nothing.',
    parameters: ['jobId'],
    body: { description: 'None is needed, and none is read.', required: false, content: { 'application/json': {} } },
    answers: { 200: { description: 'What was found.', headers: ['Cache-Control'], content: json(verdict) } },
    codes: [...readingCodes, 'FOREIGN_ORIGIN', 'JOB_NOT_FOUND', 'NOT_READY', 'UNSUPPORTED_MEDIA'],
};
