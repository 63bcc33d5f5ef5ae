// What answers have in common. They are strict: a field that is not described makes an answer wrong, so that no field goes undescribed.
import { z } from 'zod';
import { DURATION } from '../requests/forms';
import { itemCodes } from '../../../core/codes';
import { OTHER } from '../../../core/failures';
import { UNKNOWN } from '../../../items/fingerprint';

export const text = (description: string) => z.string().meta({ description });
export const flag = (description: string) => z.boolean().meta({ description });
export const number = (description: string) => z.number().min(0).meta({ description });
export const count = (description: string) => z.int().min(0).meta({ description });
/** In UTC, with milliseconds. */
export const time = (description: string) => z.string().meta({ description, format: 'date-time' });
/** ISO 8601, such as `PT30S`. */
/** No `format: duration`: that of RFC 3339 knows no fractions of seconds. */
export const duration = (description: string) => z.string().meta({ description, pattern: DURATION });
/** A text that is one of these; in code it is a text, for what another version has stored may be another one. */
export const code = (known: readonly string[], description: string) => z.string().meta({ description, enum: [...known] });

export const itemCode = (description: string) => code(Object.keys(itemCodes), description);

export const key = z.union([z.string(), z.number(), z.null()]).meta({
    description:
        'What names the item to the target: a number or a text. Null where a job has ended and the item could not be read any more.',
});

export const failure = z
    .strictObject({
        code: itemCode('What went wrong; docs/codes.md says what to do about it.'),
        message: text('The same for people, at most 500 characters.'),
        retryable: flag('Whether another attempt may help.').exactOptional(),
    })
    .meta({ id: 'ItemFailure', description: 'Why an attempt, or an item, has failed.' });

export const counts = z
    .strictObject({
        succeeded: count('Items that have succeeded.'),
        failed: count('Items that have failed.'),
        skipped: count('Items behind a canary that was rejected; none of them was called.'),
        cancelled: count('Items without an outcome when the job was cancelled.'),
        expired: count('Items without an outcome when the deadline came.'),
        retries: count('Attempts beyond the first of each item.'),
    })
    .meta({ id: 'Counts', description: 'How items have ended.' });

const sample = z
    .strictObject({
        index: count('Position of the item in the source, from 0.'),
        key,
        at: time('When it failed; null where nobody knows.').nullable(),
        status: z.int().meta({ description: 'HTTP status of the last answer.' }).exactOptional(),
        message: text('Message of the failure, at most 300 characters.'),
        request: text(
            'The last call as it was made, such as `GET https://host/path`, at most 300 characters, without secrets.',
        ).exactOptional(),
        answer: text('The beginning of the last answer, at most 300 characters, where the job keeps it.').exactOptional(),
    })
    .meta({ id: 'FailureSample', description: 'The first item that failed so.' });

const group = {
    fingerprint: z.string().meta({
        description: `12 hex digits that stand for code, status and message, the same in every job; \`${OTHER}\` of what is left beside the most frequent kinds.`,
        pattern: `^([0-9a-f]{12}|${OTHER})$`,
    }),
    code: code([...Object.keys(itemCodes), UNKNOWN.code, 'OTHER'], 'Code of their error.'),
    status: z.int().nullable().meta({ description: 'HTTP status of their last answer; null without one.' }),
    message: text('What their messages have in common: `#` stands for a number or an id, `"…"` for quoted text.'),
    count: count('How many items have failed so.'),
    firstAt: time('When the first of them failed; null where nobody knows.').nullable(),
    lastAt: time('When the last of them failed; null where nobody knows.').nullable(),
    sample,
};
export const failureGroup = z.strictObject(group).meta({ id: 'FailureGroup', description: 'Failed items of one kind.' });
export const shownGroup = z
    .strictObject({
        ...group,
        share: z.number().min(0).max(1).meta({ description: 'Part of all failed items in the groups, with four digits.' }),
    })
    .meta({ id: 'ShownFailureGroup', description: 'Failed items of one kind, and how large a part of the failed items they are.' });

export const latency = z
    .strictObject({ p50: number('Median.'), p95: number('95th percentile.'), p99: number('99th percentile.') })
    .meta({ id: 'Latency', description: 'How long calls took, in ms, each figure off by at most five per cent.' });

/** Token of the next page of a list. */
export const nextPage = text('Token of the next page, for `continuation`; absent at the end of the list.');
