// The job spec: what each field means, and the bounds that the server checks in code.
import { LATEST_START_DAYS } from '../../../application/checkSpec';
import { LONGEST_AHEAD_DAYS } from '../../../application/mergeLimits';
import { jobSpec, limitsSpec, MAX_CANARY, specBounds } from '../../../contracts/jobSpec';
import { capSettings } from '../../../core/caps';
import { limitNames } from '../../../core/control';
import { MAX_RATES } from '../../../core/limiter/rate';
import { MAX_ITEM_BYTES, MAX_ITEM_DEPTH } from '../../../sources/row';
import { described, type Schema, type Texts } from './described';
import { duration, DURATION, INSTANT, LIMITER, rates, WINDOW } from './forms';

const limitTexts: Texts = {
    '/concurrency': 'Calls at once.',
    '/concurrency/max': 'Calls in flight at most, over all workers of the job. 1 to 512.',
    '/concurrency/adaptive': 'Begins with few calls and makes fewer while the target does not bear so many; false: always `max`.',
    '/retry': 'How often, and when, an item is tried again.',
    '/retry/attempts': 'Attempts at an item at most, the first included. 1 to 20.',
    '/retry/initialDelay': duration('Bound of the delay before the second attempt.', 'PT0S', 'P7D'),
    '/retry/maxDelay': duration('Bound of any delay.', 'PT0S', 'P30D'),
    '/retry/factor': 'Growth of the bound from attempt to attempt; the delay is drawn between 0 and the bound. 1 to 10.',
    '/deadline': {
        description: `When to end, whatever is left: a time with its time zone, or a duration from \`startAt\`, PT1S to P400D. At most ${LONGEST_AHEAD_DAYS} days ahead; absent: never.`,
        anyOf: [
            {
                type: 'string',
                format: 'date-time',
                pattern: INSTANT,
                description: 'A time with its time zone, such as `2026-12-01T06:00:00Z`.',
            },
            { type: 'string', pattern: DURATION, description: 'A duration from the start, PT1S to P400D.' },
        ],
        type: undefined,
    },
    '/calling': 'When calls may be made; absent: always.',
    '/calling/windows': 'Windows of the week; calls are made while any of them is open. 1 to 50.',
    '/calling/windows/*': {
        description: 'Days, times or both, such as `Mon-Fri 20:00-06:00`, `Sat-Sun` or `22:00-06:00`.',
        pattern: WINDOW,
    },
    '/calling/timeZone': {
        description: 'Time zone of the windows, by its name in the IANA database, such as `Europe/Paris`.',
        minLength: 1,
    },
    '/rate': {
        description: 'How often the target may be called: one rate, or a list of 1 to 5. Needs a limiter. Absent: any number of times.',
        anyOf: rates(1, MAX_RATES),
    },
    '/outage': 'What an outage of the target does.',
    '/outage/giveUpAfter': duration('How long the target may be away before the job gives up.', 'PT1M', 'P30D'),
    '/budget': {
        description:
            'How many items may fail before the job stops. It names one limit or more: `failures`, `percent`, `codes`. Absent: any number.',
        anyOf: [{ required: ['failures'] }, { required: ['percent'] }, { required: ['codes'] }],
    },
    '/budget/failures': 'The job stops when so many items have failed. 1 to 1,000,000,000.',
    '/budget/percent': 'The same by their share of the items that have their outcome, in percent. 0.001 to 100.',
    '/budget/minimum': 'Items that have their outcome before `percent` counts. 1 to 100,000.',
    '/budget/codes': 'The same for items that fail with one code; docs/codes.md says what each means.',
    '/budget/codes/*': 'Items that fail with this code. 1 to 1,000,000,000.',
    '/budget/then': 'What becomes of the job.',
};

const specTexts: Texts = {
    '': `A job: where its items are, and what is done with each. At most ${capSettings.bodyBytes.fallback / 1_048_576} MiB where ${capSettings.bodyBytes.name} says nothing else; without inline items ${specBounds.bytes / 1024} KiB, ${specBounds.values.toLocaleString('en-US')} values, ${specBounds.depth} levels.`,
    '/name': 'For people; need not be unique. 1 to 200 characters.',
    '/source': 'Where the items are: exactly one of `items`, `blob` and `upload`.',
    '/source/items': `The items themselves, one at least: any JSON values, each at most ${MAX_ITEM_BYTES / 1_048_576} MiB and ${MAX_ITEM_DEPTH} levels.`,
    '/source/items/*': 'An item.',
    '/source/blob': {
        description: 'Name of a blob in the app’s data container, under a prefix that the deployment allows. 1 to 1024 characters.',
        minLength: 1,
        maxLength: 1024,
    },
    '/source/upload': 'Id of a complete upload.',
    '/source/format': 'How the file is read; may be left out where its name ends in `.csv`, `.ndjson`, `.jsonl` or `.json`.',
    '/source/csv': 'How a CSV file is read; with no other format.',
    '/source/csv/emptyRows': 'Rows of only commas: a bad row, or passed over. Default `reject`.',
    '/source/csv/shortRows': 'Rows with fewer fields than the header: a bad row, or filled with empty texts. Default `reject`.',
    '/process': 'What is done with an item: exactly one of `http` and `processor`.',
    '/process/http': 'A URL is called.',
    '/process/http/method': 'Method of the call.',
    '/process/http/url':
        'http or https: an RFC 6570 template whose variables are the fields of the item. Scheme, host and port are fixed. At most 4096 characters.',
    '/process/http/headers': { description: 'Headers of the call, each once. At most 100.', maxProperties: specBounds.headers },
    '/process/http/headers/*':
        'The value, at most 8192 characters, or `{"secret": "NAME"}`: the value of that app setting, never stored with the job.',
    '/process/http/headers/*/secret': 'App setting that holds the value; `FANFOLD_SECRETS` lists those that may be named.',
    '/process/http/vars': {
        description: 'Where a variable of `url` has its value from, if not from the field of its name. At most 50.',
        maxProperties: specBounds.vars,
    },
    '/process/http/vars/*': 'JMESPath on the item, 1 to 1024 characters.',
    '/process/http/optional': 'Variables of the query that no item need have. At most 50. Default: none.',
    '/process/http/optional/*': 'Name of a variable.',
    '/process/http/body':
        'JMESPath on the item, 1 to 8192 characters: what is sent as JSON. Default: the item; nothing with GET, HEAD and DELETE.',
    '/process/http/timeout': duration('For the whole call.', 'PT0.1S', 'PT10M'),
    '/process/http/success':
        'JMESPath on `{status, headers, body}`, 1 to 4096 characters: true where the item has succeeded. Default: any 2xx.',
    '/process/processor': 'Name of a processor of this deployment.',
    '/process/options': 'What the processor is told; it says itself what it takes.',
    '/process/options/*': 'An option.',
    '/process/timeout': duration('For one attempt of the processor.', 'PT0.1S', 'PT10M'),
    '/key': 'What names an item to the target: JMESPath, 1 to 1024 characters, that gives a number or a text. Default: the position of the item.',
    '/onInvalid': '`reject`: one bad row fails the job before anything is called. `skip`: bad rows are left out and listed.',
    ...limitTexts,
    '/limiter': {
        description: 'What counts the calls, together with those of other jobs that name it. Default: the host that is called.',
        pattern: LIMITER,
        maxLength: 200,
    },
    '/startAt': {
        description: `When to begin: a time with its time zone, at most ${LATEST_START_DAYS} days from now; one that has gone by means at once. Default: at once.`,
        pattern: INSTANT,
    },
    '/canary': 'The first items run alone, then the rest or nothing. Absent: no such test.',
    '/canary/items': `How many items that are. 1 to ${MAX_CANARY.toLocaleString('en-US')}.`,
    '/canary/approval': '`manual`: somebody approves or rejects the rest. `automatic`: the share of failures decides.',
    '/canary/maxPercent': 'Percent of the items of the canary that may have failed where the approval is automatic. 0 to 100.',
    '/canary/timeout': duration('How long somebody may take to decide; then the job is rejected.', 'PT1M', 'P400D'),
    '/partition': 'How the items are cut.',
    '/partition/items': 'Items in one partition, the unit that workers take. 1 to 20,000.',
    '/results': 'What is kept of the answers.',
    '/results/keep': 'Whose output is kept; every item has its outcome in any case.',
    '/results/maxOutputBytes': 'A longer output is cut to its first bytes. 0 to 1,048,576.',
    '/tags': { description: 'Jobs can be listed by them. At most 50.', maxProperties: specBounds.tags },
    '/tags/*': 'At most 200 characters; the name has 1 to 50.',
};

export const jobSpecSchema = (): Schema => described(jobSpec, specTexts);

const LIMITS = 'The limits of a job that may change while it runs.';

/** What a job spec says of limits, alone. */
export const limitsSchema = (): Schema => described(limitsSpec, { '': LIMITS, ...limitTexts });

/** A merge patch of them (RFC 7396): any part, and null where a part is taken away. */
export function limitsPatchSchema(reason: Schema): Schema {
    const patch = patchOf(limitsSchema());
    const known = [...limitNames].join(', ');
    return {
        ...patch,
        description: `A merge patch (RFC 7396) of ${known}: what is not named stays as it is, null takes a field away, which then has its default.`,
        properties: { ...patch.properties, reason },
    };
}

/** Which fields must be there is decided by what comes out of the patch. */
function patchOf({ default: _default, required: _required, anyOf, properties, additionalProperties, ...schema }: Schema): Schema {
    if (schema.type !== 'object') return anyOf ? { ...schema, anyOf } : schema;
    return {
        ...schema,
        ...(properties
            ? {
                  properties: Object.fromEntries(
                      Object.entries(properties).map(([name, part]) => [name, nullable(patchOf(part as Schema))]),
                  ),
              }
            : {}),
        ...(additionalProperties === undefined
            ? {}
            : {
                  additionalProperties:
                      typeof additionalProperties === 'boolean' ? additionalProperties : nullable(patchOf(additionalProperties as Schema)),
              }),
    };
}

const nullable = ({ description, ...schema }: Schema): Schema => ({
    ...(description === undefined ? {} : { description }),
    anyOf: [schema, { type: 'null' }],
});
